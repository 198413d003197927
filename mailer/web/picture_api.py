"""The API for pictures of campaigns: list, upload, delete."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mailer.actions.picture_uploads import PictureUpload, PictureUploadRefused, store_uploaded_picture
from mailer.input_types import Slug
from mailer.policy.publisher_rights import OperationAttempt, Publisher
from mailer.ports.pictures import PictureFacts, PictureInUse, PictureStore
from mailer.rendering.campaign_blocks import picture_url
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.people_api import policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

PICTURES, ACTION = "/api/v1/pictures/{brand}", "write_campaigns"
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such brand or picture."),
    **REFUSALS,
}
_FILE = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in ("image/png", "image/jpeg", "image/gif", "image/webp")
}
router = APIRouter(tags=["pictures"], route_class=JsonRoute)


class PictureShown(BaseModel):
    """A picture as it is served at `url`. Blocks of a campaign name it by `id`."""

    id: str
    brand: str
    url: str
    content_type: str
    width: int
    height: int
    size: int
    file_name: str
    created_by: str
    created_at: datetime


class PicturesShown(BaseModel):
    """Pictures, the newest first. `older_than` is the value of `before` for the next page; null: this is the last."""

    pictures: list[PictureShown]
    older_than: str | None


class PictureDeleted(BaseModel):
    """The answer to a deletion. `is_new` is false if the picture was not there."""

    id: str
    is_new: bool


@router.get(PICTURES, summary="The pictures of a brand", responses=_REFUSALS)
async def list_pictures(
    brand: Slug,
    request: Request,
    site: TheSite,
    client: TheClient,
    before: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> PicturesShown:
    """Returns pictures of a brand, the newest first."""
    store = _store_of_client(brand, request, site, client)
    older = (await store.find_pictures(brand, [before])).get(before) if before else None
    if before and older is None:
        raise HTTPException(404, f"{brand} has no picture {before}")
    found = await store.list_pictures(brand, before=(older.created_at, older.id) if older else None, limit=limit)
    shown = [_picture_for_answer(site, one) for one in found]
    return PicturesShown(pictures=shown, older_than=found[-1].id if len(found) == limit else None)


@router.post(
    PICTURES,
    status_code=201,
    summary="Upload a picture",
    responses={
        422: openapi_refusal_response("It is no picture that mails may show: why, and what to do."),
        **_REFUSALS,
    },
    openapi_extra={"requestBody": {"content": _FILE, "required": True}},
)
async def upload_picture(
    brand: Slug,
    request: Request,
    site: TheSite,
    client: TheClient,
    file_name: Annotated[str, Query(max_length=200)] = "picture",
) -> PictureShown:
    """Takes a PNG, JPEG, GIF or WebP picture of at most 10 MiB as the body, and writes it again without metadata."""
    store = _store_of_client(brand, request, site, client)
    content = b"".join([piece async for piece in request.stream()])  # `body` is for JSON
    upload = PictureUpload(brand, file_name, content, str(client.identity))
    try:
        return _picture_for_answer(site, await store_uploaded_picture(store, upload))
    except PictureUploadRefused as refusal:
        raise HTTPException(422, str(refusal)) from refusal


@router.delete(
    PICTURES + "/{picture_id}",
    summary="Delete a picture",
    responses={409: openapi_refusal_response("A campaign shows it."), **_REFUSALS},
)
async def delete_picture(
    brand: Slug, picture_id: str, request: Request, site: TheSite, client: TheClient
) -> PictureDeleted:
    """Deletes a picture that no campaign shows. Mails that show it are why it stays else."""
    store = _store_of_client(brand, request, site, client)
    try:
        return PictureDeleted(id=picture_id, is_new=await store.delete_picture(brand, picture_id))
    except PictureInUse as refusal:
        raise HTTPException(409, str(refusal)) from refusal


def _store_of_client(brand: str, request: Request, site: WebContext, client: Publisher) -> PictureStore:
    refuse_client_without_right(client, OperationAttempt(brand, ACTION))
    policy_or_404(site, brand)
    return open_operator_stores_for_client(request, site, client).pictures


def _picture_for_answer(site: WebContext, facts: PictureFacts) -> PictureShown:
    return PictureShown(url=picture_url(site.public_url, facts.id), **asdict(facts))
