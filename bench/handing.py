"""The real hand-over over a database, to a processor that takes everything."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.setting import ADDRESS_KEY, LEDGER_KEY, SECRET_KEY
from mailer.app import App
from mailer.database.connections import open_pool
from mailer.pipeline.handover import HandOver
from mailer.pipeline.rates import RateLimiter
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage, Permit, Processor
from mailer.runtime.readiness import Readiness
from mailer.settings import read_settings


class Sink:
    """Takes everything."""

    name, country, contract, is_outside_our_network = "sink", "ZZ", "none", False
    weight: int = 1
    purposes: frozenset[str] | None = None
    weakest_encryption_used: str | None = None

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Accepts."""
        return [Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "taken")] * len(window)

    def start_shutdown_timers(self) -> None:
        """Does nothing: each window ends at once."""

    async def close(self) -> None:
        """Nothing to end."""


class _App(App):
    async def open_processors(self) -> list[Processor]:
        """The sink alone."""
        return [Sink()]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[App]:
    """Everything put together as in a worker, but for the processor."""
    with tempfile.TemporaryDirectory() as folder:
        keys = {"address_key": ADDRESS_KEY, "ledger_key": LEDGER_KEY, "secret_keys": (SECRET_KEY,)}
        settings = read_settings(database_url=url, broker_url="memory://", data=Path(folder), **keys)
        async with AsyncExitStack() as stack:
            pool = await open_pool(url)
            stack.push_async_callback(pool.close)
            yield _App(settings, pool, stack, Readiness())


@asynccontextmanager
async def working(app: App) -> AsyncIterator[HandOver]:
    """A worker's hand-over, with the halts and the rates that it looks at."""
    control, meter, stop = app.control, RateLimiter(app.rates, app.owner), asyncio.Event()
    handover = await app.build_hand_over(control, meter, stop)
    await control.query_halts_and_attest_no_loss()
    async with asyncio.TaskGroup() as beside:
        beside.create_task(control.poll_until_stopped(stop))
        beside.create_task(meter.refresh_limits_until_stopped(stop))
        try:
            yield handover
        finally:
            stop.set()
