"""The API for publishers: who may publish and read what; granting, restricting and revoking."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.account_event_types import KINDS
from mailer.actions.json_for_operators import (
    publisher_as_json,
    publisher_rights_as_json,
    publisher_rights_changes_as_json,
)
from mailer.input_types import Name, Slug, item_count_validator
from mailer.policy.category import CATEGORIES
from mailer.policy.publisher_and_staff_identity import WRITTEN, Identity
from mailer.policy.publisher_rights import (
    DESK_ACTIONS,
    NOTHING,
    OPERATION_ACTIONS,
    OperationAttempt,
    Publisher,
    ReadableData,
    ReadDataAttempt,
    RightsOfOnePublisher,
    add_rights,
    refusal_to_change_publisher,
)
from mailer.ports.publishers import PublisherRecord
from mailer.web.event_api import (
    REFUSALS,
    TheClient,
    openapi_refusal_response,
    refuse_client_unless_right_at_every_brand,
)
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

PUBLISHERS, ONE = "/api/v1/publishers", "/api/v1/publishers/{who:path}"
_MOST = 200
_ACTIONS = frozenset((*KINDS, *DESK_ACTIONS, *OPERATION_ACTIONS))
router = APIRouter(tags=["operations"], route_class=JsonRoute)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such publisher."),
    409: openapi_refusal_response("A key does not change this: why, and which command does."),
    **REFUSALS,
}
Who = Annotated[str, Field(max_length=300)]


class RightsShown(BaseModel):
    """The rights of a publisher: each category, action and read holds at each of the brands."""

    brands: list[str]
    categories: list[str]
    actions: list[str]
    reads: list[str]


class PublisherShown(RightsShown):
    """A publisher: `key:NAME`, `broker:NAME`, `role:NAME` or `person:NAME`."""

    publisher: str
    created_at: datetime
    revoked_at: datetime | None


class RightsChangeShown(BaseModel):
    """A change of a publisher's rights, from the ledger."""

    at: datetime
    what: str
    rights: list[str]
    actor: str | None


class PublisherWithChanges(PublisherShown):
    """A publisher with what was granted and taken back, and by whom, the oldest first."""

    changes: list[RightsChangeShown]


class RightsOrdered(BaseModel):
    """Rights to grant or to take back. Nothing is granted by default, and there is no wildcard."""

    model_config = ConfigDict(extra="forbid")

    brands: Annotated[list[Slug], Field(max_length=_MOST), item_count_validator(_MOST)] = []
    categories: Annotated[list[Name], Field(max_length=_MOST), item_count_validator(_MOST)] = []
    actions: Annotated[list[Name], Field(max_length=_MOST), item_count_validator(_MOST)] = []
    reads: Annotated[list[ReadableData], Field(max_length=_MOST), item_count_validator(_MOST)] = []


class RightsGranted(RightsShown):
    """The rights that were granted. `key` is a new API key, which is shown only now; null: there is one, or none."""

    publisher: str
    key: str | None


class RightsRemovalAnswer(BaseModel):
    """`is_new` is false if nothing had to be changed."""

    publisher: str
    is_new: bool


@router.get(PUBLISHERS, response_model=list[PublisherShown], summary="The publishers", responses=REFUSALS)
async def list_publishers(request: Request, site: TheSite, client: TheClient) -> Sequence[dict[str, Any]]:
    """Returns all publishers, also revoked ones. The key needs the right at each brand."""
    _refuse_unless_may_read_publishers(site, client)
    known = await open_operator_stores_for_client(request, site, client).publishers.list_publishers()
    return [publisher_as_json(one) for one in known]


@router.get(
    ONE,
    response_model=PublisherWithChanges,
    summary="One publisher",
    responses={404: openapi_refusal_response("There is no such publisher."), **REFUSALS},
)
async def show_publisher(who: Who, request: Request, site: TheSite, client: TheClient) -> dict[str, Any]:
    """Returns a publisher's rights, and who granted it what."""
    _refuse_unless_may_read_publishers(site, client)
    identity = _identity_or_422(who)
    desk = open_operator_stores_for_client(request, site, client).publishers
    known = _publisher_or_404(await desk.get_publisher(identity), identity)
    changes = await desk.read_rights_changes(identity)
    return {**publisher_as_json(known), "changes": publisher_rights_changes_as_json(changes)}


