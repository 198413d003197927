"""The digests of events. They show if an id is used again for another content (DESIGN.md, invariant 15).

A digest is made of the event as it was validated, so that it does not matter how its JSON was written. Each field has a
digest of its own, for the answer to name what differs; none can be tested against a guess without `ADDRESS_KEY`, and no
two events' digests of personal values can be compared.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from hashlib import blake2b
from operator import attrgetter, itemgetter
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import to_json

from mailer.account_event_types import AccountEvent, LegalHoldOrder
from mailer.events import Attachment, Audience, EventRefused, MessageEvent, People, Person, Refs

_FORM = b"\1"
"""The form of the digests below. Another form gets another octet, and digests of different forms are not compared."""
_KEY = ("v", "id", "brand")
"""The fields under which a digest is stored. They are not part of it."""
_OPEN = frozenset(
    {"category", "template", "product", "topic", "campaign", "partner", "account", "scope", "channel", "allowed"}
)
"""Fields of few different values, which say nothing about who a person is. Their digests stay after an erasure."""
_MARK = 4
_TAG = 2
_DIGEST = 6
_PART = _TAG + _DIGEST
"""The lengths of the parts of a digest, in octets."""


class EventIdTakenByDifferentEvent(EventRefused):
    """An id that stands for something else already; nothing of the event is done."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        """Names the fields that differ, never their values."""
        super().__init__(
            [
                f"id: it stands for another event already, from which this one differs in {', '.join(fields)};"
                " say it under an id of its own, or publish the first one as it was"
            ]
        )


class EventDigester:
    """Makes digests: BLAKE2b with a key (RFC 7693), six octets a field.

    Args:
        key: `ADDRESS_KEY`.
    """

    def __init__(self, key: str) -> None:
        own = blake2b(key.encode(), digest_size=32, person=b"mailer.contents").digest()
        self._mac = blake2b(key=own, digest_size=_DIGEST)
        self._mark = _FORM + self._keyed_digest(b"key")[: _MARK - len(_FORM)]
        self._open = lru_cache(maxsize=4096)(self._digest_unsalted_fields)

    def digest_of(self, event: MessageEvent | AccountEvent | LegalHoldOrder) -> bytes:
        """Returns the digest of an event, 20 to 150 octets: a digest for each field, the open fields first."""
        kind, values = type(event), vars(event)
        get_open, tags, get_own = _unsalted_and_salted_field_getters(kind)
        mac = self._mac.copy()
        mac.update(f"{event.brand}\0{event.id}\0".encode())
        parts = [self._open(kind, get_open(values))]
        for tag, value in zip(tags, get_own(values), strict=False):  # strict takes half as long again
            if value:
                field = mac.copy()
                field.update(tag + canonical_text_of_value(value).encode())
                parts += tag, field.digest()
        return b"".join(parts)

    def _digest_unsalted_fields(self, kind: type[BaseModel], values: tuple[Any, ...]) -> bytes:
        """Returns the start of a digest: the mark, the length of the open part, and the digests of the open fields."""
        said = [
            (_field_tag(name), value)
            for name, value in zip(_unsalted_and_salted_field_names(kind)[0], values, strict=True)
            if value is not None
        ]
        parts = b"".join(
            [tag + self._keyed_digest(tag, canonical_text_of_value(value).encode()) for tag, value in said]
        )
        return self._mark + bytes([len(parts)]) + parts

    def _keyed_digest(self, *parts: bytes) -> bytes:
        mac = self._mac.copy()
        for part in parts:
            mac.update(part)
        return mac.digest()


def names_of_fields_with_differing_digests(first: bytes | None, again: bytes) -> tuple[str, ...]:
    """Returns the names of the fields in which two digests under one id differ, in alphabetical order.

    Returns no names if both are equal, or if they cannot be compared: the first event has no digest, or one of another
    form or key. Fields that an erasure has removed from the first digest are not compared.
    """
    if first is None or first == again or first[:_MARK] != again[:_MARK]:
        return ()
    if len(first) == _unsalted_part_length(first):
        again = again[: _unsalted_part_length(again)]
    known, said = _split_field_digests(first), _split_field_digests(again)
    return tuple(
        sorted(
            _all_event_field_names_by_tag()[tag]
            for tag in known.keys() | said.keys()
            if known.get(tag) != said.get(tag)
        )
    )


def canonical_text_of_value(value: Any) -> str:
    """Returns a validated value as canonical text. Equal values, and only equal values, have the same text.

    Keys are in order, and numbers as in RFC 8785 3.2.2.3: 1.0 is 1. Refs and people are sets, in the order of their
    refs. Fields of a model that are left out are not written, so that a new field changes no digest.
    """
    return _WRITERS[type(value)](value)


class _CanonicalTextWriterByType(dict[type, Callable[[Any], str]]):
    """The functions that write values, by type. A derived type uses the function of its base type."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        return next(self[base] for base in kind.__mro__[1:] if base in self)


