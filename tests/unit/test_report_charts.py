"""Charts of reports: parts stand within the drawing, and are as large as their numbers."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.ab_test_figures import figure_of_variant
from mailer.policy.campaign_figures import ReturnsOfDay
from mailer.web.console.report_charts import MOST_DAYS, WIDTH, lay_intervals_out, lay_parts_out, round_up, stack_days

FIRST = date(2026, 11, 1)
DAYS = st.dictionaries(st.integers(0, 200), st.tuples(*[st.integers(0, 10**6)] * 4), min_size=1, max_size=40)


@given(DAYS)
def test_columns_stand_within_the_drawing(days: dict[int, tuple[int, int, int, int]]) -> None:
    """Columns of any days stand in it, at most thirty of them, each with its day or between two that have one."""
    chart = stack_days(
        [
            ReturnsOfDay(day=FIRST + timedelta(days=n), opt_outs=a, complaints=b, hard_bounces=c, soft_bounces=d)
            for n, (a, b, c, d) in days.items()
        ]
    )
    assert chart is not None
    assert len({part.x for part in chart.parts}) <= MOST_DAYS
    for part in chart.parts:
        assert 0 <= part.x <= part.x + part.width <= WIDTH
        assert 0 <= part.y <= part.y + part.height <= chart.height
    assert 1 <= len(chart.days) <= 8


def test_no_days_are_no_chart() -> None:
    """A campaign of which nothing came back has no chart; one of a quiet day has."""
    assert stack_days([]) is None
    assert stack_days([ReturnsOfDay(day=FIRST)]) is not None


def test_parts_are_as_wide_as_their_numbers() -> None:
    """A bar of three parts is as wide as the drawing; an empty one has no width."""
    parts = lay_parts_out({"sent": 3, "open": 0, "not_sent": 1})
    assert [part.width for part in parts] == [WIDTH * 0.75, 0, WIDTH * 0.25]
    assert sum(part.width for part in lay_parts_out({"sent": 0})) == 0


def test_intervals_stand_in_their_order() -> None:
    """Low, share and high stand in this order within the drawing, also without any mail."""
    chart = lay_intervals_out([figure_of_variant("a", 0, 0), figure_of_variant("b", 100, 7)])
    for row in chart.rows:
        assert 0 < row.low <= row.share <= row.high <= WIDTH
    assert lay_intervals_out([]).rows == []


def test_scales_end_at_round_numbers() -> None:
    """The end of a scale has one leading digit."""
    assert [round_up(n) for n in (1, 9, 10, 11, 99, 101, 57_000)] == [1, 9, 10, 20, 100, 200, 60_000]
