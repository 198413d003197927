"""The texts of a public notice, made from those of a breach phase."""

from datetime import UTC, datetime

import pytest

from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.public_notice import BreachPublicNoticeRefused, check_public_days, public_notice_of_release
from mailer.policy.public_notices import PARTS
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.breach_public_texts import (
    missing_public_texts,
    plain_text_of_markdown,
    public_texts_of_phase,
)
from tests.breach_rules import RULES, facts, rules
from tests.breach_texts import TODAY

ALL = {part: f"This is {part.value}." for part in NoticePart}


def draft(**texts: NoticeText) -> BreachPhaseDraft:
    """A draft with texts by locale; `_` stands for `-`."""
    named = {locale.replace("_", "-"): text for locale, text in texts.items()}
    return BreachPhaseDraft(variants={ELSEWHERE: NoticeVariant(texts=named)})


def test_each_part_stands_below_a_heading_of_the_page() -> None:
    """None is lost, whatever parts a notice has, and the order is that in which they are read."""
    said = public_texts_of_phase(draft(en=NoticeText(title="Notice", parts=ALL)), ELSEWHERE)["en"]
    assert set(said) == {"title", *PARTS}
    assert all(sum(f"This is {part.value}." in words for words in said.values()) == 1 for part in NoticePart)
    assert said["what_information"] == "This is what_information.\n\nThis is consequences."


def test_a_language_has_one_text() -> None:
    """The plain locale goes before its regions; of two regions, the first by name."""
    texts = {name: NoticeText(title=name, parts=ALL) for name in ("en_US", "en_GB", "de_AT", "de")}
    found = public_texts_of_phase(draft(**texts), ELSEWHERE)
    assert {code: said["title"] for code, said in found.items()} == {"de": "de", "en": "en_GB"}


def test_what_is_missing_is_named() -> None:
    """The title and each of the five parts, by language."""
    texts = public_texts_of_phase(draft(en=NoticeText(parts={NoticePart.WHAT_WE_DO: "  "})), ELSEWHERE)
    assert missing_public_texts(texts) == [("en", name) for name in ("title", *PARTS)]


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("One\ntwo.\n\nThree.", "One two.\n\nThree."),
        ("Do this:\n\n- change it\n- **soon**\n\nThen:", "Do this:\n\n• change it\n\n• soon\n\nThen:"),
        ("3. a\n4. b", "3. a\n\n4. b"),
        ("See [our page](https://harbor.example/x).", "See our page: https://harbor.example/x."),
        ("<https://harbor.example/x> and <dpo@harbor.example>", "https://harbor.example/x and dpo@harbor.example"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("# Title\n\n> quoted `code`", "Title\n\nquoted code"),
        ("", ""),
    ],
)
def test_markdown_becomes_words(markdown: str, plain: str) -> None:
    """Lists keep their signs and links their addresses; HTML stays text, which the page escapes."""
    assert plain_text_of_markdown(markdown) == plain


@pytest.mark.parametrize(
    ("days", "places", "laws", "least"),
    [
        (0, ("US-CA",), ("hipaa",), None),
        (29, (), (), "30 to"),
        (29, ("US-CA",), (), "30 to"),
        (30, ("US-CA",), (), None),
        (30, ("US-CA",), ("hipaa",), "90 to 3660, since HIPAA, 45 CFR 164.404"),
        (89, ("US-CA",), ("hipaa",), "90 to"),
        (90, ("US-CA",), ("hipaa",), None),
        (3661, (), (), "30 to 3660"),
    ],
)
def test_a_notice_stands_as_long_as_the_law_asks(
    days: int, places: tuple[str, ...], laws: tuple[str, ...], least: str | None
) -> None:
    """30 days for California, 90 for HIPAA; the error names the least, and the law of its row."""
    said = facts(*places, sector_laws=frozenset(laws))
    if least:
        with pytest.raises(BreachPublicNoticeRefused, match=least):
            check_public_days(days, said, RULES)
    else:
        check_public_days(days, said, RULES)


def test_a_row_of_a_policy_alone_makes_a_notice_stand_longer() -> None:
    """At its places, and only there."""
    step = {"step": "home_page", "words": "a posting", "days": 200}
    row = {"kind": "substitute", "name": "Antarctica", "places": ["AQ"], "law": "Treaty 2", "steps": [step]}
    mine = rules(aq_substitute={**row, "unreachable_at_least": 1, "source": "x", "checked": TODAY, "sure": "unsure"})
    with pytest.raises(BreachPublicNoticeRefused, match="write 200 to 3660, since Antarctica, Treaty 2"):
        check_public_days(199, facts("AQ"), mine)
    check_public_days(200, facts("AQ"), mine)
    check_public_days(30, facts("DE"), mine)


def test_a_phase_without_days_has_no_public_notice() -> None:
    """With days, it stands from today on, that long."""
    today = datetime(2026, 11, 30, tzinfo=UTC).date()
    assert public_notice_of_release(uuid7(), "harbor", {}, 0, ("Ada", "Dana"), today) is None
    made = public_notice_of_release(uuid7(), "harbor", {"en": {"title": "x"}}, 30, ("Ada", "Dana"), today)
    assert made is not None
    assert (made.first_day, (made.last_day - made.first_day).days, made.drafted_by) == (today, 30, "Ada")
