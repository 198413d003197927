"""The draft of a campaign: its texts by variant and language, its audience, its time. Pure values with limits."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from mailer.policy.text_formats import LOCALE, NO_NUL, SLUG, normalized_language_tag

MOST_BLOCKS: Final = 100
SCHEDULE_YEARS: Final = range(2000, 2200)
"""The years in which a campaign can go out. In the first and the last year of a calendar, other zones have no time."""
VariantName = Literal["a", "b", "c", "d"]
VARIANT_NAMES: Final[tuple[VariantName, ...]] = ("a", "b", "c", "d")
Line = Annotated[str, Field(max_length=400, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*$")]
"""One line of text. It may hold fields such as `{{ first_name or 'there' }}`."""
MarkdownText = Annotated[str, Field(max_length=20_000, pattern=NO_NUL)]
"""Text of any number of lines."""
Href = Annotated[str, Field(max_length=2000, pattern=NO_NUL)]
"""An https, http, mailto or tel address. The checks before sending judge it."""
PictureId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Locale = Annotated[str, Field(pattern=LOCALE), AfterValidator(normalized_language_tag)]
AudienceName = Annotated[str, Field(pattern=r"^(segment:)?[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
"""`everyone`, the name of a list, or `segment:NAME`."""


class _Part(BaseModel):
    """A part of a draft, with the keys that it has and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HeadingBlock(_Part):
    """A heading of level 1 to 3."""

    type: Literal["heading"] = "heading"
    text: Line
    level: Annotated[int, Field(ge=1, le=3)] = 2


class TextBlock(_Part):
    """Paragraphs in Markdown (CommonMark without HTML)."""

    type: Literal["text"] = "text"
    markdown: MarkdownText


class HtmlBlock(_Part):
    """HTML of the writer. It is cleaned: no script, no form, no foreign style sheet."""

    type: Literal["html"] = "html"
    html: Annotated[str, Field(max_length=50_000, pattern=NO_NUL)]


class PictureBlock(_Part):
    """An uploaded picture. An empty `alt` says that it is decoration."""

    type: Literal["picture"] = "picture"
    picture: PictureId
    alt: Line = ""
    is_decoration: bool = False
    href: Href | None = None


class ButtonBlock(_Part):
    """A link that looks like a button."""

    type: Literal["button"] = "button"
    label: Line
    href: Href


class Article(_Part):
    """One entry of a list of articles."""

    title: Line
    markdown: MarkdownText = ""
    href: Href | None = None
    picture: PictureId | None = None
    alt: Line = ""


class ArticlesBlock(_Part):
    """A list of articles."""

    type: Literal["articles"] = "articles"
    articles: Annotated[tuple[Article, ...], Field(min_length=1, max_length=30)]


class DividerBlock(_Part):
    """A horizontal line."""

    type: Literal["divider"] = "divider"


InnerBlock = Annotated[
    HeadingBlock | TextBlock | PictureBlock | ButtonBlock | DividerBlock, Field(discriminator="type")
]


class ColumnsBlock(_Part):
    """Two columns, which stand below each other where the screen is narrow."""

    type: Literal["columns"] = "columns"
    first: Annotated[tuple[InnerBlock, ...], Field(max_length=20)]
    second: Annotated[tuple[InnerBlock, ...], Field(max_length=20)]


Block = Annotated[
    HeadingBlock | TextBlock | HtmlBlock | PictureBlock | ButtonBlock | ArticlesBlock | DividerBlock | ColumnsBlock,
    Field(discriminator="type"),
]


class LocalizedDraft(_Part):
    """The texts of one variant in one language."""

    subject: Line = ""
    preheader: Line = ""
    blocks: Annotated[tuple[Block, ...], Field(max_length=MOST_BLOCKS)] = ()


class ScheduleKind(StrEnum):
    """The way in which the time of sending is said."""

    NOW = "now"
    """At its release."""
    INSTANT = "instant"
    """At one instant for everybody."""
    LOCAL = "local"
    """At one local time, in each person's own zone."""


