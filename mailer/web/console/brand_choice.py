"""The choice of a brand, before pages that belong to one."""

from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi.responses import Response

from mailer.policy.staff_rights import StaffRight
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.console_pages import console_page


async def show_for_chosen_brand(
    request: ConsoleRequest,
    right: StaffRight,
    show: Callable[[str], Awaitable[Response]],
    path: str,
    noun: Literal["segments", "lists", "pictures"],
) -> Response:
    """Shows the page of the chosen brand, or of the only one; else the brands to choose from.

    Args:
        request: of a person.
        right: the right that the person needs at the brand.
        show: makes the page of a brand.
        path: the beginning of the pages' addresses, which the name of the brand follows.
        noun: the section of the console, with its title.
    """
    brands = sorted(request.visible_brands_with_right(right))
    if len(brands) == 1:
        return await show(brands[0])
    return console_page(request, "brand_choice.html.j2", writable=brands, path=path, noun=noun)
