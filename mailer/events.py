"""The published event: what an application says, and its validation. One schema for queue, API, file and outbox."""

import base64
import json
import math
import re
from collections.abc import Iterable
from itertools import chain
from typing import Annotated, Any, Literal

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Encoder,
    BaseModel,
    ConfigDict,
    EncodedBytes,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from mailer.policy.forms import SLUG

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""The largest event as JSON. A larger audience belongs in a named audience, a larger file behind a link."""
MAX_CONTEXT_BYTES = 64 * 1024
MAX_CONTEXT_DEPTH = 20
MAX_PEOPLE = 10_000
MAX_ATTACHMENTS = 5
MAX_ATTACHMENTS_BYTES = 1024 * 1024
MAX_PROBLEMS = 20
MAX_PROBLEM = 500
"""Characters. A refusal travels in a header, and an event can be wrong in ten thousand places."""
_LONGEST_ADDRESS = 254
"""RFC 5321 4.5.3.1.3, less the angle brackets."""

_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")
_SURROGATE = re.compile("[\\ud800-\\udfff]")


_ATOM = r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_PLAIN = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>(?:{_LABEL}\.)+(?P<top>[a-zA-Z]{{2,63}}))")
"""Most addresses: a dot-atom (RFC 5322 3.2.3) at a host name (RFC 1123 2.1)."""
_SPECIAL_TOPS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
_SPECIAL_LOCALS = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


def _one_line(text: str) -> str:
    if text.isprintable():  # quicker, and holds for nearly all
        return text
    if _CONTROL.search(text):
        raise ValueError("has a line break or control character; write it on one line")
    if _SURROGATE.search(text):
        raise ValueError("has half of a surrogate pair; write characters beyond U+FFFF whole")
    return text


def _plain(text: str) -> str | None:
    """What the library makes of an address that needs none of its particular rules; None for all others.

    In 1 µs instead of 22: an import of a million lines would spend most of its time in the library.
    """
    match = _PLAIN.fullmatch(text)
    if match is None or len(text) > _LONGEST_ADDRESS:
        return None
    local, domain, top = match["local"], match["domain"].lower(), match["top"].lower()
    if "--" in domain or top in _SPECIAL_TOPS or local.lower() in _SPECIAL_LOCALS:
        return None
    return f"{local}@{domain}"


def _address(text: str) -> str:
    if (plain := _plain(text)) is not None:
        return plain
    try:
        return validate_email(_one_line(text), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"not an e-mail address: {error}") from error


def _unfit(value: Any, levels: int = MAX_CONTEXT_DEPTH) -> str | None:
    """What keeps a value from being stored as JSON, None if nothing does."""
    match value:
        case None | bool() | int():
            return None
        case str():
            if "\0" in value:
                return "has the character U+0000; remove it"
            return "has half of a surrogate pair; write it whole" if _SURROGATE.search(value) else None
        case float():
            return None if math.isfinite(value) else "has NaN or an infinite number, which JSON has not; write null"
        case dict() | list() | tuple():
            if levels == 0:
                return f"is nested more than {MAX_CONTEXT_DEPTH} levels deep; make it flatter"
            parts = chain(value, value.values()) if isinstance(value, dict) else value
            return next((fault for part in parts if (fault := _unfit(part, levels - 1))), None)
        case _:
            return f"has a value of the type {type(value).__name__}, which JSON has not; write it as text"


def _context(value: dict[str, Any]) -> dict[str, Any]:
    if fault := _unfit(value):
        raise ValueError(fault)
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > MAX_CONTEXT_BYTES:
        raise ValueError(f"is {size:,} bytes; at most {MAX_CONTEXT_BYTES:,}: put long texts in the template")
    return value


class _Base64(Base64Encoder):
    """As in RFC 4648 4; a character that does not belong there is an error, not skipped."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except ValueError as error:
            raise ValueError(f"is not base64: {error}") from error


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Slug = Annotated[str, Field(pattern=SLUG, max_length=60)]
Address = Annotated[str, Field(max_length=_LONGEST_ADDRESS), AfterValidator(_address)]
Context = Annotated[dict[str, Any], AfterValidator(_context)]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class Strict(BaseModel):
    """What does not change, and has no field that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(Strict):
    """A recipient as the application knows them; inserted, or updated where these data are newer.

    Attributes:
        ref: the application's own key for the person, unique within the brand.
        email: where mail goes (RFC 5321 4.1.2; UTF-8 local parts by RFC 6531).
        locale: BCP 47, such as `en-GB`. country: ISO 3166-1 alpha-2.
        source: how the address was collected. collected_at: when. policy_version: under which policy.
        context: values for this person only; they go over the event's.
    """

    ref: Name
    email: Address
    name: Annotated[str, Field(max_length=200), AfterValidator(_one_line)] | None = None
    locale: Locale | None = None
    country: Country | None = None
    source: Name | None = None
    collected_at: AwareDatetime | None = None
    policy_version: Name | None = None
    context: Context = Field(default_factory=dict)


class Refs(Strict):
    """An audience of known recipients."""

    refs: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_PEOPLE)]


class People(Strict):
    """An audience that the event brings along."""

    people: Annotated[tuple[Person, ...], Field(min_length=1, max_length=MAX_PEOPLE)]

    @field_validator("people")
    @classmethod
    def _each_once(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        seen: set[str] = set()
        for person in people:
            if person.ref in seen:
                raise ValueError(f"has the ref {person.ref!r} twice; name each person once")
            seen.add(person.ref)
        return people


class Audience(Strict):
    """An audience by its name; `everyone` is all recipients of the brand."""

    audience: Slug


class Attachment(Strict):
    """A small file that goes with each copy."""

    filename: Name
    content_type: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+-]*$", max_length=100)]
    content: Annotated[bytes, EncodedBytes(encoder=_Base64)]


def _versioned(schema: dict[str, Any]) -> None:
    """Whoever writes JSON has to say `v`; whoever builds the event in Python has the version that is installed."""
    schema["required"] = list(dict.fromkeys(["v", *schema["required"]]))


class MessageEvent(Strict):
    """One event: one mailing, to one person or to ten million.

    Attributes:
        id: the idempotency key within the brand; the same id again is answered with the first mailing.
        category: must be the template's own.
        topic: within the category. campaign: the name under which mailings are counted together.
        reason: why service mail is necessary. inviter, partner: who stands behind such mail.
        context: values for the template. reply_to: where answers go.
        send_at: not before. expires_at: not after; what is still open then becomes `expired`.
    """

    model_config = ConfigDict(json_schema_extra=_versioned)

    v: Literal[1] = 1
    id: Name
    brand: Slug
    category: Annotated[str, Field(pattern=r"^[a-z]+(_[a-z]+)*$", max_length=40)]
    template: Slug
    to: Refs | People | Audience
    topic: Slug | None = None
    campaign: Slug | None = None
    reason: Name | None = None
    inviter: Name | None = None
    partner: Slug | None = None
    context: Context = Field(default_factory=dict)
    reply_to: Address | None = None
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=MAX_ATTACHMENTS)] = ()
    send_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None

    @field_validator("to", mode="before")
    @classmethod
    def _which_audience(cls, value: Any) -> Any:
        """Picks the one audience meant, so that an error speaks of it and not of all three."""
        kinds: dict[str, type[Strict]] = {"refs": Refs, "people": People, "audience": Audience}
        if isinstance(value, Strict):
            return value
        keys = [key for key in kinds if key in value] if isinstance(value, dict) else []
        if len(keys) != 1:
            raise ValueError('takes exactly one of "refs", "people" or "audience"')
        return kinds[keys[0]].model_validate(value)

    @field_validator("attachments")
    @classmethod
    def _small(cls, attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
        size = sum(len(attachment.content) for attachment in attachments)
        if size > MAX_ATTACHMENTS_BYTES:
            raise ValueError(f"are {size:,} bytes together; at most {MAX_ATTACHMENTS_BYTES:,}: link to larger files")
        return attachments

    @model_validator(mode="after")
    def _times_in_order(self) -> "MessageEvent":
        if self.send_at and self.expires_at and self.expires_at <= self.send_at:
            raise ValueError("expires_at must be after send_at")
        return self

    @property
    def routing_key(self) -> str:
        """`<brand>.<category>`."""
        return f"{self.brand}.{self.category}"

    def to_json(self) -> bytes:
        """The event as it travels."""
        return self.model_dump_json(exclude_none=True).encode()


class EventRefused(ValueError):
    """An event that cannot be accepted.

    Attributes:
        problems: one line each: the field, what is wrong with it, what to do. Printable, and not too many.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        stated = [_printable(problem) for problem in problems]
        more = [f"and {len(stated) - MAX_PROBLEMS:,} more"] if len(stated) > MAX_PROBLEMS else []
        self.problems = tuple(stated[:MAX_PROBLEMS] + more)
        super().__init__("; ".join(self.problems))


