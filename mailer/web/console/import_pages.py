"""The pages to import people: the list, the upload, and one file with its progress and its result."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from mailer.actions.importing.column_mapping import BadValue
from mailer.actions.importing.local_dates import DateOrder
from mailer.input_types import parse_moment
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.recipient_imports import (
    MAPPABLE,
    MAX_IMPORT_OCTETS,
    ImportChangeRefused,
    RecipientImport,
    RecipientImportDesk,
)
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_fragment, console_page, redirect_within_console
from mailer.web.console.import_mapping_form import attribute_choices, columns_shown, field_choices, stored_mapping
from mailer.web.import_downloads import refused_rows_headers
from mailer.web.uploaded_files import MultipartForm, UploadRefused, receiving_file

router = APIRouter(include_in_schema=False)
IMPORTS: Final = f"{HOME}/imports"
ROWS: Final = 50
_RIGHT: Final = StaffRight.CAMPAIGNS_WRITE
ImportWriter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, _RIGHT))]
Uploader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, _RIGHT, is_upload=True))]


@router.get(IMPORTS)
async def show_imports(request: ImportWriter, before: Annotated[UUID | None, Query()] = None) -> Response:
    """Shows the newest imports of the person's brands, and a way to upload a file for each."""
    brands = request.visible_brands_with_right(_RIGHT)
    page = await open_import_desk(request, brands).list_imports(brands, before, ROWS)
    return console_page(request, "imports.html.j2", page=page, writable=sorted(brands), first=before)


@router.get(f"{IMPORTS}/to/{{brand}}")
async def show_upload_form(brand: str, request: ImportWriter) -> Response:
    """Shows the form to upload a file for a brand."""
    return _upload_page(request, brand)


@router.post(f"{IMPORTS}/to/{{brand}}")
async def upload_file(brand: str, http_request: Request, request: Uploader) -> Response:
    """Takes a file in, and leads to its page. The token of the form is checked before the file arrives."""
    _require_known_brand(request, brand)
    try:
        form = MultipartForm(http_request)
        fields = await form.read_fields()
        request.require_form_token(fields.get("form_token", ""))
        async with receiving_file(form.file_name, form.iterate_file()) as file:
            if file.size > MAX_IMPORT_OCTETS:
                raise HTTPException(413, "import_large")
            import_id = await open_import_desk(request, [brand]).add_upload(
                brand, file.name, file.digest, file.size, file.iterate_parts()
            )
    except UploadRefused as refusal:
        return _upload_page(request, brand, str(refusal))
    return _redirect_to_import(request, import_id)


@router.get(f"{IMPORTS}/{{import_id}}")
async def show_import(import_id: UUID, request: ImportWriter) -> Response:
    """Shows one import: its progress, the meaning of its columns, its result. Values of the file are read on record."""
    return await import_page(request, await require_import(request, import_id))


@router.get(f"{IMPORTS}/{{import_id}}/progress")
async def show_progress(import_id: UUID, request: ImportWriter) -> Response:
    """Returns the part of an import's page that changes while the timekeeper works on it."""
    one = await require_import(request, import_id)
    return console_fragment(request, "import_progress.html.j2", one=one, is_part=True)


@router.post(f"{IMPORTS}/{{import_id}}/start")
async def start_import(import_id: UUID, request: ImportWriter) -> Response:
    """Starts the import of a file whose dry run the person has seen."""
    one = await require_import(request, import_id)
    try:
        seen = parse_moment(request.field("seen"))
    except ValueError:
        raise HTTPException(422, "form_old") from None
    try:
        await open_import_desk(request, [one.brand]).start_import(one.id, seen, request.field("again") == "yes")
    except ImportChangeRefused as refusal:
        return await import_page(request, await require_import(request, import_id), str(refusal))
    return _redirect_to_import(request, one.id)


@router.post(f"{IMPORTS}/{{import_id}}/discard")
async def discard_import(import_id: UUID, request: ImportWriter) -> Response:
    """Deletes an uploaded file that is not imported."""
    one = await require_import(request, import_id)
    try:
        await open_import_desk(request, [one.brand]).discard_import(one.id)
    except ImportChangeRefused as refusal:
        return await import_page(request, await require_import(request, import_id), str(refusal))
    return redirect_within_console(request.console, IMPORTS)


@router.post(f"{IMPORTS}/{{import_id}}/refused")
async def download_refused_rows(import_id: UUID, request: ImportWriter) -> Response:
    """Sends the refused rows with their reasons as a CSV file. The ledger records who has got them."""
    one = await require_import(request, import_id)
    rows = await open_import_desk(request, [one.brand]).open_refused_rows(one.id)
    return StreamingResponse(rows, headers=refused_rows_headers(one.id))


async def require_import(request: ConsoleRequest, import_id: UUID) -> RecipientImport:
    """Returns an import of a brand at which the person may import.

    Raises:
        HTTPException: 404: there is none, or it is another brand's.
    """
    one = await open_import_desk(request, []).find_import(import_id)
    if one is None or not has_staff_right(request.member, _RIGHT, one.brand):
        raise HTTPException(404, "import_unknown")
    return one


async def import_page(request: ConsoleRequest, one: RecipientImport, problem: str | None = None) -> Response:
    """Returns the page of an import, and records it if values of its file are shown."""
    desk = open_import_desk(request, [one.brand])
    reading = one.reading if one.state in MAPPABLE and one.is_readable else None
    if reading is not None or one.reasons:
        await desk.record_reading(one.id)
    values: dict[str, Any] = {"one": one, "same": await desk.find_same_file(one.id), "is_mappable": False}
    if reading is not None:
        mapping = stored_mapping(reading, one.mapping)
        values |= {
            "is_mappable": True,
            "mapping": mapping,
            "columns": columns_shown(reading, mapping),
            "fields": field_choices(),
            "attributes": attribute_choices(request.console.people.policies[one.brand]),
            "orders": [DateOrder.DAY_FIRST.value, DateOrder.MONTH_FIRST.value],
            "bad_values": [bad.value for bad in BadValue],
        }
    return console_page(request, "import.html.j2", 422 if problem else 200, problem=problem, **values)


def _upload_page(request: ConsoleRequest, brand: str, problem: str | None = None) -> Response:
    _require_known_brand(request, brand)
    return console_page(
        request,
        "import_upload.html.j2",
        422 if problem else 200,
        problem=problem,
        at_brand=brand,
        most=MAX_IMPORT_OCTETS // (1024 * 1024),
    )


def _require_known_brand(request: ConsoleRequest, brand: str) -> None:
    if brand not in request.console.brands:
        raise HTTPException(404, "status_404")


def open_import_desk(request: ConsoleRequest, brands: frozenset[str] | list[str]) -> RecipientImportDesk:
    """Returns the imports as the person changes them, who needs the right at these brands."""
    return request.open_stores(_RIGHT, brands).imports


def _redirect_to_import(request: ConsoleRequest, import_id: UUID) -> Response:
    return redirect_within_console(request.console, f"{IMPORTS}/{import_id}")
