"""The section of the page of benchmarks about the pages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

HEADING = "## Pages"


@dataclass(frozen=True)
class Loaded:
    """A page with much load.

    Attributes:
        name: of the page.
        rates, bares: answers a second of the page and of the bare handler, in each round.
        wanted: the rate that is asked for; None: none is.
        least: the rate over that of the bare handler that is asked for; None: none is.
    """

    name: str
    rates: Sequence[float]
    bares: Sequence[float]
    wanted: float | None
    least: float | None

    @property
    def ratio(self) -> float:
        """The median of the ratios to the bare handler."""
        return median(rate / bare for rate, bare in zip(self.rates, self.bares, strict=True))

    def faults(self) -> list[str]:
        """The limits that are not met."""
        rate = median(self.rates)
        slow = [f"{self.name}: {rate:,.0f}/s of {self.wanted:,.0f}/s"] if self.wanted and rate < self.wanted else []
        part = [f"{self.name}: {self.ratio:.2f} of the bare handler"] if self.least and self.ratio < self.least else []
        return slow + part


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
        "Answers a second over 64 connections, the median of three rounds, beside a handler of the same server that"
        " only answers the pixel:",
        "",
        "| page | answers/s | least to most | to the bare handler |",
        "|---|---:|---:|---:|",
        *(f"| `{row.name}` | {median(row.rates):,.0f} | {_span(row.rates)} | {row.ratio:.2f} |" for row in loaded),
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


def _span(rates: Sequence[float]) -> str:
    return f"{min(rates):,.0f} to {max(rates):,.0f}"


def _late(took: Sequence[float]) -> float:
    return quantiles(took, n=20)[18]
