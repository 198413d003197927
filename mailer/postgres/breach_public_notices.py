"""Public notices of breach phases in PostgreSQL."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.public_notice import BreachPublicNoticeRefused, public_notice_of_release
from mailer.policy.breach.rules import BreachRules, breach_rules_of_json
from mailer.policy.public_notices import PublicNotice
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.ports.breach_cases import BreachChangeRefused
from mailer.ports.breach_public_notices import BreachPublicNotice, PublicNoticeGap
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.public_notices import PostgresPublicNotices
from mailer.rendering.breach_public_texts import check_public_notice

_SQL: Final = load_statements("breach_public_notices")


class PhaseToPublish(NamedTuple):
    """A phase as it is released. facts, draft, rules: as they were checked. written_by: an identity, as text."""

    case_id: UUID
    phase: int
    brand: str
    facts: BreachFacts
    draft: BreachPhaseDraft
    rules: BreachRules
    written_by: str


async def release_public_notice_of_phase(
    connection: Connection, released: PhaseToPublish, released_by: str
) -> list[LedgerEntry]:
    """Publishes the notice of a phase in the transaction of its release, if the phase has one.

    Args:
        connection: a connection in the transaction.
        released: the phase.
        released_by: the identity of who releases it, as text.

    Returns:
        The entries for the ledger; none if the phase has no public notice.

    Raises:
        BreachPublicNoticeRefused: a part is missing, or the days are too few. `check_public_notice` tells it before.
    """
    texts = check_public_notice(released.draft, released.facts, released.rules)
    people = _name(released.written_by), _name(released_by)
    days = released.draft.public_days
    notice = public_notice_of_release(uuid7(), released.brand, texts, days, people, _today())
    if notice is None:
        return []
    await _insert_notice(connection, notice, released.case_id, released.phase)
    return [_build_entry(step, notice, released.case_id, released.phase) for step in ("drafted", "released")]


class PostgresBreachPublicNotices:
    """Implements `ports.breach_public_notices.BreachPublicNoticeStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers
        self._cases = PostgresBreachCases(pool, writers)
        self.notices = PostgresPublicNotices(pool, writers)

    async def add_draft_of_phase(self, case_id: UUID, phase: int, variant: str, days: int, by: str) -> PublicNotice:
        """See the port."""
        case, found = await self._cases.find_case(case_id), await self._cases.find_phase(case_id, phase)
        if case is None or found is None or found.state != "released":
            raise BreachChangeRefused(f"the case has no released phase {phase}; release it first")
        if variant not in found.draft.variants:
            raise BreachChangeRefused(f"phase {phase} has no variant {variant}: {', '.join(found.draft.variants)}")
        rules = breach_rules_of_json(await self._pool.fetchval(_SQL["rules_of_phase"], case_id, phase))
        texts = check_public_notice(found.draft, case.facts, rules, variant, days)
        made = public_notice_of_release(uuid7(), case.brand, texts, days, (_name(by), ""), _today())
        if made is None:
            raise BreachPublicNoticeRefused("0 days: write for how many days it is to stand")
        async with open_unit_of_work(self._pool, self._writers) as work:
            await _insert_notice(work.connection, made, case_id, phase)
            await work.append_entries([_build_entry("drafted", made, case_id, phase)])
        return made

    async def list_notices_of_case(self, case_id: UUID) -> Sequence[BreachPublicNotice]:
        """See the port."""
        gaps: defaultdict[UUID, list[PublicNoticeGap]] = defaultdict(list)
        for row in await self._pool.fetch(_SQL["gaps"], case_id):
            gaps[row["notice_id"]].append(PublicNoticeGap(row["began_at"], row["last_seen_at"], row["ended_at"]))
        found: list[BreachPublicNotice] = []
        for row in await self._pool.fetch(_SQL["of_case"], case_id):
            values = dict(row)
            phase = values.pop("phase")
            found.append(BreachPublicNotice(PublicNotice(**values), phase, gaps[row["id"]]))
        return found


async def _insert_notice(connection: Connection, notice: PublicNotice, case_id: UUID, phase: int) -> None:
    await connection.execute(
        _SQL["publish"],
        *(notice.id, notice.brand, notice.texts, notice.digest, notice.first_day, notice.last_day),
        *(notice.drafted_by, notice.released_by or None, case_id, phase),
    )


def _build_entry(step: str, notice: PublicNotice, case_id: UUID, phase: int) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.CONTROL,
        notice.brand,
        category="breach",
        reason=f"public_notice {step} {notice.digest}",
        rule=f"breach:{case_id}",
        fields=(f"phase:{phase}",),
    )


def _name(identity: str) -> str:
    """Returns the name of a person, as public notices have it; another identity as it is."""
    try:
        return parse_person_identity(identity).name
    except ValueError:
        return identity


def _today() -> date:
    return datetime.now(UTC).date()
