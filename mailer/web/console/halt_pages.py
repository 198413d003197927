"""The page of the halts that hold now: of everything, and of brands, processors and mailings."""

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.policy.staff_rights import StaffRight
from mailer.ports.halts import HaltInForce
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page
from mailer.web.console.mailing_pages import MailingReader

router = APIRouter(include_in_schema=False)
HALTS = f"{HOME}/halts"
_ROWS = 500


@router.get(HALTS)
async def show_halts(visitor: MailingReader) -> Response:
    """Shows the halts that concern the person's brands: since when, by whom and why."""
    brands = visitor.brands_seen(StaffRight.MAILINGS_READ)
    halts = await visitor.console.operations.halts.list_halts_in_force(_ROWS)
    return console_page(visitor, "halts.html.j2", halts=halts_of_brands(halts, brands))


def halts_of_brands(halts: list[HaltInForce], brands: frozenset[str]) -> list[HaltInForce]:
    """Returns the halts that concern some brands: theirs, and those of everything and of processors."""
    return [one for one in halts if one.brand is None or one.brand in brands]
