"""Events that are taken in together are handed over a window at a time."""

import pytest

from mailer.pipeline.intake import _group_mailings_into_windows
from mailer.ports.mailings import AcceptedMailing
from mailer.ports.time_ordered_uuids import uuid7


@pytest.mark.parametrize(
    ("sizes", "windows"),
    [
        ([], []),
        ([1] * 128, [64, 64]),
        ([1] * 65, [64, 1]),
        ([60, 10, 64, 1, 63], [60, 10, 64, 64]),
        ([64, 64], [64, 64]),
    ],
)
def test_no_window_is_larger_than_what_is_claimed_together(sizes: list[int], windows: list[int]) -> None:
    """A relay that is silent for minutes keeps no more than one window of a consumer; nothing is left out."""
    results = [AcceptedMailing(uuid7(), False, (number,), size, None, ()) for number, size in enumerate(sizes)]
    found = list(_group_mailings_into_windows(results))
    assert [sum(result.size for result in some) for some in found] == windows
    assert [result for some in found for result in some] == results
