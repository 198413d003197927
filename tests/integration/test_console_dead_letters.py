"""The pages of dead letters."""

import re
from dataclasses import replace

import pytest

from mailer.policy.staff_rights import StaffRole
from mailer.ports.broker import BrokerMessage
from mailer.ports.dead_letters import DeadLetterCauseKind, DeadLetterFilter
from mailer.postgres.dead_letters import PostgresDeadLetters
from tests.factories import BRAND, World
from tests.integration.console_browser import open_browser

DEAD = "/console/dead"
OTHER = "peerstream"
SCRIPT = "<script>alert(1)</script>"
BODY = b'{"v": 2, "brand": "interpals", "to": {"people": [{"email": "ada@people.example"}]}}'


async def keep(
    world: World,
    brand: str = BRAND,
    body: bytes = BODY,
    reason: str = "to.people.0.email: ada@people.example is not known",
    publisher: str = "key:shop",
    kind: DeadLetterCauseKind = DeadLetterCauseKind.REFUSED,
) -> int:
    """Keeps a dead letter; its number."""
    message = BrokerMessage(body, "mailer.dead", "event-1")
    await world.letters.add_dead_letter(message, "mailer.events", f"{brand}.newsletter", reason, publisher, kind)
    return int(await world.pool.fetchval("SELECT max(id) FROM dead_letters"))


async def parked(world: World) -> int:
    """The number of rows that wait in the outbox."""
    return int(await world.pool.fetchval("SELECT count(*) FROM outbox"))


async def is_replayed(world: World, number: int) -> bool:
    """True if a dead letter was published again."""
    letter = await world.letters.get_dead_letter(number)
    return letter is not None and letter.replayed_at is not None


async def test_a_text_is_shown_without_personal_data(world: World) -> None:
    """List and page mask personal data. The whole text needs the right to read people, and stands in the ledger."""
    number = await keep(world)
    async with open_browser(world) as browser, open_browser(world) as officer:
        await browser.enter(role=StaffRole.OPS)
        for path in (DEAD, f"{DEAD}/{number}"):
            page = (await browser.open(path)).text
            assert "ada@" not in page
            assert "a…@p….example" in page
        assert (await browser.send(f"{DEAD}/{number}/text", on="/console/sessions")).status_code == 403
        await officer.enter("Eli", StaffRole.PRIVACY_OFFICER)
        assert "ada@people.example" in (await officer.send(f"{DEAD}/{number}/text", on=f"{DEAD}/{number}")).text
    read = [entry for entry in await world.entries(kind="control") if entry["reason"] == "dead_read"]
    assert [(entry["actor"], entry["rule"], entry["reply"]) for entry in read] == [
        ("person:Eli", f"dead:{number}", "from 192.0.2.0/24")
    ]


