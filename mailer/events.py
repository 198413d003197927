"""The event that an application publishes, and its validation. One schema for queue, API, file and outbox."""

import base64
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    Base64Encoder,
    BaseModel,
    ConfigDict,
    EncodedBytes,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mailer import input_types
from mailer.event_context_validation import Context
from mailer.input_types import (
    Address,
    AudienceName,
    Country,
    Id,
    Line,
    Locale,
    Moment,
    Name,
    Past,
    Slug,
    Version,
    check_field_count,
    item_count_validator,
    limited_problems,
)

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""The largest event as JSON. A larger audience belongs in a named audience, a larger file behind a link."""
MAX_PEOPLE = 10_000
MAX_ATTACHMENTS = 5
MAX_ATTACHMENTS_BYTES = 1024 * 1024


class _StrictBase64Encoder(Base64Encoder):
    """Base64 of RFC 4648 4. A character outside the alphabet is an error; it is not skipped."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except ValueError as error:
            raise ValueError(f"is not base64: {error}") from error


def _check_content_type(content_type: str) -> str:
    if content_type.startswith(("message/", "multipart/")):
        raise ValueError(f"is {content_type}, which cannot be attached in base64 (RFC 2046 5.2.1); send another type")
    return content_type


def _check_file_name(name: str) -> str:
    if re.search(r"[/\\:]", name) or not name.strip(" ."):
        raise ValueError("has a path part; write the name alone, such as invoice.pdf")
    return name


class FrozenModelWithoutExtras(BaseModel):
    """A model that cannot change, and that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(FrozenModelWithoutExtras):
    """A recipient as the application knows them; inserted, or updated where these data are newer."""

    ref: Name
    """The application's own key for the person, unique within the brand."""
    email: Address
    """The address that gets the mail (RFC 5321 4.1.2; UTF-8 local parts by RFC 6531)."""
    name: Line | None = None
    """The person's name, as mail shows it."""
    locale: Locale | None = None
    """The person's language (BCP 47), such as `en-GB`."""
    country: Country | None = None
    """The country where the person lives (ISO 3166-1 alpha-2). The law there holds for their mail."""
    source: Name | None = None
    """The source of the address; the policy's `[sources]` name the kinds."""
    collected_at: Past | None = None
    """The moment at which it was collected, with its time zone."""
    policy_version: Name | None = None
    """The version of the privacy policy under which it was collected."""
    purpose: Name | None = None
    """The purpose for which it was given, where it came by a contest or a partner."""
    context: Context = Field(default_factory=dict)
    """Template values for this person only. They take precedence over the event's."""


class Refs(FrozenModelWithoutExtras):
    """An audience of known recipients."""

    refs: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_PEOPLE), item_count_validator(MAX_PEOPLE)]
    """The application's own keys of people who are known already."""

    if TYPE_CHECKING:

        def __init__(self, *, refs: Sequence[str]) -> None: ...


class People(FrozenModelWithoutExtras):
    """An audience that the event brings along."""

    people: Annotated[tuple[Person, ...], Field(min_length=1, max_length=MAX_PEOPLE), item_count_validator(MAX_PEOPLE)]
    """The recipients with their data."""

    if TYPE_CHECKING:

        def __init__(self, *, people: Sequence[Person]) -> None: ...

    @field_validator("people")
    @classmethod
    def _check_each_person_once(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        seen: set[str] = set()
        for person in people:
            if person.ref in seen:
                raise ValueError(f"has the ref {person.ref!r} twice; name each person once")
            seen.add(person.ref)
        return people


class Audience(FrozenModelWithoutExtras):
    """An audience by its name: `everyone` is all recipients of the brand, `segment:NAME` whom a segment chooses now."""

    audience: AudienceName
    """`everyone`, the name of a list, or `segment:NAME`. It is resolved once, when the event is taken in."""


class Attachment(FrozenModelWithoutExtras):
    """A small file that goes with each copy. A text is in UTF-8, since the mail says so (RFC 2046 4.1.2)."""

    filename: Annotated[Name, AfterValidator(_check_file_name)]
    """The name of the file, without a path."""
    content_type: Annotated[
        str, Field(pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+-]*$", max_length=100), AfterValidator(_check_content_type)
    ]
    """The media type, such as `application/pdf`. The policy says which ones may be attached."""
    content: Annotated[bytes, EncodedBytes(encoder=_StrictBase64Encoder)]
    """The file in base64."""

    @field_validator("content")
    @classmethod
    def _check_text_is_utf8(cls, content: bytes, about: ValidationInfo) -> bytes:
        content_type = about.data.get("content_type", "")
        if content_type.startswith("text/"):
            try:
                content.decode()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"is {content_type} and not in UTF-8 (octet {error.start}); save it in UTF-8"
                ) from None
        return content


def _mark_version_required_in_schema(schema: dict[str, Any]) -> None:
    """Marks `v` as required in the JSON Schema. In Python it has a default: the version that is installed."""
    schema["required"] = list(dict.fromkeys(["v", *schema["required"]]))


