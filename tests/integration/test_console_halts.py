"""Stopping everything or a brand at the console, and the line that says so on each page.

The console here has a database and no broker, as when RabbitMQ is away.
"""

import re

from mailer.policy.staff_rights import StaffRole
from mailer.ports.halts import Halt, HaltScope
from mailer.postgres.halts import PostgresHalts
from tests.factories import BRAND, World, person
from tests.integration.console_browser import ConsoleBrowser, open_browser

HALTS, OTHER, NAME = "/console/halts", "peerstream", "InterPals"
PAGES = (HALTS, "/console", "/console/mailings", "/console/dead", "/console/policies", "/console/sessions")
WHATS = ("stopped", "started", "paused", "resumed")


async def press(browser: ConsoleBrowser, button: str, **fields: str) -> int:
    """Presses a button of the page; the status of the answer."""
    return (await browser.send(f"{HALTS}/{button}", fields, HALTS)).status_code


def line(page: str) -> str:
    """The line that says what stands still, as text; empty if there is none."""
    found = re.search(r'<section class="standstill".*?</section>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", "", found[0]).split()).replace(" ,", ",") if found else ""


async def controls(world: World) -> list[tuple[str, str, str, str]]:
    """The ledger's entries about stops: brand, what, who, and the text."""
    entries = await world.entries(kind="control")
    return [(one["brand"], one["reason"], one["actor"], one["reply"]) for one in entries if one["reason"] in WHATS]


async def test_one_press_stops_everything_and_each_page_says_so(world: World) -> None:
    """The page says who, since when and why. A second press changes nothing; going on ends it. The ledger has both."""
    async with open_browser(world) as browser, open_browser(world) as support:
        await browser.enter(role=StaffRole.OPS)
        await support.enter("Sam", StaffRole.SUPPORT)
        assert [line((await browser.open(path)).text) for path in PAGES] == [""] * len(PAGES)
        assert [await press(browser, "stop", reason="wrong <b>list</b>") for _ in range(2)] == [303, 303]
        for path in PAGES:
            shown = (await browser.open(path)).text
            said = line(shown)
            assert re.match(
                r"All mail stands still since \d+ \w+ \d+, [\d:]+ UTC, by Dana Duty: wrong &lt;b&gt;", said
            ), said
            assert f'href="{HALTS}"' in shown
        assert "All mail stands still" in line((await support.open("/console/people")).text)
        assert [await press(browser, "start") for _ in range(2)] == [303, 303]
        assert line((await browser.open("/console")).text) == ""
    assert await controls(world) == [
        ("", "stopped", "person:Dana Duty", "wrong <b>list</b>; from 192.0.2.0/24"),
        ("", "started", "person:Dana Duty", "from 192.0.2.0/24"),
    ]


async def test_a_brand_is_stopped_by_whoever_controls_it(world: World) -> None:
    """A role for one brand stops that one alone; staff of another brand do not see it."""
    async with open_browser(world) as browser, open_browser(world) as other:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        await other.enter("Eli", StaffRole.OPS, OTHER)
        assert await press(browser, "brand/pause", brand=BRAND, reason="a wrong price") == 303
        assert await press(browser, "brand/pause", brand=OTHER) == 403
        assert await press(browser, "brand/pause", brand="nobodys") == 403
        assert await press(browser, "brand/pause") == 404
        assert await press(browser, "stop", reason="x") == 403
        assert await press(browser, "start") == 403
        page = (await browser.open(HALTS)).text
        assert f"The mail of {NAME} stands still" in line(page)
        assert f"Let {NAME} go on" in page
        assert "Stop all mail" not in page
        assert line((await other.open("/console")).text) == ""
        assert await press(other, "brand/resume", brand=BRAND) == 403
        assert await press(browser, "brand/resume", brand=BRAND) == 303
        assert line((await browser.open(HALTS)).text) == ""
    assert [(brand, what) for brand, what, *_ in await controls(world)] == [(BRAND, "paused"), (BRAND, "resumed")]


async def test_promotions_go_on_by_whoever_controls_the_brand(world: World) -> None:
    """Each page says that they are paused, and the page of stops why. Staff of another brand cannot lift it."""
    halts = PostgresHalts(world.pool, world.writers)
    await halts.add_halt(Halt(HaltScope.PROMOTIONAL, BRAND, "mailer", "9 complaints of 1000 optional mails"))
    async with open_browser(world) as browser, open_browser(world) as other:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        await other.enter("Eli", StaffRole.OPS, OTHER)
        page = (await browser.open(HALTS)).text
        assert f"The promotions of {NAME} are paused" in line(page)
        assert "9 complaints of 1000 optional mails" in page
        assert f"Let the promotions of {NAME} go on" in page
        assert await press(other, "promotions/resume", brand=BRAND) == 403
        assert len(await halts.list_halts_in_force(10)) == 1
        assert [await press(browser, "promotions/resume", brand=BRAND) for _ in range(2)] == [303, 303]
        assert line((await browser.open(HALTS)).text) == ""
    assert [(brand, what) for brand, what, *_ in await controls(world)] == [(BRAND, "paused"), (BRAND, "resumed")]


async def test_no_button_goes_on_after_the_database_went_back(world: World) -> None:
    """Somebody has to choose at the command what becomes of mail that may have gone out."""
    halts = PostgresHalts(world.pool, world.writers)
    await halts.add_halt(Halt(HaltScope.EVERYTHING, "0192f0c1-0000-7000-8000-000000000001", "worker-1", "lost entries"))
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert "All mail stands still: the database went back" in line((await browser.open("/console")).text)
        refused = await browser.send(f"{HALTS}/start", {}, HALTS)
        assert (refused.status_code, "Everything still stands" in refused.text) == (409, True)
    assert len(await halts.list_halts_in_force(10)) == 1


async def test_processors_and_mailings_have_their_place(world: World) -> None:
    """A paused processor is told to whoever sees processors; a paused mailing stands in the list alone."""
    halts = PostgresHalts(world.pool, world.writers)
    mailing_id = (await world.accept([person(1)])).mailing_id
    await halts.pause_mailing(mailing_id, "Grace", "a typing error")
    await halts.add_halt(Halt(HaltScope.PROCESSOR, "relay-eu", "Grace", "maintenance"))
    async with open_browser(world) as browser, open_browser(world) as marketer:
        await browser.enter(role=StaffRole.OPS)
        await marketer.enter("Max", StaffRole.MARKETER)
        titles = re.findall(r'class="figure">(\d+)</span> <a [^>]+>([^<]+)<', (await browser.open("/console")).text)
        assert titles == [("1", "What stands still"), ("1", "Paused mailings")]
        page = (await browser.open(HALTS)).text
        assert "The processor relay-eu is paused" in line(page)
        assert "a typing error" in page
        assert "a typing error" not in line(page)
        assert line((await marketer.open("/console")).text) == ""


async def test_a_field_that_is_too_long_is_told(world: World) -> None:
    """It is neither cut nor left out: nothing is changed, and the page says how long it may be."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        long = await browser.send(f"{HALTS}/stop", {"reason": "x" * 301}, HALTS)
        assert (long.status_code, "“reason” has 301 characters; it takes 300 at most" in long.text) == (422, True)
        lines = await browser.send(f"{HALTS}/stop", {"reason": "two\nlines"}, HALTS)
        assert (lines.status_code, "“reason” has a line break" in lines.text) == (422, True)
    assert await controls(world) == []
