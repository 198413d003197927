"""The parts that a notice must and must not have at some places, by the rules, and the variants that follow. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from mailer.policy.breach.draft import ELSEWHERE, NoticePart, VariantSlug
from mailer.policy.breach.facts import BreachFacts, Place
from mailer.policy.breach.rule_rows import ForbiddenPartsRule, FormRule, PartsRule
from mailer.policy.breach.rule_set import BreachRules, is_place_known

TextRule = PartsRule | ForbiddenPartsRule | FormRule


@dataclass(frozen=True, slots=True)
class PartNotice:
    """Something that the text must say, or must not say, beside having its parts.

    Attributes:
        parts: where it belongs, or from where it is banned. words: for the writer. rule: the id of the row.
        is_forbidden: the text must not say it, in no part.
    """

    parts: tuple[NoticePart, ...]
    words: str
    rule: str
    is_forbidden: bool


@dataclass(frozen=True, slots=True)
class PartsRequired:
    """The demands on the text for some places.

    Attributes:
        required, forbidden: the parts, in their order, each with the ids of the rows that ask for it. A part may be
            in both: then these places need variants of their own.
        title: the title that a law sets; None: any. title_rule: the id of its row; empty: none.
        headings: those that a law sets, by language and part.
        least_points: the least size of the type, in points; 0: any.
        notices: what the text must and must not say.
    """

    required: Mapping[NoticePart, tuple[str, ...]]
    forbidden: Mapping[NoticePart, tuple[str, ...]]
    title: str | None
    title_rule: str
    headings: Mapping[str, Mapping[NoticePart, str]]
    least_points: int
    notices: tuple[PartNotice, ...]


def required_parts(facts: BreachFacts, rules: BreachRules, places: Collection[Place]) -> PartsRequired:
    """Returns the demands on the text for the people of some places.

    Args:
        facts: of the case.
        rules: the rows of the brand.
        places: of the variant; none: people of unknown places, for whom each part counts that any law asks for. What
            only some law forbids is allowed there: a text cannot both say it and not say it.
    """
    held = _rows_of_places(rules, places, facts)
    parts = [row for row in held if isinstance(row, PartsRule)]
    forbidden = [row for row in held if isinstance(row, ForbiddenPartsRule)]
    forms = [row for row in held if isinstance(row, FormRule)]
    titled = next((row for row in forms if row.title is not None), None)
    return PartsRequired(
        required=_ids_by_part((row.id, row.parts) for row in parts),
        forbidden=_ids_by_part((row.id, row.parts) for row in forbidden),
        title=titled.title if titled else None,
        title_rule=titled.id if titled else "",
        headings=_headings(forms),
        least_points=max((row.least_points or 0 for row in forms), default=0),
        notices=(
            *(PartNotice(row.parts, words, row.id, False) for row in parts for words in row.must_say),
            *(PartNotice(row.parts, words, row.id, True) for row in forbidden for words in row.must_not_say),
        ),
    )


def suggest_variants(facts: BreachFacts, rules: BreachRules) -> dict[VariantSlug, tuple[Place, ...]]:
    """Returns the variants that the facts ask for: places with the same demands share one; `ELSEWHERE` has none.

    A variant names all places of its rules, so that it also serves people whom the estimates left out.
    """
    estimated = set(facts.people_by_place)
    named = {place for row in _text_rows(rules) for place in row.places}
    groups: defaultdict[frozenset[str], list[Place]] = defaultdict(list)
    for place in sorted(estimated | named):
        if demands := _demands_of_place(rules, place, facts):
            groups[demands].append(place)
    variants: dict[VariantSlug, tuple[Place, ...]] = {}
    for demands, places in groups.items():
        if estimated.intersection(places) or any(place.partition("-")[0] in places for place in estimated):
            variants[_slug(rules, demands, places, variants)] = tuple(places)
    return {**dict(sorted(variants.items())), ELSEWHERE: ()}


def _text_rows(rules: BreachRules) -> tuple[TextRule, ...]:
    return tuple(row for row in rules.rows if isinstance(row, PartsRule | ForbiddenPartsRule | FormRule))


def _demands_of_place(rules: BreachRules, place: Place, facts: BreachFacts) -> frozenset[str]:
    """Returns the ids of the rows about texts that hold for a place; none if its demands are those of `ELSEWHERE`."""
    if not is_place_known(_text_rows(rules), place):
        return frozenset()
    return frozenset(row.id for row in _text_rows(rules) if row.is_true_of(facts) and row.is_of_place(place))


def _slug(
    rules: BreachRules, demands: Collection[str], places: list[Place], taken: Collection[VariantSlug]
) -> VariantSlug:
    """Returns a name for the variant of some places that no other has: the rules' own, or the first place's."""
    said = {row.variant for row in _text_rows(rules) if row.id in demands and row.places}
    name = (said.pop() if len(said) == 1 else None) or places[0].lower()
    return name if name not in taken else f"{name}-{places[0].lower()}"


def _rows_of_places(rules: BreachRules, places: Collection[Place], facts: BreachFacts) -> list[TextRule]:
    """Returns the rows about texts that hold for some places: each place's own and its country's.

    For a place whose demands no row tells, all rows hold but those that forbid something.
    """
    rows = [row for row in _text_rows(rules) if row.is_true_of(facts)]
    is_unknown = any(not is_place_known(_text_rows(rules), place) for place in places or ("",))
    return [
        row
        for row in rows
        if any(row.is_of_place(place) for place in places) or (is_unknown and not isinstance(row, ForbiddenPartsRule))
    ]


def _ids_by_part(parts_of_rows: Iterable[tuple[str, Iterable[NoticePart]]]) -> dict[NoticePart, tuple[str, ...]]:
    found: defaultdict[NoticePart, list[str]] = defaultdict(list)
    for name, parts in parts_of_rows:
        for part in parts:
            found[part].append(name)
    return {part: tuple(found[part]) for part in NoticePart if part in found}


def _headings(forms: Iterable[FormRule]) -> dict[str, dict[NoticePart, str]]:
    found: defaultdict[str, dict[NoticePart, str]] = defaultdict(dict)
    for row in forms:
        for language, headings in row.headings.items():
            found[language] = {**headings, **found[language]}
    return dict(found)
