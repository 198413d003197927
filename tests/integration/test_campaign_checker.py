"""The check of a draft from its texts to its findings: what people read and lack, and what others say of links."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from mailer.actions.campaign_checking import CampaignChecker
from mailer.ports.manifests import CampaignToCheck
from mailer.ports.pictures import PictureFacts
from mailer.rendering.campaign_facts import CampaignFacts
from mailer.rendering.campaign_findings import CheckFinding, Place
from mailer.rendering.campaign_link_checks import LINK_MISSING, links_to_ask
from tests.campaign_facts import WORDS
from tests.campaign_world import ASKER, Campaigns
from tests.factories import BRAND, World, templates

TEXTS = {
    "subject": "Twelve new rooms",
    "preheader": "And a stage for karaoke",
    "blocks": [
        {"type": "text", "markdown": f"Hello {{{{ first_name or 'there' }}}}. {WORDS}"},
        {"type": "button", "label": "All of the rooms", "href": "https://rooms.paltalk.com/new"},
    ],
}


class NoPictures:
    """A brand without pictures."""

    async def find_pictures(self, brand: str, ids: Collection[str]) -> Mapping[str, PictureFacts]:
        """Returns none."""
        return {}


class Outside:
    """Says of each link that it is missing, and notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, facts: CampaignFacts) -> list[CheckFinding]:
        """Returns a finding a link."""
        self.asked += links_to_ask(facts)
        return [LINK_MISSING.finding(f"No page at {url}.", place) for url, place in links_to_ask(facts).items()]


@pytest.fixture
def campaigns(world: World) -> Campaigns:
    """The campaigns of the test's world."""
    return Campaigns(world)


async def checked(campaigns: Campaigns, outside: Outside, **texts: Any) -> list[CheckFinding]:
    """The findings about a draft with other texts; the campaign is as before."""
    campaign_id = await campaigns.write(variants={"a": {"en": {**TEXTS, **texts}}})
    campaign = await campaigns.store.find_campaign_to_check(campaign_id)
    assert campaign is not None
    _, findings = await checker(campaigns.world, outside).find_findings(campaigns.store, campaign)
    assert await campaigns.state(campaign_id) == "draft"
    return findings


def checker(world: World, outside: Outside) -> CampaignChecker:
    """A checker over the shipped layouts."""
    return CampaignChecker(world.policies, templates, NoPictures(), "https://mail.example.org", outside)


async def test_a_draft_is_checked_with_its_audience_and_its_links(campaigns: Campaigns, world: World) -> None:
    """A broken link is an error with its block; a language and a value that many lack are counted warnings."""
    ids = await world.known(1, 2, 3, 4)
    await world.pool.execute("UPDATE recipients SET locale = 'fr' WHERE id = $1", ids[0])
    outside = Outside()
    found = [(one.name, one.place) for one in await checked(campaigns, outside)]
    assert found == [
        ("link-broken", Place("a", "en", 2)),
        ("language-missing", Place()),
        ("field-values-missing", Place()),
    ]
    assert outside.asked == ["https://rooms.paltalk.com/new"]


async def test_nobody_outside_is_asked_about_texts_with_an_error(campaigns: Campaigns) -> None:
    """The writer gets the errors at once, and servers are not bothered."""
    outside = Outside()
    found = await checked(campaigns, outside, subject="Re: Twelve new rooms")
    assert [one.name for one in found if one.severity == "error"] == ["subject-false-reply"]
    assert outside.asked == []


async def test_an_error_keeps_a_campaign_from_its_check(campaigns: Campaigns, world: World) -> None:
    """No manifest is requested, so nothing can be released."""
    campaign_id = await campaigns.write(variants={"a": {"en": TEXTS}})
    campaign = await campaigns.store.find_campaign_to_check(campaign_id)
    assert isinstance(campaign, CampaignToCheck)
    outcome = await checker(world, Outside()).check_campaign(campaigns.store, campaign, ASKER)
    assert outcome.manifest is None
    assert [one.name for one in outcome.findings if one.severity == "error"] == ["link-broken"]
    assert await world.pool.fetchval("SELECT count(*) FROM manifests WHERE brand = $1", BRAND) == 0
