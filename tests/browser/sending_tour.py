"""The tour of the pages from a campaign's check to its sending, by a marketer."""

from datetime import UTC, datetime, timedelta

from mailer.policy.campaign_draft import CampaignDraft
from tests.browser.campaign_tour import CAMPAIGNS, TEXT
from tests.browser.tours import Tour
from tests.campaign_world import Campaigns
from tests.factories import BRAND, World
from tests.integration.test_campaign_store import ANN, DRAFT, store_over


async def take_tour_of_sending(tour: Tour, world: World) -> None:
    """Gives a campaign a time, checks it, looks at its people, asks for the release; then one that is sent."""
    campaigns, texts = Campaigns(world), {"a": {"en": TEXT}}
    draft = {**DRAFT.model_dump(), "variants": texts, "audience": "everyone"}
    campaign = await store_over(world).create_campaign(BRAND, "Winter", CampaignDraft.model_validate(draft), ANN)
    one = f"{CAMPAIGNS}/{campaign.id}"
    await tour.open(f"{one}/release", "Release: Winter")
    await tour.open(f"{one}/sending", "Sending: Winter")
    await tour.open(f"{one}/schedule", "Time of sending: Winter")
    later = (datetime.now(UTC) + timedelta(days=90)).strftime("%Y-%m-%dT09:00")
    typed = {"#local": later, "#zone": "Europe/Berlin"}
    await tour.press("main form button.main", "Time of sending: Winter", typed, "[name=kind][value=local]")
    await tour.open(f"{one}/check", "Check: Winter")
    await tour.press("main form button.main", "Check: Winter")
    await campaigns.builder().build_waiting_manifests()
    await tour.open(f"{one}/check", "Check: Winter")
    await tour.press("td.number a", "People of the check: Winter")
    await tour.open(f"{one}/schedule", "Time of sending: Winter")
    await tour.open(f"{one}/check", "Check: Winter")
    await tour.press("form[action$='/ask'] button", "Release: Winter")
    sent = await campaigns.write()
    await campaigns.release(await campaigns.checked_and_asked(sent))
    await tour.open(f"{CAMPAIGNS}/{sent}/sending", "Sending: Spring")
    await tour.open(f"{CAMPAIGNS}/{sent}/cancel", "Cancel the campaign")
