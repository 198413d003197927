"""Publishers who may do everything, for tests that are about something else."""

import asyncpg

from mailer.account_event_types import KINDS
from mailer.cli.shared import system_user_name
from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.policy.category import CATEGORIES
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.publisher_rights import DESK_ACTIONS, OPERATION_ACTIONS, ReadableData, RightsOfOnePublisher
from mailer.postgres.publishers import PostgresPublishers
from tests.factories import KEY

BRANDS = ("interpals", "paltalk-2002", "paltalk-2006", "peerstream")
ACTIONS = (*KINDS, *DESK_ACTIONS, *OPERATION_ACTIONS)
"""All actions that can be granted."""
BROKER_USERS = ("guest", "shop")
"""RabbitMQ's default user, as whom processes publish, and the one of messages that tests make themselves."""


def everything(*brands: str) -> RightsOfOnePublisher:
    """All that can be granted, for these brands, or for all."""
    return RightsOfOnePublisher(
        frozenset(brands or BRANDS), frozenset(CATEGORIES), frozenset(ACTIONS), frozenset(ReadableData)
    )


def all_options(*brands: str) -> list[str]:
    """The same, as `mailer publishers add` takes it."""
    granted = {
        "brand": brands or BRANDS,
        "category": CATEGORIES,
        "action": ACTIONS,
        "read": ReadableData,
    }
    return [word for what, names in granted.items() for one in names for word in (f"--{what}", one)]


async def issue_key(pool: Pool, name: str, *brands: str) -> str:
    """A new API key whose holder may do everything."""
    key = await PostgresPublishers(pool, LedgerWriters(KEY)).grant_rights_and_missing_key(
        Identity(IdentityKind.KEY, name), everything(*brands)
    )
    assert key is not None
    return key


async def let_publish(url: str) -> None:
    """Grants all rights to RabbitMQ's users, the database's own role and the user who runs the tests."""
    rights = everything()
    granted = [sorted(names) for names in (rights.brands, rights.categories, rights.actions, rights.reads)]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO publishers (kind, name, brands, categories, actions, reads)"
            " SELECT 'role', current_user, $1::text[], $2::text[], $3::text[], $4::text[]"
            " UNION ALL SELECT 'broker', unnest($5::text[]), $1, $2, $3, $4"
            " UNION ALL SELECT 'person', $6, $1, $2, $3, $4",
            *granted,
            BROKER_USERS,
            system_user_name(),
        )
    finally:
        await connection.close()
