"""The page of a breach case: each link leads somewhere, and the one next action is right in each state."""

import re
from html import unescape

from mailer.policy.staff_rights import StaffRole
from mailer.ports.breach_cases import BreachCase
from mailer.postgres.breach_stops import PostgresBreachStops
from tests.breach_checks import BreachChecks
from tests.breach_texts import FACTS, draft_of_blocks, policy_of
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser

BREACHES = "/console/breaches"


async def next_action(browser: ConsoleBrowser, case: BreachCase) -> str:
    """The path of the one next action, without that of the case. It leads somewhere."""
    page = (await browser.open(f"{BREACHES}/{case.id}")).text
    [section] = re.findall(r'<section class="card" aria-labelledby="next">.*?</section>', page, re.S)
    [path] = re.findall(r'class="button main" href="([^"]+)"', section)
    assert (await browser.open(unescape(path))).status_code == 200, path
    return unescape(path).removeprefix(f"{BREACHES}/{case.id}")


async def follow_links(browser: ConsoleBrowser, case: BreachCase) -> set[str]:
    """Opens each link of the case's page. Returns the paths below the case."""
    own = f"{BREACHES}/{case.id}"
    page = (await browser.open(own)).text
    paths = {unescape(path) for path in re.findall(r'href="([^"#]+)', page) if path.startswith(own)}
    for path in sorted(paths):
        assert (await browser.open(path)).status_code == 200, path
    return {path.removeprefix(own) for path in paths}


async def checked(checks: BreachChecks, case: BreachCase) -> None:
    """Checks the first phase, and freezes its audience."""
    outcome = await checks.start_check(case)
    assert outcome.manifest is not None, outcome.findings
    await checks.builder().build_waiting_manifests()


async def released(world: World, checks: BreachChecks, case: BreachCase) -> None:
    """Marks the checked phase as released, with its mailings."""
    await world.pool.execute(
        "UPDATE breach_manifests SET state = 'released', released_at = now(), released_by = 'person:Rea'"
    )
    await world.pool.execute("UPDATE breach_phases SET state = 'released'")


async def test_the_next_action_follows_the_case_and_each_link_leads_somewhere(world: World) -> None:
    """From the first fact to a phase that was stopped and ended, for the two roles of the desk, over real stores."""
    await world.known(1, 2, country="DE")
    checks = BreachChecks(world)
    case = await checks.cases.create_case(
        BRAND, "The stolen laptop", FACTS.model_copy(update={"summary": ""}), "person:Ann"
    )
    async with open_browser(world) as ops, open_browser(world) as privacy:
        await ops.enter("Olga Ops", StaffRole.OPS, BRAND)
        await privacy.enter("Paul Privacy", StaffRole.PRIVACY_OFFICER, BRAND)
        assert await next_action(ops, case) == "/facts?step=when"
        await checks.cases.save_facts(case.id, 1, FACTS.model_copy(update={"summary": "A laptop"}), "person:Ann")
        assert await next_action(ops, case) == "/phases/1"
        for browser in (ops, privacy):
            assert {"/outcomes", "/samples", "/reports"} <= await follow_links(browser, case)
        await checks.save(case, draft_of_blocks(policy_of(BRAND), ("en",)))
        assert (await checks.start_check(case)).manifest is not None
        assert await next_action(ops, case) == "/phases/1/check"
        await checks.builder().build_waiting_manifests()
        assert await next_action(ops, case) == "/phases/1/release"
        await world.pool.execute("UPDATE breach_phases SET state = 'awaiting_release'")
        for browser in (ops, privacy):
            assert await next_action(browser, case) == "/phases/1/release"
            assert {"/phases/1/test", "/phases/1/preview?view=script"} <= await follow_links(browser, case)
        await released(world, checks, case)
        assert await next_action(ops, case) == "/outcomes"
        stops = PostgresBreachStops(world.pool, world.writers)
        await stops.begin_stop(case.id, 1, "person:Ann", "The wrong list")
        assert await next_action(ops, case) == "/phases/1/stop"
        await checks.cases.create_phase(case.id, "person:Ann")
        assert await next_action(privacy, case) == "/phases/1/stop"
        await stops.end_stop(case.id, 1, "cancelled", "person:Ann")
        assert await next_action(ops, case) == "/phases/2"
        await world.pool.execute("UPDATE breach_phases SET state = 'cancelled' WHERE phase = 2")
        assert await next_action(ops, case) == "/phases/1/stop"
        for browser in (ops, privacy):
            assert {"/decision", "/history"} <= await follow_links(browser, case)
        await checks.cases.decide_state(case.id, "closed", "Done", "person:Ann")
        assert await next_action(ops, case) == "/decision"
