"""Test messages of breach phases, in PostgreSQL."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.staff_rights import RIGHTS_OF_ROLE, StaffRight
from mailer.ports.breach_tests import BREACH_TESTS_AN_HOUR, BreachTest, BreachTestRefused, ClaimedBreachTest
from mailer.ports.campaign_tests import TestMessageResult
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7

_SQL: Final = load_statements("breach_tests")
_READERS: Final = [role.value for role, rights in RIGHTS_OF_ROLE.items() if StaffRight.BREACH_RELEASE in rights]


class PostgresBreachTests:
    """Implements `ports.breach_tests.BreachTestStore` and `ports.breach_tests.BreachTestQueue`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def order_test(self, case_id: UUID, phase: int, variant: str, locale: str, staff_id: int) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["lock_reader"], staff_id)
            if await work.connection.fetchval(_SQL["count_lately"], staff_id) >= BREACH_TESTS_AN_HOUR:
                raise BreachTestRefused(f"you had {BREACH_TESTS_AN_HOUR} tests within an hour, the most: wait")
            row = await work.connection.fetchrow(_SQL["order"], uuid7(), case_id, phase, variant, locale, staff_id)
            if row is None:
                raise BreachTestRefused(f"phase {phase} has no text {variant} in {locale}; choose one that is stored")
            told = f"phase:{phase}", f"revision:{row['revision']}", f"variant:{variant}", f"locale:{locale}"
            fields = (*told, f"staff:{staff_id}")
            await work.append_entries([_entry(row["brand"], case_id, "breach_test_ordered", fields=fields)])

    async def list_tests(self, case_id: UUID, phase: int, staff_id: int, limit: int) -> Sequence[BreachTest]:
        """See the port."""
        return [BreachTest(**row) for row in await self._pool.fetch(_SQL["list"], case_id, phase, staff_id, limit)]

    async def claim_test(self, owner: str) -> ClaimedBreachTest | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["claim"], owner, _READERS)
        if row is None:
            return None
        facts, draft = BreachFacts.model_validate(row["facts"]), BreachPhaseDraft.model_validate(row["draft"])
        return ClaimedBreachTest(**{**row, "facts": facts, "draft": draft})

    async def end_test(self, test: ClaimedBreachTest, result: TestMessageResult) -> None:
        """See the port."""
        state = "refused" if result.problem else "sent"
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["end"], test.id, state, result.problem[:500])
            reply = result.problem[:500] or None
            fields = (f"phase:{test.phase}", *result.fields)
            sent = _entry(test.brand, test.case_id, f"breach_test_{state}", result, fields=fields, reply=reply)
            await work.append_entries([sent])


def _entry(
    brand: str,
    case_id: UUID,
    reason: str,
    result: TestMessageResult | None = None,
    *,
    fields: tuple[str, ...],
    reply: str | None = None,
) -> LedgerEntry:
    made = result or TestMessageResult()
    return LedgerEntry(
        EntryKind.CONTROL,
        brand,
        category="breach",
        reason=reason,
        rule=f"breach:{case_id}",
        processor=made.processor,
        country=made.country,
        contract=made.contract,
        purpose=made.purpose,
        fields=fields,
        reply=reply,
        message_id=made.message_id,
    )
