"""Follow-ups: nobody is written to again whom a wish, a law or a mail that may have arrived forbids."""

import pytest

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_follow_ups import follow_up_list_prefix, may_be_followed_up
from mailer.policy.delivery_reason_explanations import REASONS

OFFERED = {
    *(("failed", reason) for reason in ("blocked", "gave_up", "render_error")),
    *(("suppressed", reason) for reason in ("category_cap", "brand_cap")),
    *(("cancelled", "cancelled"), ("expired", "expired")),
}


def test_each_reason_is_offered_or_not() -> None:
    """The offered reasons are these, of all that a delivery can end with; a new one is not, until this list has it."""
    ends = {(state, reason) for reason, told in REASONS.items() for state in told.states.split(", ")}
    assert {end for end in ends if may_be_followed_up(*end)} == OFFERED


def test_the_last_refusal_may_follow_the_word() -> None:
    """The word of a reason counts; a manifest's results count as those of deliveries."""
    assert may_be_followed_up("failed", "gave_up: 451 4.7.1 try later")
    assert not may_be_followed_up("failed", "in_doubt: connection lost")
    assert may_be_followed_up("suppress", "no_time_zone")
    assert not any(may_be_followed_up(state, "") for state in ("handed_over", "queued", "held", "send", "diverted", ""))


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("Spring 2026!", "followup-spring-2026-"),
        ("春", "followup-campaign-"),
        ("--", "followup-campaign-"),
        ("a" * 100, f"followup-{'a' * 40}-"),
        (f"{'a' * 39} b", f"followup-{'a' * 39}-"),
    ],
)
def test_any_name_makes_the_name_of_a_list(name: str, prefix: str) -> None:
    """The list of a campaign with any name can be the audience of a draft."""
    assert follow_up_list_prefix(name) == prefix
    assert CampaignDraft(category="newsletter", purpose="newsletter", audience=f"{prefix}17").audience == f"{prefix}17"
