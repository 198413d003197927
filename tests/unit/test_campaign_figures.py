"""The number shown and the number sent: for any outcomes they add up, and small cells cannot be computed."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.advertiser_figures import OTHER
from mailer.policy.campaign_figures import (
    CampaignFigures,
    FetchesOfVariant,
    OutcomeCell,
    OutcomeKind,
    add_links,
    compare_shown_and_done,
    next_count_at,
    shown_cells,
    shown_links_of_mailing,
)
from mailer.ports.deliveries import DeliveryState

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CELLS = st.builds(
    OutcomeCell,
    variant=st.sampled_from(["a", "b", "rest"]),
    result=st.sampled_from(["send", "hold", "suppress", "divert", "duplicate"]),
    shown_reason=st.sampled_from(["", "opted_out", "night"]),
    state=st.sampled_from(["", *(state.value for state in DeliveryState)]),
    reason=st.sampled_from(["", "opted_out", "refused"]),
    people=st.integers(1, 1000),
)


@given(st.lists(CELLS, max_size=30))
def test_any_outcomes_add_up(cells: list[OutcomeCell]) -> None:
    """Shown, less lost, plus gained, is sent and open; sent, open and not sent are the audience."""
    done = compare_shown_and_done(cells)
    assert done.adds_up
    assert done.shown == sum(cell.people for cell in cells if cell.result in ("send", "hold"))
    assert done.audience == sum(cell.people for cell in cells)
    assert done.sent == sum(cell.people for cell in cells if cell.state == "handed_over")
    assert all(one.people > 0 for one in (*done.lost, *done.gained, *done.not_sent))


@given(st.sampled_from(DeliveryState))
def test_each_state_has_a_kind(state: DeliveryState) -> None:
    """Final states are sent or not sent, and the others are open."""
    cell = OutcomeCell(variant="a", result="send", shown_reason="", state=state.value, reason="", people=1)
    assert (cell.kind is OutcomeKind.OPEN) is not state.is_final


@given(
    st.dictionaries(st.sampled_from(["", *"abcdefgh"]), st.integers(1, 60), min_size=1),
    st.binary(min_size=4, max_size=4),
    st.integers(1, 9),
)
def test_no_shown_cell_is_small(cells: dict[str, int], lot: bytes, most: int) -> None:
    """Each cell that is shown, `other` too, has the minimum; they add up to all; another draw changes nothing else."""
    shown = shown_cells(cells, 20, lot, most)
    assert all(n >= 20 for n in shown.values())
    assert not shown or sum(shown.values()) == sum(cells.values())
    assert len(shown) <= most + 1
    assert shown == shown_cells(dict(reversed(cells.items())), 20, lot, most)


def test_many_small_links_that_their_total_would_tell_are_not_shown() -> None:
    """The total of 25 links with 19 clicks each would tell each; nothing is shown."""
    assert shown_cells({f"link {n}": 19 for n in range(25)}, 20, b"lot", 50) == {}


def test_links_of_a_running_mailing_are_whole_cells() -> None:
    """Clicks by link of a running mailing are rounded down to whole cells; then they are exact."""
    clicks = {"https://a.example/": 59, "": 41}
    assert shown_links_of_mailing(clicks, 20, b"", is_finished=False) == {"https://a.example/": 40, OTHER: 40}
    assert shown_links_of_mailing(clicks, 20, b"", is_finished=True) == {"https://a.example/": 59, OTHER: 41}
    both = add_links([{"x": 20, OTHER: 90}, {"x": 40, "y": 100}])
    assert [(one.link, one.clicks) for one in both] == [("y", 100), ("x", 60), (OTHER, 90)]


def test_a_hidden_figure_of_a_variant_is_in_no_sum() -> None:
    """The sum of a hidden and a shown variant is that of the other, so that nothing is left by subtraction."""
    fetches = (FetchesOfVariant(variant="a", opens=60), FetchesOfVariant(variant="b", opens=None, clicks=None))
    figures = CampaignFigures(minimum_cell=20, fetches=fetches)
    assert (figures.all_fetches.opens, figures.all_fetches.clicks) == (60, None)


def test_counts_get_rarer() -> None:
    """A young campaign is counted every ten seconds, an old one twice a day, a large one as seldom as it is slow."""
    short = timedelta(milliseconds=5)
    assert next_count_at(NOW, NOW, short) == NOW + timedelta(seconds=10)
    assert next_count_at(NOW, NOW, timedelta(seconds=3)) == NOW + timedelta(seconds=150)
    assert next_count_at(NOW - timedelta(days=25), NOW, short) == NOW + timedelta(hours=12)
    assert next_count_at(NOW - timedelta(days=91), NOW, short) is None
