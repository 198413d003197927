"""An SMTP relay as a processor: a small pool of connections that share each window."""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from mailer.policy.outcome import Outcome, Result
from mailer.ports.processor import Outgoing
from mailer.processors.line import Line
from mailer.processors.relay import Relay, Tls, parse

_TIMEOUT: Final = 30.0
_LATE: Final = "not begun: its time was up"


class SmtpProcessor:
    """Implements `mailer.ports.processor.Processor` on an SMTP relay."""

    def __init__(self, relay: Relay, *, context: ssl.SSLContext | None = None, timeout: float = _TIMEOUT) -> None:
        """Connects nothing yet.

        Args:
            relay: where to, and how.
            context: which certificates are trusted; the system's by default.
            timeout: seconds to wait for a connection and for each reply.
        """
        if context is None and relay.tls is not Tls.NONE:
            context = ssl.create_default_context()
        self._relay = relay
        # Last in, first out: the connection used last is the one most likely to be alive.
        self._free: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
        for _ in range(relay.pool):
            self._free.put_nowait(Line(relay, context, timeout))

    def __repr__(self) -> str:
        """Names the relay, without credentials."""
        return f"SmtpProcessor({self._relay!r})"

    @property
    def name(self) -> str:
        """Its name in the ledger."""
        return self._relay.name

    @property
    def country(self) -> str:
        """Where it processes, ISO 3166-1 alpha-2."""
        return self._relay.country

    @property
    def contract(self) -> str:
        """The reference of the contract under which it works for us."""
        return self._relay.contract

    @property
    def outside(self) -> bool:
        """See the port."""
        return self._relay.outside

    async def send(self, window: Sequence[Outgoing], deadline: float) -> list[Outcome]:
        """Hands a window over; one outcome a message, in its order. See the port."""
        if not window:
            return []
        share = _Share(window, deadline)
        lines = await self._lines(len(window), deadline)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(share.work(line)) for line in lines]
        finally:
            for line in lines:
                self._free.put_nowait(line)
        troubles = [trouble for task in tasks if (trouble := task.result())]
        return share.outcomes(troubles[0] if troubles else _LATE)

    async def close(self) -> None:
        """Ends its connections politely, once the windows under way are through."""
        lines = [await self._free.get() for _ in range(self._relay.pool)]
        await asyncio.gather(*(line.quit() for line in lines))
        for line in lines:
            self._free.put_nowait(line)

    async def _lines(self, wanted: int, deadline: float) -> list[Line]:
        """Waits for one connection and takes more if they are free; none if the deadline passes first."""
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                lines = [await self._free.get()]
        except TimeoutError:
            return []
        while len(lines) < wanted and not self._free.empty():
            lines.append(self._free.get_nowait())
        return lines


class _Share:
    """A window, from which each connection takes the next message as soon as it is free."""

    def __init__(self, window: Sequence[Outgoing], deadline: float) -> None:
        self._window = window
        self._deadline = deadline
        self._waiting = deque(range(len(window)))
        self._known: dict[int, Outcome] = {}

    async def work(self, line: Line) -> str | None:
        """Sends until nothing waits. Returns why it stopped before, if it did."""
        try:
            while self._waiting:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    return _LATE
                trouble = await line.ready(left)
                if trouble is not None:
                    return trouble
                # Connecting takes time, in which other lines go on.
                if self._waiting and time.monotonic() < self._deadline:
                    await self._next(line)
                if line.fell_at_once:
                    return "the relay ended a new connection at its first message"
        except BaseException:
            # What the server says next belongs to the transaction that was broken off here.
            line.drop()
            raise
        return None

    async def _next(self, line: Line) -> None:
        index = self._waiting.popleft()
        outcome = await line.transact(self._window[index])
        if outcome.result is Result.UNSENT:
            self._waiting.appendleft(index)
        else:
            self._known[index] = outcome

    def outcomes(self, trouble: str) -> list[Outcome]:
        """One a message, in order; what never began is unsent for the reason given."""
        unsent = Outcome(Result.UNSENT, text=trouble)
        return [self._known.get(index, unsent) for index in range(len(self._window))]


def from_url(url: str) -> SmtpProcessor:
    """The processor that a URL describes; see `mailer.processors.relay.parse` for its form and its errors."""
    return SmtpProcessor(parse(url))
