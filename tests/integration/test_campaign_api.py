"""The API of drafts: the same rules as in the console, by a key."""

from typing import Any

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from tests.factories import BRAND, World
from tests.integration.web_world import browse

PATH = f"/api/v1/campaigns/{BRAND}"
TEXT = {"subject": "Hello {{ first_name or 'there' }}", "blocks": [{"type": "text", "markdown": "Dear *you*"}]}
DRAFT: dict[str, Any] = {"category": "newsletter", "purpose": "newsletter", "variants": {"a": {"en": TEXT}}}


async def key_of(world: World) -> dict[str, str]:
    """The header of a key that may write campaigns."""
    rights = RightsOfOnePublisher(frozenset({BRAND}), frozenset(), frozenset({"write_campaigns"}), frozenset())
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:writer"), rights)
    return {"authorization": f"Bearer {key}"}


async def test_a_key_writes_a_campaign(world: World) -> None:
    """It creates, reads, saves on top of a revision, previews, copies and archives; a stale revision is refused."""
    async with browse(world) as client:
        client.headers.update(await key_of(world))
        made = await client.post(PATH, json={"name": "Autumn", "draft": DRAFT})
        assert made.status_code == 201, made.text
        one = f"{PATH}/{made.json()['campaign']}"
        read = await client.get(one)
        assert (read.headers["etag"], read.json()) == ('"1"', made.json())
        assert read.json()["created_by"] == "key:writer"
        changed = {**read.json()["draft"], "audience": "members"}
        saved = await client.put(one, json={"revision": 1, "draft": changed, "name": "Winter"})
        assert (saved.status_code, saved.json()["revision"], saved.json()["name"]) == (200, 2, "Winter")
        stale = await client.put(one, json={"revision": 1, "draft": DRAFT})
        assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
        assert "key:writer has saved revision 2 meanwhile" in stale.text
        history = (await client.get(f"{one}/history")).json()
        assert [item["revision"] for item in history] == [2]
        preview = await client.post(f"{one}/preview", json={"locale": "en"})
        assert preview.json()["subject"] == "Hello Ada"
        assert "<em" in preview.json()["html"]
        assert (await client.post(f"{one}/preview", json={"locale": "fr"})).status_code == 422
        copy = await client.post(f"{one}/duplicate", json={"name": "Copy"})
        assert (copy.status_code, copy.json()["draft"]) == (201, changed)
        assert (await client.post(f"{one}/archive")).json()["state"] == "archived"
        assert (await client.put(one, json={"revision": 2, "draft": DRAFT})).status_code == 409
        listed = (await client.get(f"{PATH}?limit=1")).json()
        assert ([item["name"] for item in listed["campaigns"]], listed["next"]) == (["Copy"], None)
        assert (await client.get(f"{PATH}?state=archived")).json()["campaigns"][0]["name"] == "Winter"
        assert (await client.post(f"{one}/unarchive")).json()["state"] == "draft"
        pages = [(await client.get(f"{PATH}?limit=1")).json()]
        pages.append((await client.get(PATH, params={"limit": 1, "after": pages[0]["next"]})).json())
        assert [item["name"] for page in pages for item in page["campaigns"]] == ["Winter", "Copy"]
        assert pages[1]["next"] is None


async def test_bad_drafts_and_strangers(world: World) -> None:
    """A category that marketing may not borrow, an unknown field and another brand's campaign are refused."""
    async with browse(world) as client:
        client.headers.update(await key_of(world))
        wrongs: tuple[dict[str, Any], ...] = (
            {"category": "account"},
            {"category": "breach"},
            {"purpose": "world domination"},
            {"audience": "'; DROP TABLE campaigns; --"},
            {"variants": {"b": {}}},
            {"script": "x"},
        )
        for wrong in wrongs:
            answer = await client.post(PATH, json={"name": "x", "draft": {**DRAFT, **wrong}})
            assert answer.status_code == 422, wrong
        assert (await client.post(PATH, json={"name": "", "draft": DRAFT})).status_code == 422
        assert (await client.get(f"{PATH}?after=nonsense")).status_code == 422
        made = (await client.post(PATH, json={"name": "x", "draft": DRAFT})).json()
        await world.pool.execute("UPDATE campaigns SET brand = 'peerstream'")
        for method, path in (("GET", ""), ("GET", "/history"), ("POST", "/archive"), ("POST", "/unarchive")):
            assert (await client.request(method, f"{PATH}/{made['campaign']}{path}")).status_code == 404
        assert (await client.get("/api/v1/campaigns/peerstream")).status_code == 403
        assert (await client.get("/api/v1/campaigns/nobody")).status_code == 404
