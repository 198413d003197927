"""The API from the check of a campaign to its sending. Nobody releases by it."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import ReadableData, RightsOfOnePublisher
from mailer.ports.campaigns import Campaign
from tests.campaign_world import Campaigns
from tests.factories import BRAND, World
from tests.integration.test_campaign_store import store_over
from tests.integration.test_console_sending import write
from tests.integration.web_world import browse

ACTIONS = frozenset({"schedule_campaigns", "pause_mailing", "resume_mailing", "cancel_mailing"})


async def key_of(world: World, brand: str = BRAND) -> dict[str, str]:
    """The header field with a key that may check, schedule and control campaigns."""
    rights = RightsOfOnePublisher(
        brands=frozenset({brand}), actions=ACTIONS, reads=frozenset({ReadableData.STATUS.value})
    )
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity(f"key:{brand}"), rights)
    return {"authorization": f"Bearer {key}"}


class Client:
    """A client at one campaign."""

    def __init__(self, http: httpx.AsyncClient, campaign_id: UUID, brand: str = BRAND) -> None:
        self.http, self.path = http, f"/api/v1/campaigns/{brand}/{campaign_id}"

    async def post(self, step: str, body: dict[str, Any], status: int = 200) -> Any:
        """Sends a step; the answer."""
        answer = await self.http.post(f"{self.path}/{step}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def manifest(self, status: int = 200) -> Any:
        """The last check."""
        answer = await self.http.get(f"{self.path}/manifest")
        assert answer.status_code == status, answer.text
        return answer.json()


async def test_a_key_checks_and_asks_and_a_person_releases(world: World) -> None:
    """The sums add up, the hash is there, and there is no route that releases."""
    await world.known(1, 2)
    campaign, campaigns = await write(world), Campaigns(world)
    async with browse(world, **await key_of(world)) as http:
        client = Client(http, campaign.id)
        await client.manifest(404)
        await client.post("check", {"revision": 2}, 409)
        started = await client.post("check", {"revision": 1})
        assert started["manifest"]["state"] == "queued"
        await campaigns.builder().build_waiting_manifests()
        shown = await client.manifest()
        assert (shown["state"], shown["people"], shown["people_to_get_mail"]) == ("ready", 2, 2)
        assert sum(one["people"] for one in shown["sums"]) == 2
        assert len(shown["hash"]) == 64
        await client.post("ask-release", {"manifest": str(uuid4())}, 404)
        asked = await client.post("ask-release", {"manifest": shown["manifest"]})
        assert asked["asked_by"] == f"key:{BRAND}"
        await client.post("release", {"manifest": shown["manifest"], "hash": shown["hash"]}, 404)
        manifest = await campaigns.store.find_manifest(UUID(shown["manifest"]))
        assert manifest is not None
        [made] = await campaigns.release(manifest)
        paused = await client.post("mailings/pause", {"reason": "typo"})
        assert paused["mailings"][0]["mailing"] == str(made.mailing_id)
        await campaigns.send_all()
        assert not world.processor.sent
        await client.post("mailings/resume", {})
        await campaigns.send_all()
        assert len(world.processor.sent) == 2


async def _scheduled(world: World, campaign: Campaign) -> str:
    found = await store_over(world).find_campaign(campaign.id)
    assert found is not None
    return found.draft.schedule.kind.value


async def test_schedules_are_typed_and_bound_to_the_revision(world: World) -> None:
    """A schedule with a fault is refused before anything is stored; an old revision is a conflict."""
    campaign = await write(world)
    async with browse(world, **await key_of(world)) as http:
        client = Client(http, campaign.id)
        local = {"kind": "local", "local": "2030-06-03T09:00", "zone": "Europe/Berlin"}
        for bad in ({"kind": "local"}, {"kind": "instant", "at": "soon"}, {**local, "over_hours": 73}, {"x": 1}):
            await client.post("schedule", {"revision": 1, "schedule": bad}, 422)
        assert await client.post("schedule", {"revision": 1, "schedule": local}) == {"revision": 2}
        await client.post("schedule", {"revision": 1, "schedule": {"kind": "now"}}, 409)
        assert await _scheduled(world, campaign) == "local"


async def test_another_brands_campaign_is_not_there(world: World) -> None:
    """A key of one brand finds nothing of another, by no path."""
    campaign = await write(world)
    async with browse(world, **await key_of(world, "peerstream")) as http:
        client = Client(http, campaign.id, "peerstream")
        await client.manifest(404)
        await client.post("check", {"revision": 1}, 404)
        await client.post("mailings/cancel", {}, 404)
        await Client(http, campaign.id).post("check", {"revision": 1}, 403)
