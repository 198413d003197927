"""Inserts events as rows of the outbox, on an asyncpg connection of the caller.

The driver is imported at the first row: applications that publish only over RabbitMQ do not need it.
"""

from typing import Any

from mailer.account_event_types import AccountEvent
from mailer.events import EventRefused, MessageEvent
from mailer.policy.publisher_and_staff_identity import Identity

_ADD = "INSERT INTO outbox (routing_key, message_id, body) VALUES ($1, $2, $3)"
_ADD_AS = "INSERT INTO outbox (routing_key, message_id, body, publisher) VALUES ($1, $2, $3, $4)"
"""`_ADD` needs no right to write the column `publisher`, whose default is the database role."""


async def publish_in_transaction(connection: Any, event: MessageEvent | AccountEvent) -> None:
    """Publishes an event as a row in the caller's own transaction. The event is sent only if that commits.

    Args:
        connection: an asyncpg connection to the database that the application shares with mailer. Other drivers
            run `INSERT INTO outbox (routing_key, message_id, body) VALUES ('<brand>.<category>', '<id>', '<JSON>')`
        event: the event to publish.

    Raises:
        EventRefused: the event is too large, and can never be published.
        ImportError: asyncpg is not installed.
    """
    await insert_event_in_outbox(connection, event, None)


async def insert_event_in_outbox(
    connection: Any, event: MessageEvent | AccountEvent, identity: Identity | None
) -> None:
    """Publishes an event as a row. The row names the publisher if that is not the database role.

    Raises:
        EventRefused: the event is too large, and can never be published.
    """
    try:
        from asyncpg import CheckViolationError
    except ImportError as error:
        raise ImportError("publishing in a transaction needs asyncpg: pip install 'pactmail[server]'") from error
    body = event.to_json().decode()
    statement, names = (_ADD, ()) if identity is None else (_ADD_AS, (str(identity),))
    try:
        await connection.execute(statement, event.routing_key, event.id, body, *names)
    except CheckViolationError as error:
        if not (error.constraint_name or "").startswith("outbox_"):
            raise
        problem = f"the event, of {len(body):,} characters, does not fit the outbox ({error.constraint_name})"
        raise EventRefused([f"{problem}; name an audience, link to files"]) from error
