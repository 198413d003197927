"""The shipped blocks: they compile in all languages for all brands, and pass the checks of five jurisdictions."""

from datetime import date

import pytest

from mailer.policy.breach.draft import ELSEWHERE, NoticePart
from mailer.policy.breach.facts import BreachFacts, DataKind
from mailer.policy.breach.rules import breach_rules_of_policy, required_parts
from mailer.rendering.breach_beginnings import begin_notice_text, block_of_part, escaped_markdown, parts_to_begin_with
from mailer.rendering.breach_content import headings_in_locale, notice_content, text_of_content
from mailer.rendering.breach_wording import BlockName, load_breach_wordings, wording_of_locale
from mailer.rendering.campaign_fields import DraftTextRefused
from mailer.rendering.campaign_findings import Severity
from tests.breach_texts import BRAND, FACTS, LANGUAGES, TODAY, compiled, draft_of_blocks, findings, policy_of
from tests.composed import BRANDS

P = NoticePart


def test_every_language_has_every_word() -> None:
    """Six languages are shipped; an unshipped one has none, and a region has those of its language."""
    assert set(load_breach_wordings()) == set(LANGUAGES)
    assert wording_of_locale("de-AT") is load_breach_wordings()["de"]
    assert wording_of_locale("pt") is None
    with pytest.raises(DraftTextRefused, match="no headings in pt"):
        headings_in_locale("pt")


def test_headings_of_california_are_those_of_the_law() -> None:
    """The title and five headings are the law's, letter by letter (Civ. Code 1798.82(d)(1))."""
    wanted = required_parts(FACTS, breach_rules_of_policy(policy_of()), ("US-CA",))
    shipped = load_breach_wordings()["en"]
    assert wanted.title == shipped.title == "Notice of Data Breach"
    assert len(wanted.headings["en"]) == 5
    assert {part: shipped.headings[part] for part in wanted.headings["en"]} == dict(wanted.headings["en"])


@pytest.mark.parametrize("brand", BRANDS)
def test_blocks_make_mail_of_each_brand(brand: str) -> None:
    """Filled blocks compile in all languages, for the variant with most parts and for the one that may not tell."""
    draft = draft_of_blocks(policy_of(brand))
    for variant in (ELSEWHERE, "us-ma"):
        template = compiled(draft, variant, brand)
        assert set(template.locales) == set(LANGUAGES)
        assert not {"profile", "unsubscribe_url", "pixel_url", "tracked"} & template.uses
        assert (template.category, template.purpose) == ("breach", "security_notice")


def test_filled_blocks_pass_all_checks_of_five_jurisdictions() -> None:
    """Nothing is found in the blocks of the EU, the UK, California, Massachusetts and New York in six languages."""
    draft = draft_of_blocks(policy_of())
    assert {"eu", "gb", "us-ca", "us-ma", "us-ny", ELSEWHERE} <= set(draft.variants)
    assert findings(draft) == []


def test_unfilled_blocks_are_refused() -> None:
    """Whatever the facts do not say stands in brackets, in each language, and the check names it."""
    facts = BreachFacts()
    for locale in LANGUAGES:
        text = begin_notice_text(locale, facts, tuple(P), (), "", TODAY)
        assert text is not None
        assert "<" not in "".join(text.parts.values())
        assert all("[" in text.parts[part] for part in (P.WHAT_HAPPENED, P.WHAT_INFORMATION, P.MORE_INFORMATION))
        draft = draft_of_blocks(policy_of(), (locale,))
        changed = draft.variants[ELSEWHERE].texts[locale].model_copy(update={"parts": text.parts})
        draft.variants[ELSEWHERE].texts[locale] = changed
        left = [one for one in findings(draft) if one.name == "breach-blank-left"]
        assert len(left) >= 8
        assert {one.severity for one in left} == {Severity.ERROR}


