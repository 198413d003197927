"""Attributes of people: each type reads its values and refuses others, and a policy gives each a purpose."""

import pytest

from mailer.policy.recipient_attributes import AttributeType, parse_attribute_value


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (AttributeType.TEXT, " Plus ", "Plus"),
        (AttributeType.NUMBER, "12", 12),
        (AttributeType.NUMBER, "12.50", 12.5),
        (AttributeType.DATE, "2026-02-28", "2026-02-28"),
        (AttributeType.YES_NO, "FALSE", False),
        (AttributeType.TIME_ZONE, "Europe/Berlin", "Europe/Berlin"),
        (AttributeType.REGION, " us-ca ", "US-CA"),
        (AttributeType.REGION, "FR-971", "FR-971"),
    ],
)
def test_value_of_type_is_read(kind: AttributeType, text: str, value: object) -> None:
    """Each type reads its values."""
    assert parse_attribute_value(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (AttributeType.TEXT, ""),
        (AttributeType.TEXT, "two\nlines"),
        (AttributeType.TEXT, "x" * 501),
        (AttributeType.NUMBER, "NaN"),
        (AttributeType.NUMBER, "1e400"),
        (AttributeType.NUMBER, "1,5"),
        (AttributeType.DATE, "2026-02-31"),
        (AttributeType.DATE, "20260228"),
        (AttributeType.YES_NO, "perhaps"),
        (AttributeType.TIME_ZONE, "Mars/Olympus"),
        (AttributeType.REGION, "US"),
        (AttributeType.REGION, "US-XX"),
        (AttributeType.REGION, "XX-CA"),
        (AttributeType.REGION, "California"),
        (AttributeType.REGION, "US-CA\n--"),
        (AttributeType.TIME_ZONE, "../../etc/passwd"),
        (AttributeType.TIME_ZONE, "/etc/localtime"),
        (AttributeType.TIME_ZONE, "Europe"),
    ],
)
def test_other_values_are_refused(kind: AttributeType, text: str) -> None:
    """A text that is no value of the type is refused with words that say what is wanted."""
    with pytest.raises(ValueError, match=r"^it takes [^{}]+$"):
        parse_attribute_value(kind, text)
