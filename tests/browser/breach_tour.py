"""The tour of the pages of breach cases, by somebody of operations."""

from datetime import UTC, datetime, timedelta

from mailer.ports.breach_desk import DutyToMark
from tests.breaches import ANN, breach_stores_over, facts_found, new_breach
from tests.browser.tours import Tour
from tests.factories import BRAND, World

BREACHES = "/console/breaches"


async def take_tour_of_breaches(tour: Tour, world: World) -> None:
    """Opens a case; writes facts with faults on the way and a conflict; sees clocks that run, are over and are done."""
    await tour.open(BREACHES, "Breach cases")
    await tour.open(f"{BREACHES}/new", "New breach case")
    await tour.press("main button.main", "What and when: Empty", {"#name": "Empty"})
    facts = facts_found(
        timedelta(hours=80),
        data=["name", "social_security_number", "mailbox_credentials", "health"],
        people_by_place={"DE": 1200, "GB": 400, "US-CA": 70_000, "US-MA": 90, "US-NY": 800},
        law_enforcement="Federal Criminal Police, 26/7",
        effects="Strangers may write to people in our name. " * 20,
    )
    case = await new_breach(world, facts)
    one = f"{BREACHES}/{case.id}"
    told = DutyToMark("gdpr-authority", "Data Protection Authority", datetime.now(UTC), "IN-26/1187")
    await breach_stores_over(world).duties.mark_duty_done(case.id, told, ANN)
    await tour.open(one, "Laptop")
    await tour.page.click(".ways details:nth-of-type(2) summary")
    await tour.look_at("Laptop")
    await tour.press("form[action$='time-zone'] button", "Laptop", {"#own-zone": "Europe/Berlin"})
    for step in ("data", "people", "mail", "measures", "authorities"):
        await tour.open(f"{one}/facts?step={step}", f"{_HEADINGS[step]}: Laptop")
    await tour.open(f"{one}/facts?step=people", "Whose and where: Laptop")
    await tour.press("main button.main", "Whose and where: Laptop", {"#people_by_place": "DE many\nMars 5"})
    assert await tour.page.evaluate("document.activeElement.id") == "faults"
    await tour.open(f"{one}/facts?step=when", "What and when: Laptop")
    changed = facts.model_copy(update={"summary": "Two laptops were stolen from a train"})
    await breach_stores_over(world).cases.save_facts(case.id, 1, changed, ANN)
    await tour.press("main button.main", "What and when: Laptop", {"#summary": "A bag with a laptop was stolen"})
    await tour.press("main button.main", "Which data: Laptop")
    await tour.open(f"{one}/history", "History of the facts: Laptop")
    await tour.open(f"{one}/decision", "Decision: Laptop")
    await tour.press("main button.main", "Laptop", {"#reason": "The disk was encrypted."}, "[value=not_notified]")
    await tour.open(f"{one}/decision", "Decision: Laptop")
    await tour.open(f"{BREACHES}?brand={BRAND}", "Breach cases")


_HEADINGS = {
    "data": "Which data",
    "people": "Whose and where",
    "mail": "Mail itself",
    "measures": "Measures",
    "authorities": "Authorities",
}
