"""The ledger of a test that is over."""

from mailer.database.connections import ATTENDED, open_pool
from mailer.ledger.export import LedgerExport


async def assert_sound(database_url: str, key: str) -> None:
    """Fails unless the ledger verifies. Not by the command, whose processes take seconds to start."""
    pool = await open_pool(database_url, 2, ATTENDED)
    try:
        assert (await LedgerExport(pool, key).verify_ledger()).faults == ()
    finally:
        await pool.close()
