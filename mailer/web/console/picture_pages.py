"""The pages of pictures: the list of a brand, the upload, and the deletion of one that no campaign shows."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.picture_uploads import PictureUpload, PictureUploadRefused, store_uploaded_picture
from mailer.policy.staff_rights import StaffRight
from mailer.ports.pictures import PictureInUse, PictureStore
from mailer.rendering.campaign_blocks import picture_url
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.brand_choice import show_for_chosen_brand
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
PICTURES: Final = f"{HOME}/pictures"
ROWS: Final = 30
_RIGHT: Final = StaffRight.CAMPAIGNS_WRITE
CampaignWriter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, _RIGHT))]
Uploader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, _RIGHT, is_upload=True))]


@router.get(PICTURES)
async def show_pictures_or_choose_brand(request: CampaignWriter) -> Response:
    """Shows the newest pictures of the chosen brand, or of the only one; else the brands to choose from."""
    return await show_for_chosen_brand(
        request, _RIGHT, lambda brand: _list_page(request, brand), f"{PICTURES}/to", "pictures"
    )


@router.get(f"{PICTURES}/to/{{brand}}")
async def show_pictures(
    brand: str, request: CampaignWriter, before: Annotated[str, Query(pattern="^[0-9a-f]{32}$")] = ""
) -> Response:
    """Shows a page of the pictures of a brand, the newest first, with the form to upload one."""
    return await _list_page(request, brand, before)


@router.post(f"{PICTURES}/to/{{brand}}")
async def upload_picture(brand: str, http_request: Request, request: Uploader) -> Response:
    """Takes a picture in. It is checked by its content, and written again without what a camera adds."""
    _require_known_brand(request, brand)
    async with http_request.form(max_files=1, max_fields=3) as form:
        request.require_form_token(str(form.get("form_token", "")))
        file = form.get("file")
        if file is None or isinstance(file, str):
            return await _list_page(request, brand, problem="the form has no file; choose one")
        upload = PictureUpload(brand, file.filename or "", await file.read(), str(request.member.identity))
    try:
        await store_uploaded_picture(_store(request, brand), upload)
    except PictureUploadRefused as refusal:
        return await _list_page(request, brand, problem=str(refusal))
    return redirect_within_console(request.console, _path(brand))


@router.post(f"{PICTURES}/to/{{brand}}/{{picture_id}}/delete")
async def delete_picture(brand: str, picture_id: str, request: CampaignWriter) -> Response:
    """Deletes a picture that no campaign shows."""
    _require_known_brand(request, brand)
    try:
        await _store(request, brand).delete_picture(brand, picture_id)
    except PictureInUse as refusal:
        return await _list_page(request, brand, problem=str(refusal))
    return redirect_within_console(request.console, _path(brand))


async def _list_page(request: ConsoleRequest, brand: str, before: str = "", problem: str | None = None) -> Response:
    _require_known_brand(request, brand)
    store = _store(request, brand)
    last = (await store.find_pictures(brand, [before])).get(before) if before else None
    found = await store.list_pictures(brand, before=(last.created_at, last.id) if last else None, limit=ROWS)
    return console_page(
        request,
        "pictures.html.j2",
        422 if problem else 200,
        problem=problem,
        at_brand=brand,
        path=_path(brand),
        pictures=[(one, picture_url(request.console.public_url, one.id)) for one in found],
        is_newest=last is None,
        next=found[-1].id if len(found) == ROWS else None,
    )


def _require_known_brand(request: ConsoleRequest, brand: str) -> None:
    """Refuses a brand that does not exist. The gate has checked the right at it.

    Raises:
        HTTPException: 404.
    """
    if brand not in request.console.brands:
        raise HTTPException(404, "brand_unknown")


def _store(request: ConsoleRequest, brand: str) -> PictureStore:
    return request.open_stores(_RIGHT, [brand]).pictures


def _path(brand: str) -> str:
    return f"{PICTURES}/to/{brand}"
