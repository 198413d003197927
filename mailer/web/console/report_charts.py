"""The geometry of the charts of reports, which templates draw as SVG beside a table of the same figures. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, log10
from typing import Final

from mailer.policy.ab_test_figures import VariantFigure
from mailer.policy.campaign_figures import ReturnsOfDay

WIDTH: Final = 640
_HEIGHT: Final = 180
_LEFT: Final = 48
_TOP: Final = 12
MOST_DAYS: Final = 30
SERIES: Final = ("opt_outs", "complaints", "hard_bounces", "soft_bounces")
_ROW: Final = 36


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of a chart, in its units. `name` is that of its series."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of an axis at a place, with the value that stands there."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class StackedColumns:
    """A column a day, with one part for each series. `height` is that of the drawing."""

    parts: Sequence[Rectangle]
    days: Sequence[Tick]
    values: Sequence[Tick]
    height: int = _HEIGHT + 32


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """The interval of one variant: where its line begins and ends, and where its point stands."""

    variant: str
    y: float
    low: float
    high: float
    share: float


@dataclass(frozen=True, slots=True)
class IntervalChart:
    """The intervals of variants, one below the other."""

    rows: Sequence[IntervalRow]
    values: Sequence[Tick]
    height: int


def stack_days(days: Sequence[ReturnsOfDay]) -> StackedColumns | None:
    """Returns the columns of the last days, with the days in between; None if there are none."""
    if not days:
        return None
    by_day = {one.day: one for one in days}
    last = max(by_day)
    first = max(min(by_day), last - timedelta(days=MOST_DAYS - 1))
    shown = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    top = round_up(max(sum(getattr(by_day[day], name) for name in SERIES) for day in shown if day in by_day) or 1)
    step = (WIDTH - _LEFT) / len(shown)
    parts: list[Rectangle] = []
    for place, day in enumerate(shown):
        parts += _column(by_day.get(day), _LEFT + place * step, step, top)
    every = ceil(len(shown) / 8)
    ticks = [Tick(_LEFT + (n + 0.5) * step, _day_label(day)) for n, day in enumerate(shown) if n % every == 0]
    values = [Tick(_TOP + _HEIGHT * (1 - n / top), f"{n:,}") for n in sorted({0, top // 2, top})]
    return StackedColumns(parts, ticks, values)


def _column(of_day: ReturnsOfDay | None, x: float, step: float, top: int) -> list[Rectangle]:
    parts: list[Rectangle] = []
    y = float(_TOP + _HEIGHT)
    for name in SERIES if of_day else ():
        height = _HEIGHT * getattr(of_day, name) / top
        if height:
            y -= height
            parts.append(
                Rectangle(name, round(x + step * 0.15, 2), round(y, 2), round(step * 0.7, 2), round(height, 2))
            )
    return parts


def _day_label(day: date) -> str:
    return f"{day.day} {day:%b}"


def lay_parts_out(parts: Mapping[str, int]) -> list[Rectangle]:
    """Returns the parts of one bar, whose widths are as their numbers."""
    total = sum(parts.values()) or 1
    x, laid = 0.0, list[Rectangle]()
    for name, n in parts.items():
        width = WIDTH * n / total
        laid.append(Rectangle(name, round(x, 2), 0, round(width, 2), 24))
        x += width
    return laid


def lay_intervals_out(variants: Sequence[VariantFigure]) -> IntervalChart:
    """Returns the intervals of variants on a common scale from 0."""
    top = max((one.high for one in variants), default=1.0) or 1.0
    wide = WIDTH - _LEFT - 24

    def place(share: float) -> float:
        return round(_LEFT + wide * share / top, 2)

    rows = [
        IntervalRow(one.variant, _TOP + _ROW * (n + 0.5), place(one.low), place(one.high), place(one.share))
        for n, one in enumerate(variants)
    ]
    values = [Tick(place(top * n / 4), f"{top * n / 4:.1%}") for n in range(5)]
    return IntervalChart(rows, values, _TOP + _ROW * len(variants) + 32)


def round_up(n: int) -> int:
    """Returns the next number of one leading digit that is even, or one below ten."""
    if n < 10:
        return n
    unit = int(10 ** int(log10(n)))
    return ceil(n / unit) * unit
