"""Makes the files of letter runs that wait, one at a time, and deletes old ones."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from mailer.actions.letter_making import ReadLetterContent, Typesetter, places_of_letters, put_run_together
from mailer.actions.typesetting.letter_typesetting import SetLetters, TypesettingFailed, TypesettingTooLarge
from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.metrics_and_logger import log
from mailer.policy.policy_file import Policy
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.letters import LetterRun, LetterRunLost, LetterRunQueue
from mailer.rendering.letter_pages import LetterRunPages
from mailer.runtime.repeating import run_every

_EVERY: Final = 2.0
"""Seconds between two looks for a run that waits."""
_RARELY: Final = 3600.0
"""Seconds between two deletions of old files."""
_LEASE_EVERY: Final = 15.0
"""Seconds between two extensions of the lease of the run that is made."""


class LetterRunMaker:
    """Makes runs.

    Args:
        queue: the runs. owner: the name of this process. policies: in force, by brand.
        typesetter: sets the letters. read_content: returns the text of a letter.
    """

    def __init__(
        self,
        queue: LetterRunQueue,
        owner: str,
        policies: Mapping[str, Policy],
        typesetter: Typesetter,
        read_content: ReadLetterContent,
    ) -> None:
        self._queue = queue
        self._owner = owner
        self._policies = policies
        self._typesetter = typesetter
        self._read_content = read_content

    async def make_until_stopped(self, stop: asyncio.Event) -> None:
        """Makes runs as they come, until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_every(_EVERY, stop, self.make_waiting_runs, "a run of letters failed; trying again"))
            tasks.create_task(run_every(_RARELY, stop, self._delete_old_files, "old letters could not be deleted"))

    async def make_waiting_runs(self) -> int:
        """Makes all runs that wait now. Returns their number."""
        made = 0
        while run := await self._queue.claim_run(self._owner):
            await self._make_or_store_problem(run)
            made += 1
        return made

    async def _delete_old_files(self) -> int:
        return await self._queue.delete_old_files(datetime.now(UTC).date())

    async def _make_or_store_problem(self, run: LetterRun) -> None:
        holding = asyncio.create_task(self._hold(run))
        try:
            with suppress(LetterRunLost):
                await self._make(run)
        except TypesettingFailed as error:
            await self._fail(run, str(error))
        except DatabaseUnavailable:
            raise  # the lease runs out, and the run is made again
        except Exception:
            log.exception("a run of letters failed", run=run.id)
            await self._fail(run, "mailer met an error of its own; its log says which. Tell an operator")
        finally:
            holding.cancel()

    async def _fail(self, run: LetterRun, problem: str) -> None:
        with suppress(LetterRunLost):
            await self._queue.mark_failed(run, self._owner, problem)

    async def _hold(self, run: LetterRun) -> None:
        while True:
            await asyncio.sleep(_LEASE_EVERY)
            try:
                await self._queue.extend_lease(run, self._owner)
            except (LetterRunLost, DatabaseUnavailable):
                return

    async def _make(self, run: LetterRun) -> None:
        policy = self._policies.get(run.brand)
        if policy is None:
            raise TypesettingFailed(f"there is no policy of the brand {run.brand}")
        letters = await self._queue.read_letters(run)
        window, language = run.window_format, run.language
        made = await put_run_together(
            letters, policy, window, language, run.dated, self._typesetter, self._read_content
        )
        if made.pages is None:
            await self._queue.store_file(run, self._owner, b"", 0, (), made.left_out)
            return
        pages, file = await self._set_as_many_as_fit(made.pages)
        crash_if_armed(CrashPoint.IN_LETTER_RUN)
        placed = places_of_letters(pages, file)
        left_out = made.left_out | {one.letter: None for one in made.pages.letters[len(pages.letters) :]}
        await self._queue.store_file(run, self._owner, file.content, file.pages, placed, left_out)

    async def _set_as_many_as_fit(self, pages: LetterRunPages) -> tuple[LetterRunPages, SetLetters]:
        """Returns letters that the typesetter has time and memory for, and their file: all, or half, or a quarter."""
        while True:
            try:
                return pages, await self._typesetter.set_pdf(pages)
            except TypesettingTooLarge:
                if len(pages.letters) == 1:
                    raise
                pages = replace(pages, letters=pages.letters[: len(pages.letters) // 2])
