"""Imports by the API: upload, mapping, check, start, refused rows; and what is refused."""

from typing import Any
from uuid import uuid4

import httpx

from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.ports.recipient_imports import MAX_IMPORT_OCTETS
from tests.factories import BRAND, World
from tests.imports import run_import_worker
from tests.integration.web_world import browse

IMPORTS, OTHER = f"/api/v1/imports/{BRAND}", "/api/v1/imports/peerstream"
FILE = b"ref,email,joined\napi-1,api-1@people.example,03/04/2024\napi-2,nonsense,05/06/2024\n"


async def key_header(world: World, name: str = "shop", *brands: str) -> dict[str, str]:
    """The header field of a key whose holder may import people, and nothing else."""
    rights = RightsOfOnePublisher(frozenset(brands or [BRAND]), actions=frozenset({"import_recipients"}))
    key = await world.publishers.grant_rights_and_missing_key(Identity(IdentityKind.KEY, name), rights)
    return {"authorization": f"Bearer {key}"}


async def shown(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> Any:
    """An import, as the API shows it."""
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_file_is_imported_by_key(world: World) -> None:
    """From the upload to the refused rows; an open question is refused first; the ledger names the key."""
    headers = await key_header(world)
    async with browse(world) as client:
        answer = await client.post(f"{IMPORTS}?file_name=people.csv", content=FILE, headers=headers)
        assert answer.status_code == 201, answer.text
        path = f"{IMPORTS}/{answer.json()['id']}"
        early = await client.post(
            f"{path}/mapping", json={"columns": [{"heading": "ref", "field": "ref"}]}, headers=headers
        )
        assert early.status_code == 409
        await run_import_worker(world)
        one = await shown(client, path, headers)
        assert one["reading"]["headings"] == ["ref", "email", "joined"]
        asked = await client.post(f"{path}/mapping", json=one["mapping"], headers=headers)
        assert (asked.status_code, "'joined'" in asked.text) == (422, True)
        for column in one["mapping"]["columns"]:
            if column["date_order"] == "ask":
                column |= {"date_order": "day_first", "question": ""}
        assert (await client.post(f"{path}/mapping", json=one["mapping"], headers=headers)).status_code == 200
        await run_import_worker(world)
        one = await shown(client, path, headers)
        assert (one["state"], one["counts"]["new"], one["counts"]["refused"]) == ("previewed", 1, 1)
        [reason] = one["reasons"]
        assert (reason["row"], reason["is_refused"]) == (3, True)
        late = await client.post(f"{path}/start", json={"seen": "2026-01-01T00:00:00Z"}, headers=headers)
        assert late.status_code == 409
        assert (await client.post(f"{path}/start", json={"seen": one["seen"]}, headers=headers)).status_code == 200
        await run_import_worker(world)
        assert (await shown(client, path, headers))["state"] == "done"
        refused = await client.get(f"{path}/refused-rows", headers=headers)
        assert refused.headers["content-disposition"].startswith('attachment; filename="refused-')
        assert "api-2,nonsense" in refused.content.decode("utf-8-sig")
        listed = (await client.get(IMPORTS, headers=headers)).json()
        assert [(item["state"], item["reading"], item["reasons"]) for item in listed["imports"]] == [("done", None, [])]
        again = (await client.post(IMPORTS, content=FILE, headers=headers)).json()
        assert again["same_file"] == one["id"]
        dropped = await client.post(f"{IMPORTS}/{again['id']}/discard", headers=headers)
        assert (dropped.status_code, dropped.json()["state"]) == (200, "discarded")
        assert (await client.post(f"{path}/discard", headers=headers)).status_code == 409
    assert await world.pool.fetchval("SELECT count(*) FROM recipients WHERE ref = 'api-1'") == 1
    actors = await world.pool.fetch("SELECT DISTINCT actor FROM ledger WHERE rule LIKE 'import:%'")
    assert [row["actor"] for row in actors] == ["key:shop"]


async def test_bad_requests_are_refused_in_words(world: World) -> None:
    """An empty, a too large file, a mapping that cannot be, a strange id, and imports of another brand."""
    headers, theirs = await key_header(world), await key_header(world, "other", "peerstream")
    async with browse(world) as client:
        assert (await client.post(IMPORTS, content=b"", headers=headers)).status_code == 422
        large = await client.post(IMPORTS, content=b"x" * (MAX_IMPORT_OCTETS + 1), headers=headers)
        assert (large.status_code, "at most" in large.text) == (413, True)
        import_id = (await client.post(IMPORTS, content=FILE, headers=headers)).json()["id"]
        await run_import_worker(world)
        mapping = (await shown(client, f"{IMPORTS}/{import_id}", headers))["mapping"]
        twice = {**mapping, "columns": [*mapping["columns"], mapping["columns"][0]]}
        bodies: list[dict[str, Any]] = [
            {},
            {"columns": []},
            {**mapping, "colour": "red"},
            twice,
            {**mapping, "default_country": "XX1"},
        ]
        for bad in bodies:
            answer = await client.post(f"{IMPORTS}/{import_id}/mapping", json=bad, headers=headers)
            assert answer.status_code == 422, bad
        for path, method in (("", "GET"), ("/refused-rows", "GET"), ("/discard", "POST")):
            stolen = await client.request(method, f"{OTHER}/{import_id}{path}", headers=theirs)
            assert stolen.status_code == 404, path
            missing = await client.request(method, f"{IMPORTS}/{uuid4()}{path}", headers=headers)
            assert missing.status_code == 404, path
        assert (await client.get(OTHER, headers=headers)).status_code == 403
    assert await world.pool.fetchval("SELECT count(*) FROM recipient_imports WHERE state <> 'uploaded'") == 0
