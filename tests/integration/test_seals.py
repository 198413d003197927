"""Seals: their content, their chain and their thinning out. Nobody can edit them unnoticed."""

import json
from typing import Any
from uuid import UUID

import pytest

from mailer.ledger.ledger_operations import LedgerOperations
from mailer.ledger.seals import SealRefused, SealSigner, seal_body_digest
from mailer.ledger.writers import ChainWriter
from tests.chains import add, age, body, faults, write
from tests.factories import KEY, World


async def test_a_seal_names_what_moved(world: World) -> None:
    """The first seal is whole; the next ones name the writers that moved since, in a chain; none if none did."""
    first, second = ChainWriter(KEY.encode()), ChainWriter(KEY.encode())
    await add(world, first)
    await add(world, second)
    whole = body(await world.ledger.seal_grown_chains())
    assert await world.ledger.seal_grown_chains() is None
    assert {(head["writer"], head["n"]) for head in whole["heads"]} == {(str(first.id), 1), (str(second.id), 1)}
    assert (whole["whole"], whole["number"], whole["previous"]) == (True, 1, None)
    await add(world, second, 3)
    before = await world.ledger.latest_seal()
    moved = body(await world.ledger.seal_grown_chains())
    assert [(head["writer"], head["n"]) for head in moved["heads"]] == [(str(second.id), 4)]
    assert before is not None
    assert (moved["whole"], moved["number"], moved["previous"]) == (False, 2, seal_body_digest(before["body"]))
    assert await faults(world) == []


async def test_another_timekeeper_goes_on(world: World) -> None:
    """A process that has sealed nothing yet knows from the seals what has moved, and chains behind the newest."""
    writer = ChainWriter(KEY.encode())
    await add(world, writer)
    await world.ledger.seal_grown_chains()
    other = LedgerOperations(world.pool, KEY)
    assert await other.seal_grown_chains() is None
    await add(world, writer)
    assert body(await other.seal_grown_chains())["number"] == 2
    assert await world.ledger.seal_grown_chains() is None
    await add(world, writer)
    assert body(await world.ledger.seal_grown_chains())["number"] == 3
    assert await faults(world) == []


async def test_a_head_that_only_an_older_seal_names(world: World) -> None:
    """All seals count: a chain that was cut is named by the one that had its end, though newer ones name others."""
    first, second = ChainWriter(KEY.encode()), ChainWriter(KEY.encode())
    await add(world, second)
    await world.ledger.seal_grown_chains()
    await add(world, first, 3)
    await world.ledger.seal_grown_chains()
    await add(world, second)
    await world.ledger.seal_grown_chains()
    await world.pool.execute("DELETE FROM ledger WHERE writer = $1 AND n > 1", first.id)
    assert await faults(world) == [(str(first.id), 2, "missing")]


@pytest.mark.parametrize(
    ("harm", "number"),
    [
        ("DELETE FROM seals WHERE id = 2", 3),
        ("DELETE FROM seals WHERE id = 1", 2),
        ("UPDATE seals SET body = replace(body, '00:', '01:') || ' ' WHERE id = 2", 2),
        ("UPDATE seals s SET body = o.body, signature = o.signature FROM seals o WHERE s.id + o.id = 5", 2),
    ],
    ids=["removed", "the first removed", "changed", "swapped"],
)
async def test_seals_cannot_be_edited_unnoticed(world: World, harm: str, number: int) -> None:
    """A seal that was removed, changed or moved breaks the chain of the seals, and is named."""
    writer = ChainWriter(KEY.encode())
    for _ in range(3):
        await add(world, writer)
        await world.ledger.seal_grown_chains()
    await world.pool.execute(harm)
    found = await faults(world)
    assert found
    assert all(name == "seals" for name, _, _ in found)
    assert found[0][1] == number


async def test_old_seals_are_thinned_out(world: World) -> None:
    """Only whole seals remain after a month, and they still verify. A seal deleted too early is missed."""
    writer = ChainWriter(KEY.encode())
    for _ in range(3):
        await add(world, writer)
        await world.ledger.seal_grown_chains()
    await world.ledger.store_one_seal_of_all_chains()
    await age(world, 40)
    ledger = LedgerOperations(world.pool, KEY)
    for _ in range(3):
        await add(world, writer)
        await ledger.seal_grown_chains()
    kept = await world.pool.fetch("SELECT whole FROM seals ORDER BY id")
    assert [row["whole"] for row in kept] == [True, True, True, False, False]
    assert await faults(world) == []
    await world.pool.execute("DELETE FROM seals WHERE NOT whole AND id < (SELECT max(id) FROM seals)")
    assert await faults(world) == [("seals", 7, "missing or changed")]
    await world.pool.execute("DELETE FROM seals WHERE whole AND id = (SELECT min(id) FROM seals)")
    assert [n for _, n, _ in await faults(world)] == [4, 7]


