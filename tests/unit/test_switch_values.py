"""Each value of the switches that no rule of a decision reads: for footers, and for opens."""

from dataclasses import replace

import pytest

from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.standing import TRACKING
from mailer.policy.switches import Switches
from mailer.policy.tracking import is_open_counted_anonymously, tracking_level
from mailer.rendering.template import service_footer_of_category
from tests.unit.test_decision import ADA, POLICY, revised


def holding(policy: Policy, **switches: str) -> Switches:
    """The switches of a policy that hold in the USA, where the law asks for none of these."""
    said = policy.switches.model_copy(update=switches)
    return revised(policy, switches=said).strictest_switches_for_person(policy.version, "US")


@pytest.mark.parametrize(
    ("said", "service", "breach", "newsletter"),
    [
        ("leave", "leave", "leave", "none"),
        ("deactivate", "deactivate", "none", "none"),
        ("none", "none", "none", "none"),
    ],
)
def test_a_footer_offers_what_the_policy_says(said: str, service: str, breach: str, newsletter: str) -> None:
    """Service mail has the policy's footer; closing an account ends no breach notice."""
    switches = holding(POLICY, service_footer=said)
    offered = [service_footer_of_category(CATEGORIES[name], switches) for name in ("service", "breach", "newsletter")]
    assert offered == [service, breach, newsletter]


@pytest.mark.parametrize(
    ("said", "without", "consenting"),
    [
        ("off", "off", "off"),
        ("mailing", "mailing", "mailing"),
        ("unlinkable", "unlinkable", "unlinkable"),
        ("individual", "unlinkable", "individual"),
    ],
)
def test_an_open_tells_what_the_policy_says(said: str, without: str, consenting: str) -> None:
    """A person's opens are counted individually with their own consent only, and never beyond the policy."""
    switches = holding(POLICY, tracking=said)
    agreed = replace(ADA, consents=frozenset({TRACKING}))
    assert (tracking_level(switches, ADA), tracking_level(switches, agreed)) == (without, consenting)
    assert tracking_level(switches, replace(agreed, tracking_refused=True)) == "off"
    assert is_open_counted_anonymously(switches, agreed) is (consenting in ("mailing", "unlinkable"))