def test_facts_fill_blanks_in_as_text() -> None:
    """Days, kinds of data, the agency and the address are the facts'; none of them is Markdown."""
    facts = FACTS.model_copy(
        update={
            "law_enforcement": "FBI *Boston* <https://x.example>",
            "law_enforcement_delay_until": date(2027, 1, 5),
            "other_data": "[shoe](https://x.example) sizes",
        }
    )
    text = begin_notice_text("en", facts, (P.LAW_ENFORCEMENT_DELAY,), (), "1 Road\nTown_1_", TODAY)
    assert text is not None
    draft = draft_of_blocks(policy_of(), ("en",))
    draft.variants[ELSEWHERE].texts["en"] = text
    said = text_of_content(notice_content(draft, ELSEWHERE, "en"))
    assert "On December 10, 2026, " in said
    assert "FBI *Boston* <https://x.example> asked us to wait with this notice until January 5, 2027" in said
    assert "- [shoe](https://x.example) sizes" in said
    assert "- your Social Security number" in said
    assert "1 Road, Town_1_" in said
    assert "The date of this notice is December 14, 2026." in said


def test_blocks_follow_the_facts() -> None:
    """A forbidden nature, mailbox passwords, an agency and a toll-free law each have a block of their own."""
    mailbox = FACTS.model_copy(update={"data": frozenset({DataKind.MAILBOX_CREDENTIALS})})
    waits = FACTS.model_copy(update={"law_enforcement_delay_until": date(2027, 1, 1), "law_enforcement": "FBI"})
    hipaa = FACTS.model_copy(update={"sector_laws": frozenset({"hipaa"})})
    assert block_of_part(P.WHAT_WE_DO, FACTS, (), (P.WHAT_HAPPENED,)) is BlockName.WHAT_WE_DO_WITHOUT_NATURE
    assert block_of_part(P.WHAT_WE_DO, FACTS, (), ()) is BlockName.WHAT_WE_DO
    assert block_of_part(P.CHANGE_PASSWORD, mailbox, (), ()) is BlockName.CHANGE_PASSWORD_MAILBOX
    assert block_of_part(P.CHANGE_PASSWORD, FACTS, (), ()) is BlockName.CHANGE_PASSWORD
    assert block_of_part(P.LAW_ENFORCEMENT_DELAY, FACTS, (), ()) is BlockName.LAW_ENFORCEMENT_NO_DELAY
    assert block_of_part(P.LAW_ENFORCEMENT_DELAY, waits, (), ()) is BlockName.LAW_ENFORCEMENT_DELAY
    assert block_of_part(P.MORE_INFORMATION, FACTS, (), ()) is BlockName.MORE_INFORMATION
    assert block_of_part(P.MORE_INFORMATION, hipaa, (), ()) is BlockName.MORE_INFORMATION_TOLL_FREE
    assert block_of_part(P.MORE_INFORMATION, FACTS, (P.CREDIT_AGENCIES,), ()) is BlockName.MORE_INFORMATION_TOLL_FREE


def test_massachusetts_is_not_told_what_happened() -> None:
    """Neither the part nor a word or number of it stands in the blocks for Massachusetts, in any language."""
    variant = draft_of_blocks(policy_of()).variants["us-ma"]
    for text in variant.texts.values():
        assert P.WHAT_HAPPENED not in text.parts
        assert {P.POLICE_REPORT, P.CREDIT_FREEZE, P.IDENTITY_PROTECTION} <= set(text.parts)
    assert P.WHAT_HAPPENED not in parts_to_begin_with((P.WHAT_HAPPENED,), (P.WHAT_HAPPENED,))


def test_escaped_markdown_shows_as_it_is() -> None:
    """Each sign of Markdown is escaped."""
    assert escaped_markdown("a*b_c[d](e)<f>#1|~`") == "a\\*b\\_c\\[d\\]\\(e\\)\\<f\\>\\#1\\|\\~\\`"
    assert BRAND in BRANDS
