"""The pages of publishers and keys."""

import asyncio
import re
from dataclasses import replace
from typing import Any

from mailer.account_event_types import KINDS
from mailer.policy.category import CATEGORIES
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import DESK_ACTIONS, OPERATION_ACTIONS, ReadableData, RightsOfOnePublisher
from mailer.web.console.publisher_pages import ACCOUNT_KINDS, groups_of_rights
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser

PAGE = "/console/publishers"
OTHER = "peerstream"
SCRIPT = "<script>alert(1)</script>"
SHOP = Identity.parse_identity("key:web-shop")
Fields = dict[str, str | list[str]]
NEW: Fields = {"kind": "key", "name": "web-shop", "brand": [BRAND], "category": ["newsletter"], "read": ["status"]}


async def rights_of(world: World, identity: Identity = SHOP) -> RightsOfOnePublisher | None:
    """The rights of a live publisher."""
    found = (await world.publishers.unrevoked_publishers_by_identity()).get(identity)
    return found.rights if found else None


async def changes_of(world: World) -> list[tuple[str, Any, str, str]]:
    """The ledger's entries about the shop."""
    return [
        (entry["reason"], entry["fields"], entry["actor"], entry["reply"])
        for entry in await world.entries(kind="control")
        if entry["rule"] == f"publisher:{SHOP}"
    ]


async def add(browser: ConsoleBrowser, fields: Fields = NEW) -> tuple[int, list[str]]:
    """Sends the form; the status, and the keys that the page shows."""
    answer = await browser.send(PAGE, fields)
    return answer.status_code, re.findall(r"mk_[\w-]{43}", answer.text)


async def form_of(browser: ConsoleBrowser) -> Fields:
    """The form of the shop's rights as a browser would send it: all that is ticked, and all that is hidden."""
    page = (await browser.open(f"{PAGE}/one?who={SHOP}")).text
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="(\w+)" value="([^"]+)"(?: checked>|>(?!\s*<bdi>))', page):
        if name != "form_token":
            fields.setdefault(name, []).append(value)
    return {**fields}


def test_each_right_stands_once_in_the_groups_of_the_form() -> None:
    """The groups of actions hold all actions, each once, and the kinds that are called those of accounts exist."""
    actions = [name for field, _, names in groups_of_rights([BRAND]) for name in names if field == "action"]
    assert sorted(actions) == sorted([*KINDS, *DESK_ACTIONS, *OPERATION_ACTIONS])
    assert set(KINDS) >= ACCOUNT_KINDS


def every_right() -> RightsOfOnePublisher:
    """All that can be granted, at a brand with a policy and at one without."""
    return RightsOfOnePublisher(
        frozenset({BRAND, "former-brand"}),
        frozenset(CATEGORIES),
        frozenset({*KINDS, *DESK_ACTIONS, *OPERATION_ACTIONS}),
        frozenset(one.value for one in ReadableData),
    )


async def test_saving_without_a_change_changes_nothing(world: World) -> None:
    """The form offers each right that exists. What it does not offer, such as a former brand, stays."""
    await world.publishers.grant_rights_and_missing_key(SHOP, every_right())
    async with open_browser(world) as browser:
        await browser.enter()
        form = await form_of(browser)
        offered = {name for name in form if name not in ("who", "shown")}
        assert offered == {"brand", "category", "action", "read"}
        assert (await browser.send(f"{PAGE}/rights", form, PAGE)).status_code == 303
        assert await rights_of(world) == every_right()
        actions = [one for one in form["action"] if one != "lift"]
        for _ in range(2):
            assert (await browser.send(f"{PAGE}/rights", {**form, "action": actions}, PAGE)).status_code == 303
    assert await rights_of(world) == replace(every_right(), actions=frozenset(actions))
    assert [(what, names) for what, names, *_ in await changes_of(world)][1:] == [("restricted", ["action:lift"])]


async def test_an_old_form_grants_nothing_again(world: World) -> None:
    """A form is refused and shown anew if a colleague changed the rights since, or if it has no rights to compare."""
    held = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"newsletter"}), reads=frozenset({"export", "status"}))
    await world.publishers.grant_rights_and_missing_key(SHOP, held)
    async with open_browser(world) as browser:
        await browser.enter()
        old = {**(await form_of(browser)), "category": ["newsletter", "account"]}
        assert await world.publishers.take_rights_back(SHOP, RightsOfOnePublisher(reads=frozenset({"export"})))
        for form in (old, {**old, "shown": []}):
            refused = await browser.send(f"{PAGE}/rights", form, PAGE)
            assert (refused.status_code, "Nothing was saved" in refused.text) == (409, True)
            assert not re.search(r'value="export" checked', refused.text)
        assert await rights_of(world) == replace(held, reads=frozenset({"status"}))
        anew = {**(await form_of(browser)), "category": ["newsletter", "account"]}
        assert (await browser.send(f"{PAGE}/rights", anew, PAGE)).status_code == 303
    assert await rights_of(world) == replace(
        held, categories=frozenset({"newsletter", "account"}), reads=frozenset({"status"})
    )