class MessageEvent(FrozenModelWithoutExtras):
    """One event: one mailing, to one person or to ten million."""

    model_config = ConfigDict(json_schema_extra=_mark_version_required_in_schema)

    v: Version = 1
    """The version of this schema."""
    id: Id
    """The idempotency key within the brand. The same id again is answered with the first mailing."""
    brand: Slug
    """The brand that sends, as its policy is named."""
    category: Annotated[str, Field(pattern=r"^[a-z]+(_[a-z]+)*$", max_length=40)]
    """The category of the mail. It must be the template's own."""
    template: Slug
    """The name of the template."""
    to: Refs | People | Audience
    """The recipients: `{"refs": […]}`, `{"people": […]}` or `{"audience": "name"}`."""
    product: Slug | None = None
    """The product of the brand that service mail is about; without one it is about the service as a whole."""
    topic: Slug | None = None
    """The topic within the category. People can leave a topic and keep the others."""
    campaign: Slug | None = None
    """The name under which mailings are counted together."""
    reason: Name | None = None
    """The reason why service mail is necessary, where the policy asks for it."""
    inviter: Name | None = None
    """The ref of the member who invites, of an invitation."""
    partner: Slug | None = None
    """The partner for whom the mail is sent."""
    context: Context = Field(default_factory=dict)
    """Values for the template. A value may be given by language: `{"en": "…", "ar": "…"}`."""
    reply_to: Address | None = None
    """The address for answers, at a domain of the brand."""
    attachments: Annotated[
        tuple[Attachment, ...], Field(max_length=MAX_ATTACHMENTS), item_count_validator(MAX_ATTACHMENTS)
    ] = ()
    """Small files that go with each copy."""
    send_at: Moment | None = None
    """The time before which nothing is sent."""
    expires_at: Moment | None = None
    """The time after which nothing is sent; what is still open then becomes `expired`."""

    @field_validator("to", mode="before")
    @classmethod
    def _parse_one_audience(cls, value: Any) -> Any:
        """Validates the value as the one kind of audience that it names, so that an error speaks only of that kind."""
        kinds: dict[str, type[FrozenModelWithoutExtras]] = {"refs": Refs, "people": People, "audience": Audience}
        if isinstance(value, FrozenModelWithoutExtras):
            return value
        check_field_count(value)
        keys = [key for key in kinds if key in value] if isinstance(value, dict) else []
        if len(keys) != 1:
            raise ValueError('takes exactly one of "refs", "people" or "audience"')
        return kinds[keys[0]].model_validate(value)

    @field_validator("attachments")
    @classmethod
    def _check_attachments_size(cls, attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
        size = sum(len(attachment.content) for attachment in attachments)
        if size > MAX_ATTACHMENTS_BYTES:
            raise ValueError(f"are {size:,} bytes together; at most {MAX_ATTACHMENTS_BYTES:,}: link to larger files")
        return attachments

    @model_validator(mode="after")
    def _check_times_order(self) -> "MessageEvent":
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
        self.problems = limited_problems(problems)
        super().__init__("; ".join(self.problems))


def parse_event(body: bytes | str) -> MessageEvent:
    """Reads an event from JSON.

    Raises:
        EventRefused: it is too large, not JSON, or not an event.
    """
    return validate_event(read_event_json(body))


def read_event_json(body: bytes | str) -> Any:
    """Parses the JSON of an event into plain values.

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
        return input_types.parse_json_with_unique_keys(body)
    except ValueError as error:
        raise EventRefused([str(error)]) from error


def validate_event(value: Any) -> MessageEvent:
    """Reads an event from plain values.

    Raises:
        EventRefused: it is not an event.
    """
    unversioned = ["v: is required; this is version 1"] if isinstance(value, dict) and "v" not in value else []
    refuse_too_many_fields(value)
    try:
        event = MessageEvent.model_validate(value)
    except ValidationError as error:
        raise EventRefused([*unversioned, *_problem_texts(error)]) from error
    if unversioned:
        raise EventRefused(unversioned)
    return event


def refuse_too_many_fields(value: Any) -> None:
    """Refuses an event with very many fields, before each field is checked.

    Raises:
        EventRefused: it has more than `MAX_FIELDS` fields.
    """
    try:
        check_field_count(value)
    except ValueError as error:
        raise EventRefused([f"event: {error}"]) from None


def refusal_from_validation_error(error: ValidationError, skip: int) -> EventRefused:
    """Returns the refusal for a validation error. `skip` is the number of path parts before the name of each field."""
    return EventRefused(_problem_texts(error, skip))


def _problem_texts(error: ValidationError, skip: int = 0) -> list[str]:
    details = error.errors(include_url=False, include_input=False)
    # A list whose only item is wrong also counts as too short, which would mislead.
    places = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    return [
        _validation_detail_text(detail, skip)
        for detail in details
        if not (detail["type"] == "too_short" and detail["loc"] in places)
    ]


_REMEDIES = {
    "extra_forbidden": "is not a field of an event; remove it (what a template needs belongs in context)",
    "missing": "is required",
    "too_short": "is empty; name at least one",
    "string_too_short": "is empty",
}


def _validation_detail_text(detail: Any, skip: int) -> str:
    place = ".".join(str(part) for part in detail["loc"][skip:]) or "event"
    return f"{place}: {_REMEDIES.get(detail['type'], detail['msg'].removeprefix('Value error, '))}"
