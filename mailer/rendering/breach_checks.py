"""The checks of a phase's texts against the laws of their places. Pure; the compiler checks the mail itself."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from types import MappingProxyType
from typing import Final

from mailer.policy.breach.draft import BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import BreachRules, PartsRequired, required_parts
from mailer.policy.policy_file import Policy
from mailer.rendering import breach_check_list as check
from mailer.rendering.breach_content import headings_of_language, notice_content, text_of_blocks
from mailer.rendering.breach_links import find_foreign_links
from mailer.rendering.breach_nature_words import find_nature_words, find_numbers_of_people
from mailer.rendering.campaign_fields import DraftTextRefused
from mailer.rendering.campaign_findings import CheckFinding, Place, sorted_findings
from mailer.rendering.campaign_subject_checks import INVISIBLE
from mailer.rendering.campaign_text_checks import quoted
from mailer.rendering.dates_in_text import find_days_in_text
from mailer.rendering.languages import best_locale_in_same_language
from mailer.rendering.letter_content import LetterContent
from mailer.rendering.promotional_words import find_promotional_words
from mailer.rendering.readability import Readability, measure_readability

PeopleByLocale = Mapping[str, Mapping[str, int]]
"""The number of people who read each locale, by variant and locale."""
_LETTERS: Final = 10
"""The fewest letters and figures of a part: a part of blanks or signs says nothing."""
_BLANK = re.compile(r"\[[^\[\]\n]{1,200}\](?!\()")
_CONTACT = re.compile(r"[^\s@]{1,64}@[^\s@.]{1,63}\.[^\s@]|(?:\d[\s()./-]{0,3}){6}\d")
_NUMBERS_BESIDE_TEXT: Final = (NoticePart.CREDIT_AGENCIES, NoticePart.CREDIT_FREEZE)
"""Parts of names and numbers, which readability does not measure."""


@dataclass(frozen=True)
class _NoticeUnderCheck:
    """One text of a variant, with what the laws of its places want. `content` is None if it cannot be shown."""

    variant: str
    locale: str
    text: NoticeText
    content: LetterContent | None
    required: PartsRequired
    facts: BreachFacts
    rules: BreachRules
    policy: Policy

    @property
    def place(self) -> Place:
        """The place of a finding about the whole text."""
        return Place(self.variant, self.locale)

    def place_of(self, part: NoticePart) -> Place:
        """Returns the place of a finding about a part: its number in the order of parts."""
        return self.place._replace(block=number_of_part(part))

    @cached_property
    def said(self) -> Mapping[NoticePart, str]:
        """The plain text of each part that is there."""
        if self.content is None:
            return {}
        there = [part for part in NoticePart if self.text.parts.get(part, "").strip()]
        sections = zip(there, self.content.sections, strict=True)
        return {part: text_of_blocks(section.blocks) for part, section in sections}

    def said_beside(self, lines: str) -> Iterator[tuple[Place, str]]:
        """Yields the place and the text of some lines, then of each part."""
        yield self.place, lines
        yield from ((self.place_of(part), said) for part, said in self.said.items())

    def sources(self, ids: Collection[str]) -> str:
        """Returns the laws of rows, such as `California, Civ. Code 1798.82(d)`."""
        rows = (self.rules.by_id[one] for one in ids if one in self.rules.by_id)
        return "; ".join(f"{row.name}, {row.law}" for row in rows) or ", ".join(ids)


def number_of_part(part: NoticePart) -> int:
    """Returns the number of a part in the order of parts, from 1 on, which findings have as their block."""
    return list(NoticePart).index(part) + 1


def part_of_finding(finding: CheckFinding) -> NoticePart | None:
    """Returns the part that a finding is about, or None if it is about the whole text."""
    return list(NoticePart)[finding.place.block - 1] if finding.place.block else None


def check_breach_texts(
    draft: BreachPhaseDraft,
    facts: BreachFacts,
    rules: BreachRules,
    policy: Policy,
    people: PeopleByLocale = MappingProxyType({}),
) -> list[CheckFinding]:
    """Returns the findings about the texts of a phase, the worst first, each once.

    Args:
        draft: the draft of the phase.
        facts: of the case.
        rules: of the brand.
        policy: of the brand.
        people: the number of readers by variant and locale; empty: nobody has counted them.
    """
    return sorted_findings(
        finding
        for name, variant in draft.variants.items()
        for finding in _findings_of_variant(draft, name, variant, facts, rules, policy, people.get(name, {}))
    )


def _findings_of_variant(
    draft: BreachPhaseDraft,
    name: str,
    variant: NoticeVariant,
    facts: BreachFacts,
    rules: BreachRules,
    policy: Policy,
    readers: Mapping[str, int],
) -> Iterator[CheckFinding]:
    required = required_parts(facts, rules, variant.places)
    if policy.default_locale not in variant.texts:
        yield check.LANGUAGE_OF_EVERYBODY.finding(f"{name} has no text in {policy.default_locale}.", Place(name))
    yield from _missing_languages(name, variant, readers)
    yield from _different_parts(name, variant)
    for locale, text in variant.texts.items():
        content: LetterContent | None = None
        try:
            content = notice_content(draft, name, locale, headings_of_language(required, locale))
        except DraftTextRefused as error:
            yield check.UNFIT.finding(f"{error}.", _place_of_fault(name, locale, str(error)))
        notice = _NoticeUnderCheck(name, locale, text, content, required, facts, rules, policy)
        for find in _OF_NOTICE:
            yield from find(notice)


def _place_of_fault(variant: str, locale: str, fault: str) -> Place:
    named = next((part for part in NoticePart if fault.startswith(f"{part}: ")), None)
    return Place(variant, locale, number_of_part(named) if named else None)


def _missing_languages(name: str, variant: NoticeVariant, readers: Mapping[str, int]) -> Iterator[CheckFinding]:
    spoken = tuple(variant.texts)
    for locale, count in sorted(readers.items()):
        if locale and count and spoken and best_locale_in_same_language(locale, spoken) is None:
            yield check.LANGUAGE_MISSING.finding(f"{count:,} people of {name} read {locale}.", Place(name, locale))


def _different_parts(name: str, variant: NoticeVariant) -> Iterator[CheckFinding]:
    there = {
        locale: {part for part, said in text.parts.items() if said.strip()} for locale, text in variant.texts.items()
    }
    every = set().union(*there.values())
    for locale, parts in there.items():
        for part in sorted(every - parts, key=number_of_part):
            others = ", ".join(other for other, theirs in there.items() if part in theirs)
            said = f"{_named(part)} is not there in {locale}, and is in {others}."
            yield check.PARTS_DIFFER.finding(said, Place(name, locale, number_of_part(part)))


def _named(part: NoticePart) -> str:
    return part.value.replace("_", " ").capitalize()


def _find_empty_texts(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    if not notice.text.title.strip():
        yield check.EMPTY.finding("The title is empty.", notice.place)
    if not any(said.strip() for said in notice.text.parts.values()):
        yield check.EMPTY.finding("There are no parts.", notice.place)


def _find_missing_parts(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    for part, ids in notice.required.required.items():
        written = notice.text.parts.get(part, "")
        if sum(char.isalnum() for char in written) >= _LETTERS:
            continue
        if part not in notice.required.forbidden:
            said = "says nothing" if written.strip() else "is missing"
            text = f"{_named(part)} {said}. Asked for by: {notice.sources(ids)}."
            yield check.PART_MISSING.finding(text, notice.place_of(part))


def _find_forbidden_parts(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    for part, ids in notice.required.forbidden.items():
        by = notice.sources(ids)
        if part in notice.required.required:
            asking = notice.sources(notice.required.required[part])
            text = f"{_named(part)} is asked for by {asking} and forbidden by {by}."
            yield check.PART_IN_CONFLICT.finding(text, notice.place_of(part))
        elif notice.text.parts.get(part, "").strip():
            yield check.PART_FORBIDDEN.finding(f"{_named(part)} is forbidden by: {by}.", notice.place_of(part))


def _find_wrong_title(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    title = notice.required.title
    if title and notice.locale.partition("-")[0] == "en" and notice.text.title != title:
        by = notice.sources([notice.required.title_rule])
        yield check.TITLE.finding(f"The title has to be {quoted(title)}. Asked for by: {by}.", notice.place)


def _find_blanks(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    text = notice.text
    for line in (text.title, text.preheader, text.home_page, text.telephone):
        for found in _BLANK.findall(line):
            yield check.BLANK_LEFT.finding(f"Not filled in: {quoted(found)}.", notice.place)
    for part, said in text.parts.items():
        for found in _BLANK.findall(said):
            yield check.BLANK_LEFT.finding(f"Not filled in: {quoted(found)}.", notice.place_of(part))


def _find_missing_days(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    facts, part = notice.facts, NoticePart.WHAT_HAPPENED
    days = set(find_days_in_text("\n".join(notice.text.parts.values()), notice.locale))
    is_told = part in notice.required.required and part not in notice.required.forbidden
    if is_told and facts.began_on and not {facts.began_on, facts.ended_on} & days:
        text = f"The text does not name {facts.began_on.isoformat()}, the day on which the breach began."
        yield check.DATE_MISSING.finding(text, notice.place_of(part))
    if facts.found_at and not any(day >= facts.found_at.astimezone(UTC).date() for day in days):
        yield check.DAY_OF_NOTICE_MISSING.finding("The text does not say when it was written.", notice.place)


def _find_missing_contact(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    part = NoticePart.MORE_INFORMATION
    if (said := notice.said.get(part)) and not _CONTACT.search(said):
        yield check.CONTACT_MISSING.finding("The last part names no way to ask.", notice.place_of(part))


def _find_told_nature(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    ids = notice.required.forbidden.get(NoticePart.WHAT_HAPPENED)
    if not ids:
        return
    by = notice.sources(ids)
    for place, said in notice.said_beside(f"{notice.text.title}\n{notice.text.preheader}"):
        for word in dict.fromkeys(find_nature_words(said, notice.locale)):
            yield check.NATURE_TOLD.finding(f"The text says {quoted(word)}. Forbidden by: {by}.", place)
        for number in dict.fromkeys(find_numbers_of_people(said, notice.locale)):
            yield check.NUMBER_TOLD.finding(f"The text says {quoted(number)}. Forbidden by: {by}.", place)


def _find_promotion(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    text = notice.text
    lines = "\n".join((text.title, text.preheader, text.home_page, text.telephone))
    for place, said in notice.said_beside(lines):
        for word in dict.fromkeys(find_promotional_words(said, notice.locale)):
            yield check.PROMOTES.finding(f"The text says {quoted(word)}.", place)


def _find_foreign_links(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    for url in dict.fromkeys(find_foreign_links(notice.content, notice.policy)) if notice.content else ():
        yield check.FOREIGN_LINK.finding(f"A link leads to {quoted(url)}.", notice.place)


def _find_unseen_characters(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    text = notice.text
    if any(INVISIBLE.search(said) for said in (text.title, text.preheader, *text.parts.values())):
        yield check.UNSEEN.finding("The text has characters that nobody sees.", notice.place)


def _find_hard_texts(notice: _NoticeUnderCheck) -> Iterator[CheckFinding]:
    whole = measure_readability("\n".join(notice.said.values()), notice.locale)
    read = (said for part, said in notice.said.items() if part not in _NUMBERS_BESIDE_TEXT)
    measured = measure_readability("\n".join(read), notice.locale)
    if whole and whole.total > {"words": check.MOST_WORDS, "characters": check.MOST_CHARACTERS}[whole.unit]:
        yield check.TOO_LONG.finding(f"The notice has {whole.total:,} {whole.unit}.", notice.place)
    if measured and measured.longest > check.LONG_SENTENCE[measured.unit]:
        text = f"A sentence has {measured.longest} {measured.unit}: {quoted(measured.longest_sentence)}"
        yield check.SENTENCE_LONG.finding(text, notice.place)
    if measured and (text := _words_about_reading(measured)):
        yield check.HARD_TO_READ.finding(text, notice.place)


def _words_about_reading(measured: Readability) -> str:
    said = []
    if measured.average > check.LONG_ON_AVERAGE[measured.unit]:
        said.append(f"Sentences have {measured.average:.0f} {measured.unit} on average.")
    if measured.flesch is not None and measured.flesch < check.LEAST_FLESCH:
        said.append(f"The Flesch reading ease is {measured.flesch:.0f} of 100.")
    return " ".join(said)


_OF_NOTICE: Final[tuple[Callable[[_NoticeUnderCheck], Iterator[CheckFinding]], ...]] = (
    _find_empty_texts,
    _find_missing_parts,
    _find_forbidden_parts,
    _find_wrong_title,
    _find_blanks,
    _find_missing_days,
    _find_missing_contact,
    _find_told_nature,
    _find_promotion,
    _find_foreign_links,
    _find_unseen_characters,
    _find_hard_texts,
)