def _printable(text: str) -> str:
    line = " ".join(text[:MAX_PROBLEM].split())
    return "".join(char if char.isprintable() else "\ufffd" for char in line)


def parse_event(body: bytes | str) -> MessageEvent:
    """Reads an event from JSON.

    Raises:
        EventRefused: it is too large, not JSON, or not an event.
    """
    return validate_event(read_json(body))


def read_json(body: bytes | str) -> Any:
    """The plain values of an event.

    Raises:
        EventRefused: it is too large, or not JSON.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise EventRefused(
            [
                f"the event is {len(body):,} bytes; at most {MAX_EVENT_BYTES:,}:"
                " shorten the context, use a named audience, link to larger files"
            ]
        )
    try:
        return json.loads(body)
    except ValueError as error:
        raise EventRefused([f"not JSON: {error}"]) from error
    except RecursionError as error:
        raise EventRefused(["not JSON that can be read: it is nested too deep; make it flatter"]) from error


def validate_event(value: Any) -> MessageEvent:
    """Reads an event from plain values.

    Raises:
        EventRefused: it is not an event.
    """
    unversioned = ["v: is required; this is version 1"] if isinstance(value, dict) and "v" not in value else []
    try:
        event = MessageEvent.model_validate(value)
    except ValidationError as error:
        raise EventRefused([*unversioned, *_problems(error)]) from error
    if unversioned:
        raise EventRefused(unversioned)
    return event


def refusal(error: ValidationError, skip: int) -> EventRefused:
    """What is wrong with an event; `skip`: how many words stand before the name of each field."""
    return EventRefused(_problems(error, skip))


def _problems(error: ValidationError, skip: int = 0) -> list[str]:
    details = error.errors(include_url=False, include_input=False)
    # A list whose only item is wrong also counts as too short, which would mislead.
    places = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    return [
        _problem(detail, skip) for detail in details if not (detail["type"] == "too_short" and detail["loc"] in places)
    ]


_REMEDIES = {
    "extra_forbidden": "is not a field of an event; remove it (what a template needs belongs in context)",
    "missing": "is required",
    "too_short": "is empty; name at least one",
    "string_too_short": "is empty",
    "timezone_aware": "has no time zone; write one, such as Z or +01:00",
}


def _problem(detail: Any, skip: int) -> str:
    place = ".".join(str(part) for part in detail["loc"][skip:]) or "event"
    return f"{place}: {_REMEDIES.get(detail['type'], detail['msg'].removeprefix('Value error, '))}"
