"""The page of the ledger: its seals, and the check of what was written since the last one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from mailer.policy.staff_rights import StaffRight
from mailer.ports.ledger_inspection import RecentVerification
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page

router = APIRouter(include_in_schema=False)
LEDGER = f"{HOME}/ledger"
ROWS = 50
MOST_VERIFIED = 20_000
"""The most entries that one press verifies: about a second of work, between which other requests are answered."""
LedgerVerifier = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.LEDGER_VERIFY))]


@router.get(LEDGER)
async def show_seals(
    request: LedgerVerifier, before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None
) -> Response:
    """Shows the newest seals."""
    return await _ledger_page(request, before)


@router.post(f"{LEDGER}/verify")
async def verify_newest_entries(request: LedgerVerifier) -> Response:
    """Recomputes what was written since the last seal. It changes nothing."""
    return await _ledger_page(
        request, None, await request.console.operations.ledger.verify_since_last_seal(MOST_VERIFIED)
    )


async def _ledger_page(
    request: ConsoleRequest, before: int | None, verdict: RecentVerification | None = None
) -> Response:
    seals = await request.console.operations.ledger.list_seals(before, ROWS + 1)
    return console_page(
        request,
        "ledger.html.j2",
        seals=seals[:ROWS],
        older=seals[ROWS - 1].number if len(seals) > ROWS else None,
        verdict=verdict,
        most=MOST_VERIFIED,
    )
