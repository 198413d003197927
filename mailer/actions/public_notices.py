"""The file of a public notice, checked before anybody drafts it; and its release by a second person."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mailer.policy.public_notices import LONGEST, PARTS, SHORTEST, PublicNotice, days_left_after_release
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.ports.public_notices import PublicNoticeStore
from mailer.text_checks import check_name, check_storable_text

_LETTERS = 10
"""The fewest letters and figures of a part: a part of blanks or signs says nothing."""
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
"""Control characters, and those that no XML can hold (XML 1.0, 2.2): one of them would break the whole feed."""


def _check_text(text: str) -> str:
    """Returns a text for the page and the feed unchanged.

    Raises:
        ValueError: it has a control character, or cannot be stored.
    """
    if found := _UNFIT.search(text):
        raise ValueError(f"has the character U+{ord(found[0]):04X}, which no feed can hold; remove it")
    return check_storable_text(text)


def _check_part(text: str) -> str:
    if sum(char.isalnum() for char in text) < _LETTERS:
        raise ValueError(
            f"says nothing: it has fewer than {_LETTERS} letters and figures; write what people have to know"
        )
    return _check_text(text)


_Text = Annotated[str, Field(min_length=20, max_length=10_000), AfterValidator(_check_part)]


class _NoticeInOneLanguage(BaseModel):
    """A notice in one language. The page shows each part below its heading, as plain text."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Annotated[str, Field(min_length=5, max_length=200), AfterValidator(check_name), AfterValidator(_check_text)]
    what_happened: _Text
    what_information: _Text
    what_we_do: _Text
    what_you_can_do: _Text
    more_information: _Text


_TEXTS = TypeAdapter(dict[Annotated[str, Field(pattern="^[a-z]{2}$")], _NoticeInOneLanguage])


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


async def release_public_notice(notices: PublicNoticeStore, id_: UUID, by: str, today: date) -> None:
    """Puts a notice on its page, from its first day on.

    Args:
        notices: the store.
        id_: the draft.
        by: the person who releases it, as a name or as `person:NAME`.
        today: the day, in UTC.

    Raises:
        PublicNoticeRefused: there is no such draft, it would stand for too few days, or the person is no second one.
    """
    notice = await notices.find_notice(id_)
    if notice is None:
        raise PublicNoticeRefused(f"{id_} is no id of a notice; `mailer public-notices list` has them")
    if days_left_after_release(notice, today) < SHORTEST:
        raise PublicNoticeRefused(
            f"{id_}: it would stand until {notice.last_day}, and {SHORTEST.days} days are the least; draft it again"
            " with a later last_day"
        )
    if not await notices.release(id_, parse_name_of_acting_person(by)):
        raise PublicNoticeRefused(
            f"{id_}: is no draft of somebody else; a second person, who shares no one-time link with the first,"
            " releases a notice, once"
        )


def parse_name_of_acting_person(by: str) -> str:
    """Returns the name of a person who drafts, releases or withdraws: `person:Ada` and `Ada` are the same.

    Raises:
        PublicNoticeRefused: it is no name, or that of a publisher.
    """
    try:
        return parse_person_identity(by).name
    except ValueError as error:
        raise PublicNoticeRefused(f"--by: {error}") from None
