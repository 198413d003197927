"""The tour of the pages of drafts, by a marketer."""

from mailer.policy.campaign_draft import CampaignDraft
from tests.browser.tours import Tour
from tests.factories import BRAND, World
from tests.integration.test_campaign_store import ANN, DRAFT, store_over

CAMPAIGNS = "/console/campaigns"
BLOCKS = [
    {"type": "heading", "text": "Autumn"},
    {"type": "text", "markdown": "Dear {{ first_name or 'you' }}"},
    {"type": "button", "label": "Go", "href": "https://www.interpals.example/"},
    {"type": "articles", "articles": [{"title": "One"}]},
    {"type": "columns", "first": [{"type": "divider"}], "second": []},
    {"type": "html", "html": "<p>Hello</p>"},
]
TEXT = {"subject": "Hi", "blocks": BLOCKS}


async def take_tour_of_campaigns(tour: Tour, world: World) -> None:
    """Makes a campaign; writes in one with a block of each kind, with faults on the way; previews and tests it."""
    await tour.open(f"{CAMPAIGNS}/new", "New campaign")
    await tour.open(f"{CAMPAIGNS}/new?brand={BRAND}", "New campaign")
    await tour.press("main button.main", "Write: Empty", {"#name": "Empty"})
    await tour.open(CAMPAIGNS, "Campaigns")
    draft = {**DRAFT.model_dump(), "variants": {"a": {"en": TEXT, "de": {"subject": "Hallo"}}, "b": {}}, "ab_test": {}}
    campaign = await store_over(world).create_campaign(BRAND, "Autumn", CampaignDraft.model_validate(draft), ANN)
    one = f"{CAMPAIGNS}/{campaign.id}"
    await tour.open(one, "Autumn")
    await tour.open(f"{one}/edit?text=a@en&text=a@de", "Write: Autumn")
    async with tour.page.expect_response(f"**{one}/edit"):
        await tour.page.fill("[id='t0.1.markdown']", "Dear {{ name or 'you' }}")
    await tour.press("button.main", "Write: Autumn", {"[id='t0.0.text']": "x" * 401})
    assert await tour.page.evaluate("document.activeElement.id") == "faults"
    await tour.open(f"{one}/history?before=1&after=2", "History of Autumn")
    await tour.press("td form button", "Write: Autumn")
    await tour.open(f"{one}/preview?locale=en&view=phone", "Preview: Autumn")
    await tour.press(".acts button", "Preview: Autumn", {"#ref": "nobody-at-all", "#reason": "preview"})
    await tour.open(f"{one}/test", "Send a test: Autumn")
    await tour.press("main button.main", "Send a test: Autumn", {}, "[name=reader]")