@router.post(ONE + "/rights", response_model=RightsGranted, summary="Grant rights to a publisher", responses=_REFUSALS)
async def grant_rights(
    who: Who, ordered: RightsOrdered, request: Request, site: TheSite, client: TheClient
) -> dict[str, Any]:
    """Adds rights to those of a publisher, or makes it; a new key is shown only now. A key grants only what it has."""
    identity, rights = _require_right_and_parse_publisher(site, client, who), _parse_rights_or_422(site, ordered)
    if not rights.brands:
        raise HTTPException(422, "brands: name at least one; every right is one at a brand")
    desk = open_operator_stores_for_client(request, site, client).publishers
    found = await desk.get_publisher(identity)
    known = found.publisher.rights if found is not None and found.revoked_at is None else None
    _refuse_forbidden_publisher_change(client, identity, rights, known or NOTHING)
    key = None
    if known is None:
        key = await desk.grant_rights_and_missing_key(identity, rights)
    elif not await desk.change_rights(identity, known, add_rights(known, rights)):
        raise HTTPException(409, f"the rights of {identity} have changed just now; look at them, and ask again")
    return {"publisher": str(identity), **publisher_rights_as_json(rights), "key": key}


@router.post(ONE + "/restrict", summary="Take rights from a publisher", responses=_REFUSALS)
async def restrict_rights(
    who: Who, ordered: RightsOrdered, request: Request, site: TheSite, client: TheClient
) -> RightsRemovalAnswer:
    """Takes rights back, within a second; the others stay."""
    identity, rights = _require_right_and_parse_publisher(site, client, who), _parse_rights_or_422(site, ordered)
    _refuse_forbidden_publisher_change(client, identity, NOTHING)
    desk = open_operator_stores_for_client(request, site, client).publishers
    _publisher_or_404(await desk.get_publisher(identity), identity)
    return RightsRemovalAnswer(publisher=str(identity), is_new=await desk.take_rights_back(identity, rights))


@router.post(ONE + "/revoke", summary="Revoke a publisher", responses=_REFUSALS)
async def revoke_publisher(who: Who, request: Request, site: TheSite, client: TheClient) -> RightsRemovalAnswer:
    """Ends all rights of a publisher, within a second; a key at once and for ever."""
    identity = _require_right_and_parse_publisher(site, client, who)
    _refuse_forbidden_publisher_change(client, identity, NOTHING)
    desk = open_operator_stores_for_client(request, site, client).publishers
    _publisher_or_404(await desk.get_publisher(identity), identity)
    return RightsRemovalAnswer(publisher=str(identity), is_new=await desk.revoke_all_rights(identity))


def _refuse_unless_may_read_publishers(site: WebContext, client: Publisher) -> None:
    refuse_client_unless_right_at_every_brand(
        site, client, lambda brand: ReadDataAttempt(brand, ReadableData.PUBLISHERS)
    )


def _require_right_and_parse_publisher(site: WebContext, client: Publisher, who: str) -> Identity:
    refuse_client_unless_right_at_every_brand(site, client, lambda brand: OperationAttempt(brand, "manage_publishers"))
    return _identity_or_422(who)


def _refuse_forbidden_publisher_change(
    client: Publisher, identity: Identity, granted: RightsOfOnePublisher, known: RightsOfOnePublisher = NOTHING
) -> None:
    if refusal := refusal_to_change_publisher(client, identity, granted, known):
        raise HTTPException(409, refusal)


def _identity_or_422(who: str) -> Identity:
    try:
        identity = Identity.parse_identity(who)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    if identity.kind not in WRITTEN:
        raise HTTPException(422, f"{identity} is mailer itself, whose rights are not granted")
    return identity


def _publisher_or_404(known: PublisherRecord | None, identity: Identity) -> PublisherRecord:
    if known is None:
        raise HTTPException(404, f"there is no publisher {identity}")
    return known


def _parse_rights_or_422(site: WebContext, ordered: RightsOrdered) -> RightsOfOnePublisher:
    """Returns the rights that a request names.

    Raises:
        HTTPException: 422: a brand, category or action does not exist; it would be noticed much later.
    """
    for field, given, known in (
        ("brands", ordered.brands, frozenset(site.policies)),
        ("categories", ordered.categories, frozenset(CATEGORIES)),
        ("actions", ordered.actions, _ACTIONS),
    ):
        if unknown := sorted(set(given) - known):
            raise HTTPException(422, f"{field}: there is no {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    named = (ordered.brands, ordered.categories, ordered.actions, [read.value for read in ordered.reads])
    return RightsOfOnePublisher(*map(frozenset, named))
