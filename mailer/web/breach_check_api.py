"""The API for the people of a breach phase: files, check and manifest. Only people release."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.breach_manifest_json import breach_file_as_json, breach_manifest_as_json
from mailer.input_types import Slug
from mailer.policy.publisher_rights import OperationAttempt, Publisher
from mailer.ports.breach_cases import BreachCase
from mailer.ports.breach_files import BreachFileRefused
from mailer.ports.breach_manifests import BreachManifestRefused
from mailer.ports.breach_stores import BreachStores
from mailer.rendering.campaign_findings import findings_as_json
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.import_downloads import refused_rows_headers
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.request_parsing import JsonRoute
from mailer.web.uploaded_files import MAX_FILE_NAME, UploadRefused, receiving_file
from mailer.web.web_context import TheSite, WebContext

CASE = "/api/v1/breach-cases/{brand}/{case_id}"
PHASE = f"{CASE}/phases/{{phase}}"
ACTION = "write_breach_cases"
router = APIRouter(tags=["breach cases"], route_class=JsonRoute)
PhaseNumber = Annotated[int, Path(ge=1, le=100)]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("The brand has no such case, phase or file, or the phase was never checked."),
    409: openapi_refusal_response("The case cannot do this now; the answer says what to do."),
    **REFUSALS,
}
_FILE = {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}


class BreachFileShown(BaseModel):
    """A file of people with its rows by end.

    `counts`: `known`, `case_only` (people known for this case alone), `duplicate`, `nobody` (a reference that nobody
    has, without an address), `refused`; and `people`, whom the rows name.
    """

    file: UUID
    case: UUID
    file_name: str
    sha256: str
    size: int
    state: str
    counts: dict[str, int]
    rows_done: int
    rows_total: int | None
    problem: str
    created_by: str
    created_at: str
    finished_at: str | None
    has_refused_rows: bool


class BreachFileList(BaseModel):
    """The files of a case, the newest first."""

    files: list[BreachFileShown]


class BreachManifestShown(BaseModel):
    """A check of a phase: its progress, its sums, which add up to `people`, and its hash once it is ready."""

    manifest: UUID
    case: UUID
    phase: int
    brand: str
    revision: int
    facts_revision: int
    state: str
    people: int
    people_total: int | None
    channels: dict[str, int]
    sums: list[dict[str, Any]]
    hash: str | None
    problem: str
    findings: list[dict[str, Any]]
    policy_version: str
    requested_by: str
    requested_at: str
    ready_at: str | None
    asked_by: str | None
    released_by: str | None
    released_at: str | None


class BreachCheckOrdered(BaseModel):
    """The revisions of the phase and of the facts that were seen."""

    model_config = ConfigDict(extra="forbid")

    revision: int = Field(ge=1, lt=2**31)
    facts_revision: int = Field(ge=1, lt=2**31)


class BreachCheckStarted(BaseModel):
    """The manifest that was requested, or null, if a finding is an error; and all findings."""

    manifest: BreachManifestShown | None
    findings: list[dict[str, Any]]


@router.get(f"{CASE}/files", summary="The files of a breach case", responses=_REFUSALS)
async def list_breach_files(
    brand: Slug, case_id: UUID, request: Request, site: TheSite, client: TheClient
) -> BreachFileList:
    """Returns the files of people that a case was given, with their rows by end."""
    stores, case = await _stores_and_case(brand, case_id, request, site, client)
    files = await stores.files.list_files(case.id, 100)
    return BreachFileList(files=[BreachFileShown(**breach_file_as_json(one)) for one in files])


@router.post(
    f"{CASE}/files",
    status_code=201,
    summary="Upload a file of people for a breach case",
    responses={413: openapi_refusal_response("The file is larger than 100 MiB: split it."), **_REFUSALS},
    openapi_extra={"requestBody": {"required": True, **_FILE}},
)
async def upload_breach_file(
    brand: Slug,
    case_id: UUID,
    request: Request,
    site: TheSite,
    client: TheClient,
    file_name: Annotated[str, Query(min_length=1, max_length=MAX_FILE_NAME)] = "upload.csv",
) -> BreachFileShown:
    """Takes the body as a CSV file, whatever its Content-Type. The timekeeper then reads it."""
    stores, case = await _stores_and_case(brand, case_id, request, site, client)
    try:
        async with receiving_file(file_name, request.stream()) as file:
            added = await stores.files.add_file(case.id, file.name, file.digest, file.size, file.iterate_parts())
    except UploadRefused as refusal:
        raise HTTPException(422, str(refusal)) from None
    except BreachFileRefused as refusal:
        raise HTTPException(409, str(refusal)) from None
    return await _file_or_404(stores, case, added)


@router.get(f"{CASE}/files/{{file_id}}", summary="One file of a breach case", responses=_REFUSALS)
async def show_breach_file(
    brand: Slug, case_id: UUID, file_id: UUID, request: Request, site: TheSite, client: TheClient
) -> BreachFileShown:
    """Returns a file with its progress."""
    stores, case = await _stores_and_case(brand, case_id, request, site, client)
    return await _file_or_404(stores, case, file_id)


@router.get(
    f"{CASE}/files/{{file_id}}/refused-rows",
    summary="The refused rows of a file of a breach case",
    response_class=Response,
    responses={200: _FILE, **_REFUSALS},
)
async def download_refused_breach_rows(
    brand: Slug, case_id: UUID, file_id: UUID, request: Request, site: TheSite, client: TheClient
) -> StreamingResponse:
    """Returns the refused rows with their reasons as CSV. The ledger records who has got them."""
    stores, case = await _stores_and_case(brand, case_id, request, site, client)
    await _file_or_404(stores, case, file_id)
    return StreamingResponse(await stores.files.open_refused_rows(file_id), headers=refused_rows_headers(file_id))


@router.get(f"{PHASE}/manifest", summary="The last check of a breach phase", responses=_REFUSALS)
async def show_breach_manifest(
    brand: Slug, case_id: UUID, phase: PhaseNumber, request: Request, site: TheSite, client: TheClient
) -> BreachManifestShown:
    """Returns the check of the phase as it is now, with its progress while it runs."""
    stores, case = await _stores_and_case(brand, case_id, request, site, client)
    manifest = await stores.manifests.find_manifest_of_phase(case.id, phase)
    if manifest is None:
        raise HTTPException(404, "there is no check of this phase as it is now; check it")
    return BreachManifestShown(**breach_manifest_as_json(manifest))


@router.post(f"{PHASE}/check", summary="Check a breach phase", responses=_REFUSALS)
async def check_breach_phase(
    brand: Slug,
    case_id: UUID,
    phase: PhaseNumber,
    ordered: BreachCheckOrdered,
    request: Request,
    site: TheSite,
    client: TheClient,
) -> BreachCheckStarted:
    """Checks texts and audience, and requests the manifest, built in the background, if no finding is an error."""
    stores, case = await _stores_and_case(brand, case_id, request, site, client)
    found = await stores.cases.find_phase(case.id, phase)
    if found is None:
        raise HTTPException(404, f"the case has no phase {phase}")
    if (found.revision, case.revision) != (ordered.revision, ordered.facts_revision):
        now = f"the phase has revision {found.revision}, the facts have revision {case.revision}"
        raise HTTPException(409, f"{now}: read them, and check again")
    try:
        outcome = await site.console.operations.breach_checker.check_phase(stores, case, found, str(client.identity))
    except BreachManifestRefused as error:
        raise HTTPException(409, str(error)) from error
    manifest = outcome.manifest
    return BreachCheckStarted(
        manifest=BreachManifestShown(**breach_manifest_as_json(manifest)) if manifest else None,
        findings=[dict(one) for one in findings_as_json(outcome.findings)],
    )


async def _stores_and_case(
    brand: str, case_id: UUID, request: Request, site: WebContext, client: Publisher
) -> tuple[BreachStores, BreachCase]:
    """Returns the stores of a client who may write breach cases, and the case."""
    refuse_client_without_right(client, OperationAttempt(brand, ACTION))
    stores = open_operator_stores_for_client(request, site, client).breach
    case = await stores.cases.find_case(case_id)
    if case is None or case.brand != brand:
        raise HTTPException(404, f"{brand} has no breach case {case_id}")
    return stores, case


async def _file_or_404(stores: BreachStores, case: BreachCase, file_id: UUID) -> BreachFileShown:
    file = await stores.files.find_file(file_id)
    if file is None or file.case_id != case.id:
        raise HTTPException(404, f"the case has no file {file_id}")
    return BreachFileShown(**breach_file_as_json(file))
