"""The outbox: messages as rows."""

import asyncio
import json

import asyncpg

from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.ports.broker import BrokerMessage, HeaderName, publisher_identity_of_message
from mailer.postgres.event_outbox_insert import publish_in_transaction
from mailer.postgres.outbox import PostgresOutbox, PublisherToOutbox
from tests.factories import World, make_event, person, until

SHOP = {HeaderName.PUBLISHER: "key:shop"}


def message(n: int, publisher: str | None = "key:shop") -> BrokerMessage:
    """A message with all that one can have."""
    headers = {"x-n": str(n)} | ({HeaderName.PUBLISHER: publisher} if publisher else {})
    return BrokerMessage(json.dumps({"n": n}).encode(), "interpals.newsletter", f"m-{n}", headers)


async def test_what_is_parked_can_be_taken(world: World) -> None:
    """A message comes out as it went in, with its publisher, in the order of its row."""
    await world.outbox.add_messages("mailer.events", [message(n) for n in range(3)])
    parked = await world.outbox.lease_rows("one", 10, 30)
    assert [item.message.body for item in parked] == [b'{"n": 0}', b'{"n": 1}', b'{"n": 2}']
    assert {item.exchange for item in parked} == {"mailer.events"}
    one = parked[1].message
    assert (one.routing_key, one.message_id) == ("interpals.newsletter", "m-1")
    assert publisher_identity_of_message(one) == Identity.parse_identity("key:shop")
    assert one.headers == {"x-n": "1", **SHOP}


async def test_a_publisher_is_the_role_that_wrote_it(world: World) -> None:
    """The publisher of a row without a name is the database's user, which no row can claim."""
    await world.outbox.add_messages("mailer.events", [message(1, None)])
    [item] = await world.outbox.lease_rows("one", 10, 30)
    role = await world.pool.fetchval("SELECT current_user::text")
    assert publisher_identity_of_message(item.message) == Identity(IdentityKind.ROLE, role)


async def test_takers_share_the_work(world: World) -> None:
    """Each row goes to one of many takers, and none waits for another."""
    await world.outbox.add_messages("mailer.events", [message(n) for n in range(100)])
    taken = await asyncio.gather(*(world.outbox.lease_rows(f"taker-{n}", 15, 30) for n in range(10)))
    ids = [item.id for some in taken for item in some]
    assert len(ids) == len(set(ids)) == 100


async def test_a_dead_takers_rows_come_back(world: World) -> None:
    """Rows are held under a lease; renewed, they stay held, and once it is over they are taken by others."""
    await world.outbox.add_messages("mailer.events", [message(1), message(2)])
    held = await world.outbox.lease_rows("one", 1, 30)
    await world.outbox.renew_leases_of_owner("one", 300)
    assert await world.pool.fetchval("SELECT max(lease_until) > now() + interval '200 seconds' FROM outbox")
    assert [item.id for item in await world.outbox.lease_rows("two", 10, 30)] != [item.id for item in held]
    await world.pool.execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    await world.outbox.renew_leases_of_owner("one", 30)
    assert len(await world.outbox.lease_rows("three", 10, 30)) == 2


async def test_rows_are_left_for_others(world: World) -> None:
    """A taker can leave the rows of some keys where they are, and ask how many of those wait, up to a bound."""
    await world.outbox.add_messages("mailer.events", [message(n) for n in range(5)])
    await world.outbox.add_messages("mailer.batches", [BrokerMessage(b"{}", "service")])
    full = {("mailer.events", "interpals.newsletter")}
    assert [item.exchange for item in await world.outbox.lease_rows("one", 10, 30, full)] == ["mailer.batches"]
    assert (
        await world.outbox.count_unleased_rows_up_to_limit(full, 3),
        await world.outbox.count_unleased_rows_up_to_limit(full, 100),
    ) == (
        3,
        5,
    )
    await world.outbox.lease_rows("one", 2, 30)
    assert await world.outbox.count_unleased_rows_up_to_limit(full, 100) == 3


async def test_rows_are_put_back_or_removed(world: World) -> None:
    """A released row can be taken at once. A removed row is deleted."""
    await world.outbox.add_messages("mailer.events", [message(1), message(2)])
    first, second = await world.outbox.lease_rows("one", 10, 30)
    await world.outbox.release_rows([first.id])
    await world.outbox.remove_rows([second.id])
    assert [item.id for item in await world.outbox.lease_rows("two", 10, 30)] == [first.id]
    assert await world.pool.fetchval("SELECT count(*) FROM outbox") == 1


async def test_whoever_waits_is_woken(world: World, database_url: str) -> None:
    """A wait ends as soon as anything is parked, by this process or by plain SQL of another, and not before."""
    await world.outbox.wait_for_rows(0.01)
    for park in (
        lambda: world.outbox.add_messages("mailer.events", [message(1)]),
        lambda: world.pool.execute("INSERT INTO outbox (routing_key, body) VALUES ('a.b', '{}')"),
    ):
        waiting = asyncio.create_task(world.outbox.wait_for_rows(60))
        await asyncio.sleep(0)
        assert not waiting.done()
        await park()
        await asyncio.wait_for(waiting, 60)


async def test_a_wait_ends_by_itself(world: World) -> None:
    """A wait with nothing parked ends after the requested time."""
    await world.outbox.wait_for_rows(0.01)
    await asyncio.wait_for(world.outbox.wait_for_rows(0.01), 5)


async def test_it_listens_again_after_a_lost_connection(world: World) -> None:
    """A connection that the server has ended is replaced, and the wait after it hears again."""
    await world.outbox.wait_for_rows(0.01)
    listening = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    first = await world.pool.fetchval(listening)
    await world.pool.execute("SELECT pg_terminate_backend($1)", first)

    async def another() -> bool:
        await world.outbox.wait_for_rows(0.01)
        return await world.pool.fetchval(listening) not in (None, first)

    await until(another)
    await world.outbox.wait_for_rows(0.01)
    waiting = asyncio.create_task(world.outbox.wait_for_rows(60))
    await asyncio.sleep(0)
    await world.outbox.add_messages("mailer.events", [message(1)])
    await asyncio.wait_for(waiting, 60)


async def test_an_event_is_published_if_the_caller_commits(world: World, database_url: str) -> None:
    """An event written in the caller's transaction is there if that commits, and never was if it does not."""
    connection = await asyncpg.connect(database_url)
    try:
        event = make_event([person(1)])
        transaction = connection.transaction()
        await transaction.start()
        await publish_in_transaction(connection, event)
        await transaction.rollback()
        assert await world.outbox.lease_rows("one", 10, 30) == []
        async with connection.transaction():
            await publish_in_transaction(connection, event)
            assert await world.outbox.lease_rows("one", 10, 30) == []
        [item] = await world.outbox.lease_rows("one", 10, 30)
    finally:
        await connection.close()
    assert (item.exchange, item.message.routing_key) == ("mailer.events", "interpals.newsletter")
    assert (item.message.body, item.message.message_id) == (event.to_json(), event.id)


async def test_the_publisher_for_the_in_process_broker(world: World) -> None:
    """The publish has returned when the row is committed."""
    await PublisherToOutbox(world.pool).publish_event(make_event([person(1)]))
    assert len(await PostgresOutbox(world.pool).lease_rows("one", 10, 30)) == 1
