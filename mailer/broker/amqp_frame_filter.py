"""A filter for the frames that RabbitMQ sends (AMQP 0-9-1, 2.3.5), between the socket and the client library.

The library closes the connection at a frame that it cannot read, and keeps whole bodies in memory. This module makes
frames readable, drops bodies that are too large, and stops reading while too many octets of bodies are in memory.
RabbitMQ then waits. The filter is a transport: the library has no other place to add one.
"""

import asyncio
import struct
from typing import Any

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from yarl import URL

from mailer.broker.message_properties import encode_short_string, is_plain_header_frame, rewrite_header_frame
from mailer.events import MAX_EVENT_BYTES

_METHOD, _HEADER, _BODY, _HEARTBEAT = 1, 2, 3, 8
_END = b"\xce"
_DELIVER, _RETURN, _CLOSE = b"\x00\x3c\x00\x3c", b"\x00\x3c\x00\x32", b"\x00\x0a\x00\x32"
"""Class and method: basic.deliver, basic.return, connection.close."""
_SIGN_OF_LIFE = struct.pack(">BHI", _HEARTBEAT, 0, 0) + _END
_SIGN_SECONDS = 20.0
_SMALL = 16 * 1024
"""Bodies of up to so many octets are not counted. All that consumers may hold of them need little memory."""


