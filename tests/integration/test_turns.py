"""Locks that only mailer's own role can hold: nobody else of the database keeps an opt-out waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import asyncpg
import pytest

from mailer import bundled_files
from mailer.actions.opt_out import record_opt_out
from mailer.database.connections import TimeLimits, open_pool
from mailer.ports.database_errors import StatementTimedOut
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres import grouped_opt_outs
from mailer.rendering.link_tokens import UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks
from mailer.runtime.error_kinds import ErrorKind, classify_error
from mailer.web.openapi_common_answers import RETRY_SECONDS
from tests.factories import BRAND, KEY, World, policies, until, waiting
from tests.integration.web_world import PUBLIC_URL, browse
from tests.publishers import issue_key

OLD_LOCKS = ("addresses", "inviters", "seals", "paces", "lineages", "publishing", "ensure_partitions")
TABLES = ("turns", "turn_addresses", "turn_inviters", "work_turns")
RIGHTS = {
    "one that may only connect": "",
    "an application with the outbox": "GRANT INSERT (routing_key, message_id, body) ON outbox TO {role}",
    "an analyst": "GRANT pg_read_all_data TO {role}",
}


@asynccontextmanager
async def stranger(url: str, rights: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of a role that is not mailer's, in a transaction."""
    role = f"stranger_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE ROLE {role}")
        if rights:
            await connection.execute(rights.format(role=role))
        await connection.execute(f"SET ROLE {role}; BEGIN")
        yield connection
        await connection.execute(f"ROLLBACK; RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")
    finally:
        await connection.close()


@pytest.mark.parametrize("rights", RIGHTS.values(), ids=RIGHTS)
async def test_no_other_role_can_hold_up_an_opt_out(world: World, database_url: str, rights: str) -> None:
    """Another role holds every advisory lock, and reads in an open transaction. The opt-out does not wait."""
    [ada] = await world.known(1)
    async with stranger(database_url, rights) as other:
        for name in OLD_LOCKS:
            await other.execute(f"SELECT pg_advisory_xact_lock(hashtext('mailer.{name}'))")
        if "read_all" in rights:
            for table in TABLES:
                await other.execute(f"SELECT FROM {table}; LOCK TABLE {table} IN ACCESS SHARE MODE")
        async with asyncio.timeout(30):
            await record_opt_out(world.standings, policies()[BRAND], ada, "newsletter", "link")
            await world.accept({"refs": ["user-1"]})
            await world.ledger.store_one_seal_of_all_chains()
            async with world.upkeep.holding_publishing_lock_if_free() as alone:
                assert alone
            await world.upkeep.create_partitions_of_coming_months()
    standing = await world.standings.get_standing(BRAND, ada)
    assert standing is not None
    assert standing.opted_out == {"newsletter"}


@pytest.mark.parametrize("rights", RIGHTS.values(), ids=RIGHTS)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "LOCK TABLE {} IN ROW SHARE MODE",
        "LOCK TABLE {} IN EXCLUSIVE MODE",
        "SELECT FROM {} FOR KEY SHARE",
        "SELECT FROM {} FOR UPDATE",
        "DELETE FROM {}",
        "CREATE INDEX ON {} ((1))",
    ],
)
async def test_another_role_cannot_take_a_turn(database_url: str, rights: str, table: str, statement: str) -> None:
    """Neither a role without rights nor one that reads everything gets a lock that conflicts with ours."""
    async with stranger(database_url, rights) as other:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await other.execute(statement.format(table))


async def test_nothing_waits_for_advisory_locks(world: World) -> None:
    """Neither our statements nor our functions in the database take advisory locks, which anybody can hold."""
    folder = Path(bundled_files.__file__).parent
    sources = {file: file.read_text("utf-8") for kind in ("*.py", "*.sql") for file in folder.rglob(kind)}
    assert len(sources) > 100
    assert [file.name for file, text in sources.items() if "advisory" in text] == []
    functions = await world.pool.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc LIKE '%advisory%'"
    )
    assert functions == []


@pytest.mark.parametrize("table", ["turn_addresses", "standings"])
@patch.object(grouped_opt_outs, "PATIENCE", 0.0)
async def test_a_lock_that_is_held_for_long_gets_an_answer(world: World, database_url: str, table: str) -> None:
    """An opt-out that mailer's own role blocks ends in words, with nothing half done. It can be made again."""
    [ada] = await world.known(1)
    pool = await open_pool(database_url, 3, TimeLimits(statement=30, idle=60, lock=0.2))
    hurried = World(pool)
    policy = policies()[BRAND]
    try:
        async with world.pool.acquire() as holder, holder.transaction():
            await holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StatementTimedOut, match="somebody holds a lock for too long") as caught:
                await record_opt_out(hurried.standings, policy, ada, "newsletter", "link")
        assert classify_error(caught.value) is ErrorKind.PASSING
        await record_opt_out(hurried.standings, policy, ada, "newsletter", "link")
    finally:
        await hurried.outbox.close()
        await pool.close()


@pytest.mark.parametrize("table", ["turn_addresses", "standings"])
@patch.object(grouped_opt_outs, "PATIENCE", 0.0)
async def test_who_presses_while_a_lock_is_held_is_asked_to_come_again(
    world: World, database_url: str, table: str
) -> None:
    """A press of the link, one click and the API get 503 with the time to wait; once the lock is gone, it is done."""
    [ada] = await world.known(1)
    key = await issue_key(world.pool, "shop", BRAND)
    press = SignedLinks(PUBLIC_URL, (KEY,)).unsubscribe_link(UnsubscribeToken(BRAND, ada, "newsletter", uuid7()))
    path = f"/api/v1/recipients/{BRAND}/user-1/opt-outs"
    pool = await open_pool(database_url, 3, TimeLimits(statement=30, idle=60, lock=0.2))
    hurried = World(pool)
    bearer = {"authorization": f"Bearer {key}"}
    try:
        async with browse(hurried) as client:
            async with world.pool.acquire() as holder, holder.transaction():
                await holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
                answers = [
                    await client.post(press),
                    await client.post(press, data={"List-Unsubscribe": "One-Click"}),
                    await client.post(path, json={"scopes": ["newsletter"]}, headers=bearer),
                ]
            for answer in answers:
                assert (answer.status_code, answer.headers.get("retry-after")) == (503, str(RETRY_SECONDS))
            standing = await world.standings.get_standing(BRAND, ada)
            assert standing is not None
            assert standing.opted_out == frozenset()
            assert (await client.post(press, data={"List-Unsubscribe": "One-Click"})).status_code == 200
        standing = await world.standings.get_standing(BRAND, ada)
        assert standing is not None
        assert standing.opted_out == {"newsletter"}
    finally:
        await hurried.outbox.close()
        await pool.close()


async def test_people_become_known_side_by_side(world: World) -> None:
    """Events that share a turn do not wait for one another. An opt-out waits only for those under way."""
    [ada] = await world.known(1)
    async with world.pool.acquire() as one, world.pool.acquire() as two:
        first, second = one.transaction(), two.transaction()
        await first.start()
        await second.start()
        for connection in (one, two):
            await connection.execute("LOCK TABLE turn_addresses IN ROW SHARE MODE")
        stopping = asyncio.create_task(record_opt_out(world.standings, policies()[BRAND], ada, "newsletter", "link"))
        await until(lambda: waiting(world.pool))
        assert not stopping.done()
        await first.commit()
        await second.commit()
    await stopping
