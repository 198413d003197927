"""The rows of the table. A round of each takes five to ten seconds, so that its beginning and its end weigh little."""

from typing import Protocol

from bench.speed.machine import Measured
from bench.speed.ours import Ours
from bench.speed.peers import Celery, Nodemailer, PostOffice
from bench.speed.room import Room
from bench.speed.source import Source


class Row(Protocol):
    """A way to send, which can be measured again and again."""

    @property
    def key(self) -> str:
        """Chooses it on the command line."""

    @property
    def label(self) -> str:
        """Names it in the table."""

    @property
    def size(self) -> int:
        """Messages a round."""

    def round(self, room: Room, size: int) -> Measured:
        """Sends so many messages.

        Raises:
            Failed: some were lost, or it took too long.
        """


ROWS: tuple[Row, ...] = (
    Source("smtp-source", "smtp-source, a connection a message", 80_000),
    Source("smtp-source-d", "smtp-source -d, connections kept", 200_000, ("-d",)),
    Ours("rabbit-1", "mailer, RabbitMQ, 1 worker", 60_000),
    Ours("rabbit-2", "mailer, RabbitMQ, 2 workers", 60_000, workers=2),
    Ours("embedded-1", "mailer, embedded, 1 worker", 60_000, rabbit=False),
    Ours("embedded-2", "mailer, embedded, 2 workers", 60_000, rabbit=False, workers=2),
    Ours("rabbit-1-rsa", "mailer, RabbitMQ, 1 worker, RSA", 15_000, dkim="rsa"),
    Ours("rabbit-2-rsa", "mailer, RabbitMQ, 2 workers, RSA", 20_000, workers=2, dkim="rsa"),
    Ours("rabbit-1-ed25519", "mailer, RabbitMQ, 1 worker, RSA + Ed25519", 15_000, dkim="rsa+ed25519"),
    Ours("rabbit-2-ed25519", "mailer, RabbitMQ, 2 workers, RSA + Ed25519", 20_000, workers=2, dkim="rsa+ed25519"),
    Ours("events-1", "mailer, RabbitMQ, 1 worker, events with one recipient", 15_000, kind="events"),
    Nodemailer("nodemailer", "nodemailer, pooled, builds the message", 15_000, "build"),
    Nodemailer("nodemailer-raw", "nodemailer, pooled, finished bytes", 30_000, "send"),
    Celery("celery", "Celery with smtplib, builds the message", 4_000, "build"),
    Celery("celery-raw", "Celery with smtplib, finished bytes", 15_000, "send"),
    PostOffice("post-office", "django-post-office, PostgreSQL, 8 threads", 6_000),
)
