"""The pages of publishers and their keys. They need `publishers:manage`."""

from collections.abc import Collection, Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.account_event_types import KINDS
from mailer.policy.category import CATEGORIES
from mailer.policy.publisher_and_staff_identity import WRITTEN, Identity
from mailer.policy.publisher_rights import (
    BRAND_ACTIONS,
    BREACH_ACTIONS,
    CAMPAIGN_ACTIONS,
    DESK_ACTIONS,
    EVERYWHERE_ACTIONS,
    IMPORT_ACTIONS,
    MAILING_ACTIONS,
    OPERATION_ACTIONS,
    ReadableData,
    RightsOfOnePublisher,
    add_rights,
    names_of_rights,
    subtract_rights,
)
from mailer.policy.staff_rights import StaffRight
from mailer.ports.publishers import PublisherDesk, PublisherRecord
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
PUBLISHERS = f"{HOME}/publishers"
PublisherManager = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PUBLISHERS_MANAGE))]
ACCOUNT_KINDS = frozenset(
    {"deactivate", "reactivate", "erase", "restrict", "unrestrict", "under_13", "paid", "unpaid", "rectify"}
)
"""The kinds of account events that tell of an account and its data. The others tell of a choice of the person."""
Who = Annotated[str, Query(max_length=300)]


@router.get(PUBLISHERS)
async def show_publishers(request: PublisherManager) -> Response:
    """Shows all publishers, and a form to add one."""
    return await _list_page(request)


@router.post(PUBLISHERS)
async def add_publisher(request: PublisherManager) -> Response:
    """Grants rights, and shows a new key for the only time."""
    try:
        identity = _parse_publisher(f"{request.field('kind')}:{request.field('name', 255)}")
    except ValueError:
        return await _list_page(request, "publisher_bad")
    rights = _ticked_rights(request)
    if not rights.brands:
        return await _list_page(request, "publisher_brandless")
    key = await _open_publisher_store(request).grant_rights_and_missing_key(identity, rights)
    if key is None:
        return _redirect_to_publisher(request, identity)
    return console_page(request, "publisher_key.html.j2", identity=identity, key=key)


@router.get(f"{PUBLISHERS}/one")
async def show_publisher(request: PublisherManager, who: Who = "") -> Response:
    """Shows one publisher: its rights, and who granted it what."""
    return await _publisher_page(request, await _require_publisher(request, who))


@router.post(f"{PUBLISHERS}/rights")
async def change_rights(request: PublisherManager) -> Response:
    """Takes back what is no longer ticked, and grants what is newly ticked, if the rights still are those shown."""
    known = await _require_publisher(request, request.field("who", 300))
    identity, held, ticked = known.publisher.identity, known.publisher.rights, _ticked_rights(request)
    if known.revoked_at is not None:
        return await _publisher_page(request, known, "publisher_revoked")
    wanted = add_rights(ticked, subtract_rights(held, _offered_rights(request)))
    if wanted != held:
        is_as_shown = frozenset(request.form.get("shown", [])) == frozenset(names_of_rights(held))
        if not is_as_shown or not await _open_publisher_store(request).change_rights(identity, held, wanted):
            return await _publisher_page(request, await _require_publisher(request, str(identity)), "publisher_changed")
    return _redirect_to_publisher(request, identity)


@router.get(f"{PUBLISHERS}/revoke")
async def ask_before_revoking(request: PublisherManager, who: Who = "") -> Response:
    """Says what it means that a publisher is revoked."""
    return console_page(request, "publisher_revoke.html.j2", known=await _require_publisher(request, who))


@router.post(f"{PUBLISHERS}/revoke")
async def revoke_publisher(request: PublisherManager) -> Response:
    """Ends all rights of a publisher; a key for ever."""
    known = await _require_publisher(request, request.field("who", 300))
    await _open_publisher_store(request).revoke_all_rights(known.publisher.identity)
    return redirect_within_console(request.console, PUBLISHERS)