class BodyMemoryBudget:
    """A limit for the octets of large bodies that consumers hold, counted by channel.

    Only the bodies of admitted channels count. RabbitMQ may still send bodies to a channel that a consumer has given
    up, until it has read the request to close; nobody would ever free them.

    Args:
        most: the limit in octets. A body larger than the limit is let in if no other is held.

    Attributes:
        freed: is set when octets are freed.
        has_waiting_body: True while a body waits for room. Meanwhile nothing is read from the connection.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[int, int] = {}
        self.freed = asyncio.Event()
        self.has_waiting_body = False

    def start_counting_bodies_of_channel(self, channel: int) -> None:
        """Counts the bodies of a channel from now on."""
        self._held[channel] = 0

    def reserve_octets(self, channel: int, size: int) -> bool:
        """Counts the octets of a body and returns True; returns False if there is no room for it."""
        if channel not in self._held:
            self.has_waiting_body = False
            return True
        held = sum(self._held.values())
        self.has_waiting_body = bool(held) and held + size > self._most
        if self.has_waiting_body:
            return False
        self._held[channel] += size
        return True

    def release_octets(self, channel: int, size: int) -> None:
        """Frees the octets of a body that no consumer holds any more."""
        if size > _SMALL and channel in self._held:
            self._held[channel] = max(0, self._held[channel] - size)
            self.freed.set()

    def forget_channel(self, channel: int) -> None:
        """Frees all octets of a channel, and counts its bodies no more."""
        self._held.pop(channel, None)
        self.freed.set()


class FilteredFrameReader(asyncio.StreamReader):
    """A stream of the frames of another stream, filtered so that the client library can read them.

    Attributes:
        farewell: the code and text of RabbitMQ's connection.close, or None.
        room: the limit for large bodies; None: no limit.
    """

    def __init__(self, source: asyncio.StreamReader, room: BodyMemoryBudget | None) -> None:
        super().__init__()
        self._source = source
        self._ready, self._at = b"", 0
        self._waiting: bytes | None = None
        self._dropping: dict[int, int] = {}
        self.farewell: tuple[int, str] | None = None
        self.room = room

    def at_eof(self) -> bool:
        """Returns True if all frames have been read and the source has ended."""
        return self._at == len(self._ready) and self._source.at_eof()

    async def readexactly(self, n: int) -> bytes:
        """Returns the next `n` octets. The library reads the parts of a frame one after the other."""
        while len(self._ready) < self._at + n:
            frame = await self._next_frame()
            self._ready, self._at = self._ready[self._at :] + frame, 0
        self._at += n
        return self._ready[self._at - n : self._at]

    async def _next_frame(self) -> bytes:
        """Returns the next frame in readable form. Skips dropped frames."""
        while True:
            if self._waiting is None:
                head = await self._source.readexactly(7)
                if head.startswith(b"AMQP"):
                    return head
                kind, channel, size = struct.unpack(">BHI", head)
                frame = self._filter_frame(kind, channel, head, await self._source.readexactly(size + 1))
                if frame is None:
                    continue
                if kind != _HEADER or not self._reserve_memory_and_tell_if_refused(channel, frame):
                    return frame
                self._waiting = frame
            return await self._header_once_memory_is_free_or_heartbeat()

    def _reserve_memory_and_tell_if_refused(self, channel: int, frame: bytes) -> bool:
        size = int.from_bytes(frame[11:19], "big")
        return self.room is not None and size > _SMALL and not self.room.reserve_octets(channel, size)

    async def _header_once_memory_is_free_or_heartbeat(self) -> bytes:
        """Waits for room for a body, then returns its header frame. Returns a heartbeat after `_SIGN_SECONDS`.

        Without heartbeats the library would close the connection. Our own heartbeats to RabbitMQ go on meanwhile.
        """
        frame = self._waiting
        if frame is None or self.room is None:
            raise AssertionError("nothing waits")
        channel = int.from_bytes(frame[1:3], "big")
        try:
            async with asyncio.timeout(_SIGN_SECONDS):
                while True:
                    self.room.freed.clear()
                    if not self._reserve_memory_and_tell_if_refused(channel, frame):
                        self._waiting = None
                        return frame
                    await self.room.freed.wait()
        except TimeoutError:
            return _SIGN_OF_LIFE

    def _filter_frame(self, kind: int, channel: int, head: bytes, rest: bytes) -> bytes | None:
        """Returns a frame in readable form, or None if it is dropped."""
        if kind == _BODY and self._dropping:
            return self._body_frame_unless_dropped(channel, head, rest)
        if kind == _HEADER:
            return self._rewrite_header_and_mark_oversized_body(channel, head, rest)
        if kind == _METHOD and rest[:4] in (_DELIVER, _RETURN):
            return _build_frame(kind, channel, _payload_with_valid_utf8(rest[:-1]), head, rest)
        if kind == _METHOD and rest[:4] == _CLOSE:
            self.farewell = int.from_bytes(rest[4:6], "big"), rest[7 : 7 + rest[6]].decode(errors="replace")
        return head + rest

    def _rewrite_header_and_mark_oversized_body(self, channel: int, head: bytes, rest: bytes) -> bytes:
        size = int.from_bytes(rest[4:12], "big")
        if size > MAX_EVENT_BYTES:
            self._dropping[channel] = size
        elif is_plain_header_frame(rest[:-1]):
            return head + rest
        return _build_frame(_HEADER, channel, rewrite_header_frame(rest[:-1], size > MAX_EVENT_BYTES), head, rest)

    def _body_frame_unless_dropped(self, channel: int, head: bytes, rest: bytes) -> bytes | None:
        left = self._dropping.get(channel)
        if left is None:
            return head + rest
        left -= len(rest) - 1
        if left > 0:
            self._dropping[channel] = left
        else:
            del self._dropping[channel]
        return None


def _build_frame(kind: int, channel: int, payload: bytes, head: bytes, rest: bytes) -> bytes:
    if payload == rest[:-1]:
        return head + rest
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + _END


def _payload_with_valid_utf8(payload: bytes) -> bytes:
    """Returns the payload of basic.deliver or basic.return with texts in UTF-8. Exchange and key may be any octets."""
    # After the consumer tag, delivery tag and redelivered flag, or after the reply code, only short strings follow.
    at = 5 + payload[4] + 9 if payload[:4] == _DELIVER else 6
    texts = payload[at:]
    if texts.isascii():
        return payload
    parts = [payload[:at]]
    while texts:
        parts.append(encode_short_string(texts[1 : 1 + texts[0]].decode(errors="replace")))
        texts = texts[1 + texts[0] :]
    return b"".join(parts)


class FilteredTransportFactory(TransportFactory):
    """Opens the connection to RabbitMQ for the client library, and filters what is read.

    Args:
        room: the limit for large bodies; None: no limit.

    Attributes:
        frames: the filtered stream; None until the connection is open.
    """

    def __init__(self, room: BodyMemoryBudget | None) -> None:
        self._room = room
        self.frames: FilteredFrameReader | None = None

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Opens the connection; see `aiormq.connection.TransportFactory`."""
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await factory.create(url, **kwargs)
        self.frames = FilteredFrameReader(reader, self._room)
        return self.frames, writer
