"""The tour of every page of the console, by people of the roles that see them."""

import re
from collections.abc import Mapping
from urllib.parse import quote

import pyotp

from mailer.policy.sign_in_rules import FREE_FAILURES
from mailer.policy.staff_rights import StaffRole
from tests.browser.tours import Tour
from tests.console_scenery import add_scenery, add_stops
from tests.factories import BRAND, World
from tests.integration.console_browser import CLOCK
from tests.staff import PASSWORD, add_person

REASON = {"#reason": "ticket 7"}
HEADINGS = {
    "landing": "Needs attention",
    "mailings": "Mailings",
    "mailing-running": "harbour-in-winter",
    "mailing-paused": "spring-offers",
    "mailing-cancel": "Cancel this mailing?",
    "mailing-reschedule": "When should this mailing begin?",
    "mailing-release": "Release this mailing?",
    "campaign-report": "Report: Spring",
    "campaign-winner": "A/B test: Spring",
    "breach-outcomes": "Outcomes: Backup of the mail database",
    "breach-public-notice": "Public notice: Backup of the mail database",
    "breach-reports": "Reports for authorities: Backup of the mail database",
    "breach-report": "Notification of a personal data breach",
    "breach-samples": "Sample copies: Backup of the mail database",
    "halts": "What stands still",
    "processors": "Processors",
    "flow": "Flow",
    "policies": "Policies",
    "policy": "InterPals",
    "policy-differences": "Differences",
    "policy-effects": "What would change",
    "ledger": "Ledger",
    "publishers": "Publishers",
    "publisher": "web-shop",
    "publisher-revoke": "Revoke this publisher?",
    "letters": "Letters that wait",
    "letter": "A letter to InterPals",
    "dead": "Dead letters",
    "dead-replay": "Replay dead letters?",
}
"""The headings of the pages of the scenery; that of a dead letter has its number."""


async def take_tour_of_operations(tours: Mapping[StaffRole, Tour], world: World) -> None:
    """Opens each page of the scenery, and presses the buttons that lead to further pages."""
    ops, admin, officer = (tours[role] for role in (StaffRole.OPS, StaffRole.ADMIN, StaffRole.PRIVACY_OFFICER))
    shots = [*await add_scenery(world), *await add_stops(world)]
    pages = {name: (role, path) for name, role, path in shots}
    letter = pages["dead-letter"][1]
    heading = f"Dead letter {letter.rpartition('/')[2]}"
    for name, (role, path) in pages.items():
        await tours[StaffRole(role)].open(path, heading if name == "dead-letter" else HEADINGS[name])
    await ops.open("/console/mailings?state=cancelled", "Mailings")
    await ops.open("/console/dead?reason=people&since=tomorrow", "Dead letters", 422)
    await officer.open(letter, heading)
    await officer.press("form[action$='/text'] button", heading)
    await officer.open(pages["letter"][1], HEADINGS["letter"])
    await officer.press("form[action$='/text'] button", HEADINGS["letter"])
    await officer.press("form[action$='/close'] button", HEADINGS["letters"])
    await ops.open(pages["dead-replay"][1], "Replay dead letters?")
    await ops.press("button.main", "Replayed")
    await ops.open("/console/dead/replay?from=999999", "Replay dead letters?")
    await ops.open("/console/ledger", "Ledger")
    await ops.press("button.main", "Ledger")
    await world.pool.execute("ALTER TABLE ledger DISABLE TRIGGER USER")
    last = "(writer, n) = (SELECT writer, n FROM ledger ORDER BY at DESC, n DESC LIMIT 1)"
    await world.pool.execute(f"UPDATE ledger SET brand = 'forged' WHERE {last}")  # noqa: S608
    await ops.press("button.main", "Ledger")
    assert await ops.page.is_visible("text=The ledger was changed.")
    await ops.open(pages["mailing-paused"][1], "spring-offers")
    await ops.press("form[action$='/resume'] button", "spring-offers")
    await admin.open("/console/publishers", "Publishers")
    await admin.press("button.main", "Publishers", {"#name": "  "})
    await admin.press("button.main", "A key for till", {"#name": "till"}, "[value=newsletter]", f"input[value={BRAND}]")
    await admin.open(f"/console/publishers/revoke?who={quote('key:till')}", "Revoke this publisher?")
    await admin.press("button.main", "Publishers")
    await admin.open(f"/console/publishers/one?who={quote('key:till')}", "till")


