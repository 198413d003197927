"""The stores of breach cases, put together."""

from dataclasses import dataclass

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.breach_files import PostgresBreachFiles
from mailer.postgres.breach_manifests import PostgresBreachManifests
from mailer.postgres.letters import PostgresLetters


@dataclass(frozen=True, slots=True)
class BreachStores:
    """The stores of breach cases.

    Attributes:
        cases: the cases with their phases.
        files: the uploaded files of people.
        manifests: the checks of phases.
        letters: the letters and their runs.
    """

    cases: PostgresBreachCases
    files: PostgresBreachFiles
    manifests: PostgresBreachManifests
    letters: PostgresLetters


def build_breach_stores(pool: Pool, writers: LedgerWriters) -> BreachStores:
    """Builds the stores."""
    return BreachStores(
        PostgresBreachCases(pool, writers),
        PostgresBreachFiles(pool, writers),
        PostgresBreachManifests(pool, writers),
        PostgresLetters(pool, writers),
    )
