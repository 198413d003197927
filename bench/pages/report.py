"""The section of the page of benchmarks about the pages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

HEADING = "## Pages"


@dataclass(frozen=True)
class Round:
    """One round of a page with much load.

    Attributes:
        rate: answers a second.
        served, stored: processor time of the server and of PostgreSQL for each answer, in microseconds. They hardly
            depend on what else the machine does.
    """

    rate: float
    served: float
    stored: float


@dataclass(frozen=True)
class Loaded:
    """A page with much load.

    Attributes:
        name: of the page.
        rounds, bares: of the page and of the bare handler.
        wanted: the rate that is asked for; None: none is.
        least: the rate over that of the bare handler that is asked for; None: none is.
    """

    name: str
    rounds: Sequence[Round]
    bares: Sequence[Round]
    wanted: float | None
    least: float | None

    @property
    def rate(self) -> float:
        """The median of the rates."""
        return median(one.rate for one in self.rounds)

    @property
    def ratio(self) -> float:
        """The median of the ratios to the bare handler."""
        return median(one.rate / bare.rate for one, bare in zip(self.rounds, self.bares, strict=True))

    def faults(self) -> list[str]:
        """Limits that are not met."""
        slow = self.wanted is not None and self.rate < self.wanted
        part = self.least is not None and self.ratio < self.least
        return [
            *([f"{self.name}: {self.rate:,.0f}/s of {self.wanted:,.0f}/s"] if slow else []),
            *([f"{self.name}: {self.ratio:.2f} of the bare handler"] if part else []),
        ]

    def line(self) -> str:
        """The line of the table."""
        rates = [one.rate for one in self.rounds]
        served, stored, bare = (
            median(getattr(one, name) for one in rounds)
            for rounds, name in ((self.rounds, "served"), (self.rounds, "stored"), (self.bares, "served"))
        )
        span = f"{min(rates):,.0f} to {max(rates):,.0f}"
        spent = f"{served:,.0f} | {stored:,.0f} | {bare:,.0f}"
        return f"| `{self.name}` | {self.rate:,.0f} | {span} | {self.ratio:.2f} | {spent} |"


def section(
    people: int, latencies: Mapping[str, Sequence[float]], loaded: Sequence[Loaded], settings: Sequence[str]
) -> str:
    """Returns the section, in Markdown."""
    lines = [
        HEADING,
        "",
        f"`make bench BENCH=pages` with {people:,} people and {people * 10:,} deliveries.",
        f"PostgreSQL: {', '.join(settings)}.",
        "",
        "Answers a second over 128 connections, the median of three rounds, beside a handler of the same server that"
        " only answers the pixel:",
        "",
        "| page | answers/s | least to most | to the bare handler | web µs | PostgreSQL µs | bare handler µs |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(row.line() for row in loaded),
        "",
        "Each page at 20 requests a second in all, while a worker hands a mailing over, in milliseconds:",
        "",
        "| page | requests | median | 95 of 100 within |",
        "|---|---:|---:|---:|",
        *(
            f"| `{name}` | {len(took)} | {median(took):.0f} | {_late(took):.0f} |"
            for name, took in sorted(latencies.items())
        ),
    ]
    return "\n".join(lines) + "\n"


def put_section(file: Path, text: str) -> None:
    """Puts the section into a page, in the place of an earlier one or at the end."""
    known = file.read_text() if file.exists() else ""
    pattern = re.compile(rf"^{HEADING}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    file.write_text(
        pattern.sub(lambda _: f"{text}\n", known) if pattern.search(known) else f"{known.rstrip()}\n\n{text}"
    )


def _late(took: Sequence[float]) -> float:
    return quantiles(took, n=20)[18]
