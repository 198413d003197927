"""Tests of the ledger: its export, and that nobody can edit it unnoticed."""

import json
import tracemalloc
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mailer.ledger import verifying
from mailer.ledger.ledger_operations import LedgerOperations
from mailer.ledger.seals import SealRefused
from mailer.ledger.verifying import MOST_FAULTS
from mailer.ledger.writers import LedgerWriters, append_entries
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from tests.chains import faults, write
from tests.doubles import FakeProcessor
from tests.factories import BRAND, KEY, World, person

# fmt: off
FIELDS = {
    "writer", "n", "at", "brand", "mailing", "recipient", "attempt", "category", "kind", "reason", "rule", "policy",
    "processor", "country", "contract", "purpose", "fields", "reply", "message_id", "actor", "hash",
}
# fmt: on


async def test_the_export_tells_a_deliverys_whole_way(world: World) -> None:
    """Decision, hand-over and outcome of a delivery, with processor, country, contract, purpose, fields and reply."""
    accepted = await world.accept([person(1)])
    relay = FakeProcessor(name="relay", country="DE", contract="DPA-7")
    await world.handover(relay).hand_over_batches(accepted.batches)
    mailing, decision, hand_over, outcome = sorted(
        await world.entries(accepted.mailing_id), key=lambda entry: (entry["at"], entry["n"])
    )
    assert all(set(entry) == FIELDS for entry in (mailing, decision, hand_over, outcome))
    assert [entry["kind"] for entry in (mailing, decision, hand_over, outcome)] == [
        "mailing",
        "decision",
        "hand_over",
        "outcome",
    ]
    assert (decision["rule"], decision["policy"], decision["attempt"]) == ("send", "2024", 1)
    assert (hand_over["processor"], hand_over["country"], hand_over["contract"]) == ("relay", "DE", "DPA-7")
    assert (hand_over["purpose"], hand_over["fields"]) == (
        "newsletter",
        ["email", "locale", "context.headline", "context.items"],
    )
    assert (outcome["reason"], outcome["reply"]) == ("accepted", "250 taken")
    assert outcome["message_id"] == hand_over["message_id"]
    assert "people.example" not in json.dumps([mailing, decision, hand_over])


async def test_the_export_of_one_mailing(world: World) -> None:
    """An export can be of one mailing only."""
    first, second = await world.accept([person(1)]), await world.accept([person(2)])
    assert {entry["mailing"] for entry in await world.entries(first.mailing_id)} == {str(first.mailing_id)}
    assert {entry["mailing"] for entry in await world.entries()} == {str(first.mailing_id), str(second.mailing_id)}


async def test_a_sound_ledger(world: World) -> None:
    """Entries that nobody touched verify, with or without a seal, and are counted."""
    await write(world, 6, 3)
    for _ in range(2):
        verdict = await world.ledger.verify_ledger()
        assert (verdict.entries, verdict.writers, verdict.faults) == (18, 3, ())
        await world.ledger.store_one_seal_of_all_chains()
    await write(world, 2)
    assert await faults(world) == []


async def test_an_empty_ledger(world: World) -> None:
    """An empty ledger is intact, and can be sealed."""
    record = await world.ledger.store_one_seal_of_all_chains()
    assert json.loads(record["body"])["heads"] == []
    assert await faults(world) == []


@pytest.mark.parametrize(
    "column",
    [
        "reason = 'another'",
        "recipient_id = 99",
        "at = at + interval '1 microsecond'",
        "kind = 'decision'",
        "processor = 'elsewhere'",
        "fields = '{email}'",
        "reply = decode('00', 'hex')",
        "hash = decode('00', 'hex')",
        "brand = 'another'",
    ],
)
async def test_a_changed_entry_is_named(world: World, column: str) -> None:
    """A changed entry is named by its writer and number, for any change."""
    [writer] = await write(world)
    await world.pool.execute(f"UPDATE ledger SET {column} WHERE n = 3")  # noqa: S608 - ours
    found = await faults(world)
    assert found[0] == (writer, 3, "changed or reordered")
    # Whoever changes a hash breaks the next link too.
    assert len(found) == (2 if column.startswith("hash") else 1)


@pytest.mark.parametrize("gone", [1, 3])
async def test_a_missing_entry_is_named(world: World, gone: int) -> None:
    """A gap is named at the entry behind it, also at the beginning of a chain."""
    [writer] = await write(world)
    await world.pool.execute("DELETE FROM ledger WHERE n = $1", gone)
    assert await faults(world) == [(writer, gone + 1, "missing")]


async def test_several_missing_entries_are_one_gap(world: World) -> None:
    """The message says which entries are missing."""
    await write(world)
    await world.pool.execute("DELETE FROM ledger WHERE n IN (3, 4)")
    [fault] = (await world.ledger.verify_ledger()).faults
    assert fault.what == "missing: entries 3 to 4 before it"


