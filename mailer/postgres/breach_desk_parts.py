"""The parts of the breach desk on which a release depends, put together."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import UnitOfWork
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.breach_release import BreachRelease, ReleaseDeadline
from mailer.ports.ledger_entry import LedgerEntry
from mailer.postgres.breach_release import BreachDeskParts, BreachTermsInForce


def read_terms_in_force(policy: Policy) -> BreachTermsInForce:
    """Returns the terms of a policy: the rows of rules, and whether one person alone may release."""
    return BreachTermsInForce([], "never")


def find_deadlines(facts: BreachFacts, policy: Policy) -> Sequence[ReleaseDeadline]:
    """Returns the deadlines that follow from facts by the rules of a policy."""
    return ()


async def list_uploaders(connection: Pool | Connection, files: Sequence[UUID]) -> Sequence[str]:
    """Returns who has uploaded files, as identities in text."""
    return ()


async def publish_notice(work: UnitOfWork, release: BreachRelease, releaser: Identity) -> Sequence[LedgerEntry]:
    """Puts the public notice of a phase up in the transaction of its release, and returns its entries."""
    return ()


BREACH_DESK: Final = BreachDeskParts(read_terms_in_force, find_deadlines, list_uploaders, publish_notice)
