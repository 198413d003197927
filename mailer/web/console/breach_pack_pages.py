"""The page from which somebody takes the evidence pack of a breach case out."""

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from mailer.actions.evidence.pack_making import MadePack, PackOrder, PackParts, iterate_pack
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.evidence_packs import PackedCase, PackReason
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page

router = APIRouter(include_in_schema=False)
PACK: Final = f"{HOME}/breaches/{{case_id}}/pack"
PackExporter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.EVIDENCE_EXPORT))]


@router.get(PACK)
async def show_pack(case_id: UUID, request: PackExporter) -> Response:
    """Shows what is in a pack, and asks why it is taken out."""
    _, case = await _require_case(request, case_id)
    return _pack_page(request, case)


@router.post(PACK)
async def send_pack(case_id: UUID, request: PackExporter) -> Response:
    """Sends a pack while it is made. The ledger records who has taken it out, and why."""
    parts, case = await _require_case(request, case_id)
    reason = request.field_or_empty("reason")
    if reason not in PackReason.__members__.values():
        return _pack_page(request, case, "pack_reason")
    with_names = request.field_or_empty("names") == "yes"
    if with_names:
        request.require_right(StaffRight.PEOPLE_READ, case.brand)
    order = PackOrder(str(request.member.identity), PackReason(reason), datetime.now(UTC), with_names)
    await parts.reader.record_export(case, order.reason, with_names=with_names)
    headers = {"content-disposition": f'attachment; filename="evidence-{case.id}.zip"'}
    return StreamingResponse(
        iterate_pack(case, order, parts, MadePack()), media_type="application/zip", headers=headers
    )


async def _require_case(request: ConsoleRequest, case_id: UUID) -> tuple[PackParts, PackedCase]:
    """Returns a case of a brand at which the person may take evidence out, with the parts of its pack.

    Raises:
        HTTPException: 404: there is none, or it is another brand's.
    """
    operations = request.console.operations
    found = await operations.open_packs("", "", None).reader.find_packed_case(case_id)
    if found is None or not has_staff_right(request.member, StaffRight.EVIDENCE_EXPORT, found.brand):
        raise HTTPException(404, "pack_unknown")
    used = request.bind_right_to_session(StaffRight.EVIDENCE_EXPORT, [found.brand])
    return operations.open_packs(str(request.member.identity), request.network, used), found


def _pack_page(request: ConsoleRequest, case: PackedCase, error: str | None = None) -> Response:
    return console_page(
        request,
        "breach_pack.html.j2",
        422 if error else 200,
        error,
        case=case,
        reasons=list(PackReason),
        may_name=has_staff_right(request.member, StaffRight.PEOPLE_READ, case.brand),
    )
