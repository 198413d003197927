"""An SMTP sink that notes when it answered: `python -m bench.sink PORT FILE [PREFIX]`, until SIGTERM.

It pipelines, and does as little as it can. In the end it writes a line for each message to a recipient whose address
has the prefix: the address, and the moment (CLOCK_MONOTONIC, which all processes share) just after its 250. Without a
prefix it keeps the first message instead.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

_END = b"\r\n.\r\n"
_READY = b"220 sink ESMTP\r\n"
_HELLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10000000\r\n"
_REPLIES = {b"EHLO": _HELLO, b"HELO": b"250 sink\r\n", b"QUIT": b"221 2.0.0 Bye\r\n"}
_FINE = b"250 2.0.0 Ok\r\n"
_GO_ON = b"354 Go ahead\r\n"


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, noted: list[tuple[str, float]], kept: list[bytes], prefix: bytes) -> None:
        self._noted = noted
        self._kept = kept
        self._prefix = prefix
        self._buffer = b""
        self._in_message = False
        self._recipient = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes
        self._transport.write(_READY)

    def data_received(self, data: bytes) -> None:
        """Answers each command that has come whole, at once."""
        self._buffer += data
        replies: list[bytes] = []
        done: list[bytes] = []
        while (reply := self._next(done)) is not None:
            replies.append(reply)
        self._transport.write(b"".join(replies))
        now = time.monotonic()
        self._noted += [(address.decode(), now) for address in done]

    def _next(self, done: list[bytes]) -> bytes | None:
        """The reply to the next command or message; None if it is not whole yet."""
        content, found, rest = self._buffer.partition(_END if self._in_message else b"\r\n")
        if not found:
            return None
        self._buffer = rest
        if self._in_message:
            self._in_message = False
            if self._prefix and self._recipient.startswith(self._prefix):
                done.append(self._recipient)
            if not self._kept:
                self._kept.append(content + b"\r\n")
            return _FINE
        verb = content[:4].upper()
        if verb == b"RCPT":
            self._recipient = content.partition(b"<")[2].partition(b">")[0]
        elif verb == b"DATA":
            self._in_message = True
            return _GO_ON
        return _REPLIES.get(verb, _FINE)


async def serve(port: int, prefix: bytes, noted: list[tuple[str, float]], kept: list[bytes]) -> None:
    """Takes mail until told to stop."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Sink(noted, kept, prefix), "127.0.0.1", port)
    print("listening", flush=True)
    await stop.wait()
    server.close()


def main(port: int, file: Path, prefix: bytes) -> None:
    """Takes mail, and in the end writes what it noted."""
    noted: list[tuple[str, float]] = []
    kept: list[bytes] = []
    uvloop.run(serve(port, prefix, noted, kept))
    if prefix:
        file.write_text("".join(f"{address} {moment}\n" for address, moment in noted))
    elif kept:
        file.write_bytes(kept[0])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), "".join(sys.argv[3:]).encode())
