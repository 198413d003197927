"""The view of a phase's texts: the grid of variants and languages, and what laws want of each shown text. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailer.policy.breach.draft import BreachPhaseDraft, NoticePart, NoticeVariant
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import BreachRules, PartsRequired, required_parts
from mailer.rendering.breach_checks import part_of_finding
from mailer.rendering.breach_content import NO_HEADINGS, headings_in_locale, headings_of_language
from mailer.rendering.campaign_fields import DraftTextRefused
from mailer.rendering.campaign_findings import CheckFinding, Severity
from mailer.web.console.breach_text_form import TypedNotice


@dataclass(frozen=True, slots=True)
class TextCell:
    """One text of the grid.

    Attributes:
        name: such as `us-ca@en`. is_there: the variant has a text in this language.
        errors, warnings: how many findings of its check there are.
    """

    name: str
    locale: str
    is_there: bool
    errors: int
    warnings: int


@dataclass(frozen=True, slots=True)
class GridRow:
    """A variant with its places and a cell for each language of the phase."""

    variant: str
    places: Sequence[str]
    cells: Sequence[TextCell]


@dataclass(frozen=True, slots=True)
class PartField:
    """A part in the form.

    Attributes:
        heading: that stands above it. wanted_by, forbidden_by: the laws, in words.
        findings: about what is stored.
    """

    part: str
    heading: str
    wanted_by: Sequence[str]
    forbidden_by: Sequence[str]
    findings: Sequence[CheckFinding]


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A shown text.

    Attributes:
        typed: as it was typed. parts: its parts.
        must_say, must_not_say: what the laws want it to say, and not to say, each with the law.
        findings: about the whole stored text.
    """

    typed: TypedNotice
    must_say: Sequence[str]
    must_not_say: Sequence[str]
    parts: Sequence[PartField]
    findings: Sequence[CheckFinding]


def locales_of_phase(draft: BreachPhaseDraft) -> list[str]:
    """Returns the languages that any variant has, sorted."""
    return sorted({locale for variant in draft.variants.values() for locale in variant.texts})


def names_of_texts(draft: BreachPhaseDraft) -> list[str]:
    """Returns the names of all texts, such as `us-ca@en`, sorted."""
    variants = sorted(draft.variants.items())
    return [f"{name}@{locale}" for name, variant in variants for locale in sorted(variant.texts)]


def grid_of_phase(draft: BreachPhaseDraft, findings: Sequence[CheckFinding]) -> list[GridRow]:
    """Returns a row for each variant, with a cell for each language of the phase."""
    locales = locales_of_phase(draft)
    return [
        GridRow(name, variant.places, [_cell(name, variant, locale, findings) for locale in locales])
        for name, variant in sorted(draft.variants.items())
    ]


def _cell(name: str, variant: NoticeVariant, locale: str, findings: Sequence[CheckFinding]) -> TextCell:
    own = [one.severity for one in findings if one.place[:2] == (name, locale)]
    counts = own.count(Severity.ERROR), own.count(Severity.WARNING)
    return TextCell(f"{name}@{locale}", locale, locale in variant.texts, *counts)


def view_of_notice(
    typed: TypedNotice,
    draft: BreachPhaseDraft,
    facts: BreachFacts,
    rules: BreachRules,
    findings: Sequence[CheckFinding],
) -> NoticeView:
    """Returns the view of one text; `findings` are those about the whole stored draft."""
    variant = draft.variants.get(typed.variant, NoticeVariant())
    required = required_parts(facts, rules, variant.places)
    own = [one for one in findings if one.place[:2] == (typed.variant, typed.locale)]
    headings = _headings_or_names(typed.locale, required)
    parts = [_field_of_part(part, headings[part], required, rules, own) for part in NoticePart]
    must_say, must_not_say = (_demands(required, rules, is_forbidden=one) for one in (False, True))
    return NoticeView(typed, must_say, must_not_say, parts, [one for one in own if part_of_finding(one) is None])


def _headings_or_names(locale: str, required: PartsRequired) -> Mapping[NoticePart, str]:
    """Returns the headings in a language; the English ones if it has none."""
    try:
        return headings_in_locale(locale, headings_of_language(required, locale))
    except DraftTextRefused:
        return headings_in_locale("en", NO_HEADINGS)


def _field_of_part(
    part: NoticePart, heading: str, required: PartsRequired, rules: BreachRules, findings: Sequence[CheckFinding]
) -> PartField:
    return PartField(
        part.value,
        heading,
        _laws(required.required.get(part, ()), rules),
        _laws(required.forbidden.get(part, ()), rules),
        [one for one in findings if part_of_finding(one) is part],
    )


def _demands(required: PartsRequired, rules: BreachRules, *, is_forbidden: bool) -> list[str]:
    """Returns what the text must say, or must not say, with the places and laws that want it."""
    laws: dict[str, list[str]] = {}
    for one in required.notices:
        if one.is_forbidden is is_forbidden and (row := rules.by_id.get(one.rule)):
            laws.setdefault(one.words, []).append(f"{row.name}, {row.law}")
    return [f"{words} ({'; '.join(dict.fromkeys(by))})" for words, by in laws.items()]


def _laws(ids: Sequence[str], rules: BreachRules) -> list[str]:
    rows = [rules.by_id[one] for one in ids if one in rules.by_id]
    return [f"{row.name}, {row.law} (checked {row.checked.isoformat()}, {row.sure})" for row in rows]
