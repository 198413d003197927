"""A phase of a breach case: the texts by variant and language, the audience and the pace. Pure values with limits."""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, model_validator

from mailer.policy.breach.facts import CasePart, Place
from mailer.policy.campaign_draft import AudienceName, Line, Locale, MarkdownText

MOST_VARIANTS: Final = 40
ELSEWHERE: Final = "elsewhere"
"""The variant for people of all places that no other variant names, and of unknown ones. Each phase has it."""
VariantSlug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]


class NoticePart(StrEnum):
    """A part of a notice, in the order in which it is read. A text of the notice answers exactly one."""

    WHAT_HAPPENED = "what_happened"
    WHAT_INFORMATION = "what_information"
    CONSEQUENCES = "consequences"
    WHAT_WE_DO = "what_we_do"
    WHAT_YOU_CAN_DO = "what_you_can_do"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of a part
    CREDIT_AGENCIES = "credit_agencies"
    IDENTITY_PROTECTION = "identity_protection"
    POLICE_REPORT = "police_report"
    CREDIT_FREEZE = "credit_freeze"
    LAW_ENFORCEMENT_DELAY = "law_enforcement_delay"
    MORE_INFORMATION = "more_information"


class NoticeText(CasePart):
    """A notice in one language: HTML, text, letter, web page and telephone script come from it.

    Attributes:
        title: the title, and the subject of the mail.
        preheader: the line that lists of mails show after the subject.
        parts: CommonMark without HTML, by part. The headings are the variant's, from the building blocks.
        home_page: the line with which the home page leads to the public notice; empty: a standard one.
        telephone: what those who answer the telephone say; empty: the parts are read out.
    """

    title: Line = ""
    preheader: Line = ""
    parts: dict[NoticePart, MarkdownText] = Field(default_factory=dict)
    home_page: Line = ""
    telephone: MarkdownText = ""


class NoticeVariant(CasePart):
    """The notice for the people of some places.

    Attributes:
        places: whose people get it; empty for `ELSEWHERE` alone. A part of a country goes before the country.
        texts: by locale.
    """

    places: Annotated[tuple[Place, ...], Field(max_length=300)] = ()
    texts: Annotated[dict[Locale, NoticeText], Field(max_length=40)] = Field(default_factory=dict)


class AudienceSource(StrEnum):
    """The way in which the people of a phase are named."""

    EVERYONE = "everyone"
    """All people whom the brand knows, closed accounts too."""
    AUDIENCE = "audience"
    """A list or a segment."""
    FILE = "file"
    """An uploaded file of references or addresses; it also brings people without an account or an e-mail address."""


class BreachAudience(CasePart):
    """The people whom a phase tells.

    Attributes:
        source: how they are named. audience: the list or segment. file: the id of the uploaded file.
        compromised: a list or segment, and compromised_file: an uploaded file, of people whose mailbox strangers can
            read; they are told another way, where the facts say `theirs`.
    """

    source: AudienceSource = AudienceSource.EVERYONE
    audience: AudienceName | None = None
    file: UUID | None = None
    compromised: AudienceName | None = None
    compromised_file: UUID | None = None

    @model_validator(mode="after")
    def _check_source_is_named(self) -> "BreachAudience":
        if (self.source is AudienceSource.AUDIENCE) != (self.audience is not None):
            raise ValueError("audience: a list or a segment is named if, and only if, the source is an audience")
        if (self.source is AudienceSource.FILE) != (self.file is not None):
            raise ValueError("file: an uploaded file is named if, and only if, the source is a file")
        return self


class BreachPace(CasePart):
    """The speed of the mail.

    Attributes:
        over_hours: the hours over which it is spread evenly; 0: as fast as it goes.
        is_engaged_first: people who were heard of lately come first.
    """

    over_hours: Annotated[int, Field(ge=0, le=24 * 30)] = 0
    is_engaged_first: bool = False


class BreachPhaseDraft(CasePart):
    """All that people write and choose for one phase. Phase 1 tells early what is known; others supplement it.

    Attributes:
        variants: by name; `ELSEWHERE` always is one, and no place is in two.
        public_days: the days for which the public notice stands; 0: there is none in this phase.
    """

    variants: Annotated[dict[VariantSlug, NoticeVariant], Field(min_length=1, max_length=MOST_VARIANTS)] = Field(
        default_factory=lambda: {ELSEWHERE: NoticeVariant()}
    )
    audience: BreachAudience = BreachAudience()
    pace: BreachPace = BreachPace()
    public_days: Annotated[int, Field(ge=0, le=3650)] = 0

    @model_validator(mode="after")
    def _check_each_place_has_one_variant(self) -> "BreachPhaseDraft":
        if ELSEWHERE not in self.variants:
            raise ValueError(f"variants: {ELSEWHERE} is missing; people of places that nobody foresaw get it")
        seen = set[str]()
        for name, variant in self.variants.items():
            if (name == ELSEWHERE) != (not variant.places):
                raise ValueError(f"variants.{name}: {ELSEWHERE} alone has no places, and each other variant has some")
            if doubled := seen & set(variant.places):
                raise ValueError(f"variants.{name}: {min(doubled)} is in another variant already")
            seen |= set(variant.places)
        return self


def variant_of_place(draft: BreachPhaseDraft, place: str | None) -> str:
    """Returns the name of the variant for a place: that of the part of the country, of the country, or `ELSEWHERE`."""
    for asked in (place, place.partition("-")[0] if place else None):
        for name, variant in draft.variants.items():
            if asked in variant.places:
                return name
    return ELSEWHERE
