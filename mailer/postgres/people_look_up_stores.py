"""The stores behind the look-up of people, put together."""

from collections.abc import Mapping

from mailer.actions.account_events import AccountEventStoresOpener
from mailer.actions.people_look_up import PersonLookUpAndActStores
from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.policy.policy_file import Policy
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.person_history import PostgresAccessRecords, PostgresPersonDirectory
from mailer.postgres.recipient_lookup import RecipientLookup
from mailer.postgres.standings import PostgresStandings
from mailer.postgres.suppressions import PostgresSuppressions


def build_people_look_up_stores(
    pool: Pool,
    writers: LedgerWriters,
    hasher: AddressHasher,
    policies: Mapping[str, Policy],
    desks: AccountEventStoresOpener,
) -> PersonLookUpAndActStores:
    """Returns the desk over a database."""
    lookup = RecipientLookup(pool, hasher, {name: policy.controller.id for name, policy in policies.items()})
    return PersonLookUpAndActStores(
        policies,
        PostgresPersonDirectory(pool, lookup),
        PostgresAccessRecords(pool, writers),
        PostgresStandings(pool, writers, hasher),
        PostgresSuppressions(pool, writers, hasher),
        desks,
    )
