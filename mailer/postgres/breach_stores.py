"""The stores of breach cases, put together."""

from dataclasses import dataclass

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.breach_clocks import PostgresBreachClocks
from mailer.postgres.breach_duties import PostgresBreachDuties, PostgresStaffZones
from mailer.postgres.breach_files import PostgresBreachFiles
from mailer.postgres.breach_manifests import PostgresBreachManifests
from mailer.postgres.breach_outcomes import PostgresBreachOutcomes
from mailer.postgres.breach_public_notices import PostgresBreachPublicNotices
from mailer.postgres.breach_tests import PostgresBreachTests
from mailer.postgres.evidence_packs import PostgresEvidencePacks
from mailer.postgres.letters import PostgresLetters


@dataclass(frozen=True, slots=True)
class BreachStores:
    """The stores of breach cases.

    Attributes:
        cases: the cases with their phases.
        duties: the duties that are done, the history of facts, and the reminders of a case.
        clocks: the clocks that the timekeeper keeps, and the reminders that workers hand over.
        zones: the zones of staff.
        files: the uploaded files of people.
        manifests: the checks of phases.
        letters: the letters and their runs.
        outcomes: the figures and people of released phases.
        public_notices: the public notices of phases.
        packs: reads cases for evidence packs.
        tests: the test messages of phases.
    """

    cases: PostgresBreachCases
    duties: PostgresBreachDuties
    clocks: PostgresBreachClocks
    zones: PostgresStaffZones
    files: PostgresBreachFiles
    manifests: PostgresBreachManifests
    letters: PostgresLetters
    outcomes: PostgresBreachOutcomes
    public_notices: PostgresBreachPublicNotices
    packs: PostgresEvidencePacks
    tests: PostgresBreachTests


def build_breach_stores(pool: Pool, writers: LedgerWriters) -> BreachStores:
    """Builds the stores."""
    return BreachStores(
        PostgresBreachCases(pool, writers),
        PostgresBreachDuties(pool, writers),
        PostgresBreachClocks(pool, writers),
        PostgresStaffZones(pool),
        PostgresBreachFiles(pool, writers),
        PostgresBreachManifests(pool, writers),
        PostgresLetters(pool, writers),
        PostgresBreachOutcomes(pool, writers),
        PostgresBreachPublicNotices(pool, writers),
        PostgresEvidencePacks(pool, writers),
        PostgresBreachTests(pool, writers),
    )
