"""The landing page of the console: it shows what needs somebody's attention."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.policy.staff_rights import StaffRight
from mailer.ports.flow_metrics import Values
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import TEXTS, console_page
from mailer.web.console.gates import SignedIn

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
    "halts": (StaffRight.MAILINGS_READ, None),
    "dead_letters": (StaffRight.MAILINGS_READ, None),
    "quarantined": (StaffRight.MAILINGS_READ, None),
    "notices": (StaffRight.NOTICES_WORK, "oldest_notice"),
    "awaiting_release": (StaffRight.MAILINGS_READ, "oldest_release"),
}
"""Figures of `ports.flow_metrics.FIGURES` that need attention if they are above 0, who sees them, and their ages."""
_AGED = {"oldest_due": StaffRight.MAILINGS_READ, "oldest_parked": StaffRight.MAILINGS_READ}
"""Ages that need attention from `LATE_SECONDS` on."""


@router.get(HOME)
async def show_landing_page(visitor: SignedIn) -> Response:
    """Shows what needs attention, as far as the person's rights go."""
    seen = {right for right, _ in _COUNTED.values()} & visitor.rights
    figures = await visitor.console.read_figures() if seen else {}
    missing = [TEXTS["attention"][key]["title"] for key in (*_COUNTED, *_AGED) if seen and key not in figures]
    items = attention_items(figures, visitor.rights)
    return console_page(visitor, "landing.html.j2", items=items, missing=missing, sees=bool(seen))


def attention_items(figures: Values, rights: frozenset[StaffRight]) -> list[AttentionItem]:
    """Returns what needs attention, the oldest problems of the sending of mail first."""
    items = []
    for key, right in _AGED.items():
        late = [(_label(labels), round(age)) for labels, age in figures.get(key, ()) if age >= LATE_SECONDS]
        if right in rights and late:
            items.append(AttentionItem(key, None, max(age for _, age in late), [pair for pair in late if pair[0]]))
    for key, (right, aged) in _COUNTED.items():
        counts = [(_label(labels), round(number)) for labels, number in figures.get(key, ()) if number > 0]
        if right not in rights or not counts:
            continue
        ages = [round(age) for _, age in figures.get(aged, ())] if aged else []
        total = sum(number for _, number in counts)
        items.append(AttentionItem(key, total, max(ages, default=None), [pair for pair in counts if pair[0]]))
    return items


def _label(labels: Sequence[str]) -> str:
    return ", ".join(label.replace("_", " ") for label in labels)
