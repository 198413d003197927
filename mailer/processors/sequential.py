"""SMTP one command at a time, by aiosmtplib's own calls, for servers that do not offer PIPELINING."""

import asyncio
from contextlib import suppress
from typing import Final, cast

import aiosmtplib

from mailer.crash_points import ARMED, CrashPoint, reach
from mailer.policy.outcome import Outcome, Result
from mailer.policy.session_refusals import CLOSING, Stage
from mailer.policy.smtp_replies import classify
from mailer.processors.connection_errors import FAILURES, reason_of
from mailer.processors.relay_url import Relay
from mailer.processors.smtp_connection import GO_AHEAD, Speaker, is_refusal
from mailer.processors.smtp_envelope import Extensions, Letter
from mailer.processors.window_queue import LATE, Share

_FAREWELL: Final = 2.0
"""Seconds to wait for the reply to QUIT."""
_GONE: Final = "the connection ended"


class Sequential(Speaker):
    """Speaks by a client that somebody else has connected, greeted and authenticated."""

    def __init__(self, client: aiosmtplib.SMTP, relay: Relay, extensions: Extensions) -> None:
        """Takes the client over."""
        super().__init__(relay, extensions)
        self._client = client
        transport = cast(asyncio.WriteTransport, client.transport)
        # With next to no buffer of its own, `drain` returns when all bytes have left this process.
        transport.set_write_buffer_limits(high=1)
        protocol = cast(asyncio.Protocol, client.protocol)
        self._writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())

    @property
    def usable(self) -> bool:
        """See `Speaker`."""
        return self._client.is_connected

    async def carry(self, share: Share) -> None:
        """See `Speaker`."""
        try:
            while self.usable and (letter := self._take(share)):
                outcome = await self._transact(share, letter)
                if outcome is None:
                    share.give_back(letter)
                else:
                    share.settle(letter, outcome)
        except BaseException:
            # What the server says next belongs to the transaction that was broken off here.
            self.drop()
            raise

    async def quit(self) -> None:
        """See `Speaker`."""
        if self.usable:
            with suppress(*FAILURES):
                await self._client.quit(timeout=_FAREWELL)
        self.drop()

    def drop(self) -> None:
        """See `Speaker`."""
        self._writer.transport.abort()
        self._client.close()

    async def _transact(self, share: Share, letter: Letter) -> Outcome | None:
        """Offers one message. None: a connection that was used before had ended, so it can be offered on a new one."""
        try:
            mail = await self._client.execute_command(
                b"MAIL", letter.mail, timeout=self._until(self._times.command, share)
            )
            if mail.code // 100 != 2 and not is_refusal(mail.code):
                raise _nonsense(mail)
            if mail.code == CLOSING and not self._fresh:
                raise aiosmtplib.SMTPServerDisconnected(_GONE)
        except FAILURES as error:
            self.drop()
            return _lost(error) if self._fresh else None
        if is_refusal(mail.code):
            self._heard(mail.code)
            return classify(Stage.MAIL, mail.code, mail.message)
        try:
            outcome = await self._recipient(share, letter) or await self._content(share, letter)
        except FAILURES as error:
            self.drop()
            return _lost(error)
        return outcome or await self._verdict()

    async def _recipient(self, share: Share, letter: Letter) -> Outcome | None:
        """RCPT and DATA. None if the server now waits for the content."""
        times = self._times
        for stage, command, expected, seconds in (
            (Stage.RCPT, (b"RCPT", letter.rcpt), 2, times.command),
            (Stage.DATA, (b"DATA",), GO_AHEAD, times.data),
        ):
            reply = await self._client.execute_command(*command, timeout=self._until(seconds, share))
            if is_refusal(reply.code):
                self._heard(reply.code)
                await self._reset()
                return classify(stage, reply.code, reply.message)
            if expected not in (reply.code, reply.code // 100):
                raise _nonsense(reply)
        return None

    def _heard(self, code: int) -> None:
        """A message was answered for, and the connection has outlived it, unless the server ends it with its reply."""
        if code == CLOSING:
            self.drop()
        else:
            self._fresh = False

    async def _reset(self) -> None:
        """Takes back what was begun, so that the next MAIL is not nested; a server that cannot is left."""
        if self.usable:
            try:
                await self._client.rset(timeout=self._times.connect)
            except FAILURES:
                self.drop()

    async def _content(self, share: Share, letter: Letter) -> Outcome | None:
        """Writes the content and, only once all of it has left, the final dot. What it returns ends the message."""
        first = len(letter.content) // 2 if ARMED else len(letter.content)
        if late := self._write(share, letter.content[:first]):
            return late
        async with asyncio.timeout(self._until(self._times.block, share)):
            await self._writer.drain()
        reach(CrashPoint.IN_MESSAGE)
        return self._write(share, letter.content[first:] + b".\r\n")

    def _write(self, share: Share, part: bytes) -> Outcome | None:
        """Writes, unless it is too late; then the connection is dropped, as nothing else takes DATA back."""
        if share.late:
            self._fresh = False  # it is we who end it
            self.drop()
            return Outcome(Result.UNSENT, text=LATE)
        if not self.usable:
            raise aiosmtplib.SMTPServerDisconnected(_GONE)
        self._writer.write(part)
        return None

    async def _verdict(self) -> Outcome:
        """Reads the reply to the final dot. Whatever is not plainly one leaves the message in doubt."""
        try:
            if self._client.protocol is None:
                raise aiosmtplib.SMTPServerDisconnected(_GONE)
            reply = await self._client.protocol.read_response(timeout=self._times.dot)
            reach(CrashPoint.AFTER_FINAL_DOT)
            if reply.code // 100 != 2 and not is_refusal(reply.code):
                raise _nonsense(reply)
        except FAILURES as error:
            self.drop()
            return Outcome(Result.IN_DOUBT, text=f"lost after the final dot: {reason_of(error)}")
        self._heard(reply.code)
        return classify(Stage.DOT, reply.code, reply.message)


def _lost(error: Exception) -> Outcome:
    return Outcome(Result.DEFERRED, text=f"lost before the final dot: {reason_of(error)}")


def _nonsense(reply: aiosmtplib.SMTPResponse) -> aiosmtplib.SMTPException:
    """A reply that is neither success nor refusal breaks the dialogue, whatever it was meant to say."""
    return aiosmtplib.SMTPException(f"unexpected reply {reply.code}")
