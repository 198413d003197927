"""Types of the values of a template, as the `[values]` table of its `template.toml` declares them."""

import re
import unicodedata
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from mailer.input_types import parse_address
from mailer.policy.text_folding_for_comparison import UNSEEN
from mailer.rendering.headers import domain_as_a_labels
from mailer.rendering.mentioned_members import is_member_reference_by_ref
from mailer.rendering.signed_links import is_web_url


@dataclass(frozen=True, slots=True)
class SingleType:
    """The type of a value that is no list or object.

    Attributes:
        wanted: the description of a fitting value, for messages.
        fits: tells whether a JSON value other than null fits.
        is_address: the value becomes a link.
        is_text: the value is free text of the caller.
        is_page: the value is the address of a page.
        is_time: the value is a date or a moment, which cannot have words or addresses.
    """

    wanted: str
    fits: Callable[[Any], bool]
    is_address: bool = False
    is_text: bool = False
    is_page: bool = False
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class ListType:
    """The type of a list whose elements all have one type."""

    each: "ValueType"


@dataclass(frozen=True, slots=True)
class ObjectType:
    """The type of an object; the template shows only these fields."""

    types: Mapping[str, "ValueType"]


ValueType = SingleType | ListType | ObjectType

FORMS = "text 200, slug, date, moment, number, money, url, url anywhere, mailbox, telephone, member"
"""The names of the single types, as manifests write them."""
_TEXT = re.compile(r"text ([1-9]\d{0,5})")
_SLUG = re.compile(r"[\w-]{1,100}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)")
_LONGEST_MOMENT = len("2026-12-24T09:30:00.123456789+01:00")
_AMOUNT = re.compile(r"[-\u2212]?\d(?:[\d.,'\u2019 \u00a0\u202f]{0,30}\d)?")
_MAILBOX = re.compile(r"[^\s<>\"?&,;:@%]+@[^\s<>\"?&,;:@%]+")
_TELEPHONE = re.compile(r"(?=(?:\D*\d){3})\+?[\d ().-]{3,40}", re.ASCII)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?|[0-9a-f.]*:[0-9a-f:.]+")
"""A domain as A-labels (RFC 1123 2.1; names in private networks may have a _), or an IPv6 address."""


def parse_value_types(values: Mapping[str, Any], domain: str) -> dict[str, ValueType]:
    """Parses a `[values]` table.

    Args:
        values: a type for each name: a text such as `slug`, a list of one type, or a table of fields.
        domain: the domain of the brand; a `url` leads to it or to a subdomain.

    Raises:
        ValueError: an entry is no type; the message names the place and the remedy.
    """
    return {name: _parse_type(written, name, domain) for name, written in values.items()}


def value_type_mismatch(kind: ValueType, value: Any, name: str) -> str | None:
    """Returns why a JSON value does not fit a type, without the value itself, or None if it fits. Null always fits."""
    match kind:
        case _ if value is None:
            return None
        case SingleType():
            return None if kind.fits(value) else f"{name} is no {kind.wanted}"
        case ListType():
            if not isinstance(value, list):
                return f"{name} is no list"
            return next(filter(None, (value_type_mismatch(kind.each, inner, name) for inner in value)), None)
        case ObjectType():
            if not isinstance(value, dict):
                return f"{name} is no object"
            each = (
                value_type_mismatch(inner, value.get(field), f"{name}.{field}") for field, inner in kind.types.items()
            )
            return next(filter(None, each), None)


def shown_values_except_times(
    context: Mapping[str, Any], shown: Container[str], types: Mapping[str, ValueType]
) -> dict[str, Any]:
    """Returns the shown values of a context, without empty ones and times, which have no words."""
    return {
        name: value
        for name, value in context.items()
        if value and name in shown and not _is_value_of_time_type(types.get(name), value)
    }


def _is_value_of_time_type(kind: ValueType | None, value: Any) -> bool:
    return isinstance(kind, SingleType) and kind.is_time and kind.fits(value)


def parts_of_value_with_free_text(kind: ValueType | None, value: Any) -> Iterator[Any]:
    """Yields the parts of a value that may be free text: declared texts, and parts without a type that they fit."""
    match kind:
        case SingleType(is_address=True):
            return
        case SingleType(is_text=False) if kind.fits(value):
            return
        case ListType() if isinstance(value, list):
            for inner in value:
                yield from parts_of_value_with_free_text(kind.each, inner)
        case ObjectType() if isinstance(value, dict):
            for field, inner in value.items():
                yield from parts_of_value_with_free_text(kind.types.get(field), inner)
        case _:
            yield value


