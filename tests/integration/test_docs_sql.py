"""The SQL that the documents give to applications works as they say."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from mailer.broker.outbox_broker import OutboxBroker
from mailer.broker.topology import build_topology, lane_events_queue_name
from mailer.database.connections import open_pool
from mailer.events import parse_event
from mailer.policy.category import Lane
from mailer.ports.broker import HeaderName, ReceivedMessage
from mailer.postgres.outbox import PostgresOutbox
from mailer.rendering.event_checks import check_event_and_get_template
from tests.factories import policies, templates

ROOT = Path(__file__).parents[2]
PUBLISHING = (ROOT / "docs" / "publishing.md").read_text("utf-8")
STATEMENTS = re.findall(r"^```sql\n(.*?)^```", PUBLISHING, re.MULTILINE | re.DOTALL)
PUBLISH, GRANT = STATEMENTS


@pytest.fixture
async def connection(database_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """An application's connection."""
    connected = await asyncpg.connect(database_url)
    yield connected
    await connected.close()


@asynccontextmanager
async def taken(database_url: str) -> AsyncIterator[ReceivedMessage]:
    """The first newsletter event that a worker gets."""
    plan = build_topology({("paltalk-2006", "newsletter"): Lane.NEWSLETTER})
    pool = await open_pool(database_url)
    outbox = PostgresOutbox(pool)
    async with (
        asyncio.timeout(30),
        OutboxBroker(plan, outbox, "a worker") as broker,
        broker.messages_while_consuming(lane_events_queue_name(Lane.NEWSLETTER), 1) as arrivals,
    ):
        yield (await anext(arrivals))[0]
    await outbox.close()
    await pool.close()


async def test_the_statement_publishes(database_url: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """An event that the documented statement commits reaches a worker and can be mailed."""
    await connection.execute(PUBLISH)
    async with taken(database_url) as received:
        event = parse_event(received.message.body)
        assert check_event_and_get_template(event, policies(), templates()).name == event.template
        assert received.message.routing_key == event.routing_key
        assert received.message.message_id == event.id


async def test_only_what_commits_is_published(
    database_url: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A statement whose transaction is rolled back publishes nothing."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(PUBLISH)
    await transaction.rollback()
    await connection.execute(PUBLISH.replace("spring-letter-2", "committed"))
    async with taken(database_url) as received:
        assert received.message.message_id == "committed"


async def test_a_role_with_the_grant_publishes_as_itself(
    database_url: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The documented grant is enough to publish, and not enough to publish in another's name."""
    role = f"shop_{uuid.uuid4().hex[:12]}"
    await connection.execute(f"CREATE ROLE {role}")
    try:
        await connection.execute(GRANT.replace("TO shop", f"TO {role}"))
        await connection.execute(f"SET ROLE {role}")
        await connection.execute(PUBLISH)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "INSERT INTO outbox (routing_key, body, publisher) VALUES ('a.b', '{}', 'somebody')"
            )
        await connection.execute("RESET ROLE")
        async with taken(database_url) as received:
            assert received.message.headers[HeaderName.PUBLISHER] == f"role:{role}"
    finally:
        await connection.execute("RESET ROLE")
        await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("publisher", "mailer:pipeline"),
        ("publisher", "key:shop"),
        ("publisher", "person:dana"),
        ("publisher", ""),
        ("exchange", "mailer.outcomes"),
        ("exchange", "mailer.batches"),
        ("headers", '{"mailer-publisher": "key:shop"}'),
    ],
)
async def test_a_role_that_may_write_every_column_publishes_as_itself_only(
    database_url: str, connection: "asyncpg.Connection[asyncpg.Record]", column: str, value: str
) -> None:
    """A grant of the whole table, a table of its own by that name, or other defaults let it forge nothing."""
    role = f"shop_{uuid.uuid4().hex[:12]}"
    await connection.execute(f"CREATE ROLE {role}")
    try:
        await connection.execute(f"GRANT INSERT ON outbox TO {role}")
        await connection.execute(f"SET ROLE {role}")
        await connection.execute("CREATE TEMP TABLE outbox ()")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                f"INSERT INTO public.outbox (routing_key, body, {column}) VALUES ('a.b', '{{}}', $1)",  # noqa: S608
                value,
            )
        await connection.execute("DROP TABLE pg_temp.outbox")
        await connection.execute(PUBLISH)
        await connection.execute("RESET ROLE")
        assert await connection.fetchval("SELECT array_agg(publisher) FROM outbox") == [f"role:{role}"]
    finally:
        await connection.execute("RESET ROLE")
        await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
