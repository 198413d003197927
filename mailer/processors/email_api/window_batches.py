"""The waiting messages of one window, taken in batches, and the outcomes of the others."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.processors.email_api.provider_api import NotCarriedError, ProviderApi

LATE: Final = "not begun: its time was up"


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages of one request.

    Attributes:
        indexes: their indexes in the window. messages: in the form of the service.
    """

    indexes: Sequence[int]
    messages: Sequence[bytes]


class WindowBatches:
    """The messages of a window.

    Args:
        window: the messages.
        deadline: the time in `time.monotonic()` seconds after which no message begins.
        permit: is called before each message begins, and can refuse it.

    Attributes:
        trouble: the outcome of all messages that have none, since the service refuses us; None: it does not.
    """

    def __init__(self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit) -> None:
        self._window, self._deadline, self._permit = window, deadline, permit
        self._waiting = deque(range(len(window)))
        self._known: dict[int, Outcome] = {}
        self._put_back = set[int]()
        self._alone = set[int]()
        self.trouble: Outcome | None = None

    @property
    def seconds_left(self) -> float:
        """The seconds until the deadline; 0 or less after it."""
        return self._deadline - time.monotonic()

    @property
    def has_waiting(self) -> bool:
        """True if messages wait which may still begin."""
        return bool(self._waiting) and self.trouble is None and self.seconds_left > 0

    def is_late(self) -> bool:
        """Tells whether the deadline has passed."""
        return self.seconds_left <= 0

    def move_deadline_to_now(self) -> None:
        """Moves the deadline to now, so that no message begins and no last octet leaves."""
        self._deadline = min(self._deadline, time.monotonic())

    def take_batch(self, api: ProviderApi) -> Batch | None:
        """Takes the next messages that fit into one request. None: there are none.

        A message that the service cannot carry, or that the permit refuses, gets its outcome.
        """
        indexes: list[int] = []
        messages: list[bytes] = []
        octets = 0
        while self._waiting and len(indexes) < api.max_messages and not self.is_late():
            index = self._waiting.popleft()
            written = self._write_or_store_refusal(api, index)
            if written is None:
                continue
            if indexes and (index in self._alone or octets + len(written) > api.max_octets):
                self._waiting.appendleft(index)
                break
            if (refusal := self._permit(index)) is not None:
                self._known[index] = Outcome(OutcomeKind.UNSENT, text=refusal)
                continue
            octets += len(written)
            indexes.append(index)
            messages.append(written)
            if index in self._alone:
                break
        return Batch(indexes, messages) if indexes else None

    def is_permitted_again(self, batch: Batch) -> bool:
        """Asks the permits of a batch again. Returns True if all its messages may still be sent."""
        return not self.is_late() and all(self._permit(index) is None for index in batch.indexes)

    def store_outcomes(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Stores the outcome of each message of a batch."""
        self._known.update(zip(batch.indexes, outcomes, strict=True))

    def put_back_once(self, batch: Batch) -> bool:
        """Puts a batch back as the next one. Returns False if one of its messages was put back before."""
        if not self._put_back.isdisjoint(batch.indexes):
            return False
        self._put_back.update(batch.indexes)
        self.put_back(batch)
        return True

    def put_back_one_by_one(self, batch: Batch) -> None:
        """Puts a batch back that the service has refused as a whole, for requests of one message each."""
        self._alone.update(batch.indexes)
        self.put_back(batch)

    def put_back(self, batch: Batch) -> None:
        """Puts a batch back as the next one. The service has certainly taken none of it."""
        self._waiting.extendleft(reversed(batch.indexes))

    def outcome_of_each_message(self) -> list[Outcome]:
        """Returns one outcome for each message, in order. A message without one is UNSENT."""
        unsent = self.trouble or Outcome(OutcomeKind.UNSENT, text=LATE)
        return [self._known.get(index, unsent) for index in range(len(self._window))]

    def _write_or_store_refusal(self, api: ProviderApi, index: int) -> bytes | None:
        try:
            written = api.write_message(self._window[index])
            if len(written) > api.max_octets:
                raise NotCarriedError(f"{len(written):,} octets, and the service takes {api.max_octets:,}", "5.3.4")
        except NotCarriedError as error:
            text = f"not sent: {error}"
            self._known[index] = Outcome(OutcomeKind.BLOCKED, status=error.status, text=text, lacking=True)
            return None
        return written