def _parse_type(written: Any, name: str, domain: str) -> ValueType:
    match written:
        case str():
            if found := _TEXT.fullmatch(written):
                return _text_type(int(found[1]))
            if written == "url":
                return _brand_domain_url_type(domain)
            if written in _SINGLES:
                return _SINGLES[written]
        case [each]:
            return ListType(_parse_type(each, name, domain))
        case dict() if written:
            return ObjectType({field: _parse_type(each, f"{name}.{field}", domain) for field, each in written.items()})
        case _:
            pass
    raise ValueError(f"values.{name} is no type; write one of {FORMS}, a list of one type, or a table of fields")


def _text_type(most: int) -> SingleType:
    return SingleType(
        f"text of at most {most} characters", lambda value: isinstance(value, str) and len(value) <= most, is_text=True
    )


def _brand_domain_url_type(domain: str) -> SingleType:
    return SingleType(
        f"https or http URL of {domain}",
        lambda value: _is_url(value) and _is_url_within_domain(value, domain),
        is_address=True,
        is_page=True,
    )


def _is_url_within_domain(url: str, domain: str) -> bool:
    """Tells whether a URL's host is a domain or a subdomain of it."""
    host = _unambiguous_host(url)
    return host is not None and (host == domain or host.endswith(f".{domain}"))


def _unambiguous_host(url: str) -> str | None:
    """Returns the host of a URL as A-labels, or None if programs may see another host than a reader does.

    The result is None for a URL with a user, with percent-encoded or other odd characters in the host, or with
    invisible characters.
    """
    try:
        parts = urlsplit(url)
        host = domain_as_a_labels((parts.hostname or "").lower()).lower()
        _ = parts.port
    except ValueError:
        return None
    clear = "@" not in parts.netloc and _HOST.fullmatch(host) and not UNSEEN.search(url)
    return host.rstrip(".") if clear else None


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and is_web_url(value) and _unambiguous_host(value) is not None


def _is_mailbox(value: Any) -> bool:
    """Tells whether a value is one mailbox that can also follow `mailto:`, where a % would begin an escape."""
    return isinstance(value, str) and _MAILBOX.fullmatch(value) is not None and _can_parse(parse_address, value)


def _make_full_match_predicate(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value) is not None and _can_parse(date.fromisoformat, value)


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_MOMENT and _reads_as_moment(value)


@lru_cache(maxsize=1024)
def _reads_as_moment(text: str) -> bool:
    """Tells whether a text is a date and time with a zone. Cached, since similar events often have the same text."""
    return _MOMENT.fullmatch(text) is not None and _can_parse(datetime.fromisoformat, text)


def _can_parse(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_money(value: Any) -> bool:
    """Tells whether a value is an amount, with a currency before or after it."""
    if not isinstance(value, str) or not (found := _AMOUNT.search(value)):
        return False
    around = (value[: found.start()].strip(), value[found.end() :].strip())
    return (
        "" in around
        and len(around[0] + around[1]) <= 4
        and all(map(_is_currency_sign_or_letter, around[0] + around[1]))
    )


def _is_currency_sign_or_letter(sign: str) -> bool:
    return unicodedata.category(sign) == "Sc" or sign.isalpha()


MEMBER = SingleType(
    'member, by reference: {"member": "their ref"}, never a name that was typed', is_member_reference_by_ref
)
"""The type of another member of the brand. The name comes from that member's own record."""
MAILBOX = SingleType("e-mail address", _is_mailbox, is_address=True)
"""The type of a mailbox to which a reader may write."""
SLUG = SingleType("slug of letters, digits, - and _ (A to Z, at most 100)", _make_full_match_predicate(_SLUG))
"""The type of a part of a URL, or of an order number."""
_SINGLES: Mapping[str, SingleType] = {
    "slug": SLUG,
    "date": SingleType("date such as 2026-04-12", _is_date, is_time=True),
    "moment": SingleType("time with a zone such as 2026-04-12T02:00Z", _is_moment, is_time=True),
    "number": SingleType("number", _is_number),
    "money": SingleType("amount with its currency such as $59.95", _is_money),
    "url anywhere": SingleType("https or http URL", _is_url, is_address=True, is_page=True),
    "mailbox": MAILBOX,
    "telephone": SingleType("telephone number", _make_full_match_predicate(_TELEPHONE), is_address=True),
    "member": MEMBER,
}
