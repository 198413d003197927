"""The stores of breach cases, put together."""

from dataclasses import dataclass

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.breach_clocks import PostgresBreachClocks
from mailer.postgres.breach_duties import PostgresBreachDuties, PostgresStaffZones


@dataclass(frozen=True, slots=True)
class BreachStores:
    """The stores of breach cases. Those that a person works with are `ports.breach_stores.BreachStores`.

    Attributes:
        cases: the cases with their phases.
        duties: the duties that are done, the history of facts, and the reminders of a case.
        clocks: the clocks that the timekeeper keeps, and the reminders that workers hand over.
        zones: the zones of staff.
    """

    cases: PostgresBreachCases
    duties: PostgresBreachDuties
    clocks: PostgresBreachClocks
    zones: PostgresStaffZones


def build_breach_stores(pool: Pool, writers: LedgerWriters) -> BreachStores:
    """Builds the stores."""
    return BreachStores(
        PostgresBreachCases(pool, writers),
        PostgresBreachDuties(pool, writers),
        PostgresBreachClocks(pool, writers),
        PostgresStaffZones(pool),
    )
