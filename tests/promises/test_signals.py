"""Wishes that a browser says with each request, as they are heeded."""

import pytest

from tests.factories import World
from tests.integration.web_world import browse
from tests.letters import ADA, event_of, known, told
from tests.promises.test_web import link


@pytest.mark.promise("peerstream-11", "paltalk02-04")
@pytest.mark.parametrize("page", ["u", "preferences", "report"])
async def test_a_browser_that_asks_not_to_share_is_heeded(world: World, page: str) -> None:
    """A press with Sec-GPC ends partners' mail and is on their lists; looking at the page, or a later event, is not."""
    brand = "paltalk-2002"
    await known(world, brand, ADA)
    offer = event_of(brand, "partner-offer", partner="chatwear")
    (mail,) = await told(world, offer)
    async with browse(world) as client:
        await client.get(link(mail, page), headers={"sec-gpc": "1"})
        await client.post(link(mail, page), data={"nothing": "1"}, headers={"sec-gpc": "0"})
        if page != "u":
            assert len(await told(world, offer | {"id": "before"})) == 1
        for _ in range(2):
            await client.post(link(mail, page), data={"nothing": "1"}, headers={"sec-gpc": "1, 1"})
    assert await told(world, offer | {"id": "after"}) == []
    assert await told(world, event_of(brand, "partner-offer", ADA, partner="chatwear")) == []
    said = (await world.partners.signed_suppression_list(brand, "chatwear"))["body"]
    assert world.hasher.partner_hash(brand, "chatwear", ADA["email"]).hex() in said
    entries = await world.entries(kind="action")
    assert [entry["category"] for entry in entries if entry["rule"] == "action:privacy-signal"] == ["sharing"]