def _tickable_rights_by_form_field(request: ConsoleRequest) -> dict[str, Sequence[str]]:
    """Returns all that can be ticked, by the name of the field."""
    return {
        "brand": sorted(request.console.brands),
        "category": list(CATEGORIES),
        "action": [*KINDS, *DESK_ACTIONS, *OPERATION_ACTIONS],
        "read": [one.value for one in ReadableData],
    }


def groups_of_rights(brands: Collection[str]) -> list[tuple[str, str, Sequence[str]]]:
    """Returns the groups of the form: the field, the name of the text of the heading, and what can be ticked."""
    return [
        ("brand", "brand", sorted(brands)),
        ("category", "category", list(CATEGORIES)),
        ("action", "action_account", [kind for kind in KINDS if kind in ACCOUNT_KINDS]),
        ("action", "action_choice", [kind for kind in KINDS if kind not in ACCOUNT_KINDS]),
        ("action", "action_desk", DESK_ACTIONS),
        ("action", "action_campaign", CAMPAIGN_ACTIONS),
        ("action", "action_breach", BREACH_ACTIONS),
        ("action", "action_import", IMPORT_ACTIONS),
        ("action", "action_mailing", MAILING_ACTIONS),
        ("action", "action_flow", (*BRAND_ACTIONS, *EVERYWHERE_ACTIONS)),
        ("read", "read", [one.value for one in ReadableData]),
    ]


def _offered_rights(request: ConsoleRequest) -> RightsOfOnePublisher:
    """Returns the rights that a form offers. A publisher's other rights, such as for a former brand, stay."""
    return RightsOfOnePublisher(
        *(frozenset(_tickable_rights_by_form_field(request)[name]) for name in ("brand", "category", "action", "read"))
    )


def _ticked_rights(request: ConsoleRequest) -> RightsOfOnePublisher:
    """Returns the rights that are ticked.

    Raises:
        HTTPException: 422: something is ticked that does not exist.
    """
    ticked = {name: frozenset(request.form.get(name, [])) for name in _tickable_rights_by_form_field(request)}
    if any(ticked[name] - set(known) for name, known in _tickable_rights_by_form_field(request).items()):
        raise HTTPException(422, "publisher_right_bad")
    return RightsOfOnePublisher(ticked["brand"], ticked["category"], ticked["action"], ticked["read"])


def _parse_publisher(text: str) -> Identity:
    """Returns the identity of a publisher.

    Raises:
        ValueError: the text names none that rights are granted to.
    """
    identity = Identity.parse_identity(text)
    if identity.kind not in WRITTEN:
        raise ValueError("mailer's own rights are not granted")
    return identity


async def _require_publisher(request: ConsoleRequest, who: str) -> PublisherRecord:
    try:
        known = await _open_publisher_store(request).get_publisher(_parse_publisher(who))
    except ValueError:
        known = None
    if known is None:
        raise HTTPException(404, "publisher_unknown")
    return known


def _redirect_to_publisher(request: ConsoleRequest, identity: Identity) -> Response:
    return redirect_within_console(request.console, f"{PUBLISHERS}/one?who={quote(str(identity), safe='')}")


def _open_publisher_store(request: ConsoleRequest) -> PublisherDesk:
    return request.open_stores(StaffRight.PUBLISHERS_MANAGE, None).publishers


async def _list_page(request: ConsoleRequest, error: str | None = None) -> Response:
    publishers = await _open_publisher_store(request).list_publishers()
    return console_page(
        request,
        "publishers.html.j2",
        422 if error else 200,
        error,
        publishers=publishers,
        choices=_tickable_rights_by_form_field(request),
        groups=groups_of_rights(request.console.brands),
        kinds=[kind.value for kind in WRITTEN],
    )


async def _publisher_page(request: ConsoleRequest, known: PublisherRecord, error: str | None = None) -> Response:
    rights = known.publisher.rights
    return console_page(
        request,
        "publisher.html.j2",
        409 if error else 200,
        error,
        known=known,
        changes=await _open_publisher_store(request).read_rights_changes(known.publisher.identity),
        groups=groups_of_rights(request.console.brands),
        shown=names_of_rights(rights),
        held={"brand": rights.brands, "category": rights.categories, "action": rights.actions, "read": rights.reads},
    )
