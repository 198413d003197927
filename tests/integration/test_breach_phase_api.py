"""The API of a phase's texts: the same rules as in the console, by a key."""

import json
from typing import Any
from uuid import uuid4

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from tests.breach_texts import draft_of_blocks, policy_of
from tests.factories import BRAND, World
from tests.integration.test_console_breach_texts import new_case
from tests.integration.web_world import browse

JSON = {"content-type": "application/json"}
LONG = {"parts": dict.fromkeys(("what_we_do", "consequences", "police_report", "credit_freeze"), "\u8a9e" * 19_000)}
"""A text of 228,000 octets, of which sixteen are more than a draft may have."""


async def key_of(world: World) -> dict[str, str]:
    """The header of a key that may write breach cases."""
    rights = RightsOfOnePublisher(frozenset({BRAND}), frozenset(), frozenset({"write_breach_cases"}), frozenset())
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:desk"), rights)
    return {"authorization": f"Bearer {key}"}


async def test_a_key_writes_texts(world: World) -> None:
    """It reads a phase with its findings, saves on top of a revision, and begins the next phase after the release."""
    case = await new_case(world)
    phases = f"/api/v1/breach-cases/{BRAND}/{case.id}/phases"
    draft: dict[str, Any] = draft_of_blocks(policy_of(), ("en", "ja")).model_dump(mode="json")
    async with browse(world) as client:
        client.headers.update(await key_of(world))
        read = await client.get(f"{phases}/1")
        assert (read.status_code, read.headers["etag"]) == (200, '"1"')
        assert [one["name"] for one in read.json()["findings"]] == ["breach-default-language-missing"]
        saved = await client.put(f"{phases}/1", json={"revision": 1, "draft": draft})
        assert (saved.status_code, saved.json()["revision"], saved.json()["findings"]) == (200, 2, [])
        assert saved.json()["draft"] == draft
        assert saved.json()["updated_by"] == "key:desk"
        stale = await client.put(f"{phases}/1", json={"revision": 1, "draft": {}})
        assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
        assert (await client.post(phases)).status_code == 409
        await world.pool.execute("UPDATE breach_phases SET state = 'released'")
        assert (await client.put(f"{phases}/1", json={"revision": 2, "draft": {}})).status_code == 409
        made = await client.post(phases)
        assert (made.status_code, made.json()["phase"], made.json()["draft"]) == (201, 2, draft)


async def test_bad_drafts_and_strangers(world: World) -> None:
    """Unknown keys, wrong places, overlong and unstorable texts are refused; other brands see nothing."""
    case = await new_case(world)
    one = f"/api/v1/breach-cases/{BRAND}/{case.id}/phases/1"
    title: dict[str, Any] = {"title": "x"}
    wrongs: tuple[dict[str, Any], ...] = (
        {"script": "x"},
        {"variants": {}},
        {"variants": {"eu": {"places": ["DE"]}}},
        {"variants": {"elsewhere": {"places": ["DE"]}}},
        {"variants": {"elsewhere": {"texts": {"en": {"title": "x" * 401}}}}},
        {"variants": {"elsewhere": {"texts": {"en": {"parts": {"nonsense": "x"}}}}}},
        {"variants": {"elsewhere": {"texts": {"en": {"parts": {"what_we_do": "x" * 20_001}}}}}},
        {"variants": {"elsewhere": {"texts": {"en": {"parts": {"what_we_do": "\x00"}}}}}},
        {"variants": {"elsewhere": {"texts": {"en": {"parts": {"what_we_do": "\ud800"}}}}}},
        {"variants": {"elsewhere": {"texts": {"not a tag": title}}}},
    )
    async with browse(world) as client:
        client.headers.update(await key_of(world))
        for wrong in wrongs:
            answer = await client.put(one, content=json.dumps({"revision": 1, "draft": wrong}), headers=JSON)
            assert answer.status_code == 422, str(wrong)[:80]
        texts = {f"en-A{letter}": LONG for letter in "ABCDEFGHIJKLMNOP"}
        long = await client.put(one, json={"revision": 1, "draft": {"variants": {"elsewhere": {"texts": texts}}}})
        assert (long.status_code, "3,500,000 octets" in long.text) == (422, True)
        assert (await client.get(f"/api/v1/breach-cases/{BRAND}/{uuid4()}/phases/1")).status_code == 404
        assert (await client.get(f"{one}01")).status_code == 422
        assert (await client.get(f"/api/v1/breach-cases/{BRAND}/{case.id}/phases/2")).status_code == 404
        await world.pool.execute("UPDATE breach_cases SET brand = 'peerstream'")
        for method, path in (("GET", one), ("PUT", one), ("POST", one.removesuffix("/1"))):
            body = {"revision": 1, "draft": {}} if method == "PUT" else None
            assert (await client.request(method, path, json=body)).status_code == 404
        assert (await client.get(one.replace(BRAND, "peerstream"))).status_code == 403
