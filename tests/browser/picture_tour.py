"""The tour of the pages of pictures, by a marketer of all brands."""

from mailer.actions.picture_uploads import PictureUpload, store_uploaded_picture
from mailer.postgres.pictures import PostgresPictures
from tests.browser.tours import Tour
from tests.factories import BRAND, World
from tests.made_pictures import SVG, noise, picture


async def take_tour_of_pictures(tour: Tour, world: World) -> None:
    """Uploads a picture by its form, sees one that is refused, and deletes one."""
    store, long = PostgresPictures(world.pool, world.writers), "a-very-long-name-of-a-picture-" * 5
    await store_uploaded_picture(store, PictureUpload(BRAND, f"{long}.png", noise((300, 200)), "key:shop"))
    await tour.open("/console/pictures", "Pictures")
    await tour.open(f"/console/pictures/to/{BRAND}", heading := "Pictures of InterPals")
    for name, content in (("harbour.png", picture(size=(600, 200))), ("evil.png", SVG)):
        await tour.page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})
        await tour.press("form[enctype] button", heading)
    await tour.open(f"/console/pictures/to/{BRAND}", heading)
    await tour.press("[aria-label='Delete harbour.png']", heading)
