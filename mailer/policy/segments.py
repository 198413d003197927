"""Conditions of segments: a small typed language over the facts that a brand knows of people. Pure values with limits.

Each condition is true or false for a person, never unknown: a condition over a fact that is missing is false, and its
negation is true (ADR 86).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from mailer.policy.country_codes import country_code
from mailer.policy.recipient_attributes import MAX_TEXT, AttributeName, AttributeValue
from mailer.policy.text_formats import LOCALE, SLUG, normalized_language_tag

SEGMENT_PREFIX: Final = "segment:"
"""The beginning of an audience's name that names a segment."""
LONGEST_NAME: Final = 60
"""The longest name of a segment, a list or a campaign, in characters."""
DEEPEST: Final = 8
"""The most conditions that stand inside one another."""
MOST_CONDITIONS: Final = 100
"""The most conditions of a segment, groups and negations included."""
MOST_LOOK_UPS: Final = 10
"""The most conditions over lists and mail. Each of them costs a look at another table for each person."""
MOST_VALUES: Final = 100
"""The most values of one condition."""
MAX_DAYS: Final = 36_500
MAX_JSON: Final = 100_000
"""The longest JSON of a condition, in characters."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class _Part(BaseModel):
    """A part of a condition, with the keys that it has and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ValueOperator(StrEnum):
    """An operator over a fact with one value or more."""

    IS = "is"
    IS_NOT = "is_not"
    IS_KNOWN = "is_known"
    IS_NOT_KNOWN = "is_not_known"


class DateOperator(StrEnum):
    """An operator over a day. A day is one of UTC."""

    BEFORE = "before"
    ON_OR_AFTER = "on_or_after"
    IN_LAST_DAYS = "in_last_days"
    """Today, or at most so many days ago."""
    OVER_DAYS_AGO = "over_days_ago"
    """More than so many days ago."""


class AttributeOperator(StrEnum):
    """An operator over an attribute. The type of the attribute decides which of them fit."""

    IS = "is"
    IS_NOT = "is_not"
    IS_KNOWN = "is_known"
    IS_NOT_KNOWN = "is_not_known"
    BEGINS_WITH = "begins_with"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BEFORE = "before"
    ON_OR_AFTER = "on_or_after"
    IN_LAST_DAYS = "in_last_days"
    IN_NEXT_DAYS = "in_next_days"
    """Today, or at most so many days ahead."""
    OVER_DAYS_AGO = "over_days_ago"


class MailOperator(StrEnum):
    """A relation of a person to the mail of a campaign."""

    GOT = "got"
    DID_NOT_GET = "did_not_get"
    OPENED = "opened"
    DID_NOT_OPEN = "did_not_open"
    CLICKED = "clicked"
    DID_NOT_CLICK = "did_not_click"


WITHOUT_VALUES: Final = frozenset({"is_known", "is_not_known"})
"""Operators that take no value."""
WITH_DAYS: Final = frozenset({"in_last_days", "in_next_days", "over_days_ago"})
"""Operators that take a number of days."""
WITH_SEVERAL_VALUES: Final = frozenset({"is", "is_not"})
"""Operators that take one value or more; all others with a value take exactly one."""
NEGATIONS: Final = {
    "is_not": "is",
    "is_not_known": "is_known",
    "not_given": "given",
    "has_not_left": "has_left",
    "is_not_on": "is_on",
    "did_not_get": "got",
    "did_not_open": "opened",
    "did_not_click": "clicked",
}
"""Operators that are true exactly where another one is false."""


def _check_value(value: Any) -> AttributeValue:
    if isinstance(value, str):
        return _TEXT.validate_python(value)
    if isinstance(value, bool | int | float):
        if not -(10**15) < value < 10**15:  # also true of NaN
            raise ValueError("is no number below 10^15")
        return value
    raise ValueError("is no text, number, true or false")


