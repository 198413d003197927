"""The figures of a campaign: the number shown at its release, the number sent, and each difference with its reason."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from mailer.policy.advertiser_figures import OTHER, find_values_to_hide

MOST_DOMAINS: Final = 20
"""The domains that a report names. The others are `OTHER`."""
MOST_LINKS: Final = 50
_COUNTED_FOR: Final = timedelta(days=90)
_FIRST_PAUSE: Final = timedelta(seconds=10)


class _Figures(BaseModel):
    """Figures, which nobody changes."""

    model_config = ConfigDict(frozen=True)


class OutcomeKind(StrEnum):
    """The three ends that a person of a manifest can have come to."""

    SENT = "sent"
    """The mail was handed over."""
    OPEN = "open"
    """The mail is still to be sent, or in doubt."""
    NOT_SENT = "not_sent"


class OutcomeCell(_Figures):
    """People of a manifest about whom the same was shown at the release, and to whom the same happened.

    Attributes:
        variant: of the manifest's line. result, shown_reason: the decision of the manifest.
        state, reason: of the delivery; empty if there is none.
        people: their number.
    """

    variant: str
    result: str
    shown_reason: str
    state: str
    reason: str
    people: int

    @property
    def was_to_get(self) -> bool:
        """True if the release showed these people among those who get the mail, now or after hours of silence."""
        return self.result in ("send", "hold")

    @property
    def kind(self) -> OutcomeKind:
        """The end that they have come to. Without a delivery, it is the decision of the manifest."""
        match self.state:
            case "handed_over":
                return OutcomeKind.SENT
            case "suppressed" | "diverted" | "cancelled" | "expired" | "failed":
                return OutcomeKind.NOT_SENT
            case "":
                return OutcomeKind.OPEN if self.was_to_get else OutcomeKind.NOT_SENT
            case _:
                return OutcomeKind.OPEN

    @property
    def end(self) -> tuple[str, str]:
        """State and reason of the end; those of the manifest if there is no delivery."""
        if self.state:
            return self.state, self.reason
        return ("not_begun", "") if self.was_to_get else (self.result, self.shown_reason)


class Difference(_Figures):
    """People for whom the release showed something else than happened.

    Attributes:
        state, reason: the end of people who were to get it; the manifest's decision for people who were not to get it.
    """

    state: str
    reason: str
    people: int


class ShownAndDone(_Figures):
    """The number shown at a release, and the number sent. They add up: see `adds_up`.

    Attributes:
        shown: people who were to get the mail.
        lost: those of them who do not get it, by state and reason.
        gained: people who were not to get it and get it, by the decision that was shown.
        sent, open: people who have got it, and to whom it is still to go.
        not_sent: all who do not get it, by state and reason; with `sent` and `open` they are the audience.
    """

    shown: int
    lost: tuple[Difference, ...]
    gained: tuple[Difference, ...]
    sent: int
    open: int
    not_sent: tuple[Difference, ...]

    @property
    def audience(self) -> int:
        """The people of the manifest."""
        return self.sent + self.open + sum(one.people for one in self.not_sent)

    @property
    def adds_up(self) -> bool:
        """True if the number shown, less who was lost, plus who was gained, is the number sent and still to be sent."""
        differences = sum(one.people for one in self.gained) - sum(one.people for one in self.lost)
        return self.shown + differences == self.sent + self.open


def compare_shown_and_done(cells: Iterable[OutcomeCell]) -> ShownAndDone:
    """Returns the number shown at a release beside the number sent, with each difference by its reason."""
    counted, lost, gained, not_sent = Counter[OutcomeKind](), _Sums(), _Sums(), _Sums()
    shown = 0
    for cell in cells:
        counted[cell.kind] += cell.people
        shown += cell.people if cell.was_to_get else 0
        gets = cell.kind is not OutcomeKind.NOT_SENT
        if not gets:
            not_sent[cell.end] += cell.people
        if cell.was_to_get and not gets:
            lost[cell.end] += cell.people
        elif gets and not cell.was_to_get:
            gained[cell.result, cell.shown_reason] += cell.people
    return ShownAndDone(
        shown=shown,
        lost=_as_differences(lost),
        gained=_as_differences(gained),
        sent=counted[OutcomeKind.SENT],
        open=counted[OutcomeKind.OPEN],
        not_sent=_as_differences(not_sent),
    )


_Sums = Counter[tuple[str, str]]


def _as_differences(sums: _Sums) -> tuple[Difference, ...]:
    """Returns the differences, the largest first."""
    ordered = sorted(sums.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Difference(state=state, reason=reason, people=people) for (state, reason), people in ordered)


class ReturnsOfVariant(_Figures):
    """Opt-outs, complaints and bounces of the mail of one variant, in people; each counts once for each kind.

    Attributes:
        sent: mail that was handed over.
        hard_bounces: addresses that were reported to be dead, after the hand-over. soft_bounces: full mailboxes and
            the like.
    """

    variant: str
    sent: int
    opt_outs: int = 0
    complaints: int = 0
    hard_bounces: int = 0
    soft_bounces: int = 0


class FetchesOfVariant(_Figures):
    """Opens and clicks of one variant, as they may be shown: hidden below the minimum cell, rounded while it runs.

    Attributes:
        opens, clicks: fetches by people's mail programs. machine_opens, machine_clicks: by proxies and scanners.
        opened, clicked: messages that were opened, or of which a link was clicked, each once.
    """

    variant: str
    opens: int | None = None
    machine_opens: int | None = None
    opened: int | None = None
    clicks: int | None = None
    machine_clicks: int | None = None
    clicked: int | None = None


class ReturnsOfDay(_Figures):
    """Opt-outs, complaints and bounces of one day (UTC)."""

    day: date
    opt_outs: int = 0
    complaints: int = 0
    hard_bounces: int = 0
    soft_bounces: int = 0


class ReturnsOfDomain(_Figures):
    """Mail to the mailboxes of a domain, or of all others (`OTHER`), and what came back of it."""

    domain: str
    sent: int
    opt_outs: int = 0
    complaints: int = 0
    hard_bounces: int = 0
    soft_bounces: int = 0


class LinkClicks(_Figures):
    """Clicks on a link by people's mail programs; `OTHER` has the links with few clicks."""

    link: str
    clicks: int


