"""Prints the demo: chapters, checked statements, a progress line, and the table at the end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from mailer.ports.deliveries import DeliveryState
from mailer.ports.mailings import MailingStatus


class DemoCheckFailed(Exception):
    """Raised if a statement of the demo is not true; the message has the statement."""


class DemoPrinter:
    """Prints the demo: in a terminal with colours and a moving line, elsewhere as plain lines."""

    def __init__(self, console: Console) -> None:
        """Stores the console."""
        self._console = console

    def print_chapter_title(self, title: str) -> None:
        """Prints the title of a chapter."""
        self._console.print(Text(f"\n{title}", style="bold"), soft_wrap=True)

    def say(self, text: str) -> None:
        """Prints a line that needs no check."""
        self._console.print(Text(text), soft_wrap=True)

    def print_statement_or_fail(self, text: str, holds: bool) -> None:
        """Prints a statement that was checked.

        Raises:
            DemoCheckFailed: the statement is not true.
        """
        if not holds:
            self.fail(text)
        self._console.print(Text.assemble("  ", ("ok", "green"), f"  {text}"), soft_wrap=True)

    def fail(self, text: str) -> NoReturn:
        """Prints a statement that is not true, and ends the demo.

        Raises:
            DemoCheckFailed: always.
        """
        self._console.print(Text.assemble("  ", ("NO", "bold red"), f"  {text}"), soft_wrap=True)
        raise DemoCheckFailed(f"this does not hold: {text}")

    @contextmanager
    def show_progress_bar(self, what: str) -> Iterator["ProgressLine"]:
        """Shows a progress line, and removes it at the end. Without a terminal, it shows nothing."""
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(show_speed=True))
        with Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as progress:
            yield ProgressLine(progress)

    def print_mailings(self, mailings: Sequence[MailingStatus]) -> None:
        """Prints the table with a row for each mailing."""
        table = Table(box=SIMPLE_HEAD, padding=0, leading=1)
        table.add_column("mailing", no_wrap=True)
        table.add_column("audience", justify="right")
        table.add_column("sent", justify="right")
        for name in ("suppressed", "failed or held", "opens"):
            table.add_column(name, overflow="fold")
        for status in mailings:
            table.add_row(*map(Text, _mailing_row(status)))
        self._console.print(table)


class ProgressLine:
    """A line of `DemoPrinter.show_progress_bar`."""

    def __init__(self, progress: Progress) -> None:
        """Adds a line that shows 0 of 0."""
        self._progress = progress
        self._task = progress.add_task("", total=0)

    def show_done_of_total(self, done: int, total: int) -> None:
        """Shows `done` of `total`."""
        self._progress.update(self._task, completed=done, total=total)


def count_deliveries_in_state(status: MailingStatus, state: DeliveryState, reason: str | None = None) -> int:
    """Counts a mailing's deliveries in a state, for one reason if it is named."""
    return sum(n for (found, why), n in status.counts.items() if found == state and reason in (None, why))


def _mailing_row(status: MailingStatus) -> Sequence[str]:
    suppressed, others = [], []
    for (state, reason), n in status.counts.items():
        if state == DeliveryState.SUPPRESSED:
            suppressed.append(f"{reason} {n:,}")
        elif state != DeliveryState.HANDED_OVER:
            others.append(f"{state} {n:,}\n{reason}")
    return (
        f"{status.brand}\n{status.event_id}\n{status.category}",
        f"{status.audience_size or 0:,}",
        f"{count_deliveries_in_state(status, DeliveryState.HANDED_OVER):,}",
        "\n".join(suppressed),
        "\n".join(others),
        f"people {_figure_or_few(status.opens)}\nmachines {_figure_or_few(status.machine_opens)}",
    )


def _figure_or_few(figure: int | None) -> str:
    """Returns a figure as text, or `few` if it is too small to be shown."""
    return "few" if figure is None else f"{figure:,}"
