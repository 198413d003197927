"""The types of all values from outside, with their limits: texts, ids, moments, addresses and JSON.

A function returns the value in its normal form, or raises `ValueError` with the remedy. A pydantic type uses each.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal
from unicodedata import bidirectional

import idna
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from mailer.policy.country_codes import FORM, country_code
from mailer.policy.text_formats import AUDIENCE, LOCALE, SLUG, normalized_language_tag
from mailer.text_checks import check_identifier, check_name, check_one_line, check_storable_text

MAX_ID = 255
"""Octets in UTF-8: AMQP's short string (AMQP 0-9-1, 4.2.5.3), in which an id and a routing key travel."""
MAX_NAME = 200
"""Characters."""
MAX_WORDS = 10_000
"""Characters."""
MAX_ADDRESS = 254
"""RFC 5321 4.5.3.1.3, less the angle brackets."""
MAX_LOCAL = 64
"""Octets before the @ (RFC 5321 4.5.3.1.1)."""
MAX_LOCALE = 35
"""Characters; RFC 5646 4.4.1 asks for room for so many."""
MAX_PROBLEMS = 20
MAX_PROBLEM = 500
"""Characters. A refusal travels in a header, and an event can be wrong in ten thousand places."""
MAX_FIELDS = 100
"""The most fields of one object. Naming an unknown field costs 14 µs, and an event could have a million of them."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Every moment lies between these. Any zone and any interval of ours can be added without leaving the calendar."""
AHEAD = timedelta(minutes=5)
"""The most that another clock may be ahead of ours."""

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?P<hour>[0-9]{2}):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(?P<zone>[Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)
"""RFC 3339 5.6, also without the seconds, as ISO 8601 allows. A missing zone gets an error message of its own."""
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

_ATEXT = r"a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~"
_ATOM = f"[{_ATEXT}]+"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_LOCAL = rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)"
_PLAIN = re.compile(rf"{_LOCAL}@(?P<domain>(?:{_LABEL}\.)+(?P<top>[a-zA-Z]{{2,63}}))")
"""Most addresses: a dot-atom (RFC 5322 3.2.3) at a host name (RFC 1123 2.1)."""
_DOTTED = re.compile(rf'(?P<quote>"?)(?P<local>[{_ATEXT}.]+)(?P=quote)@(?P<domain>[^@\s]+)')
"""Atoms with dots at any place between and around them. Quotes are allowed, but only the dots can need them."""
_LOOSE_DOTS = re.compile(r"\.\.|^\.|\.$")
_LOOSE_DOMAINS = re.compile(r"(?:[^@]+\.)?(?:[^.@]+\.ne\.jp|au\.com)")
"""Domains at which Japan's operators gave out addresses with dots at any place, until 2009: `a..b@docomo.ne.jp`."""
_TAG = re.compile(LOCALE.strip("^$"))
_LEFTWARD = ("R", "AL", "AN")
"""Characters to which the Bidi Rule (RFC 5893 2) applies."""
_SPECIAL_TOPS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
_SPECIAL_LOCALS = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


def _check_octet_count(text: str) -> str:
    if not text.isascii() and (size := len(text.encode("utf-8", "surrogatepass"))) > MAX_ID:
        raise ValueError(f"has {size} octets in UTF-8; at most {MAX_ID}, as AMQP carries no longer ones")
    return text


