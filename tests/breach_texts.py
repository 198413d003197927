"""Notices made of the shipped blocks, for tests without a database."""

import re
from datetime import UTC, date, datetime
from typing import Any

from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.facts import BreachFacts, DataKind
from mailer.policy.breach.rules import breach_rules_of_policy, required_parts, suggest_variants
from mailer.policy.policy_file import Policy
from mailer.rendering.breach_beginnings import begin_notice_text
from mailer.rendering.breach_checks import check_breach_texts
from mailer.rendering.breach_templates import compile_breach_template
from mailer.rendering.campaign_findings import CheckFinding
from mailer.rendering.template import Template
from tests.factories import policies, templates

BRAND = "paltalk-2006"
LANGUAGES = ("ar", "de", "en", "es", "fr", "ja")
TODAY = date(2026, 12, 14)
FACTS = BreachFacts(
    began_on=date(2026, 12, 10),
    ended_on=date(2026, 12, 11),
    found_at=datetime(2026, 12, 12, 9, tzinfo=UTC),
    data=frozenset({DataKind.NAME, DataKind.PASSWORD, DataKind.SOCIAL_SECURITY_NUMBER}),
    people_by_place={"DE": 10, "GB": 5, "US-CA": 600, "US-MA": 7, "US-NY": 9},
)
"""Facts of five jurisdictions, for which nearly each part is asked for."""
_MAILBOX = re.compile(r"\[[^\[\]]*(?:mail|Mail|correo|lectronique|البريد الإلكتروني|メールアドレス)[^\[\]]*\]")
_BLANK = re.compile(r"\[[^\[\]]+\]")
_WORD = {"en": "a service", "de": "etwas", "es": "algo", "fr": "cela", "ar": "شيء", "ja": "何か"}
"""Words with which a writer fills a blank in."""


def policy_of(brand: str = BRAND) -> Policy:
    """The policy of a brand."""
    return policies()[brand]


def filled(text: NoticeText, locale: str, policy: Policy) -> NoticeText:
    """A text of blocks whose blanks a writer has filled in."""
    parts = {part: filled_part(part, said, locale, policy) for part, said in text.parts.items()}
    return text.model_copy(update={"parts": parts})


def filled_part(part: str, said: str, locale: str, policy: Policy) -> str:
    """A part of a text of blocks, by its name, whose blanks a writer has filled in."""
    if part == NoticePart.MORE_INFORMATION:
        said = _MAILBOX.sub(f"privacy@{policy.domain}", said)
    return _BLANK.sub(_WORD[locale], said)


def draft_of_blocks(policy: Policy, languages: tuple[str, ...] = LANGUAGES, facts: BreachFacts = FACTS) -> Any:
    """A draft of all variants that the facts suggest, of filled blocks."""
    variants: dict[str, NoticeVariant] = {}
    rules = breach_rules_of_policy(policy)
    for name, places in suggest_variants(facts, rules).items():
        wanted = required_parts(facts, rules, places)
        texts = {}
        for locale in languages:
            text = begin_notice_text(
                locale, facts, wanted.required, wanted.forbidden, policy.controller.postal_address, TODAY
            )
            assert text is not None
            texts[locale] = filled(text, locale, policy)
        variants[name] = NoticeVariant(places=places, texts=texts)
    return BreachPhaseDraft(variants=variants)


def notice(changed: dict[NoticePart, str] | None = None, locale: str = "en", **lines: str) -> BreachPhaseDraft:
    """A draft of one text of blocks for everybody, with some parts or lines changed; an empty part is left out."""
    text = draft_of_blocks(policy_of(), (locale,)).variants[ELSEWHERE].texts[locale]
    parts = {part: said for part, said in {**text.parts, **(changed or {})}.items() if said}
    return of_text(text.model_copy(update={**lines, "parts": parts}), locale)


def of_text(text: NoticeText, locale: str = "en") -> BreachPhaseDraft:
    """A draft of one text for everybody."""
    return BreachPhaseDraft(variants={ELSEWHERE: NoticeVariant(texts={locale: text})})


def findings(draft: BreachPhaseDraft, facts: BreachFacts = FACTS, **more: Any) -> list[CheckFinding]:
    """The findings about a draft."""
    policy = policy_of()
    return check_breach_texts(draft, facts, breach_rules_of_policy(policy), policy, **more)


def names(draft: BreachPhaseDraft, facts: BreachFacts = FACTS, **more: Any) -> set[str]:
    """The names of the checks that find something."""
    return {one.name for one in findings(draft, facts, **more)}


def compiled(draft: BreachPhaseDraft, variant: str = ELSEWHERE, brand: str = BRAND) -> Template:
    """The template of a variant."""
    files = templates().find_brand_files(brand)
    assert files is not None
    return compile_breach_template(files, "breach-0123456789ab-1", draft, variant, FACTS)
