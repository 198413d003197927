"""Messages that nobody can take in, for each lane: each is to become one dead letter, and to stop nothing else."""

import json
import random
import re
from typing import Any

import aio_pika
from pamqp.commands import Basic

from tests.acceptance.samples import BRANDS, CATEGORIES, event

_MARK = re.compile(rb"poison-(\d+)")
"""A mark in each body, so that its dead letter is known even if the rest is broken."""
_WRONG: tuple[dict[str, Any], ...] = (
    {"expires_at": "9999-12-31T23:59:59-14:00"},
    {"send_at": "0001-01-01T00:00:00+14:00"},
    {"send_at": "20261224"},
    {"context": {"headline": "\0"}},
    {"campaign": "\ud800"},
    {"to": {"refs": []}},
    {"template": "no-such-template"},
    {"v": 2},
)
"""Changes that make a good event one that is refused."""
_CONSENT = {"account": "consent", "scope": "newsletter", "version": "1", "words": "Yes, write to me.", "ref": "p1"}
_PROPERTIES: tuple[dict[str, Any], ...] = (
    {},
    {"headers": {"mailer-reason": "forged", "deep": {"deeper": [1, None, 2.5]}}},
    {"expiration": "soon"},
    {"content_encoding": "gzip"},
    {"priority": 255, "message_type": "", "app_id": "\N{SKULL}"},
)


def poisoned(number: int, chance: random.Random) -> tuple[str, bytes]:
    """The routing key and the body of a message that is refused."""
    brand, category = chance.choice(BRANDS), chance.choice(CATEGORIES)
    good = event(f"poison-{number}", brand, category, {"refs": ["p1"]})
    match chance.randrange(4):
        case 0:
            return f"{brand}.{category}", b"poison-%d is no JSON" % number
        case 1:
            wrong = {**_CONSENT, "v": 1, "id": f"poison-{number}", "brand": brand, "at": "0001-01-01T00:00:00+14:00"}
            return f"{brand}.account", json.dumps(wrong).encode()
        case _:
            wrong = {**good, **chance.choice(_WRONG)}
            return f"{brand}.{category}", json.dumps(wrong).encode()


def poison_of(body: bytes) -> int | None:
    """The number of the message that a dead letter was; None for any other."""
    found = _MARK.search(body)
    return int(found[1]) if found else None


class Poisoner:
    """Publishes past the library, as an application may that was written by somebody else.

    Args:
        url: of RabbitMQ.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    async def publish(self, number: int, chance: random.Random) -> bool:
        """Publishes one, and returns whether RabbitMQ confirmed it.

        Raises:
            OSError, aio_pika.exceptions.AMQPError: RabbitMQ is away.
        """
        key, body = poisoned(number, chance)
        async with await aio_pika.connect(self._url, timeout=5) as connection:
            channel = await connection.channel()
            properties = Basic.Properties(delivery_mode=2, user_id="guest", **chance.choice(_PROPERTIES))
            underlay = await channel.get_underlay_channel()
            confirmed = await underlay.basic_publish(
                body, exchange="mailer.events", routing_key=key, properties=properties, mandatory=True, timeout=5
            )
            return isinstance(confirmed, Basic.Ack)
