"""The API for mailings."""

from uuid import UUID

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import ReadableData, RightsOfOnePublisher
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
