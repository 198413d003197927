"""SMTP with PIPELINING (RFC 2920): one write carries a message's content, its final dot, and the next envelope.

The protocol is a chain of expectations: `_expected` is what the next reply answers. Every way in which a connection
ends comes down to `_end`, and there to three questions: is there a message without an outcome, may its final dot have
left, and is it to blame.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from mailer.crash_points import ARMED, CrashPoint, reach
from mailer.policy.outcome import Outcome, Result
from mailer.policy.session_refusals import CLOSING, Stage
from mailer.policy.smtp_replies import classify, clean, is_about_mailbox
from mailer.processors.envelope_ahead import Ahead
from mailer.processors.relay_url import Relay
from mailer.processors.reply_parser import Replies
from mailer.processors.smtp_connection import GO_AHEAD, Speaker, is_refusal
from mailer.processors.smtp_envelope import Extensions, Letter
from mailer.processors.window_queue import LATE, Share

_AT_ONCE: Final = 65_536
"""Octets of content that are written together with the final dot. Of what is longer, the dot is held back until all
before it has left, so that a connection lost on the way leaves nothing in doubt."""
_BRISK: Final = 0.5
"""Seconds. Where final dots are answered more slowly, no envelope is sent ahead: it wins nothing there, and would begin
a message long before its content can follow."""
_TICK: Final = 1.0
"""Seconds between two looks at how long a reply has been waited for."""
_FAREWELL: Final = 2.0
"""Seconds to wait for the reply to QUIT."""
_DOT: Final = b".\r\n"
_RSET: Final = b"RSET\r\n"


class Pipelined(Speaker, asyncio.Protocol):
    """Speaks on a transport that somebody else has connected, greeted and authenticated."""

    def __init__(self, transport: asyncio.Transport, relay: Relay, extensions: Extensions, ahead: Ahead) -> None:
        """Takes the transport over."""
        super().__init__(relay, extensions)
        self._ahead = ahead
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._replies = Replies()
        self._expected: Callable[[int, bytes], None] = self._unasked
        self._ended = False
        self._paused = False
        self._flushed: Callable[[], None] | None = None
        self._more = False
        self._heard = 0.0
        self._dotted = 0.0
        self._brisk = False
        # The transaction under way.
        self._share: Share | None = None
        self._over: asyncio.Future[None] | None = None
        self._letter: Letter | None = None
        self._next: Letter | None = None
        self._doubtful = False
        self._blamed = False
        self._open = False
        self._named = False
        self._early = False
        self._retracted = False
        transport.set_protocol(self)
        # A transport with no buffer of its own says when all octets have left this process. That of TLS takes an
        # empty buffer for a full one where the limit is 0.
        transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0)

    @property
    def usable(self) -> bool:
        """See `Speaker`."""
        return not self._ended and not self._transport.is_closing() and not self._replies.pending

    async def carry(self, share: Share) -> None:
        """See `Speaker`."""
        self._share = share
        self._over = self._loop.create_future()
        self._heard = time.monotonic()
        self._watching = self._loop.call_later(min(self._times.command, _TICK), self._watch)
        try:
            self._begin(self._take(share))
            await self._over
        except BaseException:
            # What the server says next belongs to the transaction that was broken off here.
            self.drop()
            raise
        finally:
            self._watching.cancel()
            self._share = self._over = None

    async def quit(self) -> None:
        """See `Speaker`."""
        if self.usable:
            self._over = self._loop.create_future()
            self._expected = self._bye
            self._transport.write(b"QUIT\r\n")
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._over
        self.drop()

    def drop(self) -> None:
        """See `Speaker`."""
        self._end("dropped", by_us=True)

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        """Replies, or parts of them."""
        replies = self._replies.feed(data)
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
        except Exception as error:  # a bug, here or in the permit: who waits for the outcomes shall see it
            self._fail(error)

    def eof_received(self) -> None:
        """The server says nothing more."""
        self._end("the connection ended")

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing can be said any more."""
        self._end("the connection ended" if error is None else str(error) or type(error).__name__)

    def pause_writing(self) -> None:
        """Something has not left yet."""
        self._paused = True

    def resume_writing(self) -> None:
        """All has left."""
        self._paused = False
        self._go_on()

    # What is expected, in its order.

    def _begin(self, letter: Letter | None) -> None:
        """Offers a message, with nothing on its way before it; or ends the turn."""
        if letter is None:
            self._rest()
            return
        self._letter, self._blamed = letter, False
        if self._more or not self.usable:
            self._end("the connection had ended")
            return
        self._transport.write(_RSET + letter.envelope if self._open else letter.envelope)
        self._await(letter)

    def _await(self, letter: Letter) -> None:
        """A message's envelope is on its way."""
        self._letter, self._blamed = letter, self._fresh
        self._expected = self._after_rset if self._open else self._after_mail

    def _after_rset(self, code: int, text: bytes) -> None:
        """RSET takes back what a refusal left open, so that MAIL is not nested."""
        if code // 100 != 2:
            self._end(_unexpected(code, text))
        self._open = False
        self._expected = self._after_mail

    def _after_mail(self, code: int, text: bytes) -> None:
        self._expected = self._after_rcpt
        if code // 100 == 2:
            self._blamed = self._open = True
        elif not is_refusal(code) or (code == CLOSING and not self._fresh):
            self._end(_unexpected(code, text))
        else:
            self._refuse(classify(Stage.MAIL, code, _readable(text)), code)

    def _after_rcpt(self, code: int, text: bytes) -> None:
        self._expected = self._after_data
        self._named = code // 100 == 2
        if is_refusal(code):
            outcome = classify(Stage.RCPT, code, _readable(text))
            self._refuse(outcome, code, about_recipient=self._open and is_about_mailbox(outcome))
        elif not self._named:
            self._end(_unexpected(code, text))

    def _after_data(self, code: int, text: bytes) -> None:
        if code != GO_AHEAD:
            if not is_refusal(code):
                self._end(_unexpected(code, text))
                return
            self._refuse(classify(Stage.DATA, code, _readable(text)), code)
        if self._early:
            self._early = False
            if (self._retracted or not self._ahead.known) and not self._ended:
                self._ahead.answered(self, taken=not self._retracted)
            self._retracted = False
        elif self._letter is not None and self._letter.index in cast(Share, self._share).refused_early:
            self._ahead.refused()
        if code != GO_AHEAD:
            self._turn()
        elif self._letter is not None:
            self._content(self._letter)
        elif self._named:
            self._end("content was asked for from a refused sender")
        else:
            # A message for nobody: the lone dot is what RFC 2920 3.1 says to send, and nothing can be delivered.
            self._transport.write(_DOT)
            self._expected = self._after_nothing

    def _after_nothing(self, code: int, text: bytes) -> None:
        self._open = False
        self._settle(None, code)
        self._turn()

    def _content(self, letter: Letter) -> None:
        """Writes the content, unless it may not go on."""
        if not self._may_go_on(letter):
            return
        if ARMED or self._paused or len(letter.content) > _AT_ONCE:
            first = len(letter.content) // 2 if ARMED else len(letter.content)
            self._expected = self._too_early
            self._transport.write(letter.content[:first])
            self._flushed = lambda: self._last(letter, letter.content[first:])
            self._go_on()
        else:
            self._dot(letter.content)

    def _last(self, letter: Letter, rest: bytes) -> None:
        """All of the content but this rest has left."""
        reach(CrashPoint.IN_MESSAGE)
        if self._may_go_on(letter):
            self._dot(rest)

    def _dot(self, rest: bytes) -> None:
        """Writes the end of the content and, behind its final dot, the next envelope."""
        sends_ahead = self._brisk and (self._ahead.known or self._ahead.allows(self))
        self._next = self._take(cast(Share, self._share)) if sends_ahead else None
        if self._next is not None and not self._ahead.known:
            self._ahead.tried(self)
        self._expected = self._after_dot
        self._doubtful = True
        self._dotted = self._heard = time.monotonic()
        self._transport.write(b"".join((rest, _DOT, self._next.envelope if self._next else b"")))

    def _too_early(self, code: int, text: bytes) -> None:
        """A reply within the content: its final dot has not been written, and never will be."""
        if is_refusal(code):
            self._settle(classify(Stage.DOT, code, _readable(text)), code)
        self._end(_unexpected(code, text))

    def _after_dot(self, code: int, text: bytes) -> None:
        reach(CrashPoint.AFTER_FINAL_DOT)
        if code // 100 != 2 and not is_refusal(code):
            self._end(_unexpected(code, text))
            return
        self._brisk = self._heard - self._dotted < _BRISK
        self._open = False
        self._settle(classify(Stage.DOT, code, _readable(text)), code)
        self._turn()

    def _unasked(self, code: int, text: bytes) -> None:
        """Whatever comes while nothing was asked is a farewell, or nonsense."""
        self._end(_unexpected(code, text))

    def _bye(self, code: int, text: bytes) -> None:
        self._rest()

    # How a message, a turn and a connection end.

    def _refuse(self, outcome: Outcome, code: int, *, about_recipient: bool = False) -> None:
        """Ends the message under way. A refusal of what was sent ahead is asked for again first: see `Ahead`."""
        if self._early and not about_recipient and self._letter is not None:
            cast(Share, self._share).give_back(self._letter, refused_early=code != CLOSING)
            self._letter = None
            self._retracted = True
        self._settle(outcome, code)

    def _settle(self, outcome: Outcome | None, code: int | None) -> None:
        """Ends the message under way, unless it has its outcome already; and the connection, if the server does."""
        if self._letter is not None and outcome is not None:
            cast(Share, self._share).settle(self._letter, outcome)
            self._letter = None
        if code == CLOSING:
            self._end("the server ended the connection")

    def _turn(self) -> None:
        """Goes on to the next message, whose envelope may be on its way already."""
        if self._ended:
            return
        self._fresh = self._doubtful = False
        share = cast(Share, self._share)
        letter, self._next = self._next, None
        if letter is None:
            self._begin(self._take(share))
            return
        self._await(letter)
        self._early = True
        if not self._brisk and (reason := share.refusal(letter)) is not None:
            self._withdraw(reason)

    def _rest(self) -> None:
        """Nothing is under way any more."""
        self._expected = self._unasked
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _may_go_on(self, letter: Letter) -> bool:
        """Whether content may be written. Otherwise the connection is dropped: nothing else takes DATA back."""
        if self._more or self._replies.pending:
            self._end("more replies than commands")
        elif self._transport.is_closing():
            self._end("the connection ended")
        elif cast(Share, self._share).late:
            self._withdraw(LATE)
        return not self._ended

    def _withdraw(self, reason: str) -> None:
        """It is we who end a message that has begun, and so the connection."""
        self._settle(Outcome(Result.UNSENT, text=reason), None)
        self._fresh = False
        self._end(reason, by_us=True)

    def _end(self, reason: str, *, by_us: bool = False) -> None:
        """The connection is over, for whatever reason. What is under way gets its outcome, or is given back."""
        if self._ended:
            return
        self._ended = True
        self._ahead.ended(self, by_us)
        self._flushed = None
        reason = " ".join(clean(reason).split())
        letter, following = self._letter, self._next
        self._letter = self._next = None
        if self._share is not None:
            if following is not None:
                self._share.give_back(following)
            if letter is None:
                pass
            elif self._doubtful:
                self._share.settle(letter, Outcome(Result.IN_DOUBT, text=f"lost after the final dot: {reason}"))
            elif self._blamed and not self._early:
                self._share.settle(letter, Outcome(Result.DEFERRED, text=f"lost before the final dot: {reason}"))
            else:
                self._share.give_back(letter)
        self._transport.abort()
        self._rest()

    def _fail(self, error: Exception) -> None:
        """Hands a bug on to who waits."""
        if self._over is None or self._over.done():
            raise error
        self._over.set_exception(error)
        self._end("an error of our own", by_us=True)

    def _go_on(self) -> None:
        """Calls what waits for all octets to have left this process, once they have."""
        if self._flushed is None or self._paused:
            return
        if self._transport.is_closing():
            self._end("the connection ended")
        elif self._transport.get_write_buffer_size():
            self._loop.call_soon(self._go_on)  # uvloop writes at the end of its turn, and may pause only then
        else:
            then, self._flushed = self._flushed, None
            try:
                then()
            except Exception as error:
                self._fail(error)

    def _watch(self) -> None:
        """Gives up a server that has not completed a reply for too long.

        Both event loops read before they look at their timers: who was frozen finds a reply that came meanwhile.
        """
        left = self._heard + self._patience() - time.monotonic()
        if left > 0:
            self._watching = self._loop.call_later(min(left, _TICK), self._watch)
        else:
            self._end("Timed out waiting for server response")

    def _patience(self) -> float:
        """Seconds that the server is given for what is expected now."""
        if self._doubtful:
            return self._times.dot
        if self._early and not self._ahead.known:
            return self._times.connect
        special = {self._after_data.__name__: self._times.data, self._too_early.__name__: self._times.block}
        return self._until(special.get(self._expected.__name__, self._times.command), cast(Share, self._share))


def _readable(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _unexpected(code: int, text: bytes) -> str:
    return f"unexpected reply {code or ''} {_readable(text)}"
