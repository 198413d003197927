"""The page of a breach phase's people and pace: who they are, files with progress, mailboxes that strangers read."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from mailer.policy.breach.draft import AudienceSource, BreachAudience, BreachPace, BreachPhaseDraft
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_cases import BreachCase, BreachChangeRefused, BreachPhase
from mailer.ports.breach_files import MAX_BREACH_FILE_OCTETS, MAX_BREACH_FILE_ROWS, BreachFile, BreachFileRefused
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.breach_access import BreachReader, BreachWriter, breach_stores
from mailer.web.console.breach_check_pages import BREACH_PHASE, path_of_phase, require_phase
from mailer.web.console.console_pages import console_fragment, console_page, redirect_within_console
from mailer.web.import_downloads import refused_rows_headers
from mailer.web.uploaded_files import MultipartForm, UploadRefused, receiving_file

router = APIRouter(include_in_schema=False)
BreachUploader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_WRITE, is_upload=True))]
_FILES_SHOWN: Final = 50
_AUDIENCE: Final = f"{BREACH_PHASE}/audience"


@router.get(_AUDIENCE)
async def show_breach_audience(case_id: UUID, phase: int, request: BreachReader) -> Response:
    """Shows whom a phase tells, how fast, and the files of the case."""
    return await _audience_page(request, *await require_phase(request, case_id, phase))


@router.post(_AUDIENCE)
async def save_breach_audience(case_id: UUID, phase: int, request: BreachWriter) -> Response:
    """Stores the audience and the pace as a new revision of the phase."""
    case, one = await require_phase(request, case_id, phase, StaffRight.BREACH_WRITE)
    try:
        draft = _draft_of_form(request, one.draft)
        revision = int(request.field("revision", 10))
    except (ValidationError, ValueError) as error:
        return await _audience_page(request, case, one, _fault_in_words(error))
    store = breach_stores(request, case.brand).cases
    try:
        await store.save_phase(case.id, one.phase, revision, draft, str(request.member.identity))
    except BreachChangeRefused as refusal:
        return await _audience_page(request, case, one, str(refusal))
    return redirect_within_console(request.console, f"{path_of_phase(case, one)}/audience")


@router.post(f"{_AUDIENCE}/upload")
async def upload_breach_file(case_id: UUID, phase: int, http_request: Request, request: BreachUploader) -> Response:
    """Takes a file of people in. The token of the form is checked before the file arrives."""
    case, one = await require_phase(request, case_id, phase, StaffRight.BREACH_WRITE)
    try:
        form = MultipartForm(http_request)
        fields = await form.read_fields()
        request.require_form_token(fields.get("form_token", ""))
        async with receiving_file(form.file_name, form.iterate_file()) as file:
            store = breach_stores(request, case.brand).files
            await store.add_file(case.id, file.name, file.digest, file.size, file.iterate_parts())
    except (UploadRefused, BreachFileRefused) as refusal:
        return await _audience_page(request, case, one, str(refusal))
    return redirect_within_console(request.console, f"{path_of_phase(case, one)}/audience#files")


@router.get(f"{_AUDIENCE}/files")
async def show_progress_of_breach_files(case_id: UUID, phase: int, request: BreachReader) -> Response:
    """Returns the part of the page that changes while files are read."""
    case, one = await require_phase(request, case_id, phase)
    return console_fragment(request, "breach_files.html.j2", **await _file_values(request, case, one))


@router.post(f"{_AUDIENCE}/files/{{file_id}}/refused")
async def download_refused_breach_rows(case_id: UUID, phase: int, file_id: UUID, request: BreachWriter) -> Response:
    """Sends the refused rows with their reasons as a CSV file. The ledger records who has got them."""
    case, _ = await require_phase(request, case_id, phase, StaffRight.BREACH_WRITE)
    store = breach_stores(request, case.brand).files
    file = await store.find_file(file_id)
    if file is None or file.case_id != case.id:
        raise HTTPException(404, "breach_file_unknown")
    return StreamingResponse(await store.open_refused_rows(file_id), headers=refused_rows_headers(file_id))


def _draft_of_form(request: ConsoleRequest, draft: BreachPhaseDraft) -> BreachPhaseDraft:
    """Returns the draft with the audience and the pace of the form. Raises ValueError or ValidationError."""
    source = request.field("source", 20)
    audience = BreachAudience.model_validate(
        {
            "source": source,
            "audience": request.field("audience", 68) or None if source == AudienceSource.AUDIENCE else None,
            "file": request.field("file", 36) or None if source == AudienceSource.FILE else None,
            "compromised": request.field("compromised", 68) or None,
            "compromised_file": request.field("compromised_file", 36) or None,
        }
    )
    pace = BreachPace(
        over_hours=int(request.field("over_hours", 5) or "0"),
        is_engaged_first=request.field("is_engaged_first") == "yes",
    )
    return draft.model_copy(update={"audience": audience, "pace": pace})


def _fault_in_words(error: ValueError) -> str:
    """Returns the first fault of a form with its field."""
    if not isinstance(error, ValidationError):
        return "over_hours: write a whole number of hours, from 0 to 720"
    first = error.errors()[0]
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{first['loc'][0]}: {message}" if first["loc"] else message


async def _file_values(request: ConsoleRequest, case: BreachCase, phase: BreachPhase) -> dict[str, Any]:
    files = await breach_stores(request, None, StaffRight.BREACH_READ).files.list_files(case.id, _FILES_SHOWN)
    return {
        "case": case,
        "phase": phase,
        "own": f"{request.console.base_path}{path_of_phase(case, phase)}",
        "files": files,
        "is_reading": any(file.is_at_work for file in files),
        "may_write": has_staff_right(request.member, StaffRight.BREACH_WRITE, case.brand),
    }


async def _audience_page(
    request: ConsoleRequest, case: BreachCase, phase: BreachPhase, problem: str | None = None
) -> Response:
    values = await _file_values(request, case, phase)
    usable: list[BreachFile] = [file for file in values["files"] if file.state == "done"]
    return console_page(
        request,
        "breach_audience.html.j2",
        422 if problem else 200,
        problem=problem,
        **values,
        usable=usable,
        sources=list(AudienceSource),
        names=await request.open_stores(StaffRight.BREACH_READ, None).campaigns.read_audiences(case.brand),
        most_octets=MAX_BREACH_FILE_OCTETS // (1024 * 1024),
        most_rows=MAX_BREACH_FILE_ROWS,
    )
