"""The figures of an A/B test with their uncertainty, and its winner, if there is one. Pure.

The interval of a share is Wilson's score interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927). Two shares are compared
by Newcombe's hybrid score interval for their difference, method 10 (R. G. Newcombe, Statistics in Medicine 17, 1998),
which is made of the Wilson intervals and keeps its promise for rare events, too. Several comparisons share the risk of
error (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import NormalDist
from typing import Final

from mailer.policy.campaign_draft import AbMetric
from mailer.policy.campaign_figures import FetchesOfVariant, ReturnsOfVariant
from mailer.policy.switches import Tracking

CONFIDENCE: Final = 0.95
FEWEST_EVENTS: Final = 10
"""The opt-outs, complaints, opens or clicks of all variants together below which a test is too small."""
_WITH_EACH_MESSAGE_ONCE: Final[frozenset[Tracking]] = frozenset({"unlinkable", "individual"})
"""The levels of tracking at which a message that was opened or clicked is counted once."""
_FEWER_IS_BETTER: Final = frozenset({AbMetric.OPT_OUTS, AbMetric.COMPLAINTS})


@dataclass(frozen=True, slots=True)
class VariantFigure:
    """The figure of one variant.

    Attributes:
        sent: messages that were handed over. events: those of them with the event, such as an opt-out.
        low, high: the bounds of the share, at `CONFIDENCE` for this variant alone; between 0 and 1.
    """

    variant: str
    sent: int
    events: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share of messages with the event, 0 without messages."""
        return self.events / self.sent if self.sent else 0.0


class AbTestVerdict(StrEnum):
    """The state of a test. The values are the names of texts."""

    NO_FIGURES = "no_figures"
    """The metric is not counted for all variants: the policy does not allow it, or too few people did it."""
    TOO_SMALL = "too_small"
    """There are too few events to say anything."""
    COULD_BE_CHANCE = "could_be_chance"
    """No variant is better than each other one beyond chance."""
    WINNER = "winner"


@dataclass(frozen=True, slots=True)
class AbTestFigures:
    """The figures of a test by its metric; none if the metric is not counted for all variants."""

    metric: AbMetric
    variants: tuple[VariantFigure, ...]


@dataclass(frozen=True, slots=True)
class Winner:
    """The variant that is better than each other one beyond chance."""

    variant: str


def metrics_at_level(tracking: Tracking) -> frozenset[AbMetric]:
    """Returns the metrics that can decide at a level of tracking.

    Opens and clicks can where a message counts once. At the level `mailing` only fetches are counted: one reader who
    opens a mail twenty times would look like twenty.
    """
    always = frozenset({AbMetric.OPT_OUTS, AbMetric.COMPLAINTS})
    return always | {AbMetric.OPENS, AbMetric.CLICKS} if tracking in _WITH_EACH_MESSAGE_ONCE else always


def figures_of_test(
    metric: AbMetric, tracking: Tracking, returns: Sequence[ReturnsOfVariant], fetches: Sequence[FetchesOfVariant]
) -> AbTestFigures:
    """Returns the figures of the tested variants.

    Args:
        metric: that decides.
        tracking: the policy's level.
        returns: of each variant; the rest, which is no variant, is left out.
        fetches: of each variant, as they may be shown.
    """
    tested = [one for one in returns if one.variant != "rest"]
    if metric not in metrics_at_level(tracking):
        return AbTestFigures(metric, ())
    seen = {one.variant: one for one in fetches}
    events: list[int | None] = []
    for one in tested:
        match metric:
            case AbMetric.OPT_OUTS:
                events.append(one.opt_outs)
            case AbMetric.COMPLAINTS:
                events.append(one.complaints)
            case AbMetric.OPENS:
                events.append(seen[one.variant].opened)
            case AbMetric.CLICKS:
                events.append(seen[one.variant].clicked)
    known = [n for n in events if n is not None]
    if len(known) < len(events):
        return AbTestFigures(metric, ())
    return AbTestFigures(
        metric, tuple(figure_of_variant(one.variant, one.sent, n) for one, n in zip(tested, known, strict=True))
    )


def figure_of_variant(variant: str, sent: int, events: int) -> VariantFigure:
    """Returns a variant's figure with the Wilson interval of its share."""
    events = min(events, sent)  # a message counts once, and a report of one may come before its hand-over is counted
    low, high = wilson_interval(events, sent, _z(CONFIDENCE))
    return VariantFigure(variant, sent, events, low, high)


def wilson_interval(events: int, n: int, z: float) -> tuple[float, float]:
    """Returns the bounds of a share, from 0 to 1: Wilson 1927. Without observations it can be anything."""
    if not n:
        return 0.0, 1.0
    share, spread = events / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half) if events else 0.0, min(1.0, middle + half) if events < n else 1.0


def difference_interval(one: VariantFigure, other: VariantFigure, z: float) -> tuple[float, float]:
    """Returns the bounds of the share of one less that of another: Newcombe 1998, method 10."""
    low, high = wilson_interval(one.events, one.sent, z)
    other_low, other_high = wilson_interval(other.events, other.sent, z)
    difference = one.share - other.share
    below = sqrt((one.share - low) ** 2 + (other_high - other.share) ** 2)
    above = sqrt((high - one.share) ** 2 + (other.share - other_low) ** 2)
    return difference - below, difference + above


def judge_test(figures: AbTestFigures) -> AbTestVerdict:
    """Returns the state of a test."""
    if len(figures.variants) < 2:
        return AbTestVerdict.NO_FIGURES
    if sum(one.events for one in figures.variants) < FEWEST_EVENTS:
        return AbTestVerdict.TOO_SMALL
    return AbTestVerdict.WINNER if choose_winner(figures) else AbTestVerdict.COULD_BE_CHANCE


def choose_winner(figures: AbTestFigures) -> Winner | None:
    """Returns the winner, or None if the test is too small, or if the differences could be chance."""
    variants = figures.variants
    if len(variants) < 2 or sum(one.events for one in variants) < FEWEST_EVENTS:
        return None
    sign = -1 if figures.metric in _FEWER_IS_BETTER else 1
    best = max(variants, key=lambda one: (sign * one.share, one.variant))
    others = [one for one in variants if one is not best]
    z = _z(1 - (1 - CONFIDENCE) / len(others))
    for other in others:
        low, high = difference_interval(best, other, z)
        if (low if sign > 0 else -high) <= 0:
            return None
    return Winner(best.variant)


def _z(confidence: float) -> float:
    """Returns the quantile of the normal distribution for a confidence on both sides."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)
