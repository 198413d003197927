"""The API for mailings."""

from uuid import UUID

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import MAILING_ACTIONS, ReadableData, RightsOfOnePublisher
from tests.factories import BRAND, World, person
from tests.integration.web_world import browse

OTHER = "peerstream"
PEOPLE = [person(number) for number in range(3)]


async def reader_of(world: World, brand: str = BRAND) -> dict[str, str]:
    """The header field with a key that may read the status of a brand's mailings."""
    rights = RightsOfOnePublisher(brands=frozenset({brand}), reads=frozenset({ReadableData.STATUS.value}))
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity(f"key:{brand}"), rights)
    return {"authorization": f"Bearer {key}"}


async def test_a_brands_mailings_are_listed_page_by_page(world: World) -> None:
    """The newest first, by state; another brand's are not there, by no id and no filter."""
    ids = [(await world.accept(PEOPLE)).mailing_id for _ in range(5)]
    await world.pool.execute("UPDATE mailings SET brand = $2 WHERE id = $1", ids[1], OTHER)
    await world.pool.execute("UPDATE mailings SET finished_at = now() WHERE id = $1", ids[4])
    found, before = list[UUID](), ""
    async with browse(world, **await reader_of(world)) as client:
        while True:
            page = (await client.get(f"/api/v1/mailings/{BRAND}?limit=2{before}")).json()
            found += [UUID(one["mailing"]) for one in page["mailings"]]
            if page["older_than"] is None:
                break
            before = f"&before={page['older_than']}"
        assert found == [ids[4], ids[3], ids[2], ids[0]]
        finished = (await client.get(f"/api/v1/mailings/{BRAND}?state=finished")).json()
        assert [one["mailing"] for one in finished["mailings"]] == [str(ids[4])]
        assert (await client.get(f"/api/v1/mailings/{BRAND}/{ids[1]}")).status_code == 404
        assert (await client.get(f"/api/v1/mailings/{OTHER}/{ids[1]}")).status_code == 403
        for bad in ("state=nonsense", "before=x", "limit=0", "limit=101", "limit=x"):
            assert (await client.get(f"/api/v1/mailings/{BRAND}?{bad}")).status_code == 422
        assert (await client.get(f"/api/v1/mailings/{BRAND}/x")).status_code == 422


async def test_one_mailing_has_its_progress(world: World) -> None:
    """Done, open and what stops it."""
    mailing_id = (await world.accept(PEOPLE)).mailing_id
    await world.pool.execute(
        "INSERT INTO counters VALUES ($1, 'queued', '', -1), ($1, 'handed_over', '', 1)", mailing_id
    )
    await world.pool.execute("INSERT INTO halts (scope, key, by, reason) VALUES ('brand', $1, 'Grace', '')", BRAND)
    async with browse(world, **await reader_of(world)) as client:
        answer = await client.get(f"/api/v1/mailings/{BRAND}/{mailing_id}")
    shown = answer.json()
    assert (shown["state"], shown["halted"], shown["done"], shown["open"]) == ("paused", ["brand"], 1, 2)
    assert {"state": "handed_over", "reason": "", "count": 1} in shown["counts"]
    assert "Grace" not in answer.text


async def controller_of(world: World, *actions: str) -> dict[str, str]:
    """The header field with a key that may do something with a brand's mailings."""
    rights = RightsOfOnePublisher(frozenset({BRAND}), actions=frozenset(actions))
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:shop"), rights)
    return {"authorization": f"Bearer {key}"}


async def test_a_key_pauses_resumes_and_cancels(world: World) -> None:
    """Each once, with the holder of the key and the network in the ledger; then it is over for good."""
    mailing_id = (await world.accept(PEOPLE)).mailing_id
    path = f"/api/v1/mailings/{BRAND}/{mailing_id}"
    async with browse(world, **await controller_of(world, *MAILING_ACTIONS)) as client:
        for act, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            for body in ({"reason": "a wrong price"}, {}):
                answer = await client.post(f"{path}/{act}", json=body)
                assert (answer.status_code, answer.json()["state"]) == (200, state)
        assert (await client.post(f"{path}/resume")).status_code == 409
        wrong: list[object] = [{"reason": "x" * 301}, {"reason": "two\nlines"}, {"reason": 1}, {"why": "x"}, []]
        for bad in wrong:
            assert (await client.post(f"{path}/pause", json=bad)).status_code == 422
        assert (await client.post(f"{path}/release")).status_code == 422
    entries = [entry for entry in await world.entries(mailing_id, "mailing") if entry["actor"] == "key:shop"]
    assert [entry["reason"] for entry in entries][-3:] == ["paused", "resumed", "cancelled"]
    assert "a wrong price; from " in entries[-3]["reply"]


async def test_a_key_controls_only_what_it_may(world: World) -> None:
    """Each action is a right of its own; another brand's mailing is no mailing of this brand."""
    own, theirs = (await world.accept(PEOPLE)).mailing_id, (await world.accept(PEOPLE)).mailing_id
    await world.pool.execute("UPDATE mailings SET brand = $2 WHERE id = $1", theirs, OTHER)
    async with browse(world, **await controller_of(world, "pause_mailing")) as client:
        refused = await client.post(f"/api/v1/mailings/{BRAND}/{own}/cancel")
        assert refused.status_code == 403
        assert f"key:shop may not cancel a mailing of {BRAND}; `mailer publishers add" in refused.text
        assert (await client.post(f"/api/v1/mailings/{OTHER}/{theirs}/pause")).status_code == 403
        assert (await client.post(f"/api/v1/mailings/{BRAND}/{theirs}/pause")).status_code == 404
    assert await world.pool.fetchval("SELECT count(*) FROM halts") == 0