async def test_a_replay_is_asked_first_and_done_once(world: World) -> None:
    """The page names the letters. Letters that arrive meanwhile are not replayed. A second press publishes nothing."""
    first, second = await keep(world), await keep(world)
    other_kind = await keep(world, kind=DeadLetterCauseKind.ERROR)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        asked = (await browser.open(f"{DEAD}/replay?kind=refused")).text
        assert "2 would be published again, as their publishers published them." in asked
        assert f"Numbers {first} to {second}" in asked
        assert await parked(world) == 0
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked))
        late = await keep(world)
        assert "2 published again." in (await browser.post(f"{DEAD}/replay", fields)).text
        assert "0 published again." in (await browser.post(f"{DEAD}/replay", fields)).text
        assert await parked(world) == 2
        assert not await is_replayed(world, late)
        assert not await is_replayed(world, other_kind)
        one = await browser.open(f"{DEAD}/replay?from={first}&to={first}&again=yes")
        assert f"Dead letter {first}</p>" in one.text
    done = [entry for entry in await world.entries(kind="control") if entry["reason"] == "dead_replayed"]
    assert [(entry["actor"], entry["rule"], entry["brand"]) for entry in done] == [
        ("person:Dana Duty", f"dead:{first}", BRAND),
        ("person:Dana Duty", f"dead:{second}", BRAND),
    ]
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_large_replay_goes_in_portions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked for and said; the last one says that nothing is left."""
    monkeypatch.setattr("mailer.web.console.dead_letter_pages.MOST_AT_ONCE", 2)
    numbers = [await keep(world) for _ in range(3)]
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert "There are more." in (await browser.open(f"{DEAD}/replay?kind=refused")).text
        done = await browser.send(f"{DEAD}/replay", {"kind": "refused", "bound": str(numbers[1])}, "/console/sessions")
        assert "2 published again." in done.text
        [path] = re.findall(r'href="(/console/dead/replay[^"]*)"', done.text)
        assert f"Dead letter {numbers[2]}</p>" in (await browser.open(path.replace("&amp;", "&"))).text
        last = await browser.send(f"{DEAD}/replay", {"kind": "refused", "bound": str(numbers[2])}, "/console/sessions")
        assert "1 published again." in last.text
        assert "Go on with" not in last.text


async def test_other_brands_are_not_seen(world: World) -> None:
    """Letters of other brands, or of no brand, are neither read nor replayed, by number, range or filter."""
    own, theirs, nobodys = await keep(world), await keep(world, OTHER), await keep(world, "nonsense")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        listed = (await browser.open(f"{DEAD}?again=yes")).text
        assert re.findall(r'href="/console/dead/(\d+)"', listed) == [str(own)]
        assert (await browser.open(f"{DEAD}?brand={OTHER}")).status_code == 403
        for number in map(str, (theirs, nobodys)):
            assert (await browser.open(f"{DEAD}/{number}")).status_code == 404
            await browser.send(f"{DEAD}/replay", {"from": number, "to": number, "bound": number}, "/console/sessions")
        assert await parked(world) == 0
        await browser.send(f"{DEAD}/replay", {"again": "yes", "bound": str(nobodys)}, "/console/sessions")
    assert await parked(world) == 1
    assert await is_replayed(world, own)


@pytest.mark.parametrize(
    "body",
    [
        b'{"v": 2, "brand": "peerstream", "to": {"people": [{"email": "ada@people.example"}]}}',
        b'{"brand": "peerstream", "v": 2, "to": "ada@people.example", "brand": "interpals"}',
        b'{"br\\u0061nd": "peerstream", "to": "ada@people.example"}',
        b'{"v": 2, "brand" : "peerstream", "to": "ada@people.example',
        b'{"brand": "interpals", "to": "ada@people.example", "brand": "peerstream"',
        b'{"brand": "nobodys", "to": "ada@people.example"}',
        b'{"brand": ["peerstream"], "to": "ada@people.example"}',
    ],
)
async def test_a_body_of_another_brand_needs_a_role_there_too(world: World, body: bytes) -> None:
    """A body that names another brand than its key is read and replayed by nobody who has a role for one of them."""
    number = await keep(world, body=body)
    async with open_browser(world) as browser, open_browser(world) as everywhere:
        member = await browser.enter("Eli", StaffRole.PRIVACY_OFFICER, BRAND)
        await world.pool.execute(
            "INSERT INTO staff_roles (staff_id, role, brand) VALUES ($1, 'ops', $2)", member.id, BRAND
        )
        page = (await browser.open(f"{DEAD}/{number}")).text
        assert "ada@" not in page
        assert f"/console/dead/{number}/text" not in page
        assert "/console/dead/replay?from=" not in page
        refused = await browser.send(f"{DEAD}/{number}/text", on="/console/sessions")
        assert (refused.status_code, "ada@" in refused.text) == (403, False)
        answer = await browser.send(f"{DEAD}/replay", {"bound": str(number)}, "/console/sessions")
        assert f"names another brand that you have no role for: {number}" in answer.text
        assert await parked(world) == 0
        await everywhere.enter("Ann", StaffRole.PRIVACY_OFFICER)
        read = await everywhere.send(f"{DEAD}/{number}/text", on=f"{DEAD}/{number}")
        assert "ada@people.example" in read.text
    assert [entry["actor"] for entry in await world.entries(kind="control") if entry["reason"] == "dead_read"] == [
        "person:Ann"
    ]


async def test_roles_at_both_brands_read_and_replay(world: World) -> None:
    """A person with a role at each brand that a letter concerns needs none at every brand."""
    number = await keep(world, body=BODY.replace(b"interpals", OTHER.encode()))
    async with open_browser(world) as browser:
        member = await browser.enter("Eli", StaffRole.PRIVACY_OFFICER, BRAND)
        insert = "INSERT INTO staff_roles (staff_id, role, brand) VALUES ($1, $2, $3)"
        for role, brand in (("privacy-officer", OTHER), ("ops", BRAND), ("ops", OTHER)):
            await world.pool.execute(insert, member.id, role, brand)
        read = await browser.send(f"{DEAD}/{number}/text", on=f"{DEAD}/{number}")
        assert "ada@people.example" in read.text
        answer = await browser.send(f"{DEAD}/replay", {"bound": str(number)}, "/console/sessions")
        assert "1 published again." in answer.text


async def test_the_question_looks_at_a_bounded_number(world: World) -> None:
    """A page of the question looks at some letters, however many there are, and leads on; each is found once."""
    numbers = [await keep(world, OTHER if n % 3 == 0 else BRAND) for n in range(9)]
    await world.pool.execute("UPDATE dead_letters SET replayed_at = now() WHERE id = $1", numbers[3])
    for looked, limit in ((2000, 50), (2000, 2), (2, 50), (3, 1), (1, 1)):
        letters = PostgresDeadLetters(world.pool, world.hasher, world.writers, looked)
        for chosen, expected in (
            (DeadLetterFilter(replayed=True), numbers),
            (DeadLetterFilter(brands=frozenset({OTHER})), [numbers[0], numbers[6]]),
            (DeadLetterFilter(first=numbers[3], last=numbers[5]), numbers[4:6]),
            (DeadLetterFilter(reason="nothing"), []),
        ):
            found, first = list[int](), chosen.first
            for _ in range(30):
                page = await letters.find_replayable_page(replace(chosen, first=first), limit)
                assert len(page.ids) <= min(looked, limit)
                found += page.ids
                if page.next_id is None:
                    break
                first = page.next_id
            assert found == expected


async def test_the_question_leads_past_what_does_not_fit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page on which nothing fits has a link to look further, with the same filter."""
    monkeypatch.setattr("mailer.postgres.dead_letters.LOOKED_AT", 2)
    for _ in range(3):
        await keep(world, OTHER)
    own = await keep(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        path, seen = f"{DEAD}/replay?kind=refused", ""
        for _ in range(3):
            seen = (await browser.open(path)).text
            if "Look further" not in seen:
                break
            [path] = [link.replace("&amp;", "&") for link in re.findall(r'href="(/console/dead/replay[^"]*)"', seen)]
            assert "kind=refused" in path
        assert f"Dead letter {own}</p>" in seen


async def test_bad_filters_are_told(world: World) -> None:
    """A bad filter is told with its remedy, and nothing is replayed."""
    await keep(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        for bad, says in (
            ("kind=nonsense", "no such kind"),
            ("since=yesterday", "Write it with its zone"),
            ("until=2026-11-29T17:00", "Write it with its zone"),
            ("from=0", "whole number from 1 on"),
            ("to=" + "9" * 19, "whole number from 1 on"),
            ("to=0000000000000000000099", "whole number from 1 on"),
            ("from=-1", "whole number from 1 on"),
        ):
            for path in (DEAD, f"{DEAD}/replay"):
                page = await browser.open(f"{path}?{bad}")
                assert (page.status_code, says in page.text) == (422, True), bad
        for bound in ("", "x", "-1"):
            assert (await browser.send(f"{DEAD}/replay", {"bound": bound}, "/console/sessions")).status_code == 422
        for odd in ("0", "-1", "9" * 30, "x"):
            assert (await browser.open(f"{DEAD}/{odd}")).status_code == 404
    assert await parked(world) == 0


async def test_lists_have_pages(world: World) -> None:
    """Each letter once, however few a page looks at."""
    numbers = [await keep(world, OTHER if n % 3 == 0 else BRAND) for n in range(9)]
    await world.pool.execute("UPDATE dead_letters SET replayed_at = now() WHERE id = $1", numbers[4])
    for looked, limit in ((2000, 50), (2000, 2), (2, 50), (3, 1)):
        letters = PostgresDeadLetters(world.pool, world.hasher, world.writers, looked)
        for chosen, expected in (
            (DeadLetterFilter(replayed=True), numbers[::-1]),
            (DeadLetterFilter(brands=frozenset({OTHER})), [numbers[6], numbers[3], numbers[0]]),
            (DeadLetterFilter(first=numbers[3], last=numbers[5]), [numbers[5], numbers[3]]),
            (DeadLetterFilter(brands=frozenset()), []),
        ):
            found, last = list[int](), chosen.last
            for _ in range(30):
                page = await letters.list_page(
                    DeadLetterFilter(chosen.first, last, replayed=chosen.replayed, brands=chosen.brands), limit
                )
                found += [letter.id for letter in page.letters]
                if page.older_than is None:
                    break
                last = page.older_than
            assert found == expected


async def test_stored_script_is_only_text(world: World) -> None:
    """Script in a field that a stranger may fill is text on each page, even in the whole text of a letter."""
    body = f'{{"{SCRIPT}": "{SCRIPT}", "campaign": "{SCRIPT}"}}'.encode()
    number = await keep(world, f"{BRAND}.{SCRIPT}", body, SCRIPT, f"key:{SCRIPT}")
    await world.pool.execute("UPDATE dead_letters SET message_id = $1, exchange = $1", SCRIPT)
    async with open_browser(world) as browser:
        await browser.enter("Eli", StaffRole.PRIVACY_OFFICER)
        paths = (DEAD, f"{DEAD}/{number}", f"{DEAD}?reason={SCRIPT}&key={SCRIPT}")
        pages = [await browser.open(path) for path in paths]
        pages.append(await browser.send(f"{DEAD}/{number}/text", on=f"{DEAD}/{number}"))
        for page in pages:
            assert page.status_code == 200
            assert SCRIPT not in page.text
            assert "&lt;script&gt;" in page.text
