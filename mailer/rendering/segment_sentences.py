"""Sentences that say in plain words whom a segment chooses. Pure."""

from collections.abc import Sequence
from typing import Final, assert_never

from babel import Locale, UnknownLocaleError

from mailer.policy.segments import (
    AllConditions,
    AnyCondition,
    AttributeCondition,
    AttributeOperator,
    Condition,
    ConsentCondition,
    CountryCondition,
    DateOperator,
    KnownSinceCondition,
    Leaf,
    ListCondition,
    LocaleCondition,
    MailCondition,
    MailOperator,
    NotCondition,
    OptOutCondition,
    SourceCondition,
    ValueOperator,
    text_of_condition_value,
)

_ENGLISH: Final = Locale("en")
_MAIL: Final = {
    MailOperator.GOT: "who got {name}",
    MailOperator.DID_NOT_GET: "who did not get {name}",
    MailOperator.OPENED: "who opened {name}",
    MailOperator.DID_NOT_OPEN: "of whom it is not known that they opened {name}",
    MailOperator.CLICKED: "who clicked in {name}",
    MailOperator.DID_NOT_CLICK: "of whom it is not known that they clicked in {name}",
}


def sentence_of_condition(condition: Condition) -> str:
    """Returns a sentence such as “People in Germany whose plan is Plus and who did not get spring-offer.”."""
    return f"People {_clause(condition, is_inner=False)}."


def _clause(condition: Condition, *, is_inner: bool) -> str:
    match condition:
        case AllConditions(conditions=inner) | AnyCondition(conditions=inner):
            said = _join([_clause(one, is_inner=True) for one in inner], "and" if condition.type == "all" else "or")
            return f"({said})" if is_inner and len(inner) > 1 else said
        case NotCondition(condition=inner_one):
            return f"except those ({_clause(inner_one, is_inner=False)})"
        case _:
            return _leaf_clause(condition)


def _leaf_clause(leaf: Leaf) -> str:
    match leaf:
        case AttributeCondition():
            return f"whose {leaf.name.replace('_', ' ')} {_attribute_predicate(leaf)}"
        case CountryCondition():
            return _known_or_choice(leaf.operator, "country", [_country_name(code) for code in leaf.values], "in")
        case LocaleCondition():
            names = [_language_name(tag) for tag in leaf.values]
            return _known_or_choice(leaf.operator, "language", names, "whose language is")
        case SourceCondition():
            quoted = [_quote(value) for value in leaf.values]
            return _known_or_choice(leaf.operator, "source", quoted, "whose address came from")
        case KnownSinceCondition():
            return _known_since_clause(leaf)
        case ConsentCondition():
            return f"who {'have' if leaf.operator == 'given' else 'have not'} consented to {leaf.scope}"
        case OptOutCondition():
            scope = "all optional mail" if leaf.scope == "*" else leaf.scope
            return f"who {'have' if leaf.operator == 'has_left' else 'have not'} opted out of {scope}"
        case ListCondition():
            return f"who are {'' if leaf.operator == 'is_on' else 'not '}on the list {leaf.name}"
        case MailCondition():
            return _MAIL[leaf.operator].format(name=leaf.campaign)
        case _ as never:
            assert_never(never)


def _attribute_predicate(leaf: AttributeCondition) -> str:
    values = [text_of_condition_value(value) for value in leaf.values]
    first, any_of = values[0] if values else "", _join([_quote(value) for value in values], "or")
    match leaf.operator:
        case AttributeOperator.IS:
            return f"is {any_of}"
        case AttributeOperator.IS_NOT:
            return f"is not {any_of} (or is not known)"
        case AttributeOperator.IS_KNOWN:
            return "is known"
        case AttributeOperator.IS_NOT_KNOWN:
            return "is not known"
        case AttributeOperator.BEGINS_WITH:
            return f"begins with {_quote(first)}"
        case AttributeOperator.AT_LEAST:
            return f"is at least {first}"
        case AttributeOperator.AT_MOST:
            return f"is at most {first}"
        case AttributeOperator.BEFORE:
            return f"is before {first}"
        case AttributeOperator.ON_OR_AFTER:
            return f"is {first} or later"
        case AttributeOperator.IN_LAST_DAYS:
            return f"is in the last {_days(first)}"
        case AttributeOperator.IN_NEXT_DAYS:
            return f"is in the next {_days(first)}"
        case AttributeOperator.OVER_DAYS_AGO:
            return f"is more than {_days(first)} ago"
        case _ as never:
            assert_never(never)


def _known_or_choice(operator: ValueOperator, fact: str, values: Sequence[str], begin: str) -> str:
    any_of = _join(values, "or")
    match operator:
        case ValueOperator.IS:
            return f"{begin} {any_of}"
        case ValueOperator.IS_NOT:
            return f"whose {fact} is not {any_of} (or is not known)"
        case ValueOperator.IS_KNOWN:
            return f"whose {fact} is known"
        case ValueOperator.IS_NOT_KNOWN:
            return f"whose {fact} is not known"
        case _ as never:
            assert_never(never)


def _known_since_clause(leaf: KnownSinceCondition) -> str:
    match leaf.operator:
        case DateOperator.BEFORE:
            return f"who became known before {leaf.value}"
        case DateOperator.ON_OR_AFTER:
            return f"who became known on {leaf.value} or later"
        case DateOperator.IN_LAST_DAYS:
            return f"who became known in the last {_days(leaf.value)}"
        case DateOperator.OVER_DAYS_AGO:
            return f"who became known more than {_days(leaf.value)} ago"
        case _ as never:
            assert_never(never)


def _join(parts: Sequence[str], word: str) -> str:
    """Returns `a, b and c`. The first two of a sentence that begins with a country need no word between them."""
    if word == "and" and len(parts) > 1 and parts[0].startswith("in "):
        return f"{parts[0]} {_join(parts[1:], word)}"
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _quote(value: str) -> str:
    """Returns a value as it is, or with quotes if it could be read as a part of the sentence."""
    return value if value.isalnum() else f"“{value}”"


def _days(count: str) -> str:
    return "1 day" if count == "1" else f"{int(count):,} days"


def _country_name(code: str) -> str:
    return str(_ENGLISH.territories.get(code, code))


def _language_name(tag: str) -> str:
    try:
        return Locale.parse(tag, sep="-").get_display_name("en") or tag
    except (UnknownLocaleError, ValueError):
        return tag
