"""Test messages of a breach phase, each to the person who asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.ports.campaign_tests import TestMessageResult

BREACH_TESTS_AN_HOUR: Final = 60
"""The most test messages of breach phases that a person gets within an hour."""


class BreachTestRefused(Exception):
    """A test was not ordered. The message says why."""


class BreachTest(NamedTuple):
    """A test message of a phase.

    Attributes:
        state: queued, sending, sent, or refused; in doubt: its worker ended while it was handed over.
        problem: the reason for which it was refused.
    """

    variant: str
    locale: str
    revision: int
    requested_at: datetime
    problem: str
    state: str


@dataclass(frozen=True, slots=True)
class ClaimedBreachTest:
    """A test that a worker hands over: of which texts, and to whom. An empty address: the reader may not get it."""

    id: UUID
    case_id: UUID
    phase: int
    brand: str
    facts: BreachFacts
    draft: BreachPhaseDraft
    variant: str
    locale: str
    name: str
    address: str


class BreachTestStore(Protocol):
    """Orders tests, for staff. Each order is an entry of the ledger."""

    async def order_test(self, case_id: UUID, phase: int, variant: str, locale: str, staff_id: int) -> None:
        """Orders a test message of a text of a phase, as it is stored now, for the person who asks.

        Raises:
            BreachTestRefused: the phase has no such text, or there were too many tests within an hour.
        """
        ...

    async def list_tests(self, case_id: UUID, phase: int, staff_id: int, limit: int) -> Sequence[BreachTest]:
        """Returns the newest tests of a phase to a person."""
        ...


class BreachTestQueue(Protocol):
    """The tests that workers hand over."""

    async def claim_test(self, owner: str) -> ClaimedBreachTest | None:
        """Returns the oldest test that waits, which no other worker gets from now on; None: none waits."""
        ...

    async def end_test(self, test: ClaimedBreachTest, result: TestMessageResult) -> None:
        """Stores the end of a test, with an entry of the ledger."""
        ...
