"""The tour of the pages of letters."""

from playwright.async_api import FilePayload

from tests.browser.tours import Tour
from tests.factories import World
from tests.letter_world import Letters


async def take_tour_of_letters(tour: Tour, world: World) -> None:
    """Letters in several states: a run is asked for and made, a file is refused, and all cases are seen."""
    letters = Letters(world)
    await letters.divert(901, 902, 903)
    await letters.give_address(901)
    await letters.give_address(902, "? Street", "LONDON")
    path = f"/console/breaches/{letters.case_id}/letters"
    await tour.open(path, "Letters: Files")
    await tour.press("form[action$='/runs'] button", "Letters: Files")
    await letters.maker.make_waiting_runs()
    await tour.open(f"{path}?state=unprintable", "Letters: Files")
    await tour.open(path, "Letters: Files")
    rows = b"letter,state,day,code\n1,eaten,2026-01-01,\n"
    await tour.page.set_input_files("#file", FilePayload(name="r.csv", mimeType="text/csv", buffer=rows))
    await tour.press("form[action$='/reports'] button", "Letters: Files")
    await tour.open("/console/breach-letters", "Letters of breaches")