async def test_seals_of_the_form_before(world: World) -> None:
    """Seals that were made before they were chained still count, kept or published, and the next one names them."""
    [writer] = await write(world)
    record = body(await world.ledger.store_one_seal_of_all_chains())
    old = json.dumps({"at": record["at"], "heads": record["heads"]}, separators=(",", ":"))
    signature = SealSigner(KEY).sign_body(old)
    await world.pool.execute("DELETE FROM seals")
    await world.pool.execute("INSERT INTO seals (body, signature) VALUES ($1, $2)", old, signature)
    ledger = LedgerOperations(world.pool, KEY)
    assert await ledger.seal_grown_chains() is None
    await write(world)
    assert body(await ledger.seal_grown_chains())["previous"] == seal_body_digest(old)
    published = SealSigner(KEY).build_seal_record(old, signature)
    assert await faults(world, published) == []
    await world.pool.execute("DELETE FROM ledger WHERE writer = $1 AND n = 6", UUID(writer))
    assert await faults(world) == await faults(world, published) == [(writer, 6, "missing")]


async def test_seals_are_published_once(world: World) -> None:
    """Seals newer than the last published one follow. A seal of another database gets nothing."""

    async def behind(last: dict[str, Any] | None) -> list[int]:
        return [body(record)["number"] async for record in world.ledger.iterate_seals_after_published_one(last)]

    await write(world)
    first = await world.ledger.store_one_seal_of_all_chains()
    assert await behind(None) == [1]
    assert await behind(first) == []
    second = await world.ledger.store_one_seal_of_all_chains()
    await world.ledger.store_one_seal_of_all_chains()
    assert await behind(first) == [2, 3]
    await world.pool.execute("DELETE FROM seals WHERE body = $1", second["body"])
    with pytest.raises(SealRefused, match="not kept in this database"):
        await behind(second)


async def old_writer(world: World, days: int) -> ChainWriter:
    """A writer that was born some days ago, with three entries."""
    writer = ChainWriter(KEY.encode())
    writer.id = UUID(int=writer.id.int - (days * 86_400_000 << 80))
    await add(world, writer, 3)
    return writer


async def test_what_came_after_a_seal_is_verified_alone(world: World) -> None:
    """Only chains that may have moved since a kept seal are read. Each fault in them is named."""
    old = await old_writer(world, 20)
    kept = await world.ledger.store_one_seal_of_all_chains()
    recent = ChainWriter(KEY.encode())
    await add(world, recent, 4)
    await world.ledger.seal_grown_chains()
    whole, part = await world.ledger.verify_ledger(), await world.ledger.verify_ledger(since=kept)
    assert (whole.entries, part.entries, part.faults) == (7, 4, ())
    await world.pool.execute("UPDATE ledger SET reason = 'x' WHERE writer = $1 AND n = 2", old.id)
    await world.pool.execute("UPDATE ledger SET reason = 'x' WHERE writer = $1 AND n = 3", recent.id)
    named = [(fault.writer, fault.n) for fault in (await world.ledger.verify_ledger(since=kept)).faults]
    assert named == [(str(recent.id), 3)]
    assert len((await world.ledger.verify_ledger()).faults) == 2


async def test_since_a_seal_its_heads_and_the_seals_behind_it_are_held_against_the_ledger(world: World) -> None:
    """An old chain that lost its end, a removed seal and a removed writer are named without reading the old chains."""
    old = await old_writer(world, 20)
    kept = await world.ledger.store_one_seal_of_all_chains()
    recent = ChainWriter(KEY.encode())
    for _ in range(3):
        await add(world, recent)
        await world.ledger.seal_grown_chains()
    await world.pool.execute("DELETE FROM ledger WHERE writer = $1 AND n = 3", old.id)
    await world.pool.execute("DELETE FROM ledger WHERE writer = $1", recent.id)
    await world.pool.execute("DELETE FROM seals WHERE id = (SELECT max(id) - 1 FROM seals)")
    found = {
        (fault.writer, fault.what.partition(":")[0]) for fault in (await world.ledger.verify_ledger(since=kept)).faults
    }
    assert found == {(str(old.id), "missing"), (str(recent.id), "missing"), ("seals", "missing or changed")}


async def test_a_seal_that_is_not_kept_is_no_beginning(world: World) -> None:
    """Deleted from the database, or by another key, it is refused in words."""
    await write(world)
    kept = await world.ledger.store_one_seal_of_all_chains()
    with pytest.raises(SealRefused, match="not by this ledger's key"):
        await world.ledger.verify_ledger(since={**kept, "signature": "00" * 64})
    await world.pool.execute("DELETE FROM seals")
    with pytest.raises(SealRefused, match="not kept in this database"):
        await world.ledger.verify_ledger(since=kept)
