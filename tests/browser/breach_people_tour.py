"""The tour of the pages of a breach phase's people: audience, files, check, and who is behind a figure."""

from datetime import UTC, datetime, timedelta

from mailer.policy.breach.draft import BreachPace
from tests.breach_checks import BreachChecks, phase_draft
from tests.browser.tours import Tour
from tests.factories import World

AUDIENCE, CHECK = "Whom phase 1 tells: A list", "Check of phase 1: A list"


async def take_tour_of_breach_people(tour: Tour, officer: Tour, world: World) -> None:
    """Uploads a file with rows that come back, chooses it, checks with and without errors, and looks at people."""
    checks = BreachChecks(world)
    draft = phase_draft({"eu": ["DE"]}, pace=BreachPace(over_hours=72, is_engaged_first=True))
    case = await checks.new_case(draft, found_at=datetime.now(UTC) - timedelta(hours=70))
    path = f"/console/breaches/{case.id}/phases/1"
    await tour.open(f"{path}/audience", AUDIENCE)
    rows = "ref,email,country\n" + "".join(f",n{n}@people.example,DE\n" for n in range(60)) + "ghost,,DE\n,none,DE\n"
    file = await checks.read(await checks.upload(case, rows))
    await checks.upload(case, "ref\nwaits\n")
    await tour.open(f"{path}/audience", AUDIENCE)
    await tour.page.select_option("#file", str(file.id))
    await tour.page.check("[name=source][value=file]")
    await tour.press("main button.main", AUDIENCE, {"#over_hours": "48"})
    await tour.open(f"{path}/check", CHECK)
    await tour.press(".acts button", CHECK)
    await checks.builder().build_waiting_manifests()
    await tour.open(f"{path}/check", CHECK)
    await checks.save(case, phase_draft({"eu": ["DE"]}, audience={"source": "file", "file": file.id}))
    await checks.check(case)
    await tour.open(f"{path}/check", CHECK)
    manifest = await checks.manifests.find_manifest_of_phase(case.id, 1)
    assert manifest is not None
    people = f"{path}/people?manifest={manifest.id}&channel=mail"
    await tour.open(people, "People of the check: A list")
    await officer.open(people, "People of the check: A list")
    await officer.press(".acts button", "People of the check: A list")
    await officer.open(f"{path}/audience", AUDIENCE)
