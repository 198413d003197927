"""The account event: a change of an account, published on the same queue as message events (paltalk06-21)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Discriminator, Field, TypeAdapter, ValidationError, model_validator

from mailer.events import (
    EventRefused,
    FrozenModelWithoutExtras,
    MessageEvent,
    read_event_json,
    refusal_from_validation_error,
    refuse_too_many_fields,
    validate_event,
)
from mailer.input_types import Address, Country, Id, Locale, Moment, Name, Scope, Slug, Version, Words
from mailer.policy.limits_set_by_recipient import OwnCap, PauseDays
from mailer.text_checks import check_one_line

ACCOUNT = "account"
"""The last word of an account event's routing key, and the field that only account events have."""
MAX_LINES = 7
"""The most lines of a postal address: the window of an envelope shows so many (DIN 5008)."""
PostalLine = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(check_one_line)]
"""A line of a postal address."""


class _AccountEventBase(FrozenModelWithoutExtras):
    """The fields that all account events have.

    Attributes:
        id: the idempotency key within the brand; the same id again changes nothing.
        ref: the application's own key for the person.
    """

    v: Version
    id: Id
    brand: Slug
    ref: Name

    @property
    def routing_key(self) -> str:
        """`<brand>.account`."""
        return f"{self.brand}.{ACCOUNT}"

    def to_json(self) -> bytes:
        """Returns the event as JSON, without fields that are None."""
        return self.model_dump_json(exclude_none=True).encode()


class Becomes(_AccountEventBase):
    """The account has another state from now on: closed, open again, erased, restricted and so on."""

    account: Literal["deactivate", "reactivate", "erase", "restrict", "unrestrict", "under_13", "object"]


class Pays(_AccountEventBase):
    """The account pays for a product from now on, or no longer; without one: for every product, or for none."""

    account: Literal["paid", "unpaid"]
    product: Slug | None = None


class Rectifies(_AccountEventBase):
    """Data are corrected, as of now (GDPR Art. 16). Fields that are left out stay."""

    account: Literal["rectify"]
    email: Address | None = None
    name: Name | None = None
    locale: Locale | None = None
    country: Country | None = None

    @model_validator(mode="after")
    def _require_some_correction(self) -> Self:
        if (self.email, self.name, self.locale, self.country) == (None, None, None, None):
            raise ValueError("rectify corrects email, name, locale or country; name one")
        return self


class Reaches(_AccountEventBase):
    """The channel that the person wants: `email`, or a channel on which somebody else delivers (paltalk06-08)."""

    account: Literal["channel"]
    channel: Annotated[str, Field(pattern=r"^[a-z]+(_[a-z]+)*$", max_length=40)]


class Allows(_AccountEventBase):
    """The person allows or refuses personalised promotions, tracked mail, or electronic notices."""

    account: Literal["personalisation", "tracking", "electronic"]
    allowed: bool


class Posts(_AccountEventBase):
    """The postal address for notices in writing, and for nothing else (interpals-18).

    Attributes:
        address: its lines, as they stand on a letter; None: it is forgotten.
    """

    account: Literal["postal"]
    address: Annotated[tuple[PostalLine, ...], Field(min_length=1, max_length=MAX_LINES)] | None


class Consents(_AccountEventBase):
    """The person has consented, with its proof.

    Attributes:
        scope: a category, `category/topic`, `purpose/…`, `partner/…`, `version/…` or `tracking`.
        version: of the statement that was shown. words: those that were shown. at: when it was said.
        proof: what else shows it, such as a form's reference.
    """

    account: Literal["consent"]
    scope: Scope
    version: Name
    words: Annotated[Words, Field(max_length=4000)]
    at: Moment
    proof: Name | None = None


class Leaves(_AccountEventBase):
    """The person withdraws a consent, or leaves mail (`*`: all that is optional)."""

    account: Literal["withdraw", "opt_out"]
    scope: Scope


class Pauses(_AccountEventBase):
    """The person gets no optional mail for a time; it starts again by itself. It never shortens a pause.

    Attributes:
        days: the length of the pause, from now on.
    """

    account: Literal["pause"]
    days: PauseDays


class Caps(_AccountEventBase):
    """The person gets at most one optional mail a week or a month. It never loosens a cap.

    Attributes:
        at_most: the own cap.
    """

    account: Literal["own_cap"]
    at_most: OwnCap


AccountEvent = Becomes | Pays | Rectifies | Reaches | Allows | Posts | Consents | Leaves | Pauses | Caps

KINDS: tuple[str, ...] = tuple(
    kind for model in get_args(AccountEvent) for kind in get_args(model.model_fields[ACCOUNT].annotation)
)
"""The kinds of account events, the values of `account`."""
_READER: TypeAdapter[AccountEvent] = TypeAdapter(Annotated[AccountEvent, Discriminator("account")])


class LegalHoldOrder(_AccountEventBase):
    """A legal hold that staff set or lift. No application publishes it; its id counts as that of an account event.

    Attributes:
        reference: that of the legal process.
        named: tells whether the person may be told of the hold.
    """

    account: Literal["hold", "lift_hold"]
    reference: Name
    named: bool = False


def validate_legal_hold_order(value: Mapping[str, Any]) -> LegalHoldOrder:
    """Reads an order of a legal hold from plain values.

    Raises:
        EventRefused: they are none.
    """
    try:
        return LegalHoldOrder.model_validate(value)
    except ValidationError as error:
        raise refusal_from_validation_error(error, skip=0) from error


def account_event_schema(ref_template: str) -> dict[str, Any]:
    """Returns the JSON Schema of account events, with the kinds under `$defs`."""
    return _READER.json_schema(ref_template=ref_template)


def parse_any_event(body: bytes | str) -> MessageEvent | AccountEvent:
    """Reads an event of either kind, a message event or an account event.

    Raises:
        EventRefused: it is too large, not JSON, or no event.
    """
    value = read_event_json(body)
    return validate_account(value) if isinstance(value, dict) and ACCOUNT in value else validate_event(value)


def validate_account(value: Mapping[str, Any]) -> AccountEvent:
    """Reads an account event from plain values, which have the field `account`.

    Raises:
        EventRefused: they are no account event.
    """
    if (kind := value[ACCOUNT]) not in KINDS:
        named = repr(kind[:40]) if isinstance(kind, str) else "such kind"
        raise EventRefused([f"account: there is no {named}; there are {', '.join(KINDS)}"])
    refuse_too_many_fields(value)
    try:
        return _READER.validate_python(value)
    except ValidationError as error:
        # pydantic puts the kind before each field. The message leaves it out, since the author of the event knows it.
        raise refusal_from_validation_error(error, skip=1) from error
