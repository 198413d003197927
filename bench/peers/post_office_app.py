"""django-post-office: `fill N` queues messages in its table, `send` hands over what is queued."""

import os
import signal
import sys
from email import message_from_bytes, policy
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

from bench.peers.forms import BATCH, THREADS


def set_up() -> None:
    """Django with nothing but the queue."""
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "post_office",
                "USER": "postgres",
                "HOST": os.environ["BENCH_SOCKET"],
            }
        },
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=int(os.environ["BENCH_SMTP_PORT"]),
        POST_OFFICE={
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "THREADS_PER_PROCESS": THREADS,
            "BATCH_SIZE": BATCH,
        },
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
    )
    django.setup()


def fill(size: int) -> None:
    """Queues the message, already rendered, for so many people."""
    from post_office import mail

    parsed = message_from_bytes(Path(os.environ["BENCH_MESSAGE"]).read_bytes(), policy=policy.default)
    parts = [parsed.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (part.get_content() if part else "" for part in parts)
    listed = {name: str(parsed[name]) for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id")}
    common = {"subject": str(parsed["Subject"]), "message": text, "html_message": html, "headers": listed}
    for first in range(0, size, BATCH):
        people = [f"u{number}@people.example" for number in range(first, min(first + BATCH, size))]
        mail.send_many([{"sender": "news@sender.example", "recipients": [one], **common} for one in people])


def send() -> None:
    """Hands over what is queued."""
    call_command("send_queued_mail", processes=1)


if __name__ == "__main__":
    set_up()
    if sys.argv[1] == "fill":
        call_command("migrate", verbosity=0)
        fill(int(sys.argv[2]))
    else:
        os.kill(os.getpid(), signal.SIGSTOP)
        send()
        os.kill(os.getpid(), signal.SIGSTOP)
