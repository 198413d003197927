"""The stores that staff change at the console and by the API, together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mailer.ports.audience_lists import AudienceListStore
from mailer.ports.breach_release import BreachReleaser, BreachStopStore
from mailer.ports.breach_stores import BreachStores
from mailer.ports.campaign_tests import CampaignTestStore
from mailer.ports.campaigns import CampaignStore
from mailer.ports.dead_letters import DeadLetterDesk
from mailer.ports.halts import HaltStore
from mailer.ports.held_deliveries import HeldDeliveryStore
from mailer.ports.letters import LetterDesk
from mailer.ports.mailing_rescheduling import MailingRescheduler
from mailer.ports.mailings import MailingStatus
from mailer.ports.manifests import CampaignReleaser, ManifestStore
from mailer.ports.pictures import PictureStore
from mailer.ports.publishers import PublisherDesk
from mailer.ports.received_mail import ReceivedMailReader
from mailer.ports.recipient_imports import RecipientImportDesk
from mailer.ports.segments import SegmentStore
from mailer.ports.staff import RightInSession
from mailer.ports.stream_pauses import StreamPauseStore


class MailingReleaser(Protocol):
    """Releases mailings that wait for a second person."""

    async def release_mailing(self, mailing_id: UUID, person: str, seen: MailingStatus | None = None) -> None:
        """Releases a mailing, as the person has seen it; without `seen`, as it is now.

        Raises:
            ReleaseRefused: it does not wait for a release, has another time than was seen, its publisher is unknown, or
                the person could be its publisher or has rescheduled it.
        """
        ...


@dataclass(frozen=True, slots=True)
class OperatorStores:
    """The stores of one person who acts. Each change is an entry of the ledger with the person and the network."""

    halts: HaltStore
    held: HeldDeliveryStore
    mailings: MailingReleaser
    letters: DeadLetterDesk
    streams: StreamPauseStore
    publishers: PublisherDesk
    schedule: MailingRescheduler
    received: ReceivedMailReader
    campaigns: CampaignStore
    manifests: ManifestStore
    releases: CampaignReleaser
    imports: RecipientImportDesk
    segments: SegmentStore
    lists: AudienceListStore
    campaign_tests: CampaignTestStore
    pictures: PictureStore
    breach: BreachStores
    breach_letters: LetterDesk
    breach_releases: BreachReleaser
    breach_stops: BreachStopStore


OperatorStoresOpener = Callable[[str, str, RightInSession | None], OperatorStores]
"""Returns the stores for an actor (an identity, as text), a masked network, and the right that is used in a session.

An empty network is not recorded. In a session, each change raises `StaffSessionEnded` if the session has ended, or the
right was taken away. None: no session, as with an API key.
"""
