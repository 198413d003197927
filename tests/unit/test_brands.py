"""People of the shipped brands: the mail that each source of an address allows, and the channel of answers."""

from dataclasses import replace

import pytest

from mailer.policy.decision_types import Divert
from mailer.ports.mail_origins import MailAndAddressOrigin
from mailer.web.languages import choose_language_by_accept_language
from mailer.web.why_this_mail_page import reason_of_mail
from tests.factories import policies
from tests.unit.test_decision import ADA, decided, reason

ACCOUNT, ELSE = "when an account was made", "to Brand"
INVITATION, CONTEST = "by a member, for an invitation", "when a contest was entered"
SOURCES = [
    ("interpals", "app", None, ACCOUNT),
    ("interpals", "newsletter-form", "not_collected_for_it", ELSE),
    ("interpals", "pen pal contest", "contest_is_no_consent", CONTEST),
    ("interpals", "friend", "only_invited", INVITATION),
    ("paltalk-2002", "download", None, ACCOUNT),
    ("paltalk-2002", "friend", "only_invited", INVITATION),
    ("paltalk-2006", "app", "no_opt_in", ACCOUNT),
    ("paltalk-2006", "order", "no_opt_in", ELSE),
    ("paltalk-2006", "newsletter-form", "not_collected_for_it", ELSE),
    ("peerstream", "app", "no_opt_in", ACCOUNT),
    ("peerstream", "order", "no_opt_in", ELSE),
    ("peerstream", "newsletter-form", "not_collected_for_it", ELSE),
]
"""The reason why an offer does not go to a person without any consent, by brand and source."""


@pytest.mark.parametrize(("brand", "source", "why_not", "said"), SOURCES)
def test_a_source_lets_a_brand_send_what_it_was_given_for(
    brand: str, source: str, why_not: str | None, said: str
) -> None:
    """An offer goes to people who signed up or bought, where the policy allows it. The page names the source."""
    policy = policies()[brand].model_copy(update={"name": "Brand"})
    somebody = replace(ADA, source=source, consents=frozenset[str]())
    assert reason(decided("promotional", somebody, policy)) == why_not
    origin = MailAndAddressOrigin("promotional", None, source, None, None, asked=False)
    assert reason_of_mail(policy, origin, choose_language_by_accept_language("en")).source == f"Given {said}"


def test_each_source_of_a_brand_has_its_row() -> None:
    """A source that is added to a shipped policy says what it was given for."""
    listed = {(brand, source) for brand, policy in policies().items() for source in policy.sources}
    assert listed == {(brand, source) for brand, source, _, _ in SOURCES}


@pytest.mark.parametrize(
    ("brand", "diverted"),
    [("interpals", False), ("paltalk-2002", False), ("paltalk-2006", True), ("peerstream", False)],
)
def test_only_who_offers_the_telephone_answers_there(brand: str, diverted: bool) -> None:
    """A wish for the telephone moves an inquiry's answer to it with the brand that has one, and no mail elsewhere."""
    wishing = replace(ADA, channel="telephone")
    decision = decided("account", wishing, policies()[brand], answers=True)
    assert isinstance(decision, Divert) is diverted