def _check_list_name(name: Any) -> Any:
    if isinstance(name, str) and name.startswith(SEGMENT_PREFIX):
        raise ValueError("is a segment; a segment names lists, and no segments")
    return name


def _check_day(text: str) -> None:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no day; write it as 2026-12-24") from None


def check_days(text: str) -> None:
    """Checks a number of days.

    Raises:
        ValueError: it is none, or not one from 1 to `MAX_DAYS`.
    """
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 6 and 1 <= int(text) <= MAX_DAYS):
        raise ValueError(f"is no number of days from 1 to {MAX_DAYS:,}")


ConditionText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]+$")]
"""A value of a condition as text."""
_TEXT: Final[TypeAdapter[str]] = TypeAdapter(ConditionText)
ConditionValue = Annotated[
    AttributeValue, PlainValidator(_check_value), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
"""A value of an attribute. A text is read as the attribute's type when the condition is saved."""
Values = Annotated[tuple[ConditionValue, ...], Field(max_length=MOST_VALUES)]
Texts = Annotated[tuple[ConditionText, ...], Field(max_length=MOST_VALUES)]
ListName = Annotated[str, BeforeValidator(_check_list_name), Field(pattern=SLUG, max_length=LONGEST_NAME)]
ScopeText = Annotated[str, Field(pattern=r"^(\*|[a-z0-9_-]+(/[A-Za-z0-9._-]+)?)$", max_length=120)]


def _check_value_count(operator: str, values: Sequence[AttributeValue]) -> None:
    if operator in WITHOUT_VALUES and values:
        raise ValueError(f"values: {operator} takes none")
    if operator not in WITHOUT_VALUES and not values:
        raise ValueError(f"values: {operator} needs one")
    if operator not in WITHOUT_VALUES | WITH_SEVERAL_VALUES and len(values) > 1:
        raise ValueError(f"values: {operator} takes one, not {len(values)}")
    if operator in WITH_DAYS:
        check_days(str(values[0]))


class AttributeCondition(_Part):
    """A condition over an attribute that the policy declares.

    Attributes:
        name: of the attribute. operator: fits the type of the attribute.
        values: of the attribute's type; for operators with days, a number of days.
    """

    type: Literal["attribute"] = "attribute"
    name: AttributeName
    operator: AttributeOperator
    values: Values = ()

    @model_validator(mode="after")
    def _check_values(self) -> "AttributeCondition":
        _check_value_count(self.operator, self.values)
        return self


class _ValuesCondition(_Part):
    operator: ValueOperator = ValueOperator.IS

    @model_validator(mode="after")
    def _check_values(self) -> "_ValuesCondition":
        _check_value_count(self.operator, getattr(self, "values", ()))
        return self


class CountryCondition(_ValuesCondition):
    """A condition over the country of a person: the newest that was said. Codes of ISO 3166-1."""

    type: Literal["country"] = "country"
    values: Annotated[tuple[Annotated[str, AfterValidator(country_code)], ...], Field(max_length=MOST_VALUES)] = ()


class LocaleCondition(_ValuesCondition):
    """A condition over the language of a person. `de` is also `de-AT`."""

    type: Literal["locale"] = "locale"
    values: Annotated[
        tuple[Annotated[str, Field(pattern=LOCALE, max_length=35), AfterValidator(normalized_language_tag)], ...],
        Field(max_length=MOST_VALUES),
    ] = ()


class SourceCondition(_ValuesCondition):
    """A condition over the sources of a person's address: one of them is one of the values."""

    type: Literal["source"] = "source"
    values: Texts = ()


class KnownSinceCondition(_Part):
    """A condition over the time at which the person became known. `value` is a day or a number of days."""

    type: Literal["known_since"] = "known_since"
    operator: DateOperator
    value: ConditionText

    @model_validator(mode="after")
    def _check_value(self) -> "KnownSinceCondition":
        check = check_days if self.operator in WITH_DAYS else _check_day
        try:
            check(self.value)
        except ValueError as error:
            raise ValueError(f"value: {error}") from None
        return self


class ConsentCondition(_Part):
    """A condition over a consent that holds: to a category, a topic such as newsletter/chat-rooms, or a purpose."""

    type: Literal["consent"] = "consent"
    operator: Literal["given", "not_given"] = "given"
    scope: ScopeText


class OptOutCondition(_Part):
    """A condition over an opt-out that holds for a scope. An opt-out of a category leaves each of its topics."""

    type: Literal["opt_out"] = "opt_out"
    operator: Literal["has_left", "has_not_left"] = "has_left"
    scope: ScopeText


class ListCondition(_Part):
    """A condition over a list of the same brand."""

    type: Literal["list"] = "list"
    operator: Literal["is_on", "is_not_on"] = "is_on"
    name: ListName


class MailCondition(_Part):
    """A condition over earlier mail of the same brand.

    Attributes:
        campaign: the name under which mailings are counted, or the id of a mailing or of a campaign.
    """

    type: Literal["mail"] = "mail"
    operator: MailOperator = MailOperator.GOT
    campaign: Annotated[str, Field(pattern=SLUG, max_length=LONGEST_NAME)]

    @property
    def campaign_id(self) -> UUID | None:
        """The id that `campaign` is; None: it is a name."""
        try:
            return UUID(self.campaign)
        except ValueError:
            return None


class AllConditions(_Part):
    """A group of which each condition holds."""

    type: Literal["all"] = "all"
    conditions: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=MOST_CONDITIONS)]


