"""The tour of the pages of drafts, by a marketer."""

import re

from tests.browser.tours import Tour
from tests.factories import BRAND

CAMPAIGNS = "/console/campaigns"


async def take_tour_of_campaigns(tour: Tour) -> None:
    """Writes a campaign with a block of each kind in two languages, with faults on the way, previews and tests it."""
    await tour.open(CAMPAIGNS, "Campaigns")
    await tour.open(f"{CAMPAIGNS}/new", "New campaign")
    await tour.press("main button.main", "New campaign")
    await tour.open(f"{CAMPAIGNS}/new?brand={BRAND}", "New campaign")
    await tour.press("main button.main", "New campaign", {"#name": " "})
    await tour.press("main button.main", "Write: Autumn", {"#name": "Autumn"})
    campaign = re.sub(r"^https?://[^/]+|/edit.*$", "", tour.page.url)
    for language in ("en", "de"):
        await tour.press("button[value=add-language]", "Write: Autumn", {"#new_language": language})
    for kind in ("heading", "text", "button", "articles", "columns", "divider", "html"):
        await tour.press(f"button[value='add@t0@{kind}']", "Write: Autumn")
    await tour.press("button[value='add@t0.4.first@text']", "Write: Autumn")
    async with tour.page.expect_response(f"**{campaign}/edit"):
        await tour.page.fill("[id='t0.1.markdown']", "Dear {{ first_name or 'you' }}")
    await tour.press("button.main", "Write: Autumn", {"[id='t0.subject']": "Hi", "[id='t0.0.text']": "x" * 401})
    assert await tour.page.evaluate("document.activeElement.id") == "faults"
    await tour.press("button.main", "Write: Autumn", {"[id='t0.0.text']": "Autumn"})
    await tour.press("button[value=add-variant]", "Write: Autumn")
    await tour.open(campaign, "Autumn")
    await tour.open(f"{campaign}/history", "History of Autumn")
    await tour.press("td form button", "Write: Autumn")
    await tour.open(f"{campaign}/history", "History of Autumn")
    await tour.page.click("td a")
    await tour.look_at("History of Autumn")
    await tour.open(f"{campaign}/preview", "Preview: Autumn")
    await tour.open(f"{campaign}/preview?locale=en&view=phone", "Preview: Autumn")
    await tour.press(".acts button", "Preview: Autumn", {"#ref": "nobody-at-all", "#reason": "preview"})
    await tour.open(f"{campaign}/test", "Send a test: Autumn")
    await tour.press("main button.main", "Send a test: Autumn")
    await tour.open(CAMPAIGNS, "Campaigns")
