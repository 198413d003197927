"""The tour of the release of a breach phase: the release, the stop, a test message, and the evidence pack."""

from tests.breach_world import Breaches, Line
from tests.browser.tours import Tour
from tests.factories import World

NAME = "Stolen backup"


async def take_tour_of_breach_release(tour: Tour, officer: Tour, world: World) -> None:
    """Opens a check that waits for its release, and what follows once it is released."""
    breaches = Breaches(world)
    await world.known(701, 702)
    case_id = await breaches.write()
    manifest_id = await breaches.asked(case_id, [Line(701), Line(702, "letter", "no_electronic_consent")])
    path = f"/console/breaches/{case_id}"
    await officer.open(f"{path}/phases/1/release", f"Release of phase 1: {NAME}")
    await tour.open(f"{path}/phases/1/test", f"Send a test: {NAME}")
    await breaches.release(manifest_id)
    await officer.open(f"{path}/phases/1/second-look", f"Release of phase 1: {NAME}")
    await tour.open(f"{path}/phases/1/stop", f"Stop phase 1: {NAME}")
    await officer.open(f"{path}/pack", f"Evidence pack: {NAME}")
