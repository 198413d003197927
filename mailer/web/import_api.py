"""The API to import people: upload a file, say what its columns mean, check it, import it, and get refused rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from mailer.actions.importing.column_mapping import ColumnMapping
from mailer.input_types import Moment, Slug
from mailer.policy.publisher_rights import OperationAttempt, Publisher
from mailer.ports.recipient_imports import (
    MAX_IMPORT_OCTETS,
    ImportChangeRefused,
    ImportState,
    RecipientImport,
    RecipientImportDesk,
)
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.import_downloads import refused_rows_headers
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.people_api import policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.uploaded_files import MAX_FILE_NAME, UploadRefused, receiving_file
from mailer.web.web_context import TheSite, WebContext

IMPORTS, ACTION = "/api/v1/imports/{brand}", "import_recipients"
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such brand or import."),
    **REFUSALS,
}
_CHANGES: dict[int | str, dict[str, Any]] = {
    409: openapi_refusal_response("It does not fit to the state of the import: what to do."),
    **_REFUSALS,
}
_FILE = {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}
router = APIRouter(tags=["imports"], route_class=JsonRoute)


class ImportReason(BaseModel):
    """A remark about a row, by its number in a spreadsheet, in which the headings are row 1."""

    row: int
    is_refused: bool
    reason: str


class ColumnsRead(BaseModel):
    """A file as it was read: its encoding, the character between cells, headings, and some values of each column."""

    encoding: str
    delimiter: str
    headings: Sequence[str]
    samples: Sequence[Sequence[str]]


class ImportShown(BaseModel):
    """An uploaded file and the work on it.

    `reading` says how the file was read; it is null until then. `mapping` is what the
    columns mean, as it was proposed or stored. `counts` and `reasons` are of the check (`dry_run`, `previewed`) or of
    the import. `same_file` is an earlier import of the same file. `seen` is what a start has to name.
    """

    id: UUID
    brand: str
    file_name: str
    sha256: str
    size: int
    state: ImportState
    reading: ColumnsRead | None
    mapping: Mapping[str, Any]
    counts: Mapping[str, int]
    reasons: Sequence[ImportReason]
    rows_done: int
    rows_total: int | None
    problem: str
    created_by: str
    created_at: datetime
    started_by: str | None
    seen: datetime | None
    has_refused_rows: bool
    same_file: UUID | None


class ImportList(BaseModel):
    """Imports, the newest first. `older_than` is the `before` of the next page; null: this is the last one."""

    imports: Sequence[ImportShown]
    older_than: UUID | None


class ImportStarted(BaseModel):
    """The `seen` of the check that was looked at. `again`: the same file was imported before, and is meant again."""

    model_config = ConfigDict(extra="forbid")

    seen: Moment
    again: bool = False


@router.get(IMPORTS, response_model=ImportList, summary="The imports of a brand", responses=_REFUSALS)
async def list_imports(
    brand: Slug,
    request: Request,
    site: TheSite,
    client: TheClient,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ImportList:
    """Returns the newest imports, without values of their files."""
    page = await _open_desk(request, site, client, brand).list_imports([brand], before, limit)
    return ImportList(imports=[_import_shown(one, None, False) for one in page.imports], older_than=page.older_than)


@router.post(
    IMPORTS,
    status_code=201,
    response_model=ImportShown,
    summary="Upload a file of people",
    responses={413: openapi_refusal_response("The file is larger than 64 MiB: split it."), **_REFUSALS},
    openapi_extra={"requestBody": {"required": True, **_FILE}},
)
async def upload_file(
    brand: Slug,
    request: Request,
    site: TheSite,
    client: TheClient,
    file_name: Annotated[str, Query(min_length=1, max_length=MAX_FILE_NAME)] = "upload.csv",
) -> ImportShown:
    """Takes the body as a CSV file, whatever its Content-Type. The timekeeper then reads its columns."""
    desk = _open_desk(request, site, client, brand)
    try:
        async with receiving_file(file_name, request.stream()) as file:
            if file.size > MAX_IMPORT_OCTETS:
                raise HTTPException(413, f"the file has {file.size:,} octets; at most {MAX_IMPORT_OCTETS:,}: split it")
            import_id = await desk.add_upload(brand, file.name, file.digest, file.size, file.iterate_parts())
    except UploadRefused as refusal:
        raise HTTPException(422, str(refusal)) from None
    return await _show(desk, brand, import_id)


@router.get(IMPORTS + "/{import_id}", response_model=ImportShown, summary="One import", responses=_REFUSALS)
async def show_import(brand: Slug, import_id: UUID, request: Request, site: TheSite, client: TheClient) -> ImportShown:
    """Returns an import with its progress. Values of the file are in it, so the ledger records who reads them."""
    desk = _open_desk(request, site, client, brand)
    shown = await _show(desk, brand, import_id)
    if shown.reading is not None:
        await desk.record_reading(import_id)
    return shown


@router.post(
    IMPORTS + "/{import_id}/mapping",
    response_model=ImportShown,
    summary="Say what the columns mean, and check each row",
    responses=_CHANGES,
)
async def check_rows(
    brand: Slug, import_id: UUID, mapping: ColumnMapping, request: Request, site: TheSite, client: TheClient
) -> ImportShown:
    """Stores the mapping, and lets the timekeeper check each row. Nothing is imported. Open questions are refused."""
    desk = _open_desk(request, site, client, brand)
    await _require_import(desk, brand, import_id)
    if mapping.open_questions:
        open_columns = ", ".join(repr(column.heading) for column in mapping.open_questions)
        raise HTTPException(422, f"there are open questions about {open_columns}: say the date_order, empty question")
    try:
        await desk.save_mapping_and_request_dry_run(import_id, mapping.model_dump(mode="json"))
    except ImportChangeRefused as refusal:
        raise HTTPException(409, str(refusal)) from None
    return await _show(desk, brand, import_id)


@router.post(IMPORTS + "/{import_id}/start", response_model=ImportShown, summary="Start an import", responses=_CHANGES)
async def start_import(
    brand: Slug, import_id: UUID, started: ImportStarted, request: Request, site: TheSite, client: TheClient
) -> ImportShown:
    """Lets the timekeeper import a file whose check was looked at."""
    desk = _open_desk(request, site, client, brand)
    await _require_import(desk, brand, import_id)
    try:
        await desk.start_import(import_id, started.seen, started.again)
    except ImportChangeRefused as refusal:
        raise HTTPException(409, str(refusal)) from None
    return await _show(desk, brand, import_id)


@router.post(IMPORTS + "/{import_id}/discard", response_model=ImportShown, summary="Discard a file", responses=_CHANGES)
async def discard_import(
    brand: Slug, import_id: UUID, request: Request, site: TheSite, client: TheClient
) -> ImportShown:
    """Deletes a file that is not imported."""
    desk = _open_desk(request, site, client, brand)
    await _require_import(desk, brand, import_id)
    try:
        await desk.discard_import(import_id)
    except ImportChangeRefused as refusal:
        raise HTTPException(409, str(refusal)) from None
    return await _show(desk, brand, import_id)


@router.get(
    IMPORTS + "/{import_id}/refused-rows",
    response_class=Response,
    summary="The refused rows of an import",
    responses={200: {"description": "A CSV file: the columns of the file, and the reason.", **_FILE}, **_REFUSALS},
)
async def download_refused_rows(
    brand: Slug, import_id: UUID, request: Request, site: TheSite, client: TheClient
) -> Response:
    """Returns the refused rows, to be mended and sent again. The ledger records who has got them."""
    desk = _open_desk(request, site, client, brand)
    await _require_import(desk, brand, import_id)
    return StreamingResponse(await desk.open_refused_rows(import_id), headers=refused_rows_headers(import_id))


def _open_desk(request: Request, site: WebContext, client: Publisher, brand: str) -> RecipientImportDesk:
    """Returns the imports as the holder of a key changes them, if they may import people at the brand."""
    refuse_client_without_right(client, OperationAttempt(brand, ACTION))
    policy_or_404(site, brand)
    return open_operator_stores_for_client(request, site, client).imports


async def _require_import(desk: RecipientImportDesk, brand: str, import_id: UUID) -> RecipientImport:
    one = await desk.find_import(import_id)
    if one is None or one.brand != brand:
        raise HTTPException(404, f"{brand} has no import {import_id}")
    return one


async def _show(desk: RecipientImportDesk, brand: str, import_id: UUID) -> ImportShown:
    one = await _require_import(desk, brand, import_id)
    same = await desk.find_same_file(import_id)
    return _import_shown(one, same.id if same else None, True)


def _import_shown(one: RecipientImport, same_file: UUID | None, has_values: bool) -> ImportShown:
    return ImportShown(
        id=one.id,
        brand=one.brand,
        file_name=one.file_name,
        sha256=one.digest.hex(),
        size=one.size,
        state=one.state,
        reading=ColumnsRead(**asdict(one.reading)) if one.reading and has_values else None,
        mapping=one.mapping,
        counts=one.counts,
        reasons=[ImportReason(row=row, is_refused=bad, reason=why) for row, bad, why in one.reasons if has_values],
        rows_done=one.rows_done,
        rows_total=one.rows_total,
        problem=one.problem,
        created_by=one.created_by,
        created_at=one.created_at,
        started_by=one.started_by,
        seen=one.finished_at,
        has_refused_rows=one.has_refused_rows,
        same_file=same_file,
    )
