"""Headings that a rule of a policy alone sets: mail, letters, the public notice and the telephone script have them."""

from typing import Any
from uuid import UUID

from mailer.actions.letter_contents import content_of_letter
from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.letter_sheets import WindowFormat
from mailer.policy.breach.rules import BreachRules, breach_rules_of_json, required_parts
from mailer.ports.letters import LetterToSet
from mailer.rendering.breach_content import headings_of_language, telephone_script
from mailer.rendering.breach_public_texts import check_public_notice
from mailer.rendering.letter_content import BulletList, Paragraph, TextRun
from mailer.rendering.printed_notices import letter_to_nobody
from tests.breach_rules import RULES, facts, rules
from tests.breach_texts import TODAY, policy_of

FACTS = facts("AQ")
FORM: dict[str, Any] = {
    "kind": "form",
    "name": "Antarctica",
    "places": ["AQ"],
    "law": "Treaty 1",
    "source": "test",
    "checked": TODAY,
    "sure": "unsure",
    "headings": {"en": {"what_happened": "What Came to Pass", "more_information": "Ask Us"}},
}
MINE = rules(aq_form=FORM)
PUBLIC = ("what_happened", "what_information", "what_we_do", "what_you_can_do", "more_information")


TEXTS = {"en": NoticeText(title="Notice", parts={NoticePart.WHAT_HAPPENED: "A laptop was stolen."})}


def draft(**parts: str) -> BreachPhaseDraft:
    """A draft with a text in two languages, for Antarctica and for everybody else."""
    said = {NoticePart(name): f"This is {name}, in words." for name in PUBLIC}
    text = NoticeText(title="Notice", parts={**said, **{NoticePart(name): words for name, words in parts.items()}})
    texts = {"en": text, "de": text}
    variants = {"aq": NoticeVariant(places=("AQ",), texts=texts), ELSEWHERE: NoticeVariant(texts=texts)}
    return BreachPhaseDraft(variants=variants, public_days=90)


def letter(rows: BreachRules, locale: str = "en", variant: str = "aq", **parts: str) -> LetterToSet:
    """A letter of a manifest with these rows."""
    frozen = draft(**parts).model_dump(mode="json"), FACTS.model_dump(mode="json"), rows.as_json()
    return LetterToSet(1, "user-1", "Ada", "AQ", ["1 Ice"], False, UUID(int=1), *frozen, variant, locale, "b")


def headings(made: LetterToSet) -> list[str]:
    """The headings of a letter."""
    return [section.heading for section in content_of_letter(made).sections]


def test_a_letter_has_the_headings_of_its_manifest() -> None:
    """Each part has one, in the language of the person; the row of the manifest replaces the shipped ones."""
    assert headings(letter(MINE))[::4] == ["What Came to Pass", "Ask Us"]
    assert headings(letter(RULES))[0] == "What Happened"
    assert headings(letter(MINE, "de"))[0] == headings(letter(RULES, "de"))[0] == "Was geschehen ist"
    assert all(headings(letter(RULES, "de")))


def test_a_letter_shows_markup_as_print() -> None:
    """Strong words, links and lists become print, and no sign of Markdown is left."""
    words = "Now **change** it [here](https://b.example/x):\n\n- one\n- two"
    sections = content_of_letter(letter(MINE, what_we_do=words)).sections
    [blocks] = [one.blocks for one in sections if one.heading == "What We Are Doing"]
    link = TextRun("here", href="https://b.example/x")
    runs = TextRun("Now "), TextRun("change", is_strong=True), TextRun(" it "), link, TextRun(":")
    items = Paragraph((TextRun("one"),)), Paragraph((TextRun("two"),))
    assert blocks == (Paragraph(runs), BulletList(items))


def test_a_sample_letter_is_to_nobody() -> None:
    """An authority gets the print of the notice, in the format of the place, dated as the release, with no address."""
    variants = {"us": NoticeVariant(places=("US-CA",), texts=TEXTS), ELSEWHERE: NoticeVariant()}
    written = BreachPhaseDraft(variants=variants)
    frozen = {"draft": written.model_dump(mode="json"), "facts": FACTS.model_dump(mode="json"), "rules": MINE.as_json()}
    made = letter_to_nobody(frozen, "us", "en", policy_of(), TODAY)
    assert [one.lines for one in made.letters] == [("Sample",)]
    assert (made.window, made.dated, made.language) == (WindowFormat.US, TODAY, "en")
    assert made.contents[0].sections[0].heading == "What Happened"


def test_the_public_notice_has_the_headings_of_the_law() -> None:
    """Those of the variant that it shows, in their language alone; without such a law it has the page's own."""
    texts = check_public_notice(draft(), FACTS, MINE, "aq")
    assert {key: texts["en"][key] for key in texts["en"] if key.startswith("heading_")} == {
        "heading_what_happened": "What Came to Pass",
        "heading_more_information": "Ask Us",
    }
    assert set(texts["de"]) == {"title", *PUBLIC}


def test_the_telephone_script_reads_the_headings_of_the_law_out() -> None:
    """The one of the row, not the shipped one."""
    wanted = required_parts(FACTS, MINE, ["AQ"])
    said = telephone_script(draft(), "aq", "en", TODAY, headings_of_language(wanted, "en"))
    assert "What Came to Pass" in said
    assert "What Happened" not in said


def test_rows_of_a_manifest_are_read_as_they_were_stored() -> None:
    """All shipped rows and one of a policy, without a loss."""
    assert breach_rules_of_json(MINE.as_json()).as_json() == MINE.as_json()
    assert breach_rules_of_json(MINE.as_json()).by_id == MINE.by_id
