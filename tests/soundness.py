"""The ledger of a test that is over."""

from mailer.database.connections import ATTENDED, open_pool
from mailer.ledger.ledger_operations import LedgerOperations


async def assert_sound(database_url: str, key: str) -> None:
    """Fails unless the ledger verifies. Not by the command, whose processes take seconds to start."""
    pool = await open_pool(database_url, 2, ATTENDED)
    try:
        assert (await LedgerOperations(pool, key).verify_ledger()).faults == ()
    finally:
        await pool.close()
