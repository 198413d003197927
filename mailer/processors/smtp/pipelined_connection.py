"""SMTP with PIPELINING (RFC 2920). One write holds a message's content, its final dot and the next envelope.

`_expected` is the method that handles the next reply. Every connection ends in `_end_connection`. It checks whether a
message has no outcome yet, whether its final dot may have been sent, and whether the message may be the cause.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from mailer.crash_points import ARMED, CrashPoint, crash_if_armed
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.session_refusals import CLOSING, SmtpStage
from mailer.policy.smtp_replies import is_about_mailbox, outcome_of_reply, storable_reply_text
from mailer.processors.smtp.connection import GO_AHEAD, SmtpConnection, is_negative_code
from mailer.processors.smtp.envelope_ahead_support import EnvelopeAheadSupport
from mailer.processors.smtp.relay_url import RelaySettings
from mailer.processors.smtp.reply_parser import ReplyParser
from mailer.processors.smtp.transaction import SmtpExtensions, SmtpTransaction
from mailer.processors.smtp.window_message_queue import LATE, WindowQueue

_AT_ONCE: Final = 65_536
"""The longest content, in octets, that is written with its final dot. The dot of a longer one waits until the content
has left this process. So if the connection is lost during the content, the message is not in doubt."""
_BRISK: Final = 0.5
"""Seconds. Slower relays get no envelope ahead: it would save no time."""
_TICK: Final = 1.0
"""Seconds between two checks for a reply that is overdue."""
_FAREWELL: Final = 2.0
"""Seconds to wait for the reply to QUIT."""
_DOT: Final = b".\r\n"
_RSET: Final = b"RSET\r\n"


class PipelinedConnection(SmtpConnection, asyncio.Protocol):
    """Sends messages with PIPELINING on a transport that `Connector` has connected, greeted and authenticated."""

    def __init__(
        self,
        transport: asyncio.Transport,
        relay: RelaySettings,
        extensions: SmtpExtensions,
        ahead: EnvelopeAheadSupport,
    ) -> None:
        """Becomes the protocol of the transport."""
        super().__init__(relay, extensions)
        self._ahead = ahead
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._replies = ReplyParser()
        self._expected: Callable[[int, bytes], None] = self._end_after_reply_while_idle
        self._ended = self._paused = self._more = self._brisk = False
        self._flushed: Callable[[], None] | None = None
        self._heard = self._dotted = 0.0
        # The state of the current message.
        self._share: WindowQueue | None = None
        self._over: asyncio.Future[None] | None = None
        self._letter: SmtpTransaction | None = None
        self._next: SmtpTransaction | None = None
        self._doubtful = self._blamed = self._open = False
        self._named = self._early = self._retracted = False
        transport.set_protocol(self)
        # With the limit 0, a transport reports when all octets have left. TLS takes an empty buffer for full at 0.
        transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0)

    @property
    def is_connection_open(self) -> bool:
        """See `SmtpConnection`."""
        return not self._ended and not self._transport.is_closing() and not self._replies.has_partial_reply

    async def send_messages(self, share: WindowQueue) -> None:
        """See `SmtpConnection`."""
        self._share = share
        self._over = self._loop.create_future()
        self._heard = time.monotonic()
        self._watching = self._loop.call_later(min(self._times.command, _TICK), self._check_timeout)
        try:
            self._send_envelope_or_become_idle(self._take_next_message(share))
            await self._over
        except BaseException:
            # The next replies of the server belong to the message that was interrupted here.
            self.drop_connection()
            raise
        finally:
            self._watching.cancel()
            self._share = self._over = None

    async def quit(self) -> None:
        """See `SmtpConnection`."""
        if self.is_connection_open:
            self._over = self._loop.create_future()
            self._expected = self._handle_quit_reply
            self._transport.write(b"QUIT\r\n")
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._over
        self.drop_connection()

    def drop_connection(self) -> None:
        """See `SmtpConnection`."""
        self._end_connection("dropped", by_us=True)

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
            self._pass_error_to_sender(error)

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

    # The handlers of replies, in their order.

    def _send_envelope_or_become_idle(self, letter: SmtpTransaction | None) -> None:
        """Sends the envelope of a message when no reply is outstanding. Without a message, becomes idle."""
        if letter is None:
            self._become_idle()
            return
        self._letter, self._blamed = letter, False
        if self._more or not self.is_connection_open:
            self._end_connection("the connection had ended")
            return
        self._transport.write(_RSET + letter.envelope_commands if self._open else letter.envelope_commands)
        self._set_envelope_reply_handler(letter)

    def _set_envelope_reply_handler(self, letter: SmtpTransaction) -> None:
        """Sets the handler of the next reply, as a message's envelope has been sent."""
        self._letter, self._blamed = letter, self._fresh
        self._expected = self._handle_rset_reply if self._open else self._handle_mail_reply

    def _handle_rset_reply(self, code: int, text: bytes) -> None:
        """Handles the reply to RSET, which ends a refused transaction so that the next MAIL is not nested."""
        if code // 100 != 2:
            self._end_connection(_unexpected_reply_text(code, text))
        self._open = False
        self._expected = self._handle_mail_reply

    def _handle_mail_reply(self, code: int, text: bytes) -> None:
        self._expected = self._handle_rcpt_reply
        if code // 100 == 2:
            self._blamed = self._open = True
        elif not is_negative_code(code) or (code == CLOSING and not self._fresh):
            self._end_connection(_unexpected_reply_text(code, text))
        else:
            self._settle_or_retry_refusal(outcome_of_reply(SmtpStage.MAIL, code, _decode_reply(text)), code)

    def _handle_rcpt_reply(self, code: int, text: bytes) -> None:
        self._expected = self._handle_data_reply
        self._named = code // 100 == 2
        if is_negative_code(code):
            outcome = outcome_of_reply(SmtpStage.RCPT, code, _decode_reply(text))
            self._settle_or_retry_refusal(outcome, code, about_recipient=self._open and is_about_mailbox(outcome))
        elif not self._named:
            self._end_connection(_unexpected_reply_text(code, text))

    def _handle_data_reply(self, code: int, text: bytes) -> None:
        if code != GO_AHEAD:
            if not is_negative_code(code):
                self._end_connection(_unexpected_reply_text(code, text))
                return
            self._settle_or_retry_refusal(outcome_of_reply(SmtpStage.DATA, code, _decode_reply(text)), code)
        if self._early:
            self._early = False
            if (self._retracted or not self._ahead.known) and not self._ended:
                self._ahead.note_answer(self, taken=not self._retracted)
            self._retracted = False
        elif self._letter is not None and self._letter.index in cast(WindowQueue, self._share).refused_early:
            self._ahead.forbid_after_retry_succeeded()
        if code != GO_AHEAD:
            self._start_next_message()
        elif self._letter is not None:
            self._write_content(self._letter)
        elif self._named:
            self._end_connection("content was asked for from a refused sender")
        else:
            # The message has no recipient. RFC 2920 3.1 says to send a lone dot; nothing can be delivered.
            self._transport.write(_DOT)
            self._expected = self._handle_lone_dot_reply

    def _handle_lone_dot_reply(self, code: int, text: bytes) -> None:
        self._open = False
        self._settle_message(None, code)
        self._start_next_message()

    def _write_content(self, letter: SmtpTransaction) -> None:
        """Writes the content, if the message may still be sent. Holds back the final dot of a long content."""
        if not self._end_unless_content_may_be_written(letter):
            return
        if ARMED or self._paused or len(letter.content) > _AT_ONCE:
            first = len(letter.content) // 2 if ARMED else len(letter.content)
            self._expected = self._end_after_reply_during_content
            self._transport.write(letter.content[:first])
            self._flushed = lambda: self._finish_content(letter, letter.content[first:])
            self._resume_after_flush()
        else:
            self._write_dot_and_next_envelope(letter.content)

    def _finish_content(self, letter: SmtpTransaction, rest: bytes) -> None:
        """Writes the rest and the final dot, as the content before it has left this process."""
        crash_if_armed(CrashPoint.IN_MESSAGE)
        if self._end_unless_content_may_be_written(letter):
            self._write_dot_and_next_envelope(rest)

    def _write_dot_and_next_envelope(self, rest: bytes) -> None:
        """Writes the end of the content, the final dot, and the next envelope if it may be sent ahead."""
        sends_ahead = self._brisk and (self._ahead.known or self._ahead.is_allowed_on_connection(self))
        self._next = self._take_next_message(cast(WindowQueue, self._share)) if sends_ahead else None
        if self._next is not None and not self._ahead.known:
            self._ahead.note_first_attempt_started(self)
        self._expected = self._handle_final_dot_reply
        self._doubtful = True
        self._dotted = self._heard = time.monotonic()
        self._transport.write(b"".join((rest, _DOT, self._next.envelope_commands if self._next else b"")))

    def _end_after_reply_during_content(self, code: int, text: bytes) -> None:
        """Ends the connection after a reply during the content. The final dot is then never written."""
        if is_negative_code(code):
            self._settle_message(outcome_of_reply(SmtpStage.DOT, code, _decode_reply(text)), code)
        self._end_connection(_unexpected_reply_text(code, text))

    def _handle_final_dot_reply(self, code: int, text: bytes) -> None:
        crash_if_armed(CrashPoint.AFTER_FINAL_DOT)
        if code // 100 != 2 and not is_negative_code(code):
            self._end_connection(_unexpected_reply_text(code, text))
            return
        self._brisk = self._heard - self._dotted < _BRISK
        self._open = False
        self._settle_message(outcome_of_reply(SmtpStage.DOT, code, _decode_reply(text)), code)
        self._start_next_message()

    def _end_after_reply_while_idle(self, code: int, text: bytes) -> None:
        """Ends the connection, as the server sent a reply that no command asked for."""
        self._end_connection(_unexpected_reply_text(code, text))

    def _handle_quit_reply(self, code: int, text: bytes) -> None:
        self._become_idle()

    # The ends of a message, of a call of `send_messages`, and of the connection.

    def _settle_or_retry_refusal(self, outcome: Outcome, code: int, *, about_recipient: bool = False) -> None:
        """Ends the message with a refusal. If its envelope was sent ahead, retries it; not if `about_recipient`."""
        if self._early and not about_recipient and self._letter is not None:
            cast(WindowQueue, self._share).put_back(self._letter, refused_early=code != CLOSING)
            self._letter = None
            self._retracted = True
        self._settle_message(outcome, code)

    def _settle_message(self, outcome: Outcome | None, code: int | None) -> None:
        """Stores the outcome of the current message, unless it has one. Ends the connection after the code 421."""
        if self._letter is not None and outcome is not None:
            cast(WindowQueue, self._share).settle_message(self._letter, outcome)
            self._letter = None
        if code == CLOSING:
            self._end_connection("the server ended the connection")

    def _start_next_message(self) -> None:
        """Goes on to the next message. Its envelope may have been sent ahead already."""
        if self._ended:
            return
        self._fresh = self._doubtful = False
        share = cast(WindowQueue, self._share)
        letter, self._next = self._next, None
        if letter is None:
            self._send_envelope_or_become_idle(self._take_next_message(share))
            return
        self._set_envelope_reply_handler(letter)
        self._early = True
        if not self._brisk and (reason := share.reason_not_to_send_on_recheck(letter)) is not None:
            self._abort_message_and_connection(reason)

    def _become_idle(self) -> None:
        """Notes that no message is being sent, and lets `send_messages` or `quit` return."""
        self._expected = self._end_after_reply_while_idle
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _end_unless_content_may_be_written(self, letter: SmtpTransaction) -> bool:
        """Tells whether content may be written. If not, ends the connection, as nothing else can cancel DATA."""
        if self._more or self._replies.has_partial_reply:
            self._end_connection("more replies than commands")
        elif self._transport.is_closing():
            self._end_connection("the connection ended")
        elif cast(WindowQueue, self._share).is_late:
            self._abort_message_and_connection(LATE)
        return not self._ended

    def _abort_message_and_connection(self, reason: str) -> None:
        """Ends a message that has begun as UNSENT, by our own decision, and the connection with it."""
        self._settle_message(Outcome(OutcomeKind.UNSENT, text=reason), None)
        self._fresh = False
        self._end_connection(reason, by_us=True)

    def _end_connection(self, reason: str, *, by_us: bool = False) -> None:
        """Ends the connection. The current message gets its outcome or is put back; the next one is put back."""
        if self._ended:
            return
        self._ended = True
        self._ahead.note_connection_end(self, by_us)
        self._flushed = None
        reason = " ".join(storable_reply_text(reason).split())
        letter, following = self._letter, self._next
        self._letter = self._next = None
        if self._share is not None:
            if following is not None:
                self._share.put_back(following)
            if letter is None:
                pass
            elif self._doubtful:
                outcome = Outcome(OutcomeKind.IN_DOUBT, text=f"lost after the final dot: {reason}")
                self._share.settle_message(letter, outcome)
            elif self._blamed and not self._early:
                outcome = Outcome(OutcomeKind.DEFERRED, text=f"lost before the final dot: {reason}")
                self._share.settle_message(letter, outcome)
            else:
                self._share.put_back(letter)
        self._transport.abort()
        self._become_idle()

    def _pass_error_to_sender(self, error: Exception) -> None:
        """Raises an unexpected error in the caller of `send_messages`, and ends the connection."""
        if self._over is None or self._over.done():
            raise error
        self._over.set_exception(error)
        self._end_connection("an error of our own", by_us=True)

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
                self._pass_error_to_sender(error)

    def _check_timeout(self) -> None:
        """Ends the connection if the server has not completed a reply in time."""
        # asyncio and uvloop read before they run timers, so a process that was frozen first reads replies that came.
        left = self._heard + self._reply_timeout() - time.monotonic()
        if left > 0:
            self._watching = self._loop.call_later(min(left, _TICK), self._check_timeout)
        else:
            self._end_connection("Timed out waiting for server response")

    def _reply_timeout(self) -> float:
        """Returns the maximum number of seconds to wait for the next reply."""
        if self._doubtful:
            return self._times.dot
        if self._early and not self._ahead.known:
            return self._times.connect
        special = {
            self._handle_data_reply.__name__: self._times.data,
            self._end_after_reply_during_content.__name__: self._times.block,
        }
        seconds = special.get(self._expected.__name__, self._times.command)
        return self._limit_timeout_by_deadline(seconds, cast(WindowQueue, self._share))


def _decode_reply(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _unexpected_reply_text(code: int, text: bytes) -> str:
    return f"unexpected reply {code or ''} {_decode_reply(text)}"
