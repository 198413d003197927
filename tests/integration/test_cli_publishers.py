"""`mailer publishers`: rights are granted, shown and ended."""

from tests.acceptance.samples import event, people
from tests.processes import Stack

GOOD = event("one", "interpals", "newsletter", people("ann", "bob"))


async def test_publishers_are_added_and_revoked(small_stack: Stack) -> None:
    """A key is shown once, opens what was granted at its own brand, and is refused as soon as it is revoked."""
    add = ("publishers", "add", "key:shop", "--brand", "interpals", "--json")
    made = (await small_stack.done(*add)).json
    async with small_stack.running("web"), small_stack.client(made["key"]) as client:
        nothing = await client.post("/api/v1/events", json=GOOD)
        again = (await small_stack.done(*add, "--category", GOOD["category"], "--read", "status")).json
        mine = await client.post("/api/v1/events", json=GOOD)
        other = await client.post("/api/v1/events", json={**GOOD, "brand": "paltalk-2006"})
        await small_stack.done("publishers", "revoke", "key:shop")
        revoked = await client.post("/api/v1/events", json=GOOD)
    assert (made["publisher"], made["brands"], made["categories"]) == ("key:shop", ["interpals"], [])
    assert again["key"] is None
    assert [answer.status_code for answer in (nothing, mine, other, revoked)] == [403, 202, 403, 401]
    assert made["key"] not in str(await small_stack.query("SELECT * FROM publishers"))
    shown = (await small_stack.done("publishers", "show", "key:shop", "--json")).json
    changes = shown.pop("changes")
    assert [one["what"] for one in changes] == ["granted", "granted", "revoked"]
    assert all(one["actor"].startswith("person:") for one in changes)
    assert "revoked" in (await small_stack.done("publishers", "show", "key:shop")).out
    assert (shown["categories"], shown["reads"], shown["revoked_at"] is None) == ([GOOD["category"]], ["status"], False)
    assert shown in (await small_stack.done("publishers", "list", "--json")).json
    assert "key:shop" in (await small_stack.done("publishers", "list")).out
