"""The parts of the breach desk on which a release depends, put together."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from mailer.actions.breach_clocks import kept_clocks_of_case
from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import UnitOfWork
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.public_notice import BreachPublicNoticeRefused
from mailer.policy.breach.rules import breach_rules_of_json, breach_rules_of_policy
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.breach_release import BreachRelease, BreachReleaseRefused, ReleaseDeadline
from mailer.ports.ledger_entry import LedgerEntry
from mailer.postgres.breach_public_notices import PhaseToPublish, release_public_notice_of_phase
from mailer.postgres.breach_release import BreachDeskParts, BreachTermsInForce


def read_terms_in_force(policy: Policy) -> BreachTermsInForce:
    """Returns the terms of a policy: the rows of rules, and whether one person alone may release."""
    return BreachTermsInForce(breach_rules_of_policy(policy).as_json(), policy.breach.break_glass)


def find_deadlines(facts: BreachFacts, policy: Policy) -> Sequence[ReleaseDeadline]:
    """Returns the deadlines that follow from facts by the rules of a policy."""
    clocks = kept_clocks_of_case(facts, policy, None)
    return [ReleaseDeadline(one.whom, one.because, one.due_at) for one in clocks if one.due_at is not None]


async def list_uploaders(connection: Pool | Connection, files: Sequence[UUID]) -> Sequence[str]:
    """Returns who has uploaded files, as identities in text."""
    rows = await connection.fetch("SELECT DISTINCT created_by FROM breach_files WHERE id = ANY ($1)", files)
    return [row["created_by"] for row in rows]


async def publish_notice(work: UnitOfWork, release: BreachRelease, releaser: Identity) -> Sequence[LedgerEntry]:
    """Puts the public notice of a phase up in the transaction of its release, and returns its entries.

    Raises:
        BreachReleaseRefused: its texts or its days do not do.
    """
    written_by = release.asked_by or release.requested_by
    rules = breach_rules_of_json(release.rules)
    phase = PhaseToPublish(
        release.case_id, release.phase, release.brand, release.facts, release.draft, rules, written_by
    )
    try:
        return await release_public_notice_of_phase(work.connection, phase, str(releaser))
    except BreachPublicNoticeRefused as refusal:
        raise BreachReleaseRefused(f"the public notice: {refusal}") from None


BREACH_DESK: Final = BreachDeskParts(read_terms_in_force, find_deadlines, list_uploaders, publish_notice)
