"""Figures of A/B tests: intervals as published, a winner only beyond chance, nothing that the policy forbids."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.ab_test_figures import (
    FEWEST_EVENTS,
    AbTestFigures,
    AbTestVerdict,
    Winner,
    choose_winner,
    difference_interval,
    figure_of_variant,
    figures_of_test,
    judge_test,
    metrics_at_level,
    wilson_interval,
)
from mailer.policy.campaign_draft import AbMetric
from mailer.policy.campaign_figures import FetchesOfVariant, ReturnsOfVariant

Z95 = 1.959964


def figures(metric: AbMetric, **variants: tuple[int, int]) -> AbTestFigures:
    """Figures of variants, each with its events and messages."""
    return AbTestFigures(metric, tuple(figure_of_variant(name, sent, n) for name, (n, sent) in variants.items()))


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_newcombe(events: int, n: int, low: float, high: float) -> None:
    """The examples of Newcombe 1998 (Interval estimation for a single proportion, table I, method 3)."""
    assert wilson_interval(events, n, Z95) == pytest.approx((low, high), abs=0.0001)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_differences_are_those_of_newcombe(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """The examples of Newcombe 1998 (Interval estimation for the difference, table II, method 10)."""
    first, second = (figure_of_variant("a", sent, events) for events, sent in (one, other))
    assert difference_interval(first, second, Z95) == pytest.approx((low, high), abs=0.0001)


def test_fewer_opt_outs_win() -> None:
    """Fewer opt-outs and complaints are better, and more opens and clicks."""
    shares = {"a": (20, 1000), "b": (60, 1000)}
    assert choose_winner(figures(AbMetric.OPT_OUTS, **shares)) == Winner("a")
    assert choose_winner(figures(AbMetric.COMPLAINTS, **shares)) == Winner("a")
    assert choose_winner(figures(AbMetric.OPENS, **shares)) == Winner("b")
    assert choose_winner(figures(AbMetric.CLICKS, **shares)) == Winner("b")


def test_too_small_a_sample_says_so() -> None:
    """A few events decide nothing, however different the shares look; nor does no mail at all."""
    assert judge_test(figures(AbMetric.OPT_OUTS, a=(0, 30), b=(FEWEST_EVENTS - 1, 30))) is AbTestVerdict.TOO_SMALL
    assert judge_test(figures(AbMetric.OPT_OUTS, a=(0, 0), b=(0, 0))) is AbTestVerdict.TOO_SMALL
    assert judge_test(figures(AbMetric.OPT_OUTS, a=(18, 500), b=(21, 500))) is AbTestVerdict.COULD_BE_CHANCE
    assert judge_test(figures(AbMetric.OPT_OUTS, a=(5, 500), b=(40, 500))) is AbTestVerdict.WINNER
    assert judge_test(AbTestFigures(AbMetric.OPENS, ())) is AbTestVerdict.NO_FIGURES


def test_the_winner_is_better_than_each_other() -> None:
    """A second variant that is nearly as good leaves no winner, whatever the worst one is like."""
    assert choose_winner(figures(AbMetric.CLICKS, a=(200, 1000), b=(195, 1000), c=(20, 1000))) is None
    assert choose_winner(figures(AbMetric.CLICKS, a=(200, 1000), b=(100, 1000), c=(20, 1000))) == Winner("a")


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=2, max_size=4), st.sampled_from(AbMetric))
def test_any_figures_are_judged(pairs: list[tuple[int, int]], metric: AbMetric) -> None:
    """Whatever the figures: the bounds hold the share, and a winner has the best share of all."""
    made = figures(metric, **dict(zip("abcd", pairs, strict=False)))
    for one in made.variants:
        assert 0 <= one.low <= one.share <= one.high <= 1
    if winner := choose_winner(made):
        shares = {one.variant: one.share for one in made.variants}
        best = min if metric in (AbMetric.OPT_OUTS, AbMetric.COMPLAINTS) else max
        assert shares[winner.variant] == best(shares.values())
        assert judge_test(made) is AbTestVerdict.WINNER


def test_equal_variants_seldom_have_a_winner() -> None:
    """One in twenty tests between equal variants names a winner at most, with two variants and with four."""
    lot = random.Random(1)
    for names in ("ab", "abcd"):
        won = 0
        for _ in range(400):
            drawn = {name: (sum(lot.random() < 0.1 for _ in range(300)), 300) for name in names}
            won += choose_winner(figures(AbMetric.CLICKS, **drawn)) is not None
        assert won <= 20, names


def test_opens_decide_only_where_the_policy_counts_messages() -> None:
    """Opt-outs and complaints decide at every level, opens and clicks where a message counts once; the rest never."""
    returns = [ReturnsOfVariant(variant=name, sent=100, opt_outs=n) for name, n in (("a", 3), ("b", 5), ("rest", 1))]
    seen = [FetchesOfVariant(variant=name, opens=70, opened=40) for name in ("a", "b", "rest")]
    for level in ("off", "mailing"):
        assert metrics_at_level(level) == {AbMetric.OPT_OUTS, AbMetric.COMPLAINTS}
        assert figures_of_test(AbMetric.OPENS, level, returns, seen).variants == ()
    shown = figures_of_test(AbMetric.OPENS, "unlinkable", returns, seen)
    assert [(one.variant, one.events, one.sent) for one in shown.variants] == [("a", 40, 100), ("b", 40, 100)]
    assert figures_of_test(AbMetric.CLICKS, "unlinkable", returns, seen).variants == ()
    left = figures_of_test(AbMetric.OPT_OUTS, "off", returns, seen)
    assert [(one.variant, one.events) for one in left.variants] == [("a", 3), ("b", 5)]


def test_more_events_than_messages_are_as_many() -> None:
    """A bounce that is reported before its hand-over was counted makes no share above one."""
    assert figure_of_variant("a", 3, 5).share == 1.0
