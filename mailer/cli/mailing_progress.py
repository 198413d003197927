"""The progress of a mailing: as JSON, as one line, and as a moving bar."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from mailer.cli.shared import format_utc_time, out
from mailer.ports.mailings import MailingStatus

PERIOD = 1.0
"""Seconds between two queries."""


def progress_as_json(status: MailingStatus) -> dict[str, object]:
    """Returns done and open deliveries, deliveries a second, and the estimated end."""
    progress = status.progress(datetime.now(UTC))
    return {
        "done": progress.done,
        "open": progress.open,
        "rate": None if progress.rate is None else round(progress.rate, 1),
        "eta": progress.eta.isoformat() if progress.eta else None,
    }


def show_progress(status: MailingStatus) -> None:
    """Prints the bar once, if stdout is a terminal."""
    if out.is_terminal and status.state in ("running", "paused"):
        with _make_bar() as bar:
            _update_bar(bar, bar.add_task("", state="", pace=""), status)


async def follow_progress(status: MailingStatus, look: Callable[[], Awaitable[MailingStatus | None]]) -> MailingStatus:
    """Shows a moving bar until the mailing is finished. Returns its last status."""
    with _make_bar() as bar:
        task = bar.add_task("", state="", pace="")
        while True:
            _update_bar(bar, task, status)
            if status.finished_at is not None:
                return status
            await asyncio.sleep(PERIOD)
            status = await look() or status


def _make_bar() -> Progress:
    return Progress(
        TextColumn("{task.fields[state]}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}")
    )


def _update_bar(bar: Progress, task: TaskID, status: MailingStatus) -> None:
    progress = status.progress(datetime.now(UTC))
    pace = "" if progress.rate is None else f"{progress.rate:,.0f}/s"
    if progress.eta and progress.open:
        pace += f", done about {format_utc_time(progress.eta)}"
    bar.update(task, completed=progress.done, total=progress.done + progress.open, state=status.state, pace=pace)
