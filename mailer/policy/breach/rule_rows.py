"""Rows of the rules about breaches: clocks, parts, forms, channels, substitutes and duties, with source and date. Pure.

A row is data. The shipped ones stand in `rows/`; a policy adds, replaces and switches off rows in `[breach.rules.ID]`.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from mailer.policy.breach.draft import ELSEWHERE, NoticePart
from mailer.policy.breach.facts import BreachFacts, DataKind, Risk
from mailer.policy.country_codes import COUNTRIES
from mailer.policy.policy_file_errors import build_pydantic_error_for_fault, format_toml_value
from mailer.policy.policy_key_types import Day, Flag, Section, Slug, Text, Whole
from mailer.policy.text_formats import PLACE

Sure = Literal["primary", "secondary", "unsure"]
"""The certainty of a row: read in the law itself or at the authority, read in texts about it, or uncertain."""
RuleId = Slug
"""The name of a row, such as `us-ca-people`."""
RULE_KEY: Final = "[id]"
"""The key under which a row's name is added to its values. No file can contain it, so no row can lie about its name."""


def _check_place(place: str) -> str:
    if place.partition("-")[0] not in COUNTRIES:
        raise build_pydantic_error_for_fault("no_place", (), given=format_toml_value(place))
    return place


def _check_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, KeyError, OSError):
        raise build_pydantic_error_for_fault("no_zone", (), given=format_toml_value(name)) from None


def _check_variant(name: str) -> str:
    if name == ELSEWHERE or len(name) > LONGEST_VARIANT:
        raise build_pydantic_error_for_fault(
            "no_variant", (), given=format_toml_value(name), most=LONGEST_VARIANT, other=ELSEWHERE
        )
    return name


LONGEST_VARIANT: Final = 30
"""The longest name of a variant in a row; a suffix may follow it (see `suggest_variants`)."""
RulePlace = Annotated[str, Field(pattern=PLACE), AfterValidator(_check_place)]
ZoneName = Annotated[str, AfterValidator(_check_zone)]
RuleVariant = Annotated[Slug, AfterValidator(_check_variant)]
Count = Annotated[Whole, Field(ge=1, le=10**12)]


class BreachRule(Section):
    """The part that all rows have in common: the law, the places, and the facts under which it holds.

    Attributes:
        id: the name of the row. name: of the place or law, as a sentence begins with it, such as `California`.
        law: the article, such as `Civ. Code 1798.82(a)`.
        places: the countries, and parts of countries, whose people it protects; empty: all people.
        except_places: places below those that have a row of their own instead.
        zone: the time zone in which days end; None: the zone of the country in which the day ends first.
        variant: the name of the notice for these places, such as `eu`; None: the place in lower case.
        sector_law: it holds only for a business under this law. unless_sector_laws: it does not hold under these.
        source: the text in which it was read. checked: the day on which it was read. sure: see `Sure`.
        data: it holds if one of these kinds is involved, or if nobody knows yet; empty: for all kinds.
        least_risk: it holds if the risk is this one or a higher one.
        is_for_encrypted: it holds also if the data could not be read.
        is_for_own_fault: it holds only if the controller was the source.
        is_for_delay: it holds only if an agency has asked to wait.
    """

    id: RuleId = Field(validation_alias=RULE_KEY)
    name: Text
    law: Text
    places: tuple[RulePlace, ...] = ()
    except_places: tuple[RulePlace, ...] = ()
    zone: ZoneName | None = None
    variant: RuleVariant | None = None
    sector_law: Slug | None = None
    unless_sector_laws: tuple[Slug, ...] = ()
    source: Text
    checked: Day
    sure: Sure
    data: tuple[DataKind, ...] = ()
    least_risk: Literal[Risk.SOME, Risk.HIGH] | None = None
    is_for_encrypted: Flag = True
    is_for_own_fault: Flag = False
    is_for_delay: Flag = False

    def is_true_of(self, facts: BreachFacts) -> bool:
        """Tells whether the facts meet the row's conditions. Facts that nobody knows yet count as the worst ones."""
        unknown = not facts.data or DataKind.OTHER in facts.data
        return (
            (not self.data or unknown or not facts.data.isdisjoint(self.data))
            and (self.sector_law is None or self.sector_law in facts.sector_laws)
            and facts.sector_laws.isdisjoint(self.unless_sector_laws)
            and _RISKS.index(facts.risk) >= (_RISKS.index(self.least_risk) if self.least_risk else 0)
            and (self.is_for_encrypted or not facts.is_encrypted)
            and (facts.is_our_fault or not self.is_for_own_fault)
            and (facts.law_enforcement_delay_until is not None or not self.is_for_delay)
        )

    def is_of_place(self, place: str) -> bool:
        """Tells whether the row holds for a place: it names the place, its country, or no places at all."""
        country = place.partition("-")[0]
        is_excepted = place in self.except_places or country in self.except_places
        return not self.places or ((place in self.places or country in self.places) and not is_excepted)


