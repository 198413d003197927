"""The stores of breach cases, put together."""

from dataclasses import dataclass

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.breach_outcomes import PostgresBreachOutcomes
from mailer.postgres.breach_public_notices import PostgresBreachPublicNotices


@dataclass(frozen=True, slots=True)
class BreachStores:
    """The stores of breach cases.

    Attributes:
        cases: the cases with their phases.
        outcomes: the figures and people of released phases.
        public_notices: the public notices of phases.
    """

    cases: PostgresBreachCases
    outcomes: PostgresBreachOutcomes
    public_notices: PostgresBreachPublicNotices


def build_breach_stores(pool: Pool, writers: LedgerWriters) -> BreachStores:
    """Builds the stores."""
    return BreachStores(
        cases=PostgresBreachCases(pool, writers),
        outcomes=PostgresBreachOutcomes(pool, writers),
        public_notices=PostgresBreachPublicNotices(pool, writers),
    )
