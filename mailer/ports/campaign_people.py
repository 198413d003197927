"""The people of a released campaign: an export, a list for a follow-up; and the archive, from which staff take it."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.campaign_figures import CampaignReport, CampaignReportReader
from mailer.ports.staff import RightInSession

MOST_EXPORTED: Final = 100_000
"""The most people of an export at the console, which has to end within the time of a request."""


class ExportReason(StrEnum):
    """The reasons for an export of people. It is one of these, since no erasure would reach a free text."""

    FAULT = "fault"
    """Something went wrong, and whom it concerned has to be known."""
    LETTERS = "letters"
    """People whom no mail reached get a letter."""
    EVIDENCE = "evidence"
    """An authority or a court asks."""
    AUDIT = "audit"
    """Somebody checks our own work."""


class CampaignPerson(NamedTuple):
    """A person of a released campaign.

    Attributes:
        shown, shown_reason: the manifest's decision. state, reason: of the delivery; empty if there is none.
        at: the last try to send; None if there was none.
    """

    ref: str
    email: str | None
    name: str | None
    locale: str | None
    country: str | None
    variant: str
    shown: str
    shown_reason: str
    state: str
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A draft for people who did not get a campaign.

    Attributes:
        campaign_id: of the new draft. audience: the list of its people. people: their number.
    """

    campaign_id: UUID
    audience: str
    people: int


class FollowUpRefused(Exception):
    """There is nobody to write to. The message says why."""


class CampaignPeopleStore(Protocol):
    """Reads and lists people of a campaign for a person of the staff. Each use is an entry of the ledger."""

    def export_people(self, report: CampaignReport, reason: ExportReason) -> AsyncIterator[Sequence[CampaignPerson]]:
        """Records the export, then yields the people of a campaign in order of their numbers, some at a time.

        Raises:
            StaffSessionEnded: the session has ended, or the right was taken away. Nobody was yielded.
        """
        ...

    async def create_follow_up(self, report: CampaignReport, ends: Sequence[tuple[str, str]]) -> FollowUp:
        """Makes a list of the people with these ends, and a draft for them as the campaign's was.

        Nobody who has left, objected or was erased is in it. The new campaign decides about each person anew.

        Args:
            report: of the campaign.
            ends: states and reasons for which `may_be_followed_up` is True.

        Raises:
            FollowUpRefused: nobody has such an end.
        """
        ...

    async def withdraw_from_archive(self, report: CampaignReport) -> bool:
        """Takes a campaign out of the archive page, for good. Returns False if it was taken out before."""
        ...


class RestSender(Protocol):
    """Sends the rest of an A/B test, once, with one of the variants."""

    async def send_rest(self, manifest_id: UUID, variant: str, person: Identity) -> str | None:
        """Sends it. Returns why it was not sent, and what to do, or None."""
        ...


@dataclass(frozen=True, slots=True)
class CampaignReportStores:
    """The stores behind the pages of reports.

    Attributes:
        reports: reads reports.
        open_people: opens the people of campaigns for an actor (an identity, as text), a masked network, and the right
            that is used in a session; None: no session, as for a command.
        open_rest: opens the sender of rests in the same way; None: this installation sends no rests.
    """

    reports: CampaignReportReader
    open_people: Callable[[str, str, RightInSession | None], CampaignPeopleStore]
    open_rest: Callable[[str, str, RightInSession | None], RestSender] | None = None
