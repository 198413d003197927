"""Events as rows of the outbox, on whichever asyncpg connection the caller has.

The driver is imported at the first row, so that applications that publish over RabbitMQ alone do without it.
"""

from typing import Any

from mailer.accounts import AccountEvent
from mailer.events import EventRefused, MessageEvent
from mailer.policy.identity import Identity

_ADD = "INSERT INTO outbox (routing_key, message_id, body) VALUES ($1, $2, $3)"
_ADD_AS = "INSERT INTO outbox (routing_key, message_id, body, publisher) VALUES ($1, $2, $3, $4)"
"""The first needs no right to write the publisher, which is the role."""


async def publish_in_transaction(connection: Any, event: MessageEvent | AccountEvent) -> None:
    """Publishes an event by a row in the caller's own transaction: it is sent if, and only if, that commits.

    Args:
        connection: an asyncpg connection to the database that the application shares with mailer. Other drivers
            run `INSERT INTO outbox (routing_key, message_id, body) VALUES ('<brand>.<category>', '<id>', '<JSON>')`
        event: what to publish.

    Raises:
        EventRefused: it is too large, and can never be published.
    """
    await insert_event(connection, event, None)


async def insert_event(connection: Any, event: MessageEvent | AccountEvent, identity: Identity | None) -> None:
    """Publishes an event by a row, which names its publisher where that is not the role.

    Raises:
        EventRefused: it is too large, and can never be published.
    """
    from asyncpg import CheckViolationError

    body = event.to_json().decode()
    statement, names = (_ADD, ()) if identity is None else (_ADD_AS, (str(identity),))
    try:
        await connection.execute(statement, event.routing_key, event.id, body, *names)
    except CheckViolationError as error:
        problem = f"the event, of {len(body):,} characters, does not fit the outbox ({error.constraint_name})"
        raise EventRefused([f"{problem}; name an audience, link to files"]) from error
