"""Attributes of people that a policy declares: their types and purposes, and the reading of their values. Pure."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from mailer.policy.country_regions import region_code
from mailer.policy.policy_key_types import Flag, Name, Section, Whole

MAX_TEXT: Final = 500
"""The longest text of an attribute, in characters."""
FIRST_NAME: Final = "first_name"
TIME_ZONE: Final = "time_zone"
REGION: Final = "region"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_YES_NO: Final[Mapping[str, bool]] = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
AttributeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""The form of an attribute's name, which templates and segments use as it is."""
AttributeValue = str | bool | int | float
"""A stored value. A date is a text in the form YYYY-MM-DD."""


class AttributeType(StrEnum):
    """The type of an attribute."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes_no"
    TIME_ZONE = "time_zone"
    """The name of a zone in the tz database, such as Europe/Berlin."""
    REGION = "region"
    """A part of a country by ISO 3166-2, such as US-CA."""


class RecipientAttribute(Section):
    """An attribute that a policy declares in its `[attributes.NAME]`.

    Attributes:
        type: the type of its values.
        purpose: the purpose for which it is kept, one of the policy's.
        retention_days: the days after which a value that nobody has said again is deleted.
        may_choose_audience: whether segments may use it; strict by default.
    """

    type: AttributeType
    purpose: Name
    retention_days: Whole = Field(ge=1, le=3650)
    may_choose_audience: Flag = False


BUILT_IN: Final[Mapping[str, AttributeType]] = {
    FIRST_NAME: AttributeType.TEXT,
    TIME_ZONE: AttributeType.TIME_ZONE,
    REGION: AttributeType.REGION,
}
"""Attributes that each brand has without declaring them.

A name to greet with, the zone for local sending times, and the part of the country, whose law may differ.
"""


def attribute_types_of_policy(declared: Mapping[str, RecipientAttribute]) -> dict[str, AttributeType]:
    """Returns the types of all attributes that a brand may keep, by name: the built-in and the declared ones."""
    return {**BUILT_IN, **{name: one.type for name, one in declared.items()}}


def days_that_values_are_kept(declared: Mapping[str, RecipientAttribute]) -> dict[str, int | None]:
    """Returns the days after which values are deleted, by attribute; None: as long as the person is known."""
    return {**dict.fromkeys(BUILT_IN), **{name: one.retention_days for name, one in declared.items()}}


def parse_attribute_value(kind: AttributeType, text: str) -> AttributeValue:
    """Reads the value of an attribute from its text.

    Args:
        kind: the type of the attribute.
        text: a text that is not empty; a date as YYYY-MM-DD, a number with a dot, yes or no.

    Raises:
        ValueError: the text is no value of the type. The message says what is wanted, without the text.
    """
    text = text.strip()
    match kind:
        case AttributeType.TEXT:
            if not text or len(text) > MAX_TEXT or _CONTROL.search(text):
                raise ValueError(f"it takes one line of at most {MAX_TEXT} characters")
            return text
        case AttributeType.NUMBER:
            return _parse_number(text)
        case AttributeType.DATE:
            return _parse_day(text)
        case AttributeType.YES_NO:
            if text.lower() not in _YES_NO:
                raise ValueError("it takes yes or no")
            return _YES_NO[text.lower()]
        case AttributeType.TIME_ZONE:
            return _parse_zone(text)
        case AttributeType.REGION:
            return region_code(text)


def _parse_number(text: str) -> int | float:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or abs(value) >= 10**15:
        raise ValueError("it takes a number below 10^15, with a dot before decimals")
    return int(value) if value == value.to_integral_value() else float(value)


def _parse_day(text: str) -> str:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("it takes a date as YYYY-MM-DD") from None


def _parse_zone(text: str) -> str:
    try:
        if not text or len(text) > 64:
            raise ValueError
        return ZoneInfo(text).key
    except (ValueError, KeyError, OSError):  # an unknown zone is a KeyError
        raise ValueError("it takes the name of a time zone, such as Europe/Berlin") from None