def parse_moment(text: str) -> datetime:
    """Returns a moment in UTC from RFC 3339 with its zone: `2026-12-24T09:30:00Z`, also without the seconds.

    Raises:
        ValueError: it is none, has no zone, or lies outside of the years 1970 to 2199.
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError("is no time; write it as 2026-12-24T09:30:00Z (RFC 3339)")
    if found["zone"] is None:
        raise ValueError("has no time zone; write one, such as Z or +01:00")
    if found["hour"] == "24":  # RFC 3339 has no such hour; Python 3.14 takes it
        raise ValueError("is no time: hour must be in 0..23")
    try:
        return convert_to_utc_within_range(datetime.fromisoformat(text.upper()))
    except OverflowError:
        raise ValueError(_OUTSIDE) from None
    except ValueError as error:
        raise ValueError(str(error) if str(error) == _OUTSIDE else f"is no time: {error}") from None


def parse_moment_of_column_or_option(name: str, text: str) -> datetime:
    """Returns the moment of a column or an option.

    Raises:
        ValueError: as `parse_moment`; the message also has the name.
    """
    try:
        return parse_moment(text)
    except ValueError as error:
        raise ValueError(f"{name}: {text[:MAX_NAME]!r} {error}") from None


def parse_day(text: str) -> date:
    """Returns a day of the calendar, from a text such as `2026-12-24`.

    Raises:
        ValueError: it is none, or not one of the years 1970 to 2199.
    """
    if not _DAY.fullmatch(text):
        raise ValueError("is no day; write it as 2026-12-24")
    found = date.fromisoformat(text)
    if not EARLIEST.date() <= found < LATEST.date():
        raise ValueError(_OUTSIDE)
    return found


_OUTSIDE = f"is not between the years {EARLIEST.year} and {LATEST.year}"


def convert_to_utc_within_range(at: datetime) -> datetime:
    """Returns an aware time in UTC.

    Raises:
        ValueError: it has no zone, or lies outside of `EARLIEST` and `LATEST`.
    """
    if at.tzinfo is None:
        raise ValueError("has no time zone; write one, such as Z or +01:00")
    if not EARLIEST <= at < LATEST:  # aware times are compared without being moved to another zone
        raise ValueError(_OUTSIDE)
    return at.astimezone(UTC)


def future_time_fault(at: datetime, now: datetime) -> str | None:
    """Returns the fault of a time that lies in the future and should not; None if it is fine.

    Another clock may be ahead of ours by `AHEAD`.
    """
    if at <= now or at <= now + AHEAD:
        return None
    return f"{at.isoformat()} is in the future; say when it was, with its zone, or set that clock right"


def _validate_moment(value: Any) -> datetime:
    if isinstance(value, str):
        return parse_moment(value)
    if isinstance(value, datetime):
        return convert_to_utc_within_range(value)
    raise ValueError("is no time; write it as a text such as 2026-12-24T09:30:00Z (RFC 3339)")


def _validate_past_moment(value: Any) -> datetime:
    at = _validate_moment(value)
    if fault := future_time_fault(at, datetime.now(UTC)):
        raise ValueError(fault)
    return at


def parse_address(text: str) -> str:
    """Returns an address in its normal form: NFC, the domain in lower case and Unicode (RFC 5321 4.1.2, 6531, 5891).

    A local part with dots at other places than between atoms is quoted (RFC 5321 4.1.2), no other one is.

    Raises:
        ValueError: it is none.
    """
    if (plain := _parse_plain_address(text)) is not None:
        return plain
    check_one_line(text)
    if (dotted := _parse_address_with_ascii_local(text)) is not None:
        return dotted
    return _parse_address_by_library(text)


def _parse_plain_address(text: str) -> str | None:
    """Returns the normal form of an address that needs no special rule of the library; None for all others.

    It takes 1 µs instead of 22. Otherwise an import of a million lines would spend most of its time in the library.
    """
    match = _PLAIN.fullmatch(text)
    if match is None or len(text) > MAX_ADDRESS:
        return None
    local, domain, top = match["local"], match["domain"].lower(), match["top"].lower()
    if "--" in domain or top in _SPECIAL_TOPS or local.lower() in _SPECIAL_LOCALS or len(local) > MAX_LOCAL:
        return None
    return f"{local}@{domain}"


def _parse_address_with_ascii_local(text: str) -> str | None:
    """Returns the normal form of an address whose local part has only atoms and dots; None for all others.

    Each domain is converted once: that takes up to a millisecond (RFC 5891), and the people of an event share domains.
    """
    match = _DOTTED.fullmatch(text)
    if match is None or not match["local"].strip("."):
        return None
    if match["local"].lower() in _SPECIAL_LOCALS:
        return _parse_address_by_library(f"{match['local']}@{match['domain']}")
    local, (domain, in_ascii) = match["local"], _unicode_and_ascii_domain_or_empty(match["domain"])
    if _LOOSE_DOTS.search(local):
        if not match["quote"] and not _LOOSE_DOMAINS.fullmatch(domain):
            return None
        local = f'"{local}"'
    longest = max(len(text.encode()), len(local) + 1 + max(len(domain.encode()), len(in_ascii)))
    return f"{local}@{domain}" if domain and longest <= MAX_ADDRESS and len(local) <= MAX_LOCAL else None


@lru_cache(maxsize=20_000)
def _unicode_and_ascii_domain_or_empty(text: str) -> tuple[str, str]:
    """Returns a domain in Unicode and in ASCII, as the library writes it; two empty texts if it is no domain."""
    if (in_ascii := _ascii_domain_if_normalized(text)) is not None:
        return text, in_ascii
    try:
        found = validate_email(f"a@{text}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return "", ""
    return found.domain, found.ascii_domain


def _ascii_domain_if_normalized(text: str) -> str | None:
    """Returns the ASCII form of a domain that is in its normal form already; None if the library has to look at it.

    The library converts a domain there and back, and takes five times as long.
    """
    labels = text.split(".")
    if len(labels) < 2 or len(text) > 253 or "--" in text or any(bidirectional(char) in _LEFTWARD for char in text):
        return None
    try:
        if idna.uts46_remap(text, std3_rules=True, transitional=False) != text:
            return None
        found = [_ascii_label(label) for label in labels]
    except idna.IDNAError:
        return None
    made = ".".join(found)
    return None if len(made) > 253 or not made[-1:].isalpha() or found[-1] in _SPECIAL_TOPS else made


@lru_cache(maxsize=20_000)
def _ascii_label(label: str) -> str:
    return idna.alabel(label).decode()


def _parse_address_by_library(text: str) -> str:
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"not an e-mail address: {error}") from error
    if (size := len(found.rpartition("@")[0].encode())) > MAX_LOCAL:
        raise ValueError(f"not an e-mail address: {size} octets stand before its @; at most {MAX_LOCAL} may")
    return found


@lru_cache(maxsize=1000)
def parse_locale(text: str) -> str:
    """Returns a language tag in its normal form, from any case, also with `_`: en-GB, zh-Hant, es-419 (RFC 5646 2.1.1).

    Raises:
        ValueError: it has something else than a language, a script and a region.
    """
    if not _TAG.fullmatch(text):
        raise ValueError("is no language tag; write a language, a script and a region, such as en, zh-Hant or de-AT")
    return normalized_language_tag(text)


def parse_json_with_unique_keys(body: bytes | str) -> Any:
    """Returns the plain values of a JSON text in UTF-8 (RFC 8259 8.1).

    It refuses an object that has a key twice. It leaves `NaN` and infinite numbers to the fields, which name the place.

    Raises:
        ValueError: it is none.
    """
    try:
        text = body if isinstance(body, str) else body.decode()
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise ValueError(f"not JSON: it is not in UTF-8 (octet {error.start})") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: it is nested too deep; make it flatter") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"an object has the key {twice[:MAX_NAME]!r} twice")
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_object_without_duplicates)


def _check_whole_number(value: Any) -> Any:
    if type(value) is not int:  # true is equal to 1
        raise ValueError("Input should be 1")
    return value


def check_field_count(value: Any) -> Any:
    """Returns a value unchanged, if it is no object with too many fields. It runs before each field is checked.

    Raises:
        ValueError: the object has more than `MAX_FIELDS` fields.
    """
    if isinstance(value, dict) and len(value) > MAX_FIELDS:
        raise ValueError(f"an object has {len(value):,} fields, most of which nobody knows; remove these")
    return value


def item_count_validator(most: int) -> BeforeValidator:
    """Returns a validator that checks the size of a list, and of the objects in it, before each item is validated."""

    def checked(value: Any) -> Any:
        if isinstance(value, list | tuple):
            if len(value) > most:
                raise ValueError(f"has {len(value):,} items; at most {most:,}")
            for item in value:
                check_field_count(item)
        return value

    return BeforeValidator(checked)


def make_problem_printable(problem: str) -> str:
    """Returns a problem on one line of printable characters. The problem may quote text from outside."""
    line = " ".join(problem[:MAX_PROBLEM].split())
    return "".join(char if char.isprintable() else "\ufffd" for char in line)


def limited_problems(problems: Iterable[str]) -> tuple[str, ...]:
    """Returns at most `MAX_PROBLEMS` problems in printable form, and the number of the others."""
    lines = [make_problem_printable(problem) for problem in problems]
    more = [f"and {len(lines) - MAX_PROBLEMS:,} more"] if len(lines) > MAX_PROBLEMS else []
    return (*lines[:MAX_PROBLEMS], *more)


_TIME_SCHEMA = {"type": "string", "format": "date-time", "description": "RFC 3339, with a zone, from 1970 to 2199."}

Version = Annotated[Literal[1], BeforeValidator(_check_whole_number)]
"""The version of the schema of events."""
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(check_name)]
"""A name: on one line, with a letter, digit or pictogram, without characters that change the direction of text."""
Line = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(check_one_line)]
"""A text on one line, or nothing."""
Id = Annotated[
    str, Field(min_length=1, max_length=MAX_ID), AfterValidator(check_identifier), AfterValidator(_check_octet_count)
]
"""A name that travels as a short string of AMQP."""
Slug = Annotated[str, Field(pattern=SLUG, max_length=60)]
AudienceName = Annotated[str, Field(pattern=AUDIENCE, max_length=68)]
"""`everyone`, the name of a list, or `segment:` with the name of a segment."""
Scope = Annotated[str, Field(pattern=r"^(\*|[a-z0-9_-]+(/[A-Za-z0-9._-]+)?)$", max_length=120)]
"""The scope of a consent or an opt-out."""
Words = Annotated[str, Field(min_length=1, max_length=MAX_WORDS), AfterValidator(check_storable_text)]
"""Free text, on any number of lines."""
Address = Annotated[str, Field(max_length=MAX_ADDRESS), AfterValidator(parse_address)]
Locale = Annotated[
    str,
    Field(max_length=MAX_LOCALE),
    AfterValidator(parse_locale),
    WithJsonSchema({"type": "string", "pattern": LOCALE}),
]
Country = Annotated[
    str, Field(max_length=MAX_NAME), AfterValidator(country_code), WithJsonSchema({"type": "string", "pattern": FORM})
]
"""A country by ISO 3166-1 alpha-2, from any case, alpha-3 or an alias such as UK. Other texts are refused."""
Moment = Annotated[datetime, BeforeValidator(_validate_moment), WithJsonSchema(_TIME_SCHEMA)]
"""A time in UTC, between `EARLIEST` and `LATEST`."""
Past = Annotated[datetime, BeforeValidator(_validate_past_moment), WithJsonSchema(_TIME_SCHEMA)]
"""A time in the past. It may be ahead of our clock by `AHEAD`, since clocks differ."""
