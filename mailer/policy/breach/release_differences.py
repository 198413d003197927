"""The differences between two checks of a breach, as whoever releases one of them has to see. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mailer.policy.breach.draft import BreachPhaseDraft, NoticeText


class TextChange(NamedTuple):
    """A text that differs.

    Attributes:
        variant, locale: of the text.
        parts: the names of what differs: `title`, `preheader`, … or a part; empty if the text is new or gone.
        what: `new`, `gone` or `changed`.
    """

    variant: str
    locale: str
    parts: tuple[str, ...]
    what: str


class PeopleChange(NamedTuple):
    """The people with one channel, reason and variant, in the check before and in this one."""

    channel: str
    reason: str
    variant: str
    before: int
    now: int


def changes_of_texts(before: BreachPhaseDraft, now: BreachPhaseDraft) -> list[TextChange]:
    """Returns the texts that differ, by variant and language."""
    old, new = _texts(before), _texts(now)
    return [change for key in sorted(old.keys() | new.keys()) if (change := _change(key, old.get(key), new.get(key)))]


def changes_of_people(
    before: Iterable[tuple[str, str, str, str, int]], now: Iterable[tuple[str, str, str, str, int]]
) -> list[PeopleChange]:
    """Returns the figures that differ. Sums are channel, reason, variant, place and people; places are put together."""
    old, new = _people(before), _people(now)
    keys = sorted(old.keys() | new.keys())
    return [PeopleChange(*key, old.get(key, 0), new.get(key, 0)) for key in keys if old.get(key, 0) != new.get(key, 0)]


def _people(sums: Iterable[tuple[str, str, str, str, int]]) -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = {}
    for channel, reason, variant, _, people in sums:
        key = channel, reason, variant
        found[key] = found.get(key, 0) + people
    return found


def _texts(draft: BreachPhaseDraft) -> dict[tuple[str, str], NoticeText]:
    return {(name, locale): text for name, variant in draft.variants.items() for locale, text in variant.texts.items()}


def _change(key: tuple[str, str], old: NoticeText | None, new: NoticeText | None) -> TextChange | None:
    if old == new:
        return None
    if old is None or new is None:
        return TextChange(*key, (), "new" if old is None else "gone")
    return TextChange(*key, tuple(_differing(old, new)), "changed")


def _differing(old: NoticeText, new: NoticeText) -> Iterator[str]:
    for name in ("title", "preheader", "home_page", "telephone"):
        if getattr(old, name) != getattr(new, name):
            yield name
    yield from (
        part.value for part in sorted(old.parts.keys() | new.parts.keys()) if old.parts.get(part) != new.parts.get(part)
    )
