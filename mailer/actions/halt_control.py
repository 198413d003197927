"""Stopping everything and letting it go on, for console, API and commands."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.ports.halts import OPERATOR, Halt, HaltScope, HaltStore


@dataclass(frozen=True, slots=True)
class StartEverythingResult:
    """The result of letting everything go on.

    Attributes:
        is_new: False if nobody had stopped everything.
        has_database_gone_back: the database lacks data that this system has had; nothing goes on before somebody has
            chosen by `mailer start --after-restore`.
        waiting: the processes that have not said yet, since a failover, that the database lacks nothing.
    """

    is_new: bool
    has_database_gone_back: bool = False
    waiting: Sequence[str] = ()

    @property
    def is_refused(self) -> bool:
        """True if everything still stands, for a reason that no button ends."""
        return self.has_database_gone_back or bool(self.waiting)


async def stop_everything(halts: HaltStore, by: str, reason: str) -> bool:
    """Stops every hand-over of every worker within two seconds. False: it stood still already."""
    return await halts.add_halt(Halt(HaltScope.EVERYTHING, OPERATOR, by, reason))


async def start_everything(halts: HaltStore, by: str) -> StartEverythingResult:
    """Lets everything go on that a person has stopped, unless the database may lack something."""
    answer = await halts.read_halts_and_missing_ledger_entries((), (), ())
    if answer.has_database_gone_back or answer.waiting:
        return StartEverythingResult(False, answer.has_database_gone_back, answer.waiting)
    return StartEverythingResult(await halts.lift_halt(HaltScope.EVERYTHING, OPERATOR, by))


async def resume_promotions(halts: HaltStore, brand: str, by: str) -> bool:
    """Lets a brand's promotions go on. False: they were not paused. Mail that was handed over before counts no more."""
    return await halts.lift_halt(HaltScope.PROMOTIONAL, brand, by)


async def pause_brand(halts: HaltStore, brand: str, by: str, reason: str) -> bool:
    """Stops every hand-over of a brand within two seconds. False: it stood still already."""
    return await halts.add_halt(Halt(HaltScope.BRAND, brand, by, reason))


async def resume_brand(halts: HaltStore, brand: str, by: str) -> bool:
    """Lets a brand's mail go on. False: it was not stopped."""
    return await halts.lift_halt(HaltScope.BRAND, brand, by)
