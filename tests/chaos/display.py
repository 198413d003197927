"""Shows a run: the rate and the faults while it lasts; in the end a table of it all, and the violations."""

import time
from collections import Counter
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.chaos.checker import grouped, history
from tests.chaos.facts import Evidence, Violation
from tests.chaos.journal import Journal

_LINES = 12
_SHOWN = 5
"""Violations of a promise whose histories are printed."""


class Display:
    """The live display. Without a terminal, it prints each line of the journal as it comes.

    Args:
        console: where to. journal: what is being done.
    """

    def __init__(self, console: Console, journal: Journal) -> None:
        self._console = console
        self._journal = journal
        self._printed = 0
        self._last = (time.monotonic(), 0)
        self._rate = 0.0
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Display":
        """Begins."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends."""
        if self._live:
            self._live.stop()

    def show(self, phase: str, seconds_left: float, taken: int) -> None:
        """Shows the progress: the present faults, the time left, and the number of messages at the sink."""
        now = time.monotonic()
        since, before = self._last
        if now - since >= 1:
            self._rate, self._last = (taken - before) / (now - since), (now, taken)
        if self._live:
            self._live.update(Group(self._head(phase, seconds_left, taken), *self._recent()))
            return
        for at, line in self._journal.lines[self._printed :]:
            self._console.print(f"{_clock(at)} {taken:>7} {line}", markup=False, highlight=False, soft_wrap=True)
        self._printed = len(self._journal.lines)

    def _head(self, phase: str, seconds_left: float, taken: int) -> Text:
        left = f"{max(0, seconds_left):.0f} s left"
        counts = f"{len(self._journal.published)} events, {len(self._journal.opt_outs)} opt-outs"
        return Text(f"{phase} · {left} · {taken:,} messages · {self._rate:,.0f}/s · {counts}", style="bold")

    def _recent(self) -> list[Text]:
        return [
            Text(f"{_clock(at)} {line}", overflow="ellipsis", no_wrap=True)
            for at, line in self._journal.lines[-_LINES:]
        ]


def summarise(console: Console, evidence: Evidence, journal: Journal, violations: list[Violation]) -> None:
    """Prints the faults, the results, and each violation with the history of its delivery."""
    table = Table("what", "how many", box=None, header_style="bold")
    for name, n in _figures(evidence, journal).items():
        table.add_row(name, f"{n:,}")
    console.print(table)
    faults = Counter(
        " ".join(word for word in fault.what.split() if not word[0].isdigit()) for fault in evidence.faults
    )
    done = Table("fault", "times", box=None, header_style="bold")
    for name, n in sorted(faults.items()):
        done.add_row(name, str(n))
    console.print(done)
    for promise, broken in grouped(violations, lambda violation: violation.promise).items():
        console.print(f"VIOLATED: {promise}, {len(broken)} times", style="bold red", markup=False)
        for violation in broken[:_SHOWN]:
            _explain(console, evidence, violation)


def _figures(evidence: Evidence, journal: Journal) -> dict[str, int]:
    states = Counter(delivery.state for delivery in evidence.deliveries)
    verdicts = Counter(seen.verdict for seen in evidence.seen)
    return {
        "events published": len(evidence.published),
        "of these confirmed": sum(published.confirmed for published in evidence.published),
        "published again": journal.repeats,
        "mailings": len(evidence.mailings),
        "deliveries": len(evidence.deliveries),
        **{f"  {state}": n for state, n in sorted(states.items())},
        **{f"messages that the sink {verdict}": n for verdict, n in sorted(verdicts.items())},
        "ledger entries": len(evidence.entries),
        "in doubt": sum(entry.in_doubt for entry in evidence.entries),
        "opt-outs": len(evidence.opt_outs),
        "stops and pauses": len(evidence.halts),
    }


def _explain(console: Console, evidence: Evidence, violation: Violation) -> None:
    console.print(f"- {violation.what}", markup=False, highlight=False, soft_wrap=True)
    if violation.key is None:
        return
    console.print(f"  mailing {violation.key[0]}, recipient {violation.key[1]}:", markup=False, highlight=False)
    for at, line in history(evidence, violation.key):
        console.print(f"    {_clock(at)} {line}", markup=False, highlight=False, soft_wrap=True)


def _clock(at: float) -> str:
    if at == float("inf"):
        return "never".ljust(12)
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:12]
