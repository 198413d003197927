"""The order of the entries of a person's history, and the pages of it, by key and never by number. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Protocol, Self, TypeVar
from uuid import UUID

MAIL_KEY = "m"
"""The first letter of the keys of mails. Each source of entries has another one."""
LAST_UUID = UUID(int=2**128 - 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND, _MILLISECOND = timedelta(microseconds=1), timedelta(milliseconds=1)
_WRITTEN = re.compile(r"([0-9]{1,16})\.([a-z][ -~]{1,300})")
"""The text form of a place: the microseconds since 1970, and the key."""
_MAIL = re.compile(MAIL_KEY + r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The key of a mail, with the id of its mailing."""


@dataclass(frozen=True, slots=True, order=True)
class HistoryPlace:
    """The place of an entry in a history. Newer entries have greater places.

    Attributes:
        at: an aware time.
        key: tells entries of the same time apart: a letter for the source, then an id within it.
    """

    at: datetime
    key: str

    def __str__(self) -> str:
        """Returns the text form, for the address of the next page. It names nobody."""
        return f"{(self.at - _EPOCH) // _MICROSECOND}.{self.key}"

    @classmethod
    def parse_place(cls, text: str) -> Self:
        """Returns the place for its text form.

        Raises:
            ValueError: it is none.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None or (found[2].startswith(MAIL_KEY) and not _MAIL.fullmatch(found[2])):
            raise ValueError("is no place in a history; take `next` of the page before")
        return cls(_EPOCH + int(found[1]) * _MICROSECOND, found[2])


class EntryWithPlace(Protocol):
    """An entry of a history."""

    @property
    def place(self) -> HistoryPlace:
        """The place of the entry."""
        ...


_Entry = TypeVar("_Entry", bound=EntryWithPlace)


def page_of_newest_entries(
    sources: Iterable[Sequence[_Entry]], limit: int
) -> tuple[tuple[_Entry, ...], HistoryPlace | None]:
    """Returns the newest entries of some sources, and the place behind which the next page begins.

    Args:
        sources: the newest entries of each, newest first: `limit` and one more, if there are so many.
        limit: the number of entries of a page.

    Returns:
        The entries, newest first. None in place of the next page: there is none.
    """
    found = list(islice(merge(*sources, key=lambda entry: entry.place, reverse=True), limit + 1))
    page = tuple(found[:limit])
    return page, page[-1].place if len(found) > limit else None


def place_of_mail(mailing_id: UUID) -> HistoryPlace:
    """Returns the place of the mail of a mailing: the time is that of its id, in milliseconds (RFC 9562 5.7)."""
    return HistoryPlace(_EPOCH + (mailing_id.int >> 80) * _MILLISECOND, f"{MAIL_KEY}{mailing_id}")


def upper_mailing_id_bound_of_page(before: HistoryPlace | None) -> UUID:
    """Returns the id below which the mailings of the next page lie, for a search by the ids alone.

    Args:
        before: the place before which the page begins; None: the newest page.
    """
    if before is None:
        return LAST_UUID
    whole, rest = divmod(before.at - _EPOCH, _MILLISECOND)
    if not rest and before.key.startswith(MAIL_KEY):
        return UUID(before.key.removeprefix(MAIL_KEY))
    is_whole_millisecond_older = bool(rest) or before.key > MAIL_KEY
    return UUID(int=(whole + is_whole_millisecond_older) << 80)
