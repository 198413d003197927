import re
import tomllib
from typing import Any

import pytest

from mailer import resources
from mailer.policy.category import CATEGORIES
from mailer.policy.document import Policy, PolicyError, parse_policy

TEXT = resources.folder("policies").joinpath("interpals.toml").read_text()


def test_the_shipped_policies_are_good() -> None:
    """Each shipped file is a policy, and the brands differ."""
    files = sorted(resources.folder("policies").glob("*.toml"))
    assert {parse_policy(file.read_text(), file.name).brand for file in files} == {"interpals", "paltalk-2006"}


def test_categories_have_traits_and_senders() -> None:
    """A policy's categories are those of the table, and mandatory mail has a sender of its own."""
    policy = parse_policy(TEXT, "interpals.toml")
    assert policy.categories["breach"] is CATEGORIES["breach"]
    assert "partner" not in policy.categories
    assert policy.sender(CATEGORIES["breach"]) == policy.senders.mandatory
    assert policy.sender(CATEGORIES["newsletter"]) == policy.senders.optional


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('brand = "interpals"', 'brand = "Inter Pals"', "p.toml: brand: String should match pattern"),
        ('version = "2024"', "", "p.toml: version: Field required"),
        ("effective = 2024-01-01", 'effective = "soon"', "p.toml: effective: Input should be a valid date"),
        (
            '"service", "breach"',
            '"service", "spam"',
            "p.toml: categories: Value error, unknown category spam; there are",
        ),
        ('service_footer = "none"', 'service_footer = "maybe"', "p.toml: service_footer: Input should be 'leave'"),
        (
            'service_footer = "none"',
            'service_footer = "none"\nminimum_cell = 1',
            "p.toml: minimum_cell: Input should be",
        ),
        ('name = "InterPals"', 'name = "InterPals"\nmotto = "x"', "p.toml: motto: Extra inputs are not permitted"),
        ("mandatory = ", 'optional_ = "x"\nmandatory = ', "p.toml: senders.optional_: Extra inputs are not permitted"),
        (
            "InterPals <service@notice",
            "InterPals Letters <letters@mail",
            "p.toml: file: Value error, senders.mandatory",
        ),
        ("[senders]", "[senders", "p.toml: not TOML: "),
    ],
)
def test_a_bad_file_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    """What cannot be used is refused, naming the file, the place and the remedy."""
    assert old in TEXT
    with pytest.raises(PolicyError, match=f"^{re.escape(message)}"):
        parse_policy(TEXT.replace(old, new).replace("letters@mail.interpals.example>", "letters@m.example>"), "p.toml")


def test_the_fence_is_read_in_lower_case() -> None:
    """The rule compares in lower case, so the fence is kept so."""
    document: dict[str, Any] = tomllib.loads(TEXT) | {"only_deliver_to": ["Ada@X.example", "@QA.example"]}
    assert Policy.model_validate(document).only_deliver_to == ("ada@x.example", "@qa.example")


def test_mandatory_is_not_optional() -> None:
    """Every category is one or the other, and only the breach needs a release and falls back to writing."""
    assert all(category.mandatory is not category.optional for category in CATEGORIES.values())
    assert [category.name for category in CATEGORIES.values() if category.needs_release] == ["breach"]
    assert [category.name for category in CATEGORIES.values() if category.written_fallback] == ["breach"]
    assert {category.name for category in CATEGORIES.values() if category.optional} == {
        "newsletter",
        "promotional",
        "notification",
        "invitation",
        "partner",
    }