async def test_rights_change_only_from_those_seen(world: World) -> None:
    """The store compares under a lock: two changes from the same rights at once make one. A revoked one has none."""
    held = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"newsletter"}))
    await world.publishers.grant_rights_and_missing_key(SHOP, held)
    wishes = [replace(held, categories=frozenset({name})) for name in ("account", "breach")]
    done = await asyncio.gather(*(world.publishers.change_rights(SHOP, held, wanted) for wanted in wishes))
    assert sorted(done) == [False, True]
    assert await rights_of(world) == wishes[done.index(True)]
    shown = await world.publishers.read_rights_changes(SHOP)
    assert [change.what for change in shown] == ["granted", "restricted", "granted"]
    await world.publishers.revoke_all_rights(SHOP)
    assert not await world.publishers.change_rights(SHOP, wishes[done.index(True)], held)
    assert await rights_of(world) is None


async def test_a_key_is_made_shown_once_changed_and_revoked(world: World) -> None:
    """A new key works and shows once. Each change is an entry with person and network. A revoked key stays revoked."""
    async with open_browser(world) as browser:
        await browser.enter()
        status, [key] = await add(browser)
        assert status == 200
        assert await world.publishers.find_publisher_by_api_key(key) is not None
        assert await add(browser) == (303, [])
        page = await browser.open(f"{PAGE}/one?who=key:web-shop")
        assert key not in page.text
        assert re.search(r'value="newsletter" checked', page.text)
        saved: Fields = {**(await form_of(browser)), "brand": [BRAND, OTHER], "category": ["account"], "read": []}
        for _ in range(2):
            assert (await browser.send(f"{PAGE}/rights", saved, PAGE)).status_code == 303
        expected = RightsOfOnePublisher(frozenset({BRAND, OTHER}), frozenset({"account"}))
        assert await rights_of(world) == expected
        assert "for ever" in (await browser.open(f"{PAGE}/revoke?who=key:web-shop")).text
        for _ in range(2):
            assert (await browser.send(f"{PAGE}/revoke", {"who": str(SHOP)}, PAGE)).status_code == 303
        assert await world.publishers.find_publisher_by_api_key(key) is None
        assert (await browser.send(f"{PAGE}/rights", saved, PAGE)).status_code == 409
        assert await rights_of(world) is None
    granted = [f"brand:{BRAND}", "category:newsletter", "read:status"]
    network = "from 192.0.2.0/24"
    assert await changes_of(world) == [
        ("granted", granted, "person:Dana Duty", network),
        ("granted", granted, "person:Dana Duty", network),
        ("restricted", ["category:newsletter", "read:status"], "person:Dana Duty", network),
        ("granted", [f"brand:{OTHER}", "category:account"], "person:Dana Duty", network),
        ("revoked", None, "person:Dana Duty", network),
    ]


async def test_what_does_not_exist_is_not_granted(world: World) -> None:
    """A misspelt right, brand or name, mailer itself, and a publisher without a brand."""
    before = await world.publishers.list_publishers()
    async with open_browser(world) as browser:
        await browser.enter()
        wrong: list[Fields] = [
            {"brand": []},
            {"category": ["newspaper"]},
            {"action": ["emperor"]},
            {"read": ["everything"]},
            {"name": ""},
            {"name": "x" * 256},
            {"kind": "mailer"},
            {"kind": "nonsense"},
        ]
        for bad in wrong:
            assert await add(browser, {**NEW, **bad}) == (422, []), bad
        assert (await browser.send(PAGE, {**NEW, "brand": ["nobodys"]})).status_code == 422
        for odd in ("", "key:nobody", "mailer:pipeline", "x", "key:" + "x" * 290):
            assert (await browser.open(f"{PAGE}/one?who={odd}")).status_code == 404
            assert (await browser.send(f"{PAGE}/revoke", {"who": odd}, PAGE)).status_code == 404
    assert await world.publishers.list_publishers() == before


async def test_single_rights_are_taken_back(world: World) -> None:
    """Single rights are taken back, and the others stay. A right that was not held makes no entry."""
    held = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"account", "newsletter"}), frozenset({"opt_out"}))
    await world.publishers.grant_rights_and_missing_key(SHOP, held)
    lost = RightsOfOnePublisher(categories=frozenset({"newsletter", "breach"}))
    assert await world.publishers.take_rights_back(SHOP, lost)
    assert not await world.publishers.take_rights_back(SHOP, lost)
    assert not await world.publishers.take_rights_back(Identity.parse_identity("key:nobody"), held)
    kept = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"account"}), frozenset({"opt_out"}))
    assert await rights_of(world) == kept
    assert [what for what, *_ in await changes_of(world)] == ["granted", "restricted"]


async def test_stored_script_is_only_text(world: World) -> None:
    """Script in the name of a publisher is only text, in each page and in links to it."""
    identity = Identity.parse_identity(f"role:{SCRIPT}")
    await world.publishers.grant_rights_and_missing_key(identity, RightsOfOnePublisher(frozenset({SCRIPT})))
    async with open_browser(world) as browser:
        await browser.enter()
        listed = await browser.open(PAGE)
        [link] = re.findall(r'href="(/console/publishers/one[^"]+script[^"]+)"', listed.text)
        for page in (listed, await browser.open(link), await browser.open(link.replace("/one?", "/revoke?"))):
            assert page.status_code == 200
            assert SCRIPT not in page.text
            assert "&lt;script&gt;" in page.text
        made = await browser.send(PAGE, {**NEW, "name": SCRIPT})
        assert (made.status_code, SCRIPT in made.text, "mk_" in made.text) == (200, False, True)