async def test_swapped_entries_are_named(world: World) -> None:
    """Two entries that changed places are both named."""
    [writer] = await write(world)
    await world.pool.execute("UPDATE ledger SET n = 99 WHERE n = 2")
    await world.pool.execute("UPDATE ledger SET n = 2 WHERE n = 3")
    await world.pool.execute("UPDATE ledger SET n = 3 WHERE n = 99")
    assert [(name, n) for name, n, _ in await faults(world)][:2] == [(writer, 2), (writer, 3)]


async def test_an_inserted_entry_is_named(world: World) -> None:
    """An entry at the end of a chain, by somebody without the key, is named."""
    [writer] = await write(world)
    await world.pool.execute(
        "INSERT INTO ledger SELECT writer, 7, at, kind, brand, mailing_id, recipient_id, attempt, category, reason,"
        " rule, policy, processor, country, contract, purpose, fields, reply, message_id, hash FROM ledger WHERE n = 6"
    )
    assert await faults(world) == [(writer, 7, "changed or reordered")]


async def test_a_chain_cut_short_is_named_by_the_seal(world: World) -> None:
    """The end of a chain cannot be cut off behind a seal: it names what is missing; without a seal nothing could."""
    [writer] = await write(world)
    published = await world.ledger.store_one_seal_of_all_chains()
    await world.pool.execute("DELETE FROM ledger WHERE n > 4")
    assert await faults(world) == [(writer, 5, "missing")]
    await world.pool.execute("DELETE FROM seals")
    assert await faults(world) == []
    assert await faults(world, published) == [(writer, 5, "missing"), ("seals", 1, "missing")]


async def test_a_removed_writer_is_named_by_the_seal(world: World) -> None:
    """A chain that is gone as a whole is named by the seal, between others and at either end."""
    writers = await write(world, 3, 3)
    published = await world.ledger.store_one_seal_of_all_chains()
    for index in range(3):
        await world.pool.execute("DELETE FROM ledger WHERE writer::text = $1", writers[index])
        assert await faults(world, published) == [(writer, 3, "missing") for writer in writers[: index + 1]]


async def test_a_rewritten_chain_is_named_by_the_seal(world: World) -> None:
    """A rewritten chain is named by a seal that was published before, even if the thief has the key."""
    [writer] = await write(world)
    published = await world.ledger.store_one_seal_of_all_chains()
    await world.pool.execute("TRUNCATE ledger, ledger_notes")
    async with LedgerWriters(KEY).borrow_writer() as thief, world.pool.acquire() as connection:
        thief.id = UUID(writer)
        await append_entries(connection, thief, [LedgerEntry(EntryKind.OUTCOME, BRAND, reason="forged")] * 6)
    assert await faults(world, published) == [(writer, 6, "changed")]


async def test_a_changed_reply_is_named_and_an_erased_one_is_not(world: World) -> None:
    """A reply's text cannot be changed unnoticed; erased with its salt, the ledger still verifies."""
    [writer] = await write(world)
    await world.pool.execute("DELETE FROM ledger_notes WHERE n = 2")
    assert await faults(world) == []
    assert [entry["reply"] for entry in await world.entries()][:3] == ["reply 0", None, "reply 2"]
    await world.pool.execute("UPDATE ledger_notes SET text = 'something else' WHERE n = 3")
    assert await faults(world) == [(writer, 3, "changed")]


async def test_a_wrong_key(world: World) -> None:
    """A sealed ledger is refused with another key. An unsealed one has faults only, up to a limit."""
    await write(world, MOST_FAULTS + 5)
    stranger = LedgerOperations(world.pool, "another key")
    assert len((await stranger.verify_ledger()).faults) == MOST_FAULTS
    await world.ledger.store_one_seal_of_all_chains()
    with pytest.raises(SealRefused, match="MAILER_LEDGER_KEY"):
        await stranger.verify_ledger()


@pytest.mark.parametrize(
    "damage", [{"signature": "00"}, {"body": "{}"}, {"signature": None}, {"signature": "no hex"}, {"body": 5}]
)
async def test_a_head_that_is_not_ours(world: World, damage: dict[str, Any]) -> None:
    """A published record that is not ours, or no longer, is refused and not believed."""
    await write(world)
    published = await world.ledger.store_one_seal_of_all_chains()
    with pytest.raises(SealRefused):
        await world.ledger.verify_ledger([published | damage])
    with pytest.raises(SealRefused):
        await world.ledger.verify_ledger([{"heads": []}])