class CampaignFigures(_Figures):
    """All figures of a campaign that take a scan, as they may be shown.

    Attributes:
        minimum_cell: the least people that a figure of opens, clicks or a domain may be about.
    """

    minimum_cell: int
    cells: tuple[OutcomeCell, ...] = ()
    returns: tuple[ReturnsOfVariant, ...] = ()
    fetches: tuple[FetchesOfVariant, ...] = ()
    days: tuple[ReturnsOfDay, ...] = ()
    domains: tuple[ReturnsOfDomain, ...] = ()
    links: tuple[LinkClicks, ...] = ()

    @property
    def shown_and_done(self) -> ShownAndDone:
        """The number shown at the release, the number sent, and each difference."""
        return compare_shown_and_done(self.cells)

    @property
    def all_returns(self) -> ReturnsOfVariant:
        """Opt-outs, complaints and bounces of all variants together."""
        names = ("sent", "opt_outs", "complaints", "hard_bounces", "soft_bounces")
        return ReturnsOfVariant(variant="", **{name: sum(getattr(one, name) for one in self.returns) for name in names})

    @property
    def all_fetches(self) -> FetchesOfVariant:
        """The sums of those figures that may be shown; None if none may.

        A sum that had a hidden figure in it would tell that figure.
        """
        names = ("opens", "machine_opens", "opened", "clicks", "machine_clicks", "clicked")
        sums: dict[str, int | None] = {}
        for name in names:
            shown = [n for one in self.fetches if (n := getattr(one, name)) is not None]
            sums[name] = sum(shown) if shown else None
        return FetchesOfVariant(variant="", **sums)


def order_by_lot(names: Iterable[str], lot: bytes) -> list[str]:
    """Returns names in an order that only who knows the lot can foresee. The same lot gives the same order."""
    return sorted(names, key=lambda name: hashlib.sha256(lot + name.encode()).digest())


def shown_cells(cells: Mapping[str, int], minimum: int, lot: bytes, most: int) -> dict[str, int]:
    """Returns the cells that may be shown, at most so many, and `OTHER` for the rest; empty if none may be shown.

    Args:
        cells: people or fetches by name; the empty name has those that were not told apart when they were counted.
        minimum: the least that a shown cell has.
        lot: draws which large cell hides a small one (`find_values_to_hide`).
        most: the number of named cells.
    """
    ordered = {name: cells[name] for name in order_by_lot(cells, lot)}
    hidden = find_values_to_hide(ordered, minimum)
    named = sorted((name for name in ordered if name and name not in hidden), key=lambda name: (-cells[name], name))
    shown = {name: cells[name] for name in named[:most]}
    rest = sum(cells.values()) - sum(shown.values())
    if not shown and hidden:
        return {}
    return shown | ({OTHER: rest} if rest else {})


def shown_links_of_mailing(clicks: Mapping[str, int], minimum: int, lot: bytes, *, is_finished: bool) -> dict[str, int]:
    """Returns the clicks by link of one mailing that may be shown. While the mailing runs they are whole cells.

    Args:
        clicks: of people's mail programs, by link; the empty link has those that were pooled when they were counted.
        minimum: the least that a shown cell has.
        lot: see `shown_cells`.
        is_finished: nobody is handed the mailing any more.
    """
    shown = shown_cells(clicks, minimum, lot, MOST_LINKS)
    return {link: n if is_finished else n - n % minimum for link, n in shown.items()}


def add_links(mailings: Sequence[Mapping[str, int]]) -> tuple[LinkClicks, ...]:
    """Returns the sums of shown clicks over the mailings of a campaign, the largest first, `OTHER` last."""
    sums = Counter[str]()
    for shown in mailings:
        sums.update(shown)
    ordered = sorted(sums.items(), key=lambda one: (one[0] == OTHER, -one[1], one[0]))
    return tuple(LinkClicks(link=link, clicks=n) for link, n in ordered)


def next_count_at(released_at: datetime, now: datetime, took: timedelta) -> datetime | None:
    """Returns the time at which a campaign's figures are counted again; None: never.

    The longer ago it was released, and the longer the count took, the longer it waits: a large campaign takes at most
    a fiftieth of the timekeeper's database time.
    """
    if now - released_at > _COUNTED_FOR:
        return None
    return now + max(_FIRST_PAUSE, 50 * took, (now - released_at) / 50)
