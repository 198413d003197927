"""The timekeeper's work on uploaded files, for tests."""

import asyncio

from mailer.pipeline.recipient_import_worker import RecipientImportWorker
from mailer.pipeline.uploaded_column_reading import UploadedColumnReader
from mailer.pipeline.uploaded_row_import import UploadedRowImporter
from mailer.postgres.recipient_import_queue import PostgresRecipientImportQueue
from tests.factories import World


def import_queue(world: World) -> PostgresRecipientImportQueue:
    """The queue of uploaded files over the database of a test."""
    return PostgresRecipientImportQueue(world.pool, world.writers, world.hasher, world.policies)


def import_worker(world: World, owner: str = "timekeeper") -> RecipientImportWorker:
    """A worker, as the timekeeper has it."""
    queue = import_queue(world)
    reader = UploadedColumnReader(queue, world.policies, owner)
    rows = UploadedRowImporter(queue, world.policies, owner)
    return RecipientImportWorker(queue, owner, reader.read_columns, rows.check_or_import)


async def run_import_worker(world: World) -> None:
    """Does all that waits."""
    await import_worker(world).work_on_waiting_files(asyncio.Event())
