"""A database that is away is waited for; any other error is one."""

import asyncpg
import pytest

from mailer.ledger import database
from mailer.ledger.database import patiently

AWAY = (
    ConnectionRefusedError(),
    FileNotFoundError("no socket"),
    TimeoutError(),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.TooManyConnectionsError("sorry, too many clients already"),
    asyncpg.InterfaceError("connection is closed"),
)
WRONG = (
    asyncpg.InvalidCatalogNameError('database "mailer" does not exist'),
    asyncpg.InvalidPasswordError("password authentication failed"),
    asyncpg.UndefinedTableError("run the migrations"),
    asyncpg.ClientConfigurationError("invalid DSN"),
    ValueError("invalid port"),
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr(database, "PATIENCE", 0)


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
async def test_what_passes_is_waited_for(error: Exception) -> None:
    """The step is done again until it succeeds."""
    tries = 0

    async def step() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error
        return "done"

    assert await patiently(step) == "done"
    assert tries == 3


@pytest.mark.parametrize("error", WRONG, ids=lambda error: type(error).__name__)
async def test_what_stays_wrong_is_said_at_once(error: Exception) -> None:
    """Waiting would hide what somebody has to mend."""
    tries = 0

    async def step() -> None:
        nonlocal tries
        tries += 1
        raise error

    with pytest.raises(type(error)):
        await patiently(step)
    assert tries == 1
