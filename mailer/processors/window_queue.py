"""A window, from which each connection takes the next message as soon as it can carry one."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from mailer.policy.outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.processors.connection_errors import NoConnection
from mailer.processors.smtp_envelope import SmtpEnvelope, SmtpExtensions, compose_envelope

LATE: Final = "not begun: its time was up"


class WindowQueue:
    """What of a window waits, and what is known of the rest.

    Args:
        window: the messages.
        deadline: `time.monotonic()` seconds; nothing begins after it.
        permit: asked before each message begins.
    """

    def __init__(self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit) -> None:
        self._window = window
        self._deadline = deadline
        self._permit = permit
        self._waiting = deque(range(len(window)))
        self._known: dict[int, Outcome] = {}
        self.refused_early = set[int]()
        """The places of messages whose envelope was refused where it was sent ahead."""

    @property
    def seconds_left(self) -> float:
        """Seconds until nothing may begin any more; 0 or less once it is so."""
        return self._deadline - time.monotonic()

    @property
    def is_late(self) -> bool:
        """Whether nothing may begin any more, and what has begun may not go on to its content."""
        return time.monotonic() >= self._deadline

    def close_window(self) -> None:
        """Lets nothing more begin, nor go on to its content."""
        self._deadline = min(self._deadline, time.monotonic())

    @property
    def count_waiting(self) -> int:
        """How many messages nobody has taken yet."""
        return len(self._waiting)

    def next_message(self, extensions: SmtpExtensions, now: float) -> SmtpEnvelope | None:
        """The next message that may begin at this moment, on a server with these extensions. None: there is none."""
        while self._waiting:
            if now >= self._deadline:
                return None
            index = self._waiting.popleft()
            letter = compose_envelope(self._window[index], index, extensions)
            if isinstance(letter, Outcome):
                self._known[index] = letter
            elif (refusal := self._permit(index)) is not None:
                self._known[index] = Outcome(OutcomeKind.UNSENT, text=refusal)
            else:
                return letter
        return None

    def recheck_permit(self, letter: SmtpEnvelope) -> str | None:
        """Asks for a permit once more, where one was given long before: why it may not go on, None if it may."""
        return self._permit(letter.index)

    def settle_message(self, letter: SmtpEnvelope, outcome: Outcome) -> None:
        """A message has its outcome."""
        self._known[letter.index] = outcome

    def put_back(self, letter: SmtpEnvelope, *, refused_early: bool = False) -> None:
        """Nothing of a message that could be delivered was offered: it is the next one again.

        Args:
            letter: the message.
            refused_early: its envelope was refused where it was sent ahead of the reply to another message.
        """
        self._waiting.appendleft(letter.index)
        if refused_early:
            self.refused_early.add(letter.index)

    def outcomes_or_unsent(self, ended: NoConnection | None) -> list[Outcome]:
        """One a message, in order; what waits is unsent for want of a connection, or since its time was up."""
        unsent = Outcome(OutcomeKind.UNSENT, text=LATE)
        if ended is not None:
            unsent = Outcome(OutcomeKind.UNSENT, text=ended.text, trouble=ended.trouble)
        return [self._known.get(index, unsent) for index in range(len(self._window))]
