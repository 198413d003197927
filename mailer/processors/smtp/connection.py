"""An SMTP connection that is greeted, encrypted and authenticated. It sends messages until a limit is reached.

With PIPELINING (RFC 2920), one write holds a message's content, its final dot and the next envelope. To other servers,
each command waits for the reply to the one before it. All else is the same.

`_expected` is the method that handles the next reply. Every connection ends in `_end_connection`. It checks whether a
message has no outcome yet, whether its final dot may have been sent, and whether the message may be the cause.
"""

import asyncio
import time
from contextlib import suppress
from typing import Final, cast

from mailer.crash_points import ARMED, CrashPoint, crash_if_armed
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.session_refusals import CLOSING, SmtpStage
from mailer.policy.smtp_replies import is_about_mailbox, outcome_of_reply, storable_reply_text
from mailer.processors.smtp.envelope_ahead_support import EnvelopeAheadSupport
from mailer.processors.smtp.relay_url import RelaySettings
from mailer.processors.smtp.transaction import SmtpExtensions, SmtpTransaction
from mailer.processors.smtp.window_message_queue import LATE, WindowMessageQueue
from mailer.processors.smtp.wire_protocol import SmtpWireProtocol, decode_reply, unexpected_reply_text

_AT_ONCE: Final = 65_536
"""The longest content, in octets, that is written with its final dot. The dot of a longer one waits until the content
has left this process. So if the connection is lost during the content, the message is not in doubt."""
_BRISK: Final = 0.5
"""Seconds. Slower relays get no envelope ahead: it would save no time."""
_FAREWELL: Final = 2.0
"""Seconds to wait for the reply to QUIT."""
_GO_AHEAD: Final = 354
"""The reply code with which the server asks for the content (RFC 5321 4.1.1.4)."""
_DOT: Final = b".\r\n"
_RSET: Final = b"RSET\r\n"


