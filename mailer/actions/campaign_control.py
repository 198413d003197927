"""Pausing, resuming and cancelling all mailings of a campaign, for console, API and commands."""

from typing import Protocol
from uuid import UUID

from mailer.actions.mailing_control import resume_mailing_and_held_deliveries
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.halts import HaltStore, MailingControlRefused
from mailer.ports.held_deliveries import HeldDeliveryStore
from mailer.ports.manifests import ManifestStore


class CampaignControlStores(Protocol):
    """The stores by which somebody controls campaigns, such as `ports.operator_stores.OperatorStores`."""

    @property
    def halts(self) -> HaltStore:
        """Pauses and cancels mailings."""

    @property
    def held(self) -> HeldDeliveryStore:
        """Tries held deliveries again."""

    @property
    def manifests(self) -> ManifestStore:
        """Has the mailings of campaigns."""


async def pause_campaign(stores: CampaignControlStores, campaign_id: UUID, by: str, reason: str) -> int:
    """Pauses a campaign: the rest of its test, and its mailings that are not over. Returns the number of these."""
    await stores.manifests.pause_campaign(campaign_id)
    paused = 0
    for one in await stores.manifests.list_mailings(campaign_id):
        try:
            await stores.halts.pause_mailing(one.mailing_id, by, reason)
        except MailingControlRefused:
            continue  # it is over
        paused += 1
    return paused


async def resume_campaign(stores: CampaignControlStores, campaign_id: UUID, by: str) -> int:
    """Lets a campaign go on: the rest of its test, and its mailings that are not over. Returns the number of these."""
    await stores.manifests.resume_campaign(campaign_id)
    resumed = 0
    for one in await stores.manifests.list_mailings(campaign_id):
        try:
            await resume_mailing_and_held_deliveries(stores.halts, stores.held, one.mailing_id, by)
        except MailingControlRefused:
            continue  # it is over
        resumed += 1
    return resumed


async def cancel_campaign(stores: CampaignControlStores, campaign_id: UUID, by: Identity, reason: str) -> int:
    """Ends a campaign for good: its check, the rest of its test, and its mailings. Returns the number of these.

    Raises:
        ManifestRefused: there is no such campaign.
    """
    await stores.manifests.cancel_campaign(campaign_id, str(by))
    cancelled = 0
    for one in await stores.manifests.list_mailings(campaign_id):
        try:
            await stores.halts.cancel_mailing(one.mailing_id, by.name, reason)
        except MailingControlRefused:
            continue  # it is over
        cancelled += 1
    return cancelled
