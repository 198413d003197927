"""The queue of one window, from which connections take messages."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.processors.smtp.connection_errors import NoConnectionResult
from mailer.processors.smtp.transaction import SmtpExtensions, SmtpTransaction, compose_transaction_or_outcome

LATE: Final = "not begun: its time was up"


class WindowMessageQueue:
    """The waiting messages of a window, and the outcomes of the others.

    Args:
        window: the messages.
        deadline: the time in `time.monotonic()` seconds after which no message begins.
        permit: a function that is called before each message begins, and can refuse it.
    """

    def __init__(self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit) -> None:
        self._window = window
        self._deadline = deadline
        self._permit = permit
        self._waiting = deque(range(len(window)))
        self._known: dict[int, Outcome] = {}
        self.refused_early = set[int]()
        """The indexes of messages whose envelope was refused when it was sent ahead."""

    @property
    def seconds_left(self) -> float:
        """The seconds until the deadline; 0 or less after it."""
        return self._deadline - time.monotonic()

    @property
    def is_late(self) -> bool:
        """Tells whether the deadline has passed. Then no message may begin, and no content may be sent."""
        return time.monotonic() >= self._deadline

    def move_deadline_to_now(self) -> None:
        """Moves the deadline to now, so that no message begins and no content is sent."""
        self._deadline = min(self._deadline, time.monotonic())

    @property
    def count_waiting(self) -> int:
        """The number of messages that no connection has taken yet."""
        return len(self._waiting)

    def take_next_message(self, extensions: SmtpExtensions, now: float) -> SmtpTransaction | None:
        """Takes the next message that may begin now, on a server with these extensions. None: there is none.

        Messages that cannot be sent to this server, or that the permit refuses, get their outcome.
        """
        while self._waiting:
            if now >= self._deadline:
                return None
            index = self._waiting.popleft()
            letter = compose_transaction_or_outcome(self._window[index], index, extensions)
            if isinstance(letter, Outcome):
                self._known[index] = letter
            elif (refusal := self._permit(index)) is not None:
                self._known[index] = Outcome(OutcomeKind.UNSENT, text=refusal)
            else:
                return letter
        return None

    def reason_not_to_send_on_recheck(self, letter: SmtpTransaction) -> str | None:
        """Asks the permit again for a message. Returns the reason why it may not be sent, or None if it may."""
        return self._permit(letter.index)

    def store_message_outcome(self, letter: SmtpTransaction, outcome: Outcome) -> None:
        """Stores the outcome of a message."""
        self._known[letter.index] = outcome

    def put_back(self, letter: SmtpTransaction, *, refused_early: bool = False) -> None:
        """Puts a message back as the next one. The server has got none of its content, so it cannot be delivered.

        Args:
            letter: the message.
            refused_early: tells whether its envelope was sent before the reply to another message, and was refused.
        """
        self._waiting.appendleft(letter.index)
        if refused_early:
            self.refused_early.add(letter.index)

    def outcome_of_each_message_or_unsent(self, ended: NoConnectionResult | None) -> list[Outcome]:
        """Returns one outcome for each message, in order. A message without one is UNSENT.

        Args:
            ended: the reason why there was no connection, for the messages that are UNSENT. None: it was too late.
        """
        unsent = Outcome(OutcomeKind.UNSENT, text=LATE)
        if ended is not None:
            unsent = Outcome(OutcomeKind.UNSENT, text=ended.text, trouble=ended.trouble)
        return [self._known.get(index, unsent) for index in range(len(self._window))]
