"""The header fields by which machines sort bulk mail: Feedback-ID, List-Id, X-Auto-Response-Suppress."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.category import CATEGORIES, Category
from mailer.policy.text_formats import SLUG
from mailer.rendering.headers import HeaderRefused
from tests.signed import newsletter

SLUGS = st.from_regex(SLUG, fullmatch=True).filter(lambda slug: len(slug) <= 60)
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200)


def field(content: bytes, name: str) -> str:
    """The one field of a name, as it is written, unfolded."""
    head = content.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode()
    [value] = [line.partition(": ")[2] for line in head.split("\r\n") if line.startswith(f"{name}: ")]
    return value


@pytest.mark.parametrize("campaign", ["c" * 60, "spring-2026-newsletter-to-premium-members", "a", None])
def test_a_feedback_id_is_four_parts_as_they_are(campaign: str | None) -> None:
    """Machines read the field, so no name of a campaign makes it an encoded word (RFC 2047 5)."""
    assert field(newsletter(campaign=campaign), "Feedback-ID") == f"{campaign or '-'}:newsletter:paltalk-2006:mailer"


@given(st.text(max_size=1100))
def test_a_feedback_id_is_four_parts_or_none(campaign: str) -> None:
    """The field is ASCII on one line in four parts for any campaign, or the mail is not written."""
    try:
        found = field(newsletter(campaign=campaign), "Feedback-ID")
    except HeaderRefused:
        return
    assert found == f"{campaign or '-'}:newsletter:paltalk-2006:mailer"
    assert found.count(":") == 3
    assert found.isascii()
    assert len(found) <= 998


@pytest.mark.parametrize(
    ("changes", "phrase", "labels"),
    [
        ({"name": ""}, "Newsletter of paltalk-2006", "newsletter.paltalk-2006"),
        ({}, "Newsletter of Paltalk", "newsletter.paltalk-2006"),
        ({"category": CATEGORIES["promotional"]}, "Offers of Paltalk", "promotional.paltalk-2006"),
        ({"category": CATEGORIES["partner"]}, "Partner offers of Paltalk", "partner.paltalk-2006"),
        ({"name": "Harbor, Inc."}, '"Newsletter of Harbor, Inc."', "newsletter.paltalk-2006"),
        ({"name": "Hafen Büro"}, "Newsletter of paltalk-2006", "newsletter.paltalk-2006"),
        ({"name": "=?utf-8?b?WA==?="}, "Newsletter of paltalk-2006", "newsletter.paltalk-2006"),
        ({"name": "n" * 101}, "Newsletter of paltalk-2006", "newsletter.paltalk-2006"),
        ({"topic": "chat-rooms"}, "Newsletter of Paltalk - chat rooms", "chat-rooms.newsletter.paltalk-2006"),
    ],
)
def test_a_list_has_a_name_and_an_id(changes: dict[str, Any], phrase: str, labels: str) -> None:
    """People read whose list it is, in plain ASCII; a topic is a list of its own (RFC 2919)."""
    assert field(newsletter(**changes), "List-Id") == f"{phrase} <{labels}.paltalk.example>"


@given(st.sampled_from([category for category in CATEGORIES.values() if category.is_optional]), SLUGS, SLUGS, LINES)
def test_any_list_has_a_name_and_a_short_id(category: Category, brand: str, topic: str, name: str) -> None:
    """The field is one phrase and one id, without encoded words, for any name of brand and topic."""
    found = re.fullmatch(
        r"""([^<>"\\]+|"(?:\\.|[^"\\])*") <([a-z0-9.-]+)>""",
        field(newsletter(category=category, brand=brand, topic=topic, name=name), "List-Id"),
    )
    assert found
    assert "=?" not in found[1]
    assert category.list_name in found[1]
    assert found[2] == f"{topic}.{category.name}.{brand}.paltalk.example"


def test_a_long_list_id_is_bounded() -> None:
    """An identifier has at most 255 octets; another topic is still another list."""
    domain = ".".join(["d" * 60] * 3) + ".example"
    found = {
        field(newsletter(domain=domain, brand="b" * 60, topic=topic), "List-Id").rpartition("<")[2].rstrip(">")
        for topic in ("t" * 60, "u" * 60)
    }
    assert len(found) == 2
    assert all(len(identifier) <= 255 and identifier.endswith(f".{domain}") for identifier in found)


def test_an_international_domain_is_in_ascii() -> None:
    """A list's id is made of letters that every reader of mail knows."""
    assert "<newsletter.paltalk-2006.xn--bcher-kva.example>" in field(newsletter(domain="bücher.example"), "List-Id")


@pytest.mark.parametrize("category", [category for category in CATEGORIES.values() if category.is_optional])
def test_optional_mail_asks_for_no_out_of_office(category: Category) -> None:
    """Exchange answers no optional mail: its out-of-office would come to the return path, from everybody on holiday."""
    assert field(newsletter(category=category), "X-Auto-Response-Suppress") == "All"
