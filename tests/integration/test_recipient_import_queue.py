"""The work on uploaded files: leases, failures, and what is kept."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from mailer.actions.csv_reading import CsvUnreadableFromLine, InputRefused
from mailer.pipeline.recipient_import_worker import MOST_ATTEMPTS, RecipientImportWorker
from mailer.ports.database_errors import DatabaseUnavailable, StatementTimedOut
from mailer.ports.recipient_imports import ChunkResult, FileReading, ImportLost, ImportState, RecipientImport
from mailer.postgres.recipient_import_queue import PostgresRecipientImportQueue
from mailer.postgres.recipient_imports import PostgresRecipientImports
from tests.factories import BRAND, World

READING = FileReading("UTF-8", ",", ["ref", "email"], [["u1"], ["u1@people.example"]])


def queue_of(world: World) -> PostgresRecipientImportQueue:
    """The queue over the database of the test."""
    return PostgresRecipientImportQueue(world.pool, world.writers, world.hasher, world.policies)


async def uploaded(world: World, parts: tuple[bytes, ...] = (b"ref,email\n",)) -> UUID:
    """An uploaded file, and the id of its import."""
    desk = PostgresRecipientImports(world.pool, world.writers.writers_with_actor("person:Dana"))
    return await desk.add_upload(BRAND, "people.csv", b"digest", sum(map(len, parts)), parts)


async def found(world: World, import_id: UUID) -> RecipientImport:
    """An import as it is now."""
    one = await PostgresRecipientImports(world.pool, world.writers).find_import(import_id)
    assert one is not None
    return one


async def run_worker(world: World, error: Exception | None = None) -> None:
    """Lets a worker do what waits; its work ends with an error, if one is given."""

    async def read(job: RecipientImport, stop: asyncio.Event) -> None:
        if error is not None:
            raise error
        await queue_of(world).store_reading(job.id, "worker-1", READING, {"some": "mapping"}, 1)

    await RecipientImportWorker(queue_of(world), "worker-1", read, read).work_on_waiting_files(asyncio.Event())


async def test_a_file_belongs_to_one_process(world: World) -> None:
    """Nobody else gets it while its lease lasts; then another one does, and the first can store nothing any more."""
    import_id, queue = await uploaded(world, (b"ref,", b"email\n")), queue_of(world)
    claimed = await queue.claim_import("one")
    assert claimed is not None
    assert claimed.id == import_id
    assert [part async for part in queue.iterate_content(import_id)] == [b"ref,", b"email\n"]
    assert await queue.claim_import("two") is None
    assert await queue.renew_lease(import_id, "one")
    await world.pool.execute("UPDATE recipient_imports SET lease_until = now()")
    assert (await queue.claim_import("two")) is not None
    assert not await queue.renew_lease(import_id, "one")
    with pytest.raises(ImportLost):
        await queue.store_reading(import_id, "one", READING, {}, 1)
    with pytest.raises(ImportLost):
        await queue.fail_import(claimed, "one", "it broke")
    await queue.store_reading(import_id, "two", READING, {"some": "mapping"}, 1)
    one = await found(world, import_id)
    assert (one.reading, one.mapping, one.rows_total, one.is_at_work) == (READING, {"some": "mapping"}, 1, False)
    assert await queue.claim_import("two") is None


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (InputRefused("is a spreadsheet; save it as CSV"), "the file is a spreadsheet; save it as CSV"),
        (CsvUnreadableFromLine(7, "a quote is opened"), "line 7: a quote is opened"),
        (KeyError("ada@people.example"), "mailer met an error of its own at this file"),
    ],
)
async def test_a_file_that_breaks_fails_with_words(world: World, error: Exception, problem: str) -> None:
    """It is not tried again; the words are for people, and no value of the file is in the log."""
    import_id = await uploaded(world)
    await run_worker(world, error)
    one = await found(world, import_id)
    assert (one.state, one.is_readable) == (ImportState.FAILED, True)
    assert one.problem.startswith(problem)
    assert await queue_of(world).claim_import("two") is None
    [entry] = await world.pool.fetch("SELECT reason, actor FROM ledger WHERE reason = 'import_failed'")
    assert entry["actor"] == "person:Dana"


async def test_an_outage_is_waited_for(world: World) -> None:
    """The file stays as it was, and is free at once for the next try, also after many outages."""
    import_id = await uploaded(world)
    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises(DatabaseUnavailable):
            await run_worker(world, DatabaseUnavailable("away"))
    assert (await found(world, import_id)).state is ImportState.UPLOADED
    await run_worker(world)
    assert (await found(world, import_id)).reading == READING


async def test_a_file_that_times_out_again_and_again_stops_no_other(world: World) -> None:
    """After each time the others have their turn."""
    slow, quick = await uploaded(world), await uploaded(world, (b"ref,email\n", b"2,2@people.example\n"))

    async def read(job: RecipientImport, stop: asyncio.Event) -> None:
        if job.id == slow:
            raise StatementTimedOut("a statement took too long")
        await queue_of(world).store_reading(job.id, "worker-1", READING, {"some": "mapping"}, 1)

    worker = RecipientImportWorker(queue_of(world), "worker-1", read, read)
    for _ in range(2):
        with pytest.raises(StatementTimedOut):
            await worker.work_on_waiting_files(asyncio.Event())
    assert (await found(world, slow)).reading is None
    assert (await found(world, quick)).reading == READING


async def test_a_file_that_ends_each_process_fails(world: World) -> None:
    """A file whose processes die without progress is not tried for ever."""
    import_id = await uploaded(world)
    for number in range(MOST_ATTEMPTS):
        assert await queue_of(world).claim_import(f"worker-{number}") is not None
        await world.pool.execute("UPDATE recipient_imports SET lease_until = now()")
    await run_worker(world)
    one = await found(world, import_id)
    assert (one.state, "each process that worked on it ended" in one.problem) == (ImportState.FAILED, True)


async def test_what_is_old_is_deleted(world: World) -> None:
    """After a week nothing of a file is left, whether it was imported or not; what is younger stays."""
    waiting, done, young = [await uploaded(world) for _ in range(3)]
    await world.pool.execute(
        "UPDATE recipient_imports SET state = 'done', finished_at = now(), reading = '{\"a\": 1}' WHERE id = $1", done
    )
    week = timedelta(days=7, minutes=1)
    await world.pool.execute(
        "UPDATE recipient_imports SET created_at = created_at - $1::interval, finished_at = finished_at - $1::interval"
        " WHERE id <> $2",
        week,
        young,
    )
    await queue_of(world).delete_old_files()
    assert [(await found(world, one)).state for one in (waiting, done, young)] == ["discarded", "done", "uploaded"]
    assert [(await found(world, one)).is_readable for one in (waiting, done, young)] == [False, False, True]
    assert (await found(world, done)).reading is None


async def test_progress_and_refused_rows_are_stored_together(world: World) -> None:
    """A chunk adds its refused rows; somebody who has lost the file adds none."""
    import_id, queue = await uploaded(world), queue_of(world)
    await world.pool.execute("UPDATE recipient_imports SET state = 'dry_run', reading = '{\"a\": 1}'")
    await world.pool.execute("UPDATE recipient_imports SET reading = $1", {**_as_json(READING)})
    assert await queue.claim_import("one") is not None
    first = ChunkResult(5, {"refused": 1}, [(3, True, "no address")], b"x,y,no address\r\n")
    await queue.store_chunk(import_id, "one", first)
    with pytest.raises(ImportLost):
        await queue.store_chunk(import_id, "two", ChunkResult(9, {"refused": 2}, [], b"again\r\n"))
    one = await found(world, import_id)
    assert (one.rows_done, one.counts, one.reasons) == (5, {"refused": 1}, [(3, True, "no address")])
    desk = PostgresRecipientImports(world.pool, world.writers.writers_with_actor("person:Dana"))
    rows = b"".join([part async for part in await desk.open_refused_rows(import_id)])
    assert rows == b"x,y,no address\r\n"


def _as_json(reading: FileReading) -> dict[str, object]:
    return {name: getattr(reading, name) for name in ("encoding", "delimiter", "headings", "samples")}
