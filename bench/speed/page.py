"""Prints the measurements as text."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.speed.machine import Measured
from bench.speed.room import ROOT
from bench.speed.rows import Row

AGAINST = {
    "smtp-source": "smtp-source",
    "nodemailer": "nodemailer",
    "nodemailer-raw": "nodemailer's bytes",
    "celery": "Celery",
    "celery-raw": "Celery's bytes",
    "post-office": "post-office",
}
"""The rows that the others are held against."""
_SHOWN = 45


_GUIDE = """\
# How fast mail is handed over

`make bench BENCH=table BENCH_OUT=docs/bench.md` wrote this page: one run on one machine, each row measured in turn,
then all again.

**Messages a second** are the median of the rounds, with the least and the most beside it. **µs a message** is time on
the processors, user and system, of the sending processes (ours: workers and timekeeper), and apart from it that of the
services. **Peak MiB** is the most memory that the sending processes had resident, added up. **To X** is the row's rate
as a multiple of X's. smtp-source and the peers send one given message; ours decides, renders, signs and records each.

"""


def page(rows: Sequence[Row], measured: Mapping[str, Sequence[Measured]], surroundings: str) -> str:
    """The guide, the table, and what it was measured with, in Markdown."""
    rounds = max(map(len, measured.values()), default=0)
    return f"{_GUIDE}{table(rows, measured)}\n\n## Measured with\n\n- {rounds} rounds.\n{surroundings}\n"


def table(rows: Sequence[Row], measured: Mapping[str, Sequence[Measured]]) -> str:
    """The table, in Markdown: medians, with the least and the most of the rates."""
    held = {key: median(once.rate for once in measured[key]) for key in AGAINST if measured.get(key)}
    heads = ["", "messages/s", "least to most", "µs a message", "PostgreSQL µs", "RabbitMQ µs", "peak MiB"]
    lines = [[*heads, *(f"to {AGAINST[key]}" for key in held)]]
    for row in rows:
        if runs := measured[row.key]:
            lines.append([row.label, *_figures(runs), *(f"{_rate(runs) / rate:.2f}" for rate in held.values())])
    return "\n".join(_markdown(lines))


def _rate(runs: Sequence[Measured]) -> float:
    return median(once.rate for once in runs)


def _figures(runs: Sequence[Measured]) -> list[str]:
    rates = sorted(once.rate for once in runs)
    services = [[getattr(once, name) / once.messages * 1e6 for once in runs] for name in ("cpu", "database", "broker")]
    each = [f"{median(service):,.0f}" if any(service) else "" for service in services]
    return [f"{_rate(runs):,.0f}", f"{rates[0]:,.0f} to {rates[-1]:,.0f}", *each, f"{max(o.peak for o in runs):,.0f}"]


def _markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        "| " + " | ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) + " |" for line in lines
    ]
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return [padded[0], rule, *padded[1:]]


def profile_of(key: str) -> str:
    """The functions and files in which a profiled worker spent its time: own time, and time with calls."""
    file = ROOT / ".cache" / "bench" / "profiles" / f"{key}.folded"
    if not file.exists():
        return ""
    own, within = Counter[str](), Counter[str]()
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_frame(frame) for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    total = own.total()
    return "\n".join(
        [f"\n{key}: {total} samples, {file}", "own time", *_shares(own, total), "with calls", *_shares(within, total)]
    )


def _shares(counted: Counter[str], total: int) -> list[str]:
    return [f"  {count / total:6.1%}  {frame}" for frame, count in counted.most_common(_SHOWN)]


def _frame(frame: str) -> str:
    """`function (file)`, without the line, and of a library's file only its last parts."""
    found = re.fullmatch(r"(.+) \((.+?)(?::\d+)?\)", frame.strip())
    if found is None:
        return frame.strip()
    return f"{found[1]} ({'/'.join(Path(found[2]).parts[-3:])})"
