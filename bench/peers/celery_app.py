"""Celery with smtplib: a task a message, a connection kept a process. Run as a script it publishes tasks."""

import os
import smtplib
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.task_ignore_result = True


@cache
def message() -> bytes:
    """The message, already rendered."""
    return Path(os.environ["BENCH_MESSAGE"]).read_bytes()


@cache
def connection() -> smtplib.SMTP:
    """This process' connection."""
    return smtplib.SMTP("127.0.0.1", int(os.environ["BENCH_SMTP_PORT"]))


@cache
def parts() -> tuple[EmailMessage, str, str]:
    """The message as parsed, its text and its HTML."""
    parsed = message_from_bytes(message(), EmailMessage, policy=policy.default)
    bodies = [parsed.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (body.get_content() if body else "" for body in bodies)
    return parsed, text, html


def send(address: str) -> None:
    """Sends the finished message to somebody."""
    connection().sendmail("bounce@sender.example", [address], message())


def build(address: str) -> None:
    """Builds a message of text and HTML that are rendered already, and sends it."""
    sample, text, html = parts()
    built = EmailMessage()
    for name in ("From", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"):
        built[name] = str(sample[name])
    built["To"] = address
    built.set_content(text)
    built.add_alternative(html, subtype="html")
    connection().send_message(built)


tasks = {"send": app.task(name="bench.send")(send), "build": app.task(name="bench.build")(build)}

if __name__ == "__main__":
    with app.producer_pool.acquire(block=True) as producer:
        for number in range(int(sys.argv[2])):
            tasks[sys.argv[1]].apply_async((f"u{number}@people.example",), producer=producer)
