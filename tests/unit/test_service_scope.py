"""The rule `service-scope`: whose announcements can be left."""

from dataclasses import replace

import pytest

from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import SEND, decide, facts_for_rules
from mailer.policy.decision_types import Send, Suppress
from tests.unit.test_decision import ADA, NOW, POLICY, mailing_of, revised


@pytest.mark.parametrize(
    ("scope", "paid", "left", "category", "gets"),
    [
        ("paid", True, True, "service", True),
        ("paid", False, False, "updates", True),
        ("paid", False, True, "updates", False),
        ("any", False, True, "service", True),
    ],
)
def test_service_scope(scope: str, paid: bool, left: bool, category: str, gets: bool) -> None:
    """Service mail to a non-payer is an update under `paid`, and can be left. Else nothing stops it."""
    policy = revised(POLICY, switches=POLICY.switches.model_copy(update={"service_scope": scope}))
    standing = replace(ADA, products=frozenset({"*"} if paid else ()), opted_out=frozenset({"updates"} if left else ()))
    mailing = mailing_of("service")
    assert facts_for_rules(mailing, standing, policy, NOW).category.name == category
    decision = decide(mailing, standing, policy, NOW)
    assert decision == (Send(SEND, "2024", CATEGORIES[category]) if gets else Suppress("opted_out", "opt-out", "2024"))


@pytest.mark.parametrize(
    ("products", "about", "category"),
    [
        ((), None, "updates"),
        ((), "voice", "updates"),
        (("voice",), None, "service"),
        (("voice",), "voice", "service"),
        (("voice",), "video", "updates"),
        (("voice",), "voice-plus", "updates"),
        (("*",), "video", "service"),
        (("*",), None, "service"),
    ],
)
def test_service_scope_by_product(products: tuple[str, ...], about: str | None, category: str) -> None:
    """Only a payer of that product cannot leave announcements about it. Without a product, all payers are meant."""
    standing = replace(ADA, products=frozenset(products), opted_out=frozenset({"*"}))
    mailing = mailing_of("service", product=about)
    assert facts_for_rules(mailing, standing, POLICY, NOW).category.name == category
    gets = Send(SEND, "2024", CATEGORIES["service"])
    assert decide(mailing, standing, POLICY, NOW) == (
        gets if category == "service" else Suppress("opted_out", "opt-out", "2024")
    )
