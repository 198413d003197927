"""The octets of an SMTP connection: replies come in and go to a handler, and content leaves before what follows it."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from mailer.processors.smtp.reply_parser import ReplyParser

_TICK: Final = 1.0
"""Seconds between two checks for a reply that is overdue."""


class SmtpWireProtocol(asyncio.Protocol, ABC):
    """The protocol of a transport. `_expected` is the method that handles the next reply.

    Args:
        transport: connected, greeted and authenticated. This becomes its protocol.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._replies = ReplyParser()
        self._expected: Callable[[int, bytes], None] = self._end_after_reply_while_idle
        self._ended = self._paused = self._more = False
        self._flushed: Callable[[], None] | None = None
        self._heard = 0.0
        self._over: asyncio.Future[None] | None = None
        transport.set_protocol(self)
        # With the limit 0, a transport reports when all octets have left. TLS takes an empty buffer for full at 0.
        transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0)

    @abstractmethod
    def _end_connection(self, reason: str, *, by_us: bool = False) -> None:
        """Ends the connection, for a reason in words."""

    @abstractmethod
    def _reply_timeout(self) -> float:
        """Returns the maximum number of seconds to wait for the next reply."""

    # Methods that the transport calls.

    def data_received(self, data: bytes) -> None:
        """Takes octets from the server, and handles each reply that is complete."""
        replies = self._replies.feed_octets(data)
        if replies:
            self._heard = time.monotonic()
        left = len(replies)
        try:
            for code, text in replies:
                left -= 1
                self._more = left > 0
                if self._ended:
                    break
                self._expected(code, text)
        except Exception as error:  # a bug, here or in the permit; the caller of `send_messages` gets it
            self._raise_in_waiting_caller_and_end_connection(error)

    def eof_received(self) -> None:
        """Ends the connection, as the server has closed its side."""
        self._end_connection("the connection ended")

    def connection_lost(self, error: Exception | None) -> None:
        """Ends the connection, as the transport was closed or failed."""
        self._end_connection("the connection ended" if error is None else str(error) or type(error).__name__)

    def pause_writing(self) -> None:
        """Notes that the transport still holds octets that were not sent."""
        self._paused = True

    def resume_writing(self) -> None:
        """Notes that the transport has sent all octets, and goes on."""
        self._paused = False
        self._resume_after_flush()

    def _end_after_reply_while_idle(self, code: int, text: bytes) -> None:
        """Ends the connection, as the server sent a reply that no command asked for."""
        self._end_connection(unexpected_reply_text(code, text))

    # Waiting.

    def _start_timeout_checks(self, seconds: float) -> None:
        """Begins to check for an overdue reply. The first one has this many seconds."""
        self._heard = time.monotonic()
        self._watching = self._loop.call_later(min(seconds, _TICK), self._check_timeout)

    def _check_timeout(self) -> None:
        """Ends the connection if the server has not completed a reply in time."""
        # asyncio and uvloop read before they run timers, so a process that was frozen first reads replies that came.
        left = self._heard + self._reply_timeout() - time.monotonic()
        if left > 0:
            self._watching = self._loop.call_later(min(left, _TICK), self._check_timeout)
        else:
            self._end_connection("Timed out waiting for server response")

    def _resume_after_flush(self) -> None:
        """Calls `_flushed` as soon as all octets have left this process."""
        if self._flushed is None or self._paused:
            return
        if self._transport.is_closing():
            self._end_connection("the connection ended")
        elif self._transport.get_write_buffer_size():
            # uvloop writes at the end of its loop iteration, and may pause only then
            self._loop.call_soon(self._resume_after_flush)
        else:
            then, self._flushed = self._flushed, None
            try:
                then()
            except Exception as error:
                self._raise_in_waiting_caller_and_end_connection(error)

    def _raise_in_waiting_caller_and_end_connection(self, error: Exception) -> None:
        """Raises an unexpected error in the caller of `send_messages`, and ends the connection."""
        if self._over is None or self._over.done():
            raise error
        self._over.set_exception(error)
        self._end_connection("an error of our own", by_us=True)


def decode_reply(text: bytes) -> str:
    """Returns the text of a reply as it is stored."""
    return text.decode("utf-8", "replace")


def unexpected_reply_text(code: int, text: bytes) -> str:
    """Returns the reason with which an unexpected reply ends a connection."""
    return f"unexpected reply {code or ''} {decode_reply(text)}"
