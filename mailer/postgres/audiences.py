"""Audiences of a brand as SQL: everyone, and lists."""

from mailer.database.statements import Connection

_EVERYONE = "SELECT r.id AS recipient_id FROM recipients r WHERE r.brand = $1 AND r.address_hash IS NOT NULL"
_LIST = "SELECT m.recipient_id FROM audience_members m WHERE m.brand = $1 AND m.audience = $2"


async def audience_query(connection: Connection, brand: str, name: str) -> tuple[str, list[object]]:
    """Returns a query for the ids of an audience's people (one column `recipient_id`), and its parameters from $1 on.

    Args:
        connection: a connection, for audiences that have to be read first.
        brand: the brand.
        name: `everyone`, or the name of a list.
    """
    return (_EVERYONE, [brand]) if name == "everyone" else (_LIST, [brand, name])
