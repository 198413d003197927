"""The traits of every category, and what the four policies say where nobody has promised it."""

from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import pytest

from mailer import bundled_files
from mailer.policy.category import CATEGORIES, Category, Lane
from mailer.policy.policy_library import parse_policies_in_force

LEGAL = {"breach", "rights", "policy_change", "business_transition"}
LASTING = {"account", *LEGAL}
TRAITS: dict[str, dict[Any, set[str]]] = {
    "mandatory": {True: {"service", *LASTING}},
    "lane": {
        Lane.BREACH: {"breach"},
        Lane.NEWSLETTER: {"newsletter"},
        Lane.PROMOTIONAL: {"promotional", "invitation", "partner"},
    },
    "max_age": {timedelta(days=5): LASTING, timedelta(days=2): {"service", "newsletter", "updates"}},
    "outlives_account": {True: LASTING},
    "needs_release": {True: {"breach"}},
    "written_fallback": {True: {"breach"}},
    "markets": {True: {"newsletter", "promotional", "partner"}},
    "promotes": {True: {"promotional", "partner"}},
    "partners": {True: {"partner"}},
    "invites": {True: {"invitation"}},
    "without_product": {"updates": {"service"}},
    "stands_in": {True: {"updates"}},
    "answers": {True: {"rights"}},
    "may_answer": {True: {"account"}},
    "tells_change": {True: {"policy_change", "business_transition"}},
    "tells_everyone": {True: {"business_transition"}},
    "list_name": {
        "Newsletter": {"newsletter"},
        "Offers": {"promotional"},
        "Notifications": {"notification"},
        "Service updates": {"updates"},
        "Invitations": {"invitation"},
        "Partner offers": {"partner"},
    },
}
"""Categories by trait and value. The others have the value of `REST`."""
REST: dict[str, Any] = {"lane": Lane.SERVICE, "max_age": timedelta(days=1), "list_name": "", "without_product": ""}
"""Values of the categories that no row names, by trait; False for a trait that is not here."""


def test_each_trait_has_its_rows() -> None:
    """A trait that is added says of which categories it is."""
    assert set(TRAITS) == {field.name for field in fields(Category)} - {"name"}


@pytest.mark.parametrize("trait", TRAITS)
def test_each_trait_is_that_of_its_categories(trait: str) -> None:
    """A category has a trait if it stands in the trait's row, and no other has it."""
    for name, category in CATEGORIES.items():
        expected = next((value for value, names in TRAITS[trait].items() if name in names), REST.get(trait, False))
        assert getattr(category, trait) == expected, name


POLICIES = {
    "interpals": ("opt_out", "none", "paid", "on_request", "mailing"),
    "paltalk-2006": ("opt_in", "deactivate", "any", "never", "mailing"),
    "paltalk-2002": ("opt_out", "leave", "any", "allowed", "mailing"),
    "peerstream": ("opt_in", "deactivate", "any", "never", "unlinkable"),
}
"""Switches of each brand, in the order of `ORDER`."""

MAILBOXES = {
    "interpals": "opt-out@interpals.example",
    "paltalk-2006": "optout@paltalk.example",
    "paltalk-2002": "opt-out@paltalk-2002.example",
    "peerstream": "opt-out@peerstream.example",
}


def test_each_brand_says_what_it_says() -> None:
    """Values on which no promise rests stay as they are all the same: somebody has thought about them."""
    files = {file.name: file.read_text("utf-8") for file in bundled_files.bundled_folder("policies").glob("*.toml")}
    policies = parse_policies_in_force(files, date(2026, 6, 1))
    for brand, switches in POLICIES.items():
        policy = policies[brand]
        assert tuple(policy.switches.model_dump().values()) == switches
        assert (policy.opt_out_mailbox, policy.minimum_cell, policy.retention_days) == (MAILBOXES[brand], 20, 1095)
        assert {*LASTING, "service", "newsletter", "promotional"} - set(policy.terms) <= {"business_transition"}
    assert {"updates", "notification", "invitation", "partner"} <= set(policies["interpals"].terms)
    assert "notification" in policies["peerstream"].terms
    said = {brand: (policy.controller.id, policy.controller.postal_address) for brand, policy in policies.items()}
    assert said == {
        "interpals": ("interpals", "1 Example Plaza, Suite 200, Brooklyn, NY 11201, United States"),
        "paltalk-2006": ("paltalk", "P.O. Box 2412, JAF Station, New York, NY 10116"),
        "paltalk-2002": ("avm-software", "30 North Street, Jericho, NY 11753, United States"),
        "peerstream": ("peerstream", "122 East 42nd Street, New York, NY 10168, United States"),
    }
    countries = {brand: [found.country for found in policy.processors] for brand, policy in policies.items()}
    assert countries == {
        "interpals": ["US"],
        "paltalk-2006": ["US"],
        "paltalk-2002": [],
        "peerstream": ["US", "IE"],
    }
    assert [partner.id for partner in policies["interpals"].partners] == ["penpal-shop"]
