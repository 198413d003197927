"""An AMQP 0-9-1 client that sends any octets of a test, since no library would."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from yarl import URL

_METHOD, _HEADER, _BODY = 1, 2, 3
_FRAME = 128 * 1024 - 8
_BITS = {
    "content_type": 15,
    "content_encoding": 14,
    "headers": 13,
    "delivery_mode": 12,
    "priority": 11,
    "correlation_id": 10,
    "reply_to": 9,
    "expiration": 8,
    "message_id": 7,
    "timestamp": 6,
    "type": 5,
    "user_id": 4,
    "app_id": 3,
    "cluster_id": 2,
}
"""The properties in their order, with their bit of the flags."""


class Closed(Exception):
    """RabbitMQ has ended the channel or the connection: it does not take such a message."""


def short(octets: bytes) -> bytes:
    """A short string."""
    return bytes((len(octets),)) + octets


def long(octets: bytes) -> bytes:
    """A long string, or a table or array whose octets these are."""
    return struct.pack(">I", len(octets)) + octets


def header(name: bytes, kind: bytes, value: bytes) -> bytes:
    """An entry of a table."""
    return short(name) + kind + value


@dataclass
class RawChannel:
    """A channel with confirms."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def publish(
        self, exchange: str, key: bytes, properties: dict[str, bytes], body: bytes = b"", flags: int = 0
    ) -> None:
        """Returns once RabbitMQ has confirmed a message.

        Args:
            exchange: where it goes.
            key: the routing key.
            properties: each one as it is on the wire.
            body: any octets.
            flags: more bits of the flags than those of the properties.

        Raises:
            Closed: RabbitMQ refuses it.
        """
        for name in properties:
            flags |= 1 << _BITS[name]
        head = struct.pack(">HHQH", 60, 0, len(body), flags)
        payload = head + b"".join(properties[name] for name in _BITS if name in properties)
        publish = struct.pack(">HHH", 60, 40, 0) + short(exchange.encode()) + short(key) + b"\x00"
        with suppress(ConnectionError):
            self._send(_METHOD, 1, publish)
            self._send(_HEADER, 1, payload)
            for start in range(0, len(body), _FRAME):
                self._send(_BODY, 1, body[start : start + _FRAME])
                await self.writer.drain()
        await self._expect((60, 80))

    def _send(self, kind: int, channel: int, payload: bytes) -> None:
        self.writer.write(struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce")

    async def _expect(self, *methods: tuple[int, int]) -> bytes:
        """The arguments of the next of these methods."""
        while True:
            try:
                kind, _, size = struct.unpack(">BHI", await self.reader.readexactly(7))
                payload = (await self.reader.readexactly(size + 1))[:-1]
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise Closed from error
            if kind != _METHOD:
                continue
            method = struct.unpack(">HH", payload[:4])
            if method in ((10, 50), (20, 40)):
                raise Closed(payload[7 : 7 + payload[6]].decode(errors="replace"))
            if method in methods:
                return payload[4:]

    async def open(self, url: URL) -> None:
        """Greets, and opens connection and channel."""
        self.writer.write(b"AMQP\x00\x00\x09\x01")
        await self._expect((10, 10))
        login = f"\0{url.user or 'guest'}\0{url.password or 'guest'}".encode()
        start = long(b"") + short(b"PLAIN") + long(login) + short(b"en_US")
        self._send(_METHOD, 0, struct.pack(">HH", 10, 11) + start)
        await self._expect((10, 30))
        self._send(_METHOD, 0, struct.pack(">HHHIH", 10, 31, 2047, 128 * 1024, 0))
        vhost = url.path[1:].encode() or b"/"
        self._send(_METHOD, 0, struct.pack(">HH", 10, 40) + short(vhost) + b"\x00\x00")
        await self._expect((10, 41))
        self._send(_METHOD, 1, struct.pack(">HH", 20, 10) + b"\x00")
        await self._expect((20, 11))
        self._send(_METHOD, 1, struct.pack(">HH", 85, 10) + b"\x00")
        await self._expect((85, 11))


@asynccontextmanager
async def raw_channel(url: str) -> AsyncIterator[RawChannel]:
    """A channel of a connection of its own."""
    target = URL(url)
    reader, writer = await asyncio.open_connection(target.host, target.port or 5672)
    try:
        channel = RawChannel(reader, writer)
        await channel.open(target)
        yield channel
    finally:
        writer.transport.abort()


async def publish_raw(
    url: str,
    key: bytes,
    properties: dict[str, bytes],
    body: bytes = b"{}",
    exchange: str = "mailer.events",
    flags: int = 0,
) -> bool:
    """Publishes one message; whether RabbitMQ takes it."""
    try:
        async with raw_channel(url) as channel:
            await channel.publish(exchange, key, properties, body, flags)
    except Closed:
        return False
    return True