class ZonelessRule(StrEnum):
    """The treatment of people without a known time zone, when a campaign goes out at a local time."""

    AUTHOR_ZONE = "author_zone"
    """They get it when it is that time in the author's zone."""
    LAST = "last"
    """They get it when it was that time in every zone."""
    LEAVE_OUT = "leave_out"
    """They do not get it, and the report says so."""


class Schedule(_Part):
    """The time of sending.

    Attributes:
        kind: now, at an instant, or at a local time.
        at: the instant, for `instant`. local: YYYY-MM-DDTHH:MM, for `local`.
        zone: the IANA zone in which the author said it.
        zoneless: the rule for people without a zone.
        over_hours: the hours over which it is spread evenly; 0: as fast as it goes.
    """

    kind: ScheduleKind = ScheduleKind.NOW
    at: AwareDatetime | None = None
    local: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d$")] | None = None
    zone: Annotated[str, Field(max_length=64)] = "UTC"
    zoneless: ZonelessRule = ZonelessRule.AUTHOR_ZONE
    over_hours: Annotated[int, Field(ge=0, le=72)] = 0

    @model_validator(mode="after")
    def _check_time_is_said(self) -> "Schedule":
        if (self.kind is ScheduleKind.INSTANT) != (self.at is not None):
            raise ValueError("at: an instant needs it, and nothing else has it")
        if (self.kind is ScheduleKind.LOCAL) != (self.local is not None):
            raise ValueError("local: a local time needs it, and nothing else has it")
        time = self.at or (datetime.fromisoformat(self.local) if self.local is not None else None)
        if time is not None and time.year not in SCHEDULE_YEARS:
            raise ValueError(f"the year {time.year} is none of {SCHEDULE_YEARS.start} to {SCHEDULE_YEARS.stop - 1}")
        return self


class AbMetric(StrEnum):
    """The figure that decides between variants."""

    OPT_OUTS = "opt_outs"
    COMPLAINTS = "complaints"
    OPENS = "opens"
    CLICKS = "clicks"


class AbTest(_Part):
    """A test of two to four variants on a share of the audience, chosen by a hash of each person's number.

    Attributes:
        share_percent: the share that gets one of the variants; the rest gets the winner.
        metric: the figure that decides. hours: after how long. is_automatic: the rule sends the winner by itself.
    """

    share_percent: Annotated[int, Field(ge=1, le=100)] = 20
    metric: AbMetric = AbMetric.OPT_OUTS
    hours: Annotated[int, Field(ge=1, le=168)] = 4
    is_automatic: bool = False


def _first_variant_without_texts() -> dict[VariantName, dict[str, LocalizedDraft]]:
    return {"a": {}}


class CampaignDraft(_Part):
    """All that a person writes and chooses for a campaign.

    Attributes:
        category: of the brand, an optional one or `service`; its class decides who may get it.
        purpose: of the policy. topic: of the newsletter, if any.
        variants: the texts by variant's name and locale; "a" always is one. More than one needs `ab_test`.
        audience: to whom. exclude: lists or segments whose people do not get it.
        is_in_archive: it is shown on the brand's archive page after it was sent.
    """

    category: Annotated[str, Field(max_length=40)]
    purpose: Annotated[str, Field(max_length=60)]
    topic: Annotated[str, Field(pattern=SLUG, max_length=60)] | None = None
    variants: Annotated[dict[VariantName, dict[Locale, LocalizedDraft]], Field(min_length=1, max_length=4)] = Field(
        default_factory=_first_variant_without_texts
    )
    audience: AudienceName = "everyone"
    exclude: Annotated[tuple[AudienceName, ...], Field(max_length=20)] = ()
    schedule: Schedule = Schedule()
    ab_test: AbTest | None = None
    is_in_archive: bool = False

    @model_validator(mode="after")
    def _check_variants_fit_test(self) -> "CampaignDraft":
        if tuple(sorted(self.variants)) != VARIANT_NAMES[: len(self.variants)]:
            raise ValueError("variants: they are named a, b, c, d in this order")
        if (len(self.variants) > 1) != (self.ab_test is not None):
            raise ValueError("ab_test: a test needs two to four variants, and several variants need a test")
        return self