def _canonical_object_text(value: Mapping[str, Any]) -> str:
    if _TEXTS.issuperset(map(type, value.values())):  # quicker, and holds for most
        return f"{{{to_json(sorted(value.items())).decode()}}}"
    texts = [canonical_text_of_value(part) for name in sorted(value) for part in (name, value[name])]
    return f"{{{''.join(texts)}}}"


def _canonical_list_text(value: Sequence[Any]) -> str:
    return f"[{''.join(map(canonical_text_of_value, value))}]"


def _canonical_recipient_refs_text(value: Refs) -> str:
    return _canonical_list_text(sorted(set(value.refs)))


def _canonical_people_text(value: People) -> str:
    if len(value.people) == 1:  # quicker, and holds for most
        return _canonical_person_text(value.people[0])
    return "".join(map(_canonical_person_text, sorted(value.people, key=_REF)))


def _canonical_person_text(value: Person) -> str:
    if value.context:
        return _PERSON(value, exclude_none=True, exclude={"context"}).decode() + _canonical_object_text(value.context)
    return _PERSON(value, exclude_none=True).decode()


_TEXTS = frozenset({str})
_REF = attrgetter("ref")
_PERSON = Person.__pydantic_serializer__.to_json
_WRITERS = _CanonicalTextWriterByType(
    {
        str: lambda value: f"{len(value)}:{value}",
        type(None): lambda value: "null",
        bool: lambda value: f"={value};",
        int: lambda value: f"={value};",
        float: lambda value: f"={int(value) if value.is_integer() else value!r};",
        datetime: lambda value: f"@{value.isoformat()};",
        dict: _canonical_object_text,
        list: _canonical_list_text,
        tuple: _canonical_list_text,
        Refs: _canonical_recipient_refs_text,
        People: _canonical_people_text,
        Audience: lambda value: f"*{value.audience}",
        Attachment: lambda value: canonical_text_of_value(
            [value.filename, value.content_type, blake2b(value.content).hexdigest()]
        ),
    }
)

Getter = Callable[[Mapping[str, Any]], tuple[Any, ...]]


@cache
def _unsalted_and_salted_field_getters(kind: type[BaseModel]) -> tuple[Getter, tuple[bytes, ...], Getter]:
    """Returns a getter for the open fields of an event class, the tags of the other fields, and a getter for those."""
    open_names, own_names = _unsalted_and_salted_field_names(kind)
    return (
        _build_tuple_getter(open_names),
        tuple(_field_tag(name) for name in own_names),
        _build_tuple_getter(own_names),
    )


def _build_tuple_getter(names: tuple[str, ...]) -> Getter:
    """Returns a function that gets the values of some names as a tuple."""
    return itemgetter(*names) if len(names) > 1 else lambda values: (values[names[0]],)


@cache
def _unsalted_and_salted_field_names(kind: type[BaseModel]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the names of the open fields of an event class, and the names of its other fields."""
    names = [name for name in kind.model_fields if name not in _KEY]
    return tuple(name for name in names if name in _OPEN), tuple(name for name in names if name not in _OPEN)


@cache
def _field_tag(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=_TAG).digest()


@cache
def _all_event_field_names_by_tag() -> dict[bytes, str]:
    """Returns the names of the fields of all events, by tag."""
    kinds: tuple[type[BaseModel], ...] = (MessageEvent, *get_args(AccountEvent), LegalHoldOrder)
    return {_field_tag(name): name for kind in kinds for name in kind.model_fields}


def _unsalted_part_length(content: bytes) -> int:
    return _MARK + 1 + content[_MARK]


def _split_field_digests(content: bytes) -> dict[bytes, bytes]:
    """Splits a digest of an event into the digests of its fields, by tag."""
    starts = range(_MARK + 1, len(content), _PART)
    return {content[start : start + _TAG]: content[start + _TAG : start + _PART] for start in starts}
