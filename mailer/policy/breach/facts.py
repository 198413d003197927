"""The facts of a breach, as people write them down. Clocks, parts, channels and thresholds follow from them. Pure."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Place = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
"""A country by ISO 3166-1, or a part of one by ISO 3166-2: `DE`, `GB`, `US-CA`."""
SectorLaw = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
"""The name of a law that holds for a kind of business, as the rules have it: `hipaa`, `nis2`, `dora`."""
Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""Text. The database stores no U+0000."""
Story = Annotated[Words, Field(max_length=5000)]
MOST_PLACES: Final = 300
Day = Annotated[date, Field(ge=date(1990, 1, 1), le=date(2199, 12, 31))]
"""A day near enough to count from it; clocks would not find the end of others."""
FoundAt = Annotated[AwareDatetime, Field(ge=datetime(1990, 1, 1, tzinfo=UTC), le=datetime(2199, 12, 31, tzinfo=UTC))]


class DataKind(StrEnum):
    """A kind of personal data that was involved."""

    NAME = "name"
    EMAIL_ADDRESS = "email_address"
    POSTAL_ADDRESS = "postal_address"
    PHONE = "phone"
    BIRTH_DATE = "birth_date"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    """The password of an account of ours, also as a hash."""
    MAILBOX_CREDENTIALS = "mailbox_credentials"
    """User name and password or security answer of an e-mail account (California Civ. Code 1798.82(j)(5))."""
    SOCIAL_SECURITY_NUMBER = "social_security_number"
    IDENTITY_DOCUMENT = "identity_document"
    """A driver's licence, passport or other number that a state has given."""
    PAYMENT_CARD = "payment_card"
    BANK_ACCOUNT = "bank_account"
    HEALTH = "health"
    BIOMETRIC = "biometric"
    LOCATION = "location"
    MESSAGES = "messages"
    OTHER = "other"


class Risk(StrEnum):
    """The risk to people's rights and freedoms (GDPR Art. 33, 34). Unknown is treated as high."""

    UNLIKELY = "unlikely"
    SOME = "some"
    HIGH = "high"
    UNKNOWN = "unknown"


class CasePart(BaseModel):
    """A part of a case, with the keys that it has and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BreachFacts(CasePart):
    """All that is known of a breach. It may grow while the case is open; each revision is kept.

    Attributes:
        summary: one sentence, for staff.
        began_on, ended_on: the days of the breach; None: unknown yet, or not over.
        found_at: when the controller became aware; clocks begin here. None: not said yet, and no clock runs.
        data: the kinds of data involved. other_data: in words, where the kinds do not say it.
        is_encrypted: the data could not be read, and the key was not taken.
        is_our_fault: the controller was the source of the breach (California 1798.82(d)(2)(G)).
        risk: to people.
        people_by_place: estimates of how many people, by place, as authorities ask for them.
        sector_laws: the laws for kinds of business that hold.
        mail_trouble: whose mail must not be used. `ours`: our own mail system was broken into, so nobody can trust its
            mail; `theirs`: strangers can read the mailboxes of the people in the phase's list `compromised`; `no`.
        law_enforcement_delay_until: the day until which an agency has asked to wait. law_enforcement: which one, and
            its reference.
        effects, measures: of the breach, and what was and will be done (GDPR Art. 33(3)(c), (d), 33(5)).
        delay_reason: the reason why the authority is told late (GDPR Art. 33(1)).
        notice_cost: what telling everybody would cost, in US dollars (California 1798.82(j)(3)); None: unknown.
    """

    summary: Annotated[Words, Field(max_length=300)] = ""
    began_on: Day | None = None
    ended_on: Day | None = None
    found_at: FoundAt | None = None
    data: Annotated[frozenset[DataKind], Field(max_length=20)] = frozenset()
    other_data: Annotated[Words, Field(max_length=500)] = ""
    is_encrypted: bool = False
    is_our_fault: bool = True
    risk: Risk = Risk.UNKNOWN
    people_by_place: Annotated[dict[Place, Annotated[int, Field(ge=0, le=10**10)]], Field(max_length=MOST_PLACES)] = (
        Field(default_factory=dict)
    )
    sector_laws: Annotated[frozenset[SectorLaw], Field(max_length=20)] = frozenset()
    mail_trouble: Literal["no", "ours", "theirs"] = "no"
    law_enforcement_delay_until: Day | None = None
    law_enforcement: Annotated[Words, Field(max_length=300)] = ""
    effects: Story = ""
    measures: Story = ""
    delay_reason: Story = ""
    notice_cost: Annotated[int, Field(ge=0, le=10**12)] | None = None

    @model_validator(mode="after")
    def _check_order_of_days(self) -> "BreachFacts":
        if self.began_on and self.ended_on and self.ended_on < self.began_on:
            raise ValueError("ended_on: it is before began_on")
        if self.law_enforcement_delay_until and not self.law_enforcement:
            raise ValueError("law_enforcement: say which agency has asked to wait, and its reference")
        return self