async def take_tour_of_people(tour: Tour, world: World) -> None:
    """Finds people, acts on one, and lifts a suppression, as a privacy officer."""
    people, stops = "/console/people", f"/console/suppressions/{BRAND}"
    ada, bob = await world.known(1, 2)
    await world.accept([{"ref": "ada-2", "email": "user-1@people.example", "country": "US", "source": "sign-up"}])
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    await tour.open(people, "Find a person")
    await tour.press("button.main", "Find a person", {"#who": "user-1@people.example", **REASON})
    assert await tour.page.is_visible("text=Several people")
    await tour.press("button.main", "Find a person", {"#who": "nobody@people.example", **REASON})
    await tour.press("button.main", "Find a person", {"#who": "user-1", "#reason": " "})
    await tour.press("button.main", "user-1", {"#who": "user-1", **REASON})
    await tour.open(f"{people}/{BRAND}/{bob}", f"Why do you look at person {bob}?")
    acts = await acts_of_person(tour, f"{people}/{BRAND}/{ada}")
    for path, title in acts:
        await tour.open(path, f"{title}: user-1")
    await tour.press("button.main", "Recorded: Erase", {}, "[name=sure]")
    await tour.open("/console/suppressions", "Suppressions")
    await tour.open(stops, "Suppressions of InterPals")
    await tour.press("main form button", "Suppressions of this address", {"#who": "user-1@people.example", **REASON})
    [stop] = (await world.suppressions.all_suppressions_of_recipient(BRAND, await world.id_of("ada-2")))[:1]
    await tour.open(f"{stops}/{stop.id}", f"Suppression {stop.id}")
    await tour.press("button.main", "Recorded: lifted", REASON)
    await tour.open(f"{stops}/{stop.id}", f"Suppression {stop.id}")


async def acts_of_person(tour: Tour, path: str) -> list[tuple[str, str]]:
    """The path and title of each act that a person's page offers; to erase comes last."""
    await tour.open(path, "user-1")
    found = await tour.page.locator(".buttons a").all()
    acts = [(str(await link.get_attribute("href")), await link.inner_text()) for link in found]
    assert acts[-1][0].endswith("/erase")
    return [(re.sub("^https?://[^/]+", "", href), title) for href, title in acts]


async def take_tour_of_staff(tour: Tour, world: World) -> None:
    """Looks at staff, adds a person, and looks at the own account, as an admin."""
    eli, _ = await add_person(world.staff, "Eli", StaffRole.SUPPORT)
    await tour.open("/console/staff", "Staff")
    await tour.press("button.main", "Staff", {"#name": "Eli", "#email": "eli@work.example"})
    named = {"#name": "Grace", "#email": "grace@work.example"}
    await tour.press("button.main", "A link for Grace", named, f"[value='support@{BRAND}']")
    await tour.open(f"/console/staff/{eli.id}", "Eli")
    await tour.open("/console/sessions", "My sessions")
    await tour.open("/console/second-factors", "My second factors")
    await tour.press("form[action$='/codes'] button", "My second factors", {"#password-codes": "wrong"})
    await tour.press("form[action$='/codes'] button", "Your recovery codes", {"#password-codes": PASSWORD})
    await tour.open("/console/nothing", "This did not work", 404)


async def take_tour_of_signing_in(tour: Tour, world: World) -> None:
    """Joins by a one-time link, sets an app up, and signs in, also as somebody whose guesses were too many.

    The clock of the second factors has to be `CLOCK`.
    """
    _, link = await add_person(world.staff, "Fay", StaffRole.OPS)
    await tour.open("/console/join/unknown", "This link is over", 410)
    await tour.open(f"/console/join/{link}", "Welcome, Fay")
    await tour.press("button.main", "Welcome, Fay", {"#password": "short", "#again": "short"})
    await tour.press("button.main", "My second factors", {"#password": PASSWORD, "#again": PASSWORD})
    await tour.press("form[action$='/app'] button", "My second factors")
    await tour.press("button.main", "My second factors", {"#code": "000000"})
    secret = await tour.page.inner_text(".key")
    await tour.press("button.main", "Your recovery codes", {"#code": pyotp.TOTP(secret).at(CLOCK.time())})
    await tour.page.context.clear_cookies()
    await tour.open("/console/mailings", "Sign in")
    await tour.press("button.main", "Second step", {"#name": "fay", "#password": PASSWORD})
    await tour.press("main button", "Second step", {"#code": "000000"})
    await tour.page.context.clear_cookies()
    await _look_at_page_that_leads_on(tour)
    await tour.open("/console", "Sign in")
    await tour.press("a[href*='/oidc?']", "This account is not bound to anybody here")
    await tour.open("/console/sign-in/oidc/out", "Sign in")
    for _ in range(FREE_FAILURES + 1):
        await tour.page.fill("#name", "fay")
        await tour.page.fill("#password", "a wrong guess")
        async with tour.page.expect_navigation():
            await tour.page.click("button.main")
    await world.pool.execute("UPDATE staff_failures SET failures = 100")
    await tour.press("button.main", "Sign in", {"#name": "fay", "#password": "a wrong guess"})


async def _look_at_page_that_leads_on(tour: Tour) -> None:
    """Looks at the page behind a link from elsewhere, which stays as its own refresh is taken out."""
    answer = await tour.page.context.request.get("/console/mailings", headers={"sec-fetch-site": "cross-site"})
    html = await answer.text()
    assert 'http-equiv="refresh"' in html
    await tour.page.set_content(html.replace('http-equiv="refresh"', 'name="refresh"'))
    await tour.look_at("One moment")