_RISKS: Final = (Risk.UNLIKELY, Risk.SOME, Risk.HIGH, Risk.UNKNOWN)


class Addressee(StrEnum):
    """Those who are told."""

    PEOPLE = "people"
    AUTHORITY = "authority"
    MEDIA = "media"
    CREDIT_AGENCIES = "credit_agencies"


class ClockRule(BreachRule):
    """A deadline, or a duty without one (`without undue delay`), perhaps only from a number of people on.

    Attributes:
        to: those who are told. whom: in words, such as `residents of California`.
        what: the verb before `whom`, such as `tell` or `send a sample copy of the notice to`.
        hours, days, months: the period; none of them: without undue delay. Days and months end with their last day.
        after: the clock at whose end this one begins; None: it begins when the breach was found.
        waits_for_law_enforcement: the deadline moves if an agency has asked to wait.
        more_than, at_least: the number of people from which on it holds.
        counted: the people of all places together, or of each place for itself.
    """

    kind: Literal["clock"]
    to: Addressee
    whom: Text
    what: Text = "tell"
    hours: Annotated[Whole, Field(ge=1, le=8760)] | None = None
    days: Annotated[Whole, Field(ge=1, le=3650)] | None = None
    months: Annotated[Whole, Field(ge=1, le=120)] | None = None
    after: RuleId | None = None
    waits_for_law_enforcement: Flag = False
    more_than: Count | None = None
    at_least: Count | None = None
    counted: Literal["together", "each_place"] = "together"

    @model_validator(mode="after")
    def _check_one_period(self) -> Self:
        periods = [key for key in ("hours", "days", "months") if getattr(self, key) is not None]
        if len(periods) > 1:
            raise build_pydantic_error_for_fault("two_of", (periods[1],), other=periods[0])
        if self.more_than is not None and self.at_least is not None:
            raise build_pydantic_error_for_fault("two_of", ("at_least",), other="more_than")
        if self.after is not None and not periods:
            raise build_pydantic_error_for_fault("no_period", ("after",))
        return self

    @property
    def least_people(self) -> int:
        """The least number of people for which it holds; 0: any number, also an unknown one."""
        return self.at_least or (self.more_than + 1 if self.more_than is not None else 0)


class PartsRule(BreachRule):
    """Parts that the notice must have.

    Attributes:
        parts: the parts. must_say: what must stand in them, in words for the writer.
    """

    kind: Literal["parts"]
    parts: Annotated[tuple[NoticePart, ...], Field(min_length=1)]
    must_say: tuple[Text, ...] = ()


class ForbiddenPartsRule(BreachRule):
    """Parts that the notice must not have.

    Attributes:
        parts: the parts. must_not_say: what must not stand in any part, in words for the writer.
    """

    kind: Literal["forbidden_parts"]
    parts: Annotated[tuple[NoticePart, ...], Field(min_length=1)]
    must_not_say: tuple[Text, ...] = ()


class FormRule(BreachRule):
    """The form of the notice.

    Attributes:
        title: the title that the law sets. headings: those that it sets, by language and part.
        least_points: the least size of the type, in points.
    """

    kind: Literal["form"]
    title: Text | None = None
    headings: dict[Slug, dict[NoticePart, Text]] = Field(default_factory=dict)
    least_points: Annotated[Whole, Field(ge=6, le=72)] | None = None


