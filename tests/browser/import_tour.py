"""The tour of the pages to import people."""

from tests.browser.tours import Tour
from tests.factories import BRAND, World
from tests.imports import run_import_worker

FILE = (
    b"ref,email,name,joined\r\ntour-1,tour-1@people.example,Ada,03/04/2024\r\ntour-2,nonsense,Bob,05/06/2024\r\n"
    b"tour-3,tour-3@people.example,=1+1,07/08/2024\r\n"
)
NAME = "tour people.csv"


async def take_tour_of_imports(tour: Tour, world: World) -> None:
    """Uploads a file, answers the question about its dates, checks and imports it, and looks at each page."""
    await tour.open("/console/imports", "Imports")
    await tour.open(f"/console/imports/to/{BRAND}", "Import a file for InterPals")
    await _upload(tour, b"")
    await tour.look_at("Import a file for InterPals")
    await _upload(tour, FILE)
    await tour.look_at(NAME)
    path = tour.page.url
    await run_import_worker(world)
    await tour.open(path, NAME)
    await tour.press("button:has-text('Check each row')", NAME)
    assert await tour.page.is_visible("text=open question")
    await tour.press("button:has-text('Check each row')", NAME, {}, "[value=day_first]")
    await run_import_worker(world)
    await tour.open(path, NAME)
    await tour.press("button.main:has-text('Import')", NAME)
    await run_import_worker(world)
    await tour.open(path, NAME)
    await tour.open("/console/imports", "Imports")
    await tour.open(f"/console/imports/to/{BRAND}", "Import a file for InterPals")
    await _upload(tour, FILE)
    await run_import_worker(world)
    await tour.press("button:has-text('Discard')", "Imports")


async def _upload(tour: Tour, content: bytes) -> None:
    await tour.page.set_input_files("#file", {"name": NAME, "mimeType": "text/csv", "buffer": content})
    async with tour.page.expect_navigation():
        await tour.page.click("button.main")
    tour.paths.append(tour.page.url)