class AnyCondition(_Part):
    """A group of which at least one condition holds."""

    type: Literal["any"] = "any"
    conditions: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=MOST_CONDITIONS)]


class NotCondition(_Part):
    """The negation of a condition: it holds for everybody for whom the condition does not."""

    type: Literal["not"] = "not"
    condition: "Condition"


Leaf = (
    AttributeCondition
    | CountryCondition
    | LocaleCondition
    | SourceCondition
    | KnownSinceCondition
    | ConsentCondition
    | OptOutCondition
    | ListCondition
    | MailCondition
)
"""A condition that is no group."""
Condition = Annotated[
    AttributeCondition
    | CountryCondition
    | LocaleCondition
    | SourceCondition
    | KnownSinceCondition
    | ConsentCondition
    | OptOutCondition
    | ListCondition
    | MailCondition
    | AllConditions
    | AnyCondition
    | NotCondition,
    Field(discriminator="type"),
]
for _group in (AllConditions, AnyCondition, NotCondition):
    _group.model_rebuild()


def leaves_of_condition(condition: Condition) -> Iterator[Leaf]:
    """Yields the conditions that are no groups, in their order."""
    if isinstance(condition, AllConditions | AnyCondition):
        for one in condition.conditions:
            yield from leaves_of_condition(one)
    elif isinstance(condition, NotCondition):
        yield from leaves_of_condition(condition.condition)
    else:
        yield condition


def text_of_condition_value(value: AttributeValue) -> str:
    """Returns a value as a form has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def split_audience_name(name: str) -> tuple[bool, str]:
    """Returns True if an audience's name is a segment's, and the name without `segment:`."""
    return name.startswith(SEGMENT_PREFIX), name.removeprefix(SEGMENT_PREFIX)


def fault_of_unknown_audience(brand: str, name: str) -> str:
    """Returns the words for an audience that a brand does not have, with what to do."""
    is_segment, short = split_audience_name(name)
    if is_segment:
        return f"{brand} has no segment {short!r}; save it first"
    return f"{brand} has no audience {name!r}; import it first"


def is_new_name_allowed(name: str) -> bool:
    """Tells whether a segment or a list may get a name."""
    return len(name) <= LONGEST_NAME and re.fullmatch(SLUG, name) is not None and not name.endswith("\n")
