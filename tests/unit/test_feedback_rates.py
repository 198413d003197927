"""Limits of complaints and hard bounces: both the share and the number have to be reached."""

import pytest

from mailer.policy.feedback_rates import FeedbackTotals, reason_to_stop_promotions
from mailer.policy.mailbox_providers import OTHER, mailbox_provider_of_domain


@pytest.mark.parametrize(
    ("handed_over", "complaints", "hard_bounces", "stops"),
    [
        (3, 1, 0, False),
        (3, 0, 3, False),
        (100, 4, 19, False),
        (100, 5, 0, True),
        (100, 0, 20, True),
        (1667, 5, 0, False),
        (1666, 5, 0, True),
        (10_000, 29, 499, False),
        (10_000, 30, 0, True),
        (10_000, 0, 500, True),
        (0, 0, 0, False),
    ],
)
def test_a_share_needs_a_number(handed_over: int, complaints: int, hard_bounces: int, stops: bool) -> None:
    """One of three stops nothing; 0.3 % complaints or 5 % hard bounces do, from 5 and 20 on."""
    totals = FeedbackTotals("acme", "relay", handed_over, complaints, hard_bounces)
    reason = reason_to_stop_promotions(totals)
    assert (reason is not None) is stops
    assert reason is None or "relay" in reason


def test_providers_are_a_short_list() -> None:
    """Whatever the domain of a stranger, there is one of a few labels for it."""
    assert mailbox_provider_of_domain("gmail.com") == "google"
    assert {mailbox_provider_of_domain(f"{n}.example") for n in range(100)} == {OTHER}