async def test_the_published_head_is_what_it_prints(world: World) -> None:
    """A record survives being printed and read, and the latest one is kept."""
    await write(world)
    published = await world.ledger.store_one_seal_of_all_chains()
    assert await world.ledger.latest_seal() == published
    assert await faults(world, json.loads(json.dumps(published))) == []
    assert json.loads(published["body"])["heads"][0]["n"] == 6


async def test_replies_that_no_column_can_hold(world: World) -> None:
    """A processor that answers with U+0000 and broken UTF-8 does not keep its outcomes from the ledger."""
    accepted = await world.accept([person(1), person(2)])
    strange = Outcome(OutcomeKind.BLOCKED, 554, None, "no\0 way \udcff")
    await world.handover(FakeProcessor(lambda _: strange)).hand_over_batches(accepted.batches)
    assert set((await world.states(accepted.mailing_id)).values()) == {("failed", "554")}
    assert [entry["reply"] for entry in await world.entries(kind="outcome")] == ["554 no\ufffd way ?"] * 2
    assert await faults(world) == []


async def test_verifying_takes_no_memory_that_grows(world: World) -> None:
    """Verifying ten times as many entries needs no more memory."""

    async def peak() -> int:
        tracemalloc.start()
        try:
            assert await faults(world) == []
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    async def grow(entries: int) -> None:
        async with LedgerWriters(KEY).borrow_writer() as writer, world.pool.acquire() as connection:
            await append_entries(
                connection, writer, [LedgerEntry(EntryKind.OUTCOME, BRAND, reason="x", reply="y")] * entries
            )

    await grow(3_000)
    await peak()
    small = await peak()
    await grow(30_000)
    assert await peak() < small * 1.5


async def test_heads_are_those_of_all_writers(world: World) -> None:
    """A seal has the last entry of each writer, even if other tables changed."""
    writers = await write(world, 4, 5)
    heads = json.loads((await world.ledger.store_one_seal_of_all_chains())["body"])["heads"]
    assert [(head["writer"], head["n"]) for head in heads] == [(writer, 4) for writer in writers]


async def test_a_writer_is_not_used_after_an_error(world: World) -> None:
    """A chain whose last entries may or may not be committed is never gone on with, and what there is verifies."""
    writers = LedgerWriters(KEY)
    used = []

    async def fail() -> None:
        async with writers.borrow_writer() as writer, world.pool.acquire() as connection, connection.transaction():
            used.append(writer.id)
            await append_entries(connection, writer, [LedgerEntry(EntryKind.OUTCOME, BRAND)])
            raise ConnectionError("the connection broke")

    with pytest.raises(ConnectionError):
        await fail()
    async with writers.borrow_writer() as writer, world.pool.acquire() as connection:
        used.append(writer.id)
        writer.advance_head(await append_entries(connection, writer, [LedgerEntry(EntryKind.OUTCOME, BRAND)]))
    async with writers.borrow_writer() as writer:
        used.append(writer.id)
    assert used[0] != used[1] == used[2]
    assert await faults(world) == []


async def test_an_old_writer_is_not_used_again(world: World) -> None:
    """A writer that has lain idle begins no entry in a month long gone: its chain ends, and a new one begins."""
    writers = LedgerWriters(KEY)
    async with writers.borrow_writer() as old:
        pass
    old.born -= timedelta(days=40)
    async with writers.borrow_writer() as new:
        assert new.id != old.id


async def test_slices_find_what_a_whole_walk_finds(
    world: World, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same faults are found, and all entries counted, however the chains are cut, by any number of processes."""
    monkeypatch.setattr(verifying, "SLICE", 4)
    writers = await write(world, 11, 3)
    assert await sliced(world) == verifying.VerificationResult(33, 3, ())
    await world.pool.execute("DELETE FROM ledger WHERE n IN (3, 4, 5, 8) AND writer = $1", UUID(writers[1]))
    await world.pool.execute("UPDATE ledger SET reason = 'x' WHERE n IN (4, 11) AND writer = $1", UUID(writers[2]))
    monkeypatch.setattr(verifying, "SLICE", 1000)
    whole = await sliced(world)
    assert [(fault.writer, fault.n) for fault in whole.faults] == [
        (writers[1], 6),
        (writers[1], 9),
        (writers[2], 4),
        (writers[2], 11),
    ]
    monkeypatch.setattr(verifying, "SLICE", 4)
    assert await sliced(world) == await sliced(world, database_url, 2) == whole


async def sliced(world: World, url: str | None = None, processes: int = 1) -> verifying.VerificationResult:
    """A verification whose progress comes to all entries."""
    done: list[int] = []
    verdict = await world.ledger.verify_ledger((), url, processes, lambda n, total: done.append(n))
    assert sum(done) == verdict.entries
    return verdict
