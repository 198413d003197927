"""The database of a process: its migration, its check at the start, and its watch from then on."""

import asyncio
import time
from functools import partial
from pathlib import Path

from mailer import bundled_files
from mailer.database.connections import DatabasePool, retry_through_outages
from mailer.doctor.database import judge_clock_difference, judge_database_at_process_start, reason_not_to_use_database
from mailer.doctor.finding import Finding, FindingLevel
from mailer.metrics_and_logger import CLOCK_OFFSET, log
from mailer.ports.database_errors import DatabaseAccessRefused, DatabaseUnavailable
from mailer.postgres import migrations
from mailer.postgres.database_condition import read_version_settings_and_migrations
from mailer.runtime.readiness import Readiness

PERIOD = 2.0
"""Seconds between two checks."""


def _migrations_folder() -> Path:
    return bundled_files.bundled_folder("migrations")


def migrate_database(url: str) -> tuple[str, list[Finding]]:
    """Brings a database up to date.

    Returns:
        What was done, and what somebody should look at.

    Raises:
        MigrationFailed: the database cannot be used, or a migration does not apply.
    """
    done = migrations.apply_migrations(url, _migrations_folder())
    findings = judge_database_at_process_start(
        migrations.read_database_condition_at_url(url), migrations.migration_versions_in_folder(_migrations_folder())
    )
    return done, [finding for finding in findings if finding.level is not FindingLevel.OK]


async def check_database(pool: DatabasePool, *, wait: bool = False) -> None:
    """Checks the database before anything works on it.

    Args:
        pool: connections.
        wait: wait for a database that is not reachable. Such a process also logs minor problems.

    Raises:
        DatabaseAccessRefused: it is too old, not up to date, or fires no triggers.
    """
    for finding in await (
        retry_through_outages(partial(_examine_database_or_refuse_it, pool))
        if wait
        else _examine_database_or_refuse_it(pool)
    ):
        if wait and finding.level is not FindingLevel.OK:
            log.warning(f"{finding.check}: {finding.text}")


async def _examine_database_or_refuse_it(pool: DatabasePool) -> list[Finding]:
    async with pool.acquire() as connection:
        condition = await read_version_settings_and_migrations(connection)
    findings = judge_database_at_process_start(condition, migrations.migration_versions_in_folder(_migrations_folder()))
    if problems := reason_not_to_use_database(findings):
        raise DatabaseAccessRefused(problems)
    return findings


async def measure_lead_over_database_clock(pool: DatabasePool) -> float:
    """Returns the seconds by which our clock is ahead of the database server's.

    Its time is compared with the middle of our times before and after the question.

    Raises:
        DatabaseUnavailable: nothing can be written to the database.
    """
    before = time.time()
    at = await pool.fetch_time_of_writable_server()
    return (before + time.time()) / 2 - at.timestamp()


class DatabaseAndClockWatcher:
    """Checks regularly that the database can be written to, and that its clock and ours agree, and reports it.

    Args:
        pool: connections. It gives none out while the clocks are far apart.
        readiness: gets the problems.
        dates: this process stores times of its own clock. A process that does not works on with a wrong clock.
    """

    def __init__(self, pool: DatabasePool, readiness: Readiness, *, dates: bool) -> None:
        self._pool = pool
        self._readiness = readiness
        self._dates = dates

    async def keep_watching(self) -> None:
        """Checks every `PERIOD` seconds until it is cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self.check_once()
            except Exception:
                log.exception("could not look at the database; trying again")

    async def check_once(self) -> None:
        """Checks the database and the clock once."""
        try:
            ahead = await measure_lead_over_database_clock(self._pool)
        except DatabaseUnavailable as error:
            self._set_or_clear_problem_and_log_change("database", str(error))
            return
        self._set_or_clear_problem_and_log_change("database", None)
        CLOCK_OFFSET.set(ahead)
        clock = judge_clock_difference(ahead)
        wrong = clock.text if clock.level is FindingLevel.PROBLEM else None
        self._pool.barred = wrong if self._dates else None
        self._set_or_clear_problem_and_log_change("clock", wrong)

    def _set_or_clear_problem_and_log_change(self, name: str, problem: str | None) -> None:
        if not self._readiness.set_or_clear_problem(name, problem):
            return
        if problem:
            log.warning("this process cannot work", of=name, problem=problem)
        else:
            log.info("this process can work again", of=name)
