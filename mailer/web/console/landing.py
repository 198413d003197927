"""The landing page of the console: it shows what needs somebody's attention."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.policy.staff_rights import (
    INDEPENDENT_AGAIN_AFTER,
    StaffMember,
    StaffRight,
    brands_with_right,
    has_staff_right,
)
from mailer.ports.attention_figures import AttentionFigure, AttentionFigures
from mailer.ports.staff import IssuedOneTimeLink
from mailer.web.console.access_gates import ConsoleRequest, SignedIn
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import TEXTS, console_page

router = APIRouter(include_in_schema=False)
LATE_SECONDS = 300
"""The age in seconds from which on waiting mail needs attention."""


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """Something that waits for somebody.

    Attributes:
        key: of its texts: a title, and what to do.
        count: how many; None for something that has only an age.
        seconds: the age of the oldest; None if it is not known.
        details: a count or an age for each kind.
    """

    key: str
    count: int | None
    seconds: int | None
    details: Sequence[tuple[str, int]]


_COUNTED = {
    "breach_clocks": StaffRight.BREACH_READ,
    "halts": StaffRight.MAILINGS_READ,
    "paused_mailings": StaffRight.MAILINGS_READ,
    "dead_letters": StaffRight.MAILINGS_READ,
    "quarantined": StaffRight.MAILINGS_READ,
    "notices": StaffRight.NOTICES_WORK,
    "letters": StaffRight.PEOPLE_READ,
    "awaiting_release": StaffRight.MAILINGS_READ,
}
"""Figures that need attention if they are above 0, and who sees them."""
_AGED = {"oldest_due": StaffRight.MAILINGS_READ, "oldest_parked": StaffRight.MAILINGS_READ}
"""Ages that need attention from `LATE_SECONDS` on."""
_CONCERNS_ALL = ("halts", "everything")
"""The figure of no brand that everybody sees who may see figures of one: the stop of all mail."""


@router.get(HOME)
async def show_landing_page(request: SignedIn) -> Response:
    """Shows what needs attention at the brands of the person's roles, or at the chosen one of them."""
    sees = not request.rights.isdisjoint({*_COUNTED.values(), *_AGED.values()})
    figures = split_off_paused_mailings(await request.console.attention.get_value()) if sees else {}
    missing = [TEXTS["attention"][key]["title"] for key in (*_COUNTED, *_AGED) if sees and key not in figures]
    items = attention_items(figures, request.member, request.console.brands, request.brand)
    return console_page(
        request,
        "landing.html.j2",
        items=items,
        missing=missing,
        sees=sees,
        resets=await _recent_access_resets_of_member(request),
    )


async def _recent_access_resets_of_member(request: ConsoleRequest) -> list[IssuedOneTimeLink]:
    """Returns the resets of the person's access of the last days, which are told to them: others saw the link."""
    since = datetime.now(UTC) - INDEPENDENT_AGAIN_AFTER
    links = await request.console.staff.directory.list_issued_one_time_links(request.member.id)
    return [link for link in links if link.what == "reset" and link.at > since]


def split_off_paused_mailings(figures: AttentionFigures) -> AttentionFigures:
    """Returns the figures with the stops of single mailings apart: the line on each page names all stops but these."""
    if "halts" not in figures:
        return figures
    stops = figures["halts"]
    paused = [replace(one, label="") for one in stops if one.label == "mailing"]
    return {**figures, "halts": [one for one in stops if one.label != "mailing"], "paused_mailings": paused}


def attention_items(
    figures: AttentionFigures, member: StaffMember, brands: frozenset[str], chosen: str = ""
) -> list[AttentionItem]:
    """Returns what needs attention of a person, the oldest problems of the sending of mail first.

    Args:
        figures: those of all brands.
        member: the person, whose roles say which figures of which brands are shown.
        brands: all brands that there are.
        chosen: a brand, if only its figures are wanted.
    """
    items = []
    for key, right in _AGED.items():
        seen = _filter_figures_visible_to_member(figures, key, right, member, brands, chosen)
        if late := _greatest_by_label(
            (one.label, one.seconds or 0) for one in seen if (one.seconds or 0) >= LATE_SECONDS
        ):
            items.append(AttentionItem(key, None, max(late.values()), _labels_in_words(late)))
    for key, right in _COUNTED.items():
        seen = _filter_figures_visible_to_member(figures, key, right, member, brands, chosen)
        counts = Counter[str]()
        for one in seen:
            counts[one.label] += one.count or 0
        if total := counts.total():
            ages = [one.seconds for one in seen if one.seconds is not None]
            items.append(AttentionItem(key, total, max(ages, default=None), _labels_in_words(+counts)))
    return items


def _filter_figures_visible_to_member(
    figures: AttentionFigures, key: str, right: StaffRight, member: StaffMember, brands: frozenset[str], chosen: str
) -> list[AttentionFigure]:
    """Returns the figures that a person may see. Those of no brand, or of an unknown one, need the right everywhere."""
    allowed = brands_with_right(member, right, brands)
    wanted = allowed & {chosen} if chosen else allowed
    sees_all = has_staff_right(member, right) and not chosen
    return [
        one
        for one in figures.get(key, ())
        if (one.brand in wanted)
        or (one.brand not in brands and sees_all)
        or (bool(allowed) and one.brand is None and (key, one.label) == _CONCERNS_ALL)
    ]


def _greatest_by_label(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    greatest: dict[str, int] = {}
    for label, number in pairs:
        greatest[label] = max(number, greatest.get(label, 0))
    return greatest


def _labels_in_words(numbers: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(label.replace("_", " "), number) for label, number in sorted(numbers.items()) if label]
