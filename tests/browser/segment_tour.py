"""A tour of the pages of segments and lists, as a marketer without JavaScript of ours takes it."""

from tests.browser.tours import Tour
from tests.factories import BRAND, World

ON, LISTS = f"/console/segments/{BRAND}", f"/console/lists/{BRAND}"


async def take_tour_of_segments(tour: Tour, world: World) -> None:
    """Writes a segment by the form, counts, previews, freezes and changes it, and takes somebody off the list."""
    await world.known(1, 2)
    await tour.open("/console/segments", "Segments")
    await tour.open(ON, "Segments of InterPals")
    await tour.open(f"{ON}/_new", "New segment of InterPals")
    await tour.page.select_option("#g0r0-fact", "country")
    await tour.press("button[value=row-0]", "New segment of InterPals", {"#name": "americans", "#g0r0-value": "US, XX"})
    await tour.press("button.main[value=save]", "New segment of InterPals")
    assert await tour.page.is_visible("text=is no country")
    await tour.press("button[value=show]", "New segment of InterPals", {"#g0r0-value": "US"})
    assert await tour.page.is_visible("text=People in United States.")
    await tour.press("button.main[value=save]", "americans")
    await tour.open(ON, "Segments of InterPals")
    await tour.open(f"{ON}/americans", "americans")
    await tour.press("form[action$='/count'] button", "americans")
    await tour.open(f"{ON}/americans/people", "Ten people of americans")
    await tour.open(f"{ON}/americans/edit", "Change americans")
    await tour.open(f"{ON}/americans", "americans")
    await tour.press("form[action$='/freeze'] button", "june", {"#list": "june"})
    await tour.open("/console/lists", "Lists")
    await tour.open(LISTS, "Lists of InterPals")
    await tour.open(f"{LISTS}/june", "june")
    await tour.press("form[action$='/remove'] button", "june", {"#ref": "user-1"})
    await tour.open(f"{LISTS}/june/delete", "Delete the list june?")
    await tour.open(f"{ON}/americans/delete", "Delete americans?")
    await tour.press("button.grave", "Segments of InterPals")
