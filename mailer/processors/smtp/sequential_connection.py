"""SMTP with one command at a time, by aiosmtplib, for servers that do not offer PIPELINING."""

import asyncio
from contextlib import suppress
from typing import Final, cast

import aiosmtplib

from mailer.crash_points import ARMED, CrashPoint, crash_if_armed
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.session_refusals import CLOSING, SmtpStage
from mailer.policy.smtp_replies import outcome_of_reply
from mailer.processors.smtp.connection import GO_AHEAD, SmtpConnection, is_negative_code
from mailer.processors.smtp.connection_errors import FAILURES, error_text
from mailer.processors.smtp.relay_url import RelaySettings
from mailer.processors.smtp.transaction import SmtpExtensions, SmtpTransaction
from mailer.processors.smtp.window_message_queue import LATE, WindowQueue

_FAREWELL: Final = 2.0
"""Seconds to wait for the reply to QUIT."""
_GONE: Final = "the connection ended"


class SequentialConnection(SmtpConnection):
    """Sends messages through a client that `Connector` has connected, greeted and authenticated."""

    def __init__(self, client: aiosmtplib.SMTP, relay: RelaySettings, extensions: SmtpExtensions) -> None:
        """Takes the client, and writes content to its transport directly."""
        super().__init__(relay, extensions)
        self._client = client
        transport = cast(asyncio.WriteTransport, client.transport)
        # With a limit of 1, `drain` returns only when all bytes have left this process.
        transport.set_write_buffer_limits(high=1)
        protocol = cast(asyncio.Protocol, client.protocol)
        self._writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())

    @property
    def is_connection_open(self) -> bool:
        """See `SmtpConnection`."""
        return self._client.is_connected

    async def send_messages(self, share: WindowQueue) -> None:
        """See `SmtpConnection`."""
        try:
            while self.is_connection_open and (letter := self._take_next_message(share)):
                outcome = await self._send_message(share, letter)
                if outcome is None:
                    share.put_back(letter)
                else:
                    share.settle_message(letter, outcome)
        except BaseException:
            # The next replies of the server belong to the message that was interrupted here.
            self.drop_connection()
            raise

    async def quit(self) -> None:
        """See `SmtpConnection`."""
        if self.is_connection_open:
            with suppress(*FAILURES):
                await self._client.quit(timeout=_FAREWELL)
        self.drop_connection()

    def drop_connection(self) -> None:
        """See `SmtpConnection`."""
        self._writer.transport.abort()
        self._client.close()

    async def _send_message(self, share: WindowQueue, letter: SmtpTransaction) -> Outcome | None:
        """Sends one message and returns its outcome.

        None: a connection that was used before had ended, so the message can be sent on a new one.
        """
        try:
            mail = await self._client.execute_command(
                b"MAIL", letter.mail, timeout=self._limit_timeout_by_deadline(self._times.command, share)
            )
            if mail.code // 100 != 2 and not is_negative_code(mail.code):
                raise _unexpected_reply_error(mail)
            if mail.code == CLOSING and not self._fresh:
                raise aiosmtplib.SMTPServerDisconnected(_GONE)
        except FAILURES as error:
            self.drop_connection()
            return _lost_before_dot_outcome(error) if self._fresh else None
        if is_negative_code(mail.code):
            self._note_answer_or_drop_after_421(mail.code)
            return outcome_of_reply(SmtpStage.MAIL, mail.code, mail.message)
        try:
            outcome = await self._send_rcpt_and_data(share, letter) or await self._write_content_and_dot(share, letter)
        except FAILURES as error:
            self.drop_connection()
            return _lost_before_dot_outcome(error)
        return outcome or await self._read_final_dot_outcome()

    async def _send_rcpt_and_data(self, share: WindowQueue, letter: SmtpTransaction) -> Outcome | None:
        """Sends RCPT and DATA. Returns None if the server now waits for the content, else the outcome."""
        times = self._times
        for stage, command, expected, seconds in (
            (SmtpStage.RCPT, (b"RCPT", letter.rcpt), 2, times.command),
            (SmtpStage.DATA, (b"DATA",), GO_AHEAD, times.data),
        ):
            reply = await self._client.execute_command(
                *command, timeout=self._limit_timeout_by_deadline(seconds, share)
            )
            if is_negative_code(reply.code):
                self._note_answer_or_drop_after_421(reply.code)
                await self._send_rset()
                return outcome_of_reply(stage, reply.code, reply.message)
            if expected not in (reply.code, reply.code // 100):
                raise _unexpected_reply_error(reply)
        return None

    def _note_answer_or_drop_after_421(self, code: int) -> None:
        """Notes that the connection has had an answer to a message. After the code 421, drops the connection."""
        if code == CLOSING:
            self.drop_connection()
        else:
            self._fresh = False

    async def _send_rset(self) -> None:
        """Sends RSET, so that the next MAIL is not nested. If that fails, drops the connection."""
        if self.is_connection_open:
            try:
                await self._client.rset(timeout=self._times.connect)
            except FAILURES:
                self.drop_connection()

    async def _write_content_and_dot(self, share: WindowQueue, letter: SmtpTransaction) -> Outcome | None:
        """Writes the content and, after all of it has left this process, the final dot.

        Returns:
            None if all was written; the outcome UNSENT if it became too late.
        """
        first = len(letter.content) // 2 if ARMED else len(letter.content)
        if late := self._write_or_return_late_outcome(share, letter.content[:first]):
            return late
        async with asyncio.timeout(self._limit_timeout_by_deadline(self._times.block, share)):
            await self._writer.drain()
        crash_if_armed(CrashPoint.IN_MESSAGE)
        return self._write_or_return_late_outcome(share, letter.content[first:] + b".\r\n")

    def _write_or_return_late_outcome(self, share: WindowQueue, part: bytes) -> Outcome | None:
        """Writes octets, unless the deadline has passed. Then drops the connection, as nothing else can cancel DATA.

        Returns:
            None if it was written; the outcome UNSENT if it is too late.
        """
        if share.is_late:
            self._fresh = False  # we end it ourselves
            self.drop_connection()
            return Outcome(OutcomeKind.UNSENT, text=LATE)
        if not self.is_connection_open:
            raise aiosmtplib.SMTPServerDisconnected(_GONE)
        self._writer.write(part)
        return None

    async def _read_final_dot_outcome(self) -> Outcome:
        """Reads the reply to the final dot and returns the outcome: IN_DOUBT if there is no valid reply."""
        try:
            if self._client.protocol is None:
                raise aiosmtplib.SMTPServerDisconnected(_GONE)
            reply = await self._client.protocol.read_response(timeout=self._times.dot)
            crash_if_armed(CrashPoint.AFTER_FINAL_DOT)
            if reply.code // 100 != 2 and not is_negative_code(reply.code):
                raise _unexpected_reply_error(reply)
        except FAILURES as error:
            self.drop_connection()
            return Outcome(OutcomeKind.IN_DOUBT, text=f"lost after the final dot: {error_text(error)}")
        self._note_answer_or_drop_after_421(reply.code)
        return outcome_of_reply(SmtpStage.DOT, reply.code, reply.message)


def _lost_before_dot_outcome(error: Exception) -> Outcome:
    return Outcome(OutcomeKind.DEFERRED, text=f"lost before the final dot: {error_text(error)}")


def _unexpected_reply_error(reply: aiosmtplib.SMTPResponse) -> aiosmtplib.SMTPException:
    """Returns the error for a reply that is neither a success nor a refusal."""
    return aiosmtplib.SMTPException(f"unexpected reply {reply.code}")
