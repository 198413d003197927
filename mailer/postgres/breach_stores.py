"""The stores of breach cases, put together."""

from dataclasses import dataclass

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.evidence_packs import PostgresEvidencePacks


@dataclass(frozen=True, slots=True)
class BreachStores:
    """The stores of breach cases.

    Attributes:
        cases: the cases with their phases.
        packs: reads cases for evidence packs.
    """

    cases: PostgresBreachCases
    packs: PostgresEvidencePacks


def build_breach_stores(pool: Pool, writers: LedgerWriters) -> BreachStores:
    """Builds the stores."""
    return BreachStores(PostgresBreachCases(pool, writers), PostgresEvidencePacks(pool, writers))
