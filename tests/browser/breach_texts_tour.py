"""The tour of the pages on which texts of breach notices are written, by an ops person."""

from tests.breach_texts import draft_of_blocks, policy_of
from tests.browser.tours import Tour
from tests.factories import World
from tests.integration.test_console_breach_texts import LIST, new_case


async def take_tour_of_breach_texts(tour: Tour, world: World) -> None:
    """Writes a phase with Arabic beside English, with faults on the way; previews it, and begins the next phase."""
    case = await new_case(world, draft_of_blocks(policy_of(), ("ar", "en")))
    one = f"{LIST}/{case.id}/phases/1"
    await tour.open(f"{one}?text=us-ma@en&text=us-ca@ar", "Texts of phase 1: The stolen laptop")
    await tour.press("button.main", "Texts of phase 1: The stolen laptop", {"[id='t0.title']": "x" * 401})
    assert await tour.page.evaluate("document.activeElement.id") == "faults"
    for view in ("phone", "letter", "script"):
        await tour.open(f"{one}/preview?text=us-ca@ar&view={view}", "Preview: The stolen laptop")
    await world.pool.execute("UPDATE breach_phases SET state = 'released' WHERE case_id = $1", case.id)
    await tour.open(one, "Texts of phase 1: The stolen laptop")
    await tour.press("main button.main", "Texts of phase 2: The stolen laptop")