class ChannelReason(StrEnum):
    """The reason for the channel by which a person is told, in the order in which they are tried."""

    UNDER_13 = "under_13"
    """A letter to the parents or guardians."""
    OUR_MAIL_COMPROMISED = "our_mail_compromised"
    OWN_MAILBOX_COMPROMISED = "own_mailbox_compromised"
    NO_ADDRESS = "no_address"
    ADDRESS_DEAD = "address_dead"
    ELECTRONIC_REFUSED = "electronic_refused"
    NO_ELECTRONIC_CONSENT = "no_electronic_consent"
    NO_POSTAL_ADDRESS = "no_postal_address"
    """Mail as substitute notice: a letter would be due, but nobody knows where to."""
    MAIL = "mail"


class ChannelRule(BreachRule):
    """A reason to use another channel than mail, or mail.

    Attributes:
        reason: the state of the person that it is about.
        channel: how such people are told. A letter to somebody whose postal address is unknown is no letter: see
            `choose_channel`.
    """

    kind: Literal["channel"]
    reason: ChannelReason
    channel: Literal["mail", "letter"]


class SubstituteStepKind(StrEnum):
    """A step of a substitute notice."""

    EMAIL = "email"
    HOME_PAGE = "home_page"
    MEDIA = "media"
    TELEPHONE = "telephone"
    PUBLIC_NOTICE = "public_notice"


class SubstituteStep(Section):
    """A step of a substitute notice. words: what is to be done; days: for how long at least, if the law says it."""

    step: SubstituteStepKind
    words: Text
    days: Annotated[Whole, Field(ge=1, le=3650)] | None = None


class SubstituteRule(BreachRule):
    """A substitute notice, and when it is due or allowed: if any of the limits is reached.

    Attributes:
        unreachable_at_least: people whom no mail and no letter reaches.
        people_more_than: people concerned. cost_more_than: US dollars.
        steps: all of which are to be done.
    """

    kind: Literal["substitute"]
    unreachable_at_least: Count | None = None
    people_more_than: Count | None = None
    cost_more_than: Count | None = None
    steps: Annotated[tuple[SubstituteStep, ...], Field(min_length=1)]


class DutyRule(BreachRule):
    """A duty without a clock and without a text, such as keeping records. duty: in words."""

    kind: Literal["duty"]
    duty: Text


KINDS: Final = {
    "clock": ClockRule,
    "parts": PartsRule,
    "forbidden_parts": ForbiddenPartsRule,
    "form": FormRule,
    "channel": ChannelRule,
    "substitute": SubstituteRule,
    "duty": DutyRule,
}
"""The classes of rows, by kind."""
OFF: Final = "off"


class RuleSwitchedOff(Section):
    """A shipped row that a policy switches off. off: the reason."""

    off: Text


def _tag_of_row(row: Any) -> str | None:
    """Returns the tag of a row: its kind, or `OFF`; None if its kind is missing or unknown."""
    if isinstance(row, RuleSwitchedOff) or (isinstance(row, dict) and OFF in row):
        return f"[{OFF}]"
    kind = row.get("kind") if isinstance(row, dict) else getattr(row, "kind", None)
    return f"[{kind}]" if isinstance(kind, str) and kind in KINDS else None


_NO_KIND: Final = Discriminator(
    _tag_of_row,
    custom_error_type="no_kind",
    custom_error_message="no_kind",
    custom_error_context={"kinds": ", ".join(KINDS)},
)
AnyRule = (
    Annotated[ClockRule, Tag("[clock]")]
    | Annotated[PartsRule, Tag("[parts]")]
    | Annotated[ForbiddenPartsRule, Tag("[forbidden_parts]")]
    | Annotated[FormRule, Tag("[form]")]
    | Annotated[ChannelRule, Tag("[channel]")]
    | Annotated[SubstituteRule, Tag("[substitute]")]
    | Annotated[DutyRule, Tag("[duty]")]
)
ShippedRule = Annotated[AnyRule, _NO_KIND]
"""A row. Messages of faults leave the tags out, since they stand in brackets."""
PolicyRule = Annotated[AnyRule | Annotated[RuleSwitchedOff, Tag(f"[{OFF}]")], _NO_KIND]
"""A row of a policy, or a shipped one that is switched off."""


def with_names_of_rows(rows: Any, head: dict[str, Any] | None = None) -> Any:
    """Returns sections by name with each one's name in it, and with the keys that stand once above them.

    Values of other types are returned as they are: validation refuses them.
    """
    if not isinstance(rows, dict):
        return rows
    return {
        name: {**(head or {}), **row, RULE_KEY: name} if isinstance(row, dict) and OFF not in row else row
        for name, row in rows.items()
    }
