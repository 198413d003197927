"""Diverts the people of released breach phases whom no mail goes to, and holds what somebody has stopped."""

import asyncio
from typing import Final

from mailer.ports.breach_release import BreachLineDiverter, StoppedPhaseKeeper
from mailer.runtime.repeating import run_every

_EVERY: Final = 0.5
"""Seconds between two looks for people of a released phase."""


class BreachPhaseKeeper:
    """Follows released phases: their people without mail, and their stops.

    Args:
        diverter: makes the deliveries of people without mail.
        stopped: holds what came after a stop, such as a mail that its worker has diverted meanwhile.
    """

    def __init__(self, diverter: BreachLineDiverter, stopped: StoppedPhaseKeeper) -> None:
        self._diverter = diverter
        self._stopped = stopped

    async def keep_until_stopped(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            trouble = "people of a breach phase could not be diverted to letters; trying again"
            tasks.create_task(run_every(_EVERY, stop, self.divert_waiting_lines, trouble))
            trouble = "a stopped breach phase could not be held; trying again"
            tasks.create_task(run_every(_EVERY, stop, self._stopped.hold_stopped_phases, trouble))

    async def divert_waiting_lines(self) -> int:
        """Diverts all people who wait for it now. Returns their number."""
        people = 0
        while (diverted := await self._diverter.divert_next_lines()) is not None:
            people += diverted
        return people