class SmtpConnection(SmtpWireProtocol):
    """Sends messages on a transport that `Connector` has connected, greeted and authenticated.

    Args:
        transport: gets this connection as its protocol.
        relay: gives the limits and timeouts of a connection.
        extensions: the extensions that the server offers.
        ahead: tells whether the relay accepts an envelope before it has answered a final dot.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        relay: RelaySettings,
        extensions: SmtpExtensions,
        ahead: EnvelopeAheadSupport,
    ) -> None:
        self._times = relay.times
        self._extensions = extensions
        self._pipelined = extensions.pipelining
        self._ahead = ahead
        self._messages = relay.messages
        self.begun = time.monotonic()
        """The time, in seconds of the monotonic clock, at which it was made or last began a message."""
        self._expires = self.begun + relay.age
        self._fresh = True
        self._brisk = False
        self._dotted = 0.0
        # The state of the current message.
        self._queue: WindowMessageQueue | None = None
        self._transaction: SmtpTransaction | None = None
        self._next: SmtpTransaction | None = None
        self._doubtful = self._blamed = self._open = False
        self._named = self._early = self._retracted = False
        super().__init__(transport)

    @property
    def is_connection_open(self) -> bool:
        """Tells whether the connection is still open, as far as is known, without an unexpected reply."""
        return not self._ended and not self._transport.is_closing() and not self._replies.has_partial_reply

    @property
    def is_spent(self) -> bool:
        """Tells whether it has reached its maximum number of messages or its maximum age."""
        return self._messages <= 0 or time.monotonic() >= self._expires

    @property
    def has_ended_before_first_answer(self) -> bool:
        """Tells whether it ended before any message on it was answered."""
        return self._fresh and not self.is_connection_open

    async def send_messages(self, queue: WindowMessageQueue) -> None:
        """Takes messages from the window, and settles or puts back each of them.

        It returns when no message waits, or when the connection has ended or reached a limit.

        A message is in doubt from the moment that its final dot may have left this process until the reply to it is
        read. If the connection is lost before that, the message is deferred, which counts as an attempt. So a message
        that always breaks the connection is not tried for ever. A message is put back only if it is not the likely
        cause: the connection was used before, and MAIL was not answered.
        """
        self._queue = queue
        self._over = self._loop.create_future()
        self._start_timeout_checks(self._times.command)
        try:
            self._send_envelope_or_become_idle(self._take_next_message(queue))
            await self._over
        except BaseException:
            # The next replies of the server belong to the message that was interrupted here.
            self.drop_connection()
            raise
        finally:
            self._watching.cancel()
            self._queue = self._over = None

    async def quit(self) -> None:
        """Ends the connection with QUIT."""
        if self.is_connection_open:
            self._over = self._loop.create_future()
            self._expected = self._handle_quit_reply
            self._transport.write(b"QUIT\r\n")
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._over
        self.drop_connection()

    def drop_connection(self) -> None:
        """Closes the connection without QUIT."""
        self._end_connection("dropped", by_us=True)

    def _take_next_message(self, queue: WindowMessageQueue) -> SmtpTransaction | None:
        """Takes the next message from the window. Returns None if there is none, or if a limit is reached."""
        now = time.monotonic()
        if self._messages <= 0 or now >= self._expires:
            return None
        transaction = queue.take_next_message(self._extensions, now)
        if transaction is not None:
            self._messages -= 1
            self.begun = now
        return transaction

    # The handlers of replies, in their order.

    def _send_envelope_or_become_idle(self, transaction: SmtpTransaction | None) -> None:
        """Sends the envelope of a message when no reply is outstanding. Without a message, becomes idle."""
        if transaction is None:
            self._become_idle()
            return
        self._transaction, self._blamed = transaction, False
        if self._more or not self.is_connection_open:
            self._end_connection("the connection had ended")
            return
        self._set_envelope_reply_handler(transaction)
        if self._pipelined:
            commands = transaction.envelope_commands
            self._transport.write(_RSET + commands if self._open else commands)
        elif self._open:
            self._transport.write(_RSET)
        else:
            self._send_command_unless_pipelined(b"MAIL ", transaction.mail)

    def _set_envelope_reply_handler(self, transaction: SmtpTransaction) -> None:
        """Sets the handler of the next reply, as a message's envelope is sent."""
        self._transaction, self._blamed = transaction, self._fresh
        self._expected = self._handle_rset_reply if self._open else self._handle_mail_reply

    def _send_command_unless_pipelined(self, verb: bytes, argument: bytes = b"") -> None:
        """Sends the next command of the envelope. With PIPELINING the whole envelope was sent at once."""
        if not self._pipelined:
            self._transport.write(b"%b%b\r\n" % (verb, argument))

    def _handle_rset_reply(self, code: int, text: bytes) -> None:
        """Handles the reply to RSET, which ends a refused transaction so that the next MAIL is not nested."""
        if code // 100 != 2:
            self._end_connection(unexpected_reply_text(code, text))
            return
        self._open = False
        self._expected = self._handle_mail_reply
        self._send_command_unless_pipelined(b"MAIL ", cast(SmtpTransaction, self._transaction).mail)

    def _handle_mail_reply(self, code: int, text: bytes) -> None:
        self._expected = self._handle_rcpt_reply
        if code // 100 == 2:
            self._blamed = self._open = True
            self._send_command_unless_pipelined(b"RCPT ", cast(SmtpTransaction, self._transaction).rcpt)
        elif not _is_negative_code(code) or (code == CLOSING and not self._fresh):
            self._end_connection(unexpected_reply_text(code, text))
        else:
            self._store_refusal_or_retry_message(outcome_of_reply(SmtpStage.MAIL, code, decode_reply(text)), code)
            self._start_next_message_unless_pipelined()

    def _handle_rcpt_reply(self, code: int, text: bytes) -> None:
        self._expected = self._handle_data_reply
        self._named = code // 100 == 2
        if self._named:
            self._send_command_unless_pipelined(b"DATA")
        elif _is_negative_code(code):
            outcome = outcome_of_reply(SmtpStage.RCPT, code, decode_reply(text))
            self._store_refusal_or_retry_message(
                outcome, code, about_recipient=self._open and is_about_mailbox(outcome)
            )
            self._start_next_message_unless_pipelined()
        else:
            self._end_connection(unexpected_reply_text(code, text))

    def _start_next_message_unless_pipelined(self) -> None:
        """Goes on to the next message. With PIPELINING, the replies to the rest of the envelope come first."""
        if not self._pipelined:
            self._start_next_message()

    def _handle_data_reply(self, code: int, text: bytes) -> None:
        if code != _GO_AHEAD:
            if not _is_negative_code(code):
                self._end_connection(unexpected_reply_text(code, text))
                return
            self._store_refusal_or_retry_message(outcome_of_reply(SmtpStage.DATA, code, decode_reply(text)), code)
        if self._early:
            self._early = False
            if (self._retracted or not self._ahead.known) and not self._ended:
                self._ahead.note_answer(self, taken=not self._retracted)
            self._retracted = False
        elif (
            self._transaction is not None
            and self._transaction.index in cast(WindowMessageQueue, self._queue).refused_early
        ):
            self._ahead.forbid_after_retry_succeeded()
        if code != _GO_AHEAD:
            self._start_next_message()
        elif self._transaction is not None:
            self._write_content(self._transaction)
        elif self._named:
            self._end_connection("content was asked for from a refused sender")
        else:
            # The message has no recipient. RFC 2920 3.1 says to send a lone dot; nothing can be delivered.
            self._transport.write(_DOT)
            self._expected = self._handle_lone_dot_reply

    def _handle_lone_dot_reply(self, code: int, text: bytes) -> None:
        self._open = False
        self._store_outcome_and_end_connection_on_421(None, code)
        self._start_next_message()

    def _write_content(self, transaction: SmtpTransaction) -> None:
        """Writes the content, if the message may still be sent. Holds back the final dot of a long content."""
        if not self._end_unless_content_may_be_written(transaction):
            return
        # A process that a test kills treats each content as a long one, so that it passes the crash point.
        if self._paused or ARMED or len(transaction.content) > _AT_ONCE:
            self._expected = self._end_after_reply_during_content
            self._transport.write(transaction.content)
            self._flushed = lambda: self._write_final_dot_after_flushed_content(transaction)
            self._resume_after_flush()
        else:
            self._write_dot_and_next_envelope(transaction.content)

    def _write_final_dot_after_flushed_content(self, transaction: SmtpTransaction) -> None:
        """Writes the final dot, as the content has left this process."""
        crash_if_armed(CrashPoint.IN_MESSAGE)
        if self._end_unless_content_may_be_written(transaction):
            self._write_dot_and_next_envelope(b"")

    def _write_dot_and_next_envelope(self, content: bytes) -> None:
        """Writes the content that is not written yet, the final dot, and the next envelope if it may be sent ahead."""
        sends_ahead = (
            self._pipelined and self._brisk and (self._ahead.known or self._ahead.is_allowed_on_connection(self))
        )
        self._next = self._take_next_message(cast(WindowMessageQueue, self._queue)) if sends_ahead else None
        if self._next is not None and not self._ahead.known:
            self._ahead.note_first_attempt_started(self)
        self._expected = self._handle_final_dot_reply
        self._doubtful = True
        self._dotted = self._heard = time.monotonic()
        self._transport.write(b"".join((content, _DOT, self._next.envelope_commands if self._next else b"")))

    def _end_after_reply_during_content(self, code: int, text: bytes) -> None:
        """Ends the connection after a reply during the content. The final dot is then never written."""
        if _is_negative_code(code):
            self._store_outcome_and_end_connection_on_421(
                outcome_of_reply(SmtpStage.DOT, code, decode_reply(text)), code
            )
        self._end_connection(unexpected_reply_text(code, text))

    def _handle_final_dot_reply(self, code: int, text: bytes) -> None:
        crash_if_armed(CrashPoint.AFTER_FINAL_DOT)
        if code // 100 != 2 and not _is_negative_code(code):
            self._end_connection(unexpected_reply_text(code, text))
            return
        self._brisk = self._heard - self._dotted < _BRISK
        self._open = False
        self._store_outcome_and_end_connection_on_421(outcome_of_reply(SmtpStage.DOT, code, decode_reply(text)), code)
        self._start_next_message()

    def _handle_quit_reply(self, code: int, text: bytes) -> None:
        self._become_idle()

    # The ends of a message, of a call of `send_messages`, and of the connection.

    def _store_refusal_or_retry_message(self, outcome: Outcome, code: int, *, about_recipient: bool = False) -> None:
        """Ends the message with a refusal. If its envelope was sent ahead, retries it; not if `about_recipient`."""
        if self._early and not about_recipient and self._transaction is not None:
            cast(WindowMessageQueue, self._queue).put_back(self._transaction, refused_early=code != CLOSING)
            self._transaction = None
            self._retracted = True
        self._store_outcome_and_end_connection_on_421(outcome, code)

    def _store_outcome_and_end_connection_on_421(self, outcome: Outcome | None, code: int | None) -> None:
        """Stores the outcome of the current message, unless it has one. Ends the connection after the code 421."""
        if self._transaction is not None and outcome is not None:
            cast(WindowMessageQueue, self._queue).store_message_outcome(self._transaction, outcome)
            self._transaction = None
        if code == CLOSING:
            self._end_connection("the server ended the connection")

    def _start_next_message(self) -> None:
        """Goes on to the next message. Its envelope may have been sent ahead already."""
        if self._ended:
            return
        self._fresh = self._doubtful = False
        queue = cast(WindowMessageQueue, self._queue)
        transaction, self._next = self._next, None
        if transaction is None:
            self._send_envelope_or_become_idle(self._take_next_message(queue))
            return
        self._set_envelope_reply_handler(transaction)
        self._early = True
        if not self._brisk and (reason := queue.reason_not_to_send_on_recheck(transaction)) is not None:
            self._abort_message_and_connection(reason)

    def _become_idle(self) -> None:
        """Notes that no message is being sent, and lets `send_messages` or `quit` return."""
        self._expected = self._end_after_reply_while_idle
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _end_unless_content_may_be_written(self, transaction: SmtpTransaction) -> bool:
        """Tells whether content may be written. If not, ends the connection, as nothing else can cancel DATA."""
        if self._more or self._replies.has_partial_reply:
            self._end_connection("more replies than commands")
        elif self._transport.is_closing():
            self._end_connection("the connection ended")
        elif cast(WindowMessageQueue, self._queue).is_late:
            self._abort_message_and_connection(LATE)
        return not self._ended

    def _abort_message_and_connection(self, reason: str) -> None:
        """Ends a message that has begun as UNSENT, by our own decision, and the connection with it."""
        self._store_outcome_and_end_connection_on_421(Outcome(OutcomeKind.UNSENT, text=reason), None)
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
        transaction, following = self._transaction, self._next
        self._transaction = self._next = None
        if self._queue is not None:
            if following is not None:
                self._queue.put_back(following)
            if transaction is None:
                pass
            elif self._doubtful:
                outcome = Outcome(OutcomeKind.IN_DOUBT, text=f"lost after the final dot: {reason}")
                self._queue.store_message_outcome(transaction, outcome)
            elif self._blamed and not self._early:
                outcome = Outcome(OutcomeKind.DEFERRED, text=f"lost before the final dot: {reason}")
                self._queue.store_message_outcome(transaction, outcome)
            else:
                self._queue.put_back(transaction)
        self._transport.abort()
        self._become_idle()

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
        # A relay always gets at least the time for a connection. So a lease that ends soon does not make it look slow.
        return min(seconds, max(cast(WindowMessageQueue, self._queue).seconds_left, self._times.connect))


def _is_negative_code(code: int) -> bool:
    """Tells whether a reply code is a temporary or permanent refusal (4xx or 5xx)."""
    return code // 100 in (4, 5)
