"""The file of a public notice: read and checked before anybody drafts it."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mailer.policy.public_notices import LONGEST, PARTS, SHORTEST, PublicNotice
from mailer.text_checks import check_one_line, check_storable_text

_Text = Annotated[str, Field(min_length=20, max_length=10_000), AfterValidator(check_storable_text)]


class _NoticeText(BaseModel):
    """A notice in one language. The page shows each part below its heading, as plain text."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Annotated[str, Field(min_length=5, max_length=200), AfterValidator(check_one_line)]
    what_happened: _Text
    what_information: _Text
    what_we_do: _Text
    what_you_can_do: _Text
    more_information: _Text


_TEXTS = TypeAdapter(dict[Annotated[str, Field(pattern="^[a-z]{2}$")], _NoticeText])


class PublicNoticeRefused(ValueError):
    """A notice is not whole, or its brand or days are wrong. The message says what to do."""


def parse_public_notice(id_: UUID, brand: str, read: Mapping[str, Any], drafted_by: str, today: date) -> PublicNotice:
    """Returns a notice from the content of a file: `first_day`, `last_day`, and a table for each language.

    Raises:
        PublicNoticeRefused: a part is missing or too long, or the days are too few or in the past.
    """
    first, last = read.get("first_day"), read.get("last_day")
    if type(first) is not date or type(last) is not date:
        raise PublicNoticeRefused("first_day and last_day: write two days, such as 2026-12-01")
    if first < today:
        raise PublicNoticeRefused(f"first_day: {first} is over; write {today} or a later day")
    if not SHORTEST <= last - first <= LONGEST:
        raise PublicNoticeRefused(f"last_day: a notice stands for {SHORTEST.days} days at least, and at most ten years")
    try:
        texts = _TEXTS.validate_python({key: read[key] for key in read if key not in ("first_day", "last_day")})
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise PublicNoticeRefused(f"{place}: {fault['msg']}; a language has a title, {', '.join(PARTS)}") from None
    if not texts:
        raise PublicNoticeRefused("there is no text; write a table such as [en] with a title and the five parts")
    said = {code: text.model_dump() for code, text in texts.items()}
    return PublicNotice(id_, brand, said, first, last, drafted_by)
