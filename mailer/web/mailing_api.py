"""The API for mailings: lists, one with its progress, and pausing, resuming, cancelling and rescheduling."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.mailing_control import resume_mailing_and_held_deliveries
from mailer.input_types import Line, Moment, Name, Slug
from mailer.policy.publisher_rights import OperationAttempt, Publisher, ReadableData, ReadDataAttempt
from mailer.policy.sign_in_rules import masked_network
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailings import MailingFilter, MailingListState, MailingStatus
from mailer.ports.operator_stores import OperatorStores
from mailer.web.event_api import (
    REFUSALS,
    DeliveryCount,
    TheClient,
    openapi_refusal_response,
    refuse_client_without_right,
)
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

MAILINGS = "/api/v1/mailings/{brand}"
router = APIRouter(tags=["mailings"], route_class=JsonRoute)


class ListedMailing(BaseModel):
    """A mailing and its deliveries by state and reason, without opens and clicks.

    `halted` names what stops it: everything, its brand, or it alone. Nothing of it begins before `send_at`; whoever
    gave it this time after its publisher is `rescheduled_by`.
    """

    mailing: UUID
    event: str
    brand: str
    category: str
    template: str
    campaign: str | None
    publisher: str
    state: str
    halted: Sequence[str]
    audience_size: int | None
    created_at: datetime
    send_at: datetime | None
    rescheduled_by: str | None
    released_by: str | None
    finished_at: datetime | None
    counts: Sequence[DeliveryCount]


class MailingProgress(ListedMailing):
    """A mailing with its progress: deliveries that are done and open, those a second, and the expected end."""

    done: int
    open: int
    rate: float | None
    eta: datetime | None


class MailingAct(StrEnum):
    """The actions on a mailing. Only a person releases one."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


class MailingControlOrdered(BaseModel):
    """Why it is done; it stands in the ledger."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = Field("", max_length=300)


class RescheduleOrdered(BaseModel):
    """The new time of a mailing, and why; both stand in the ledger."""

    model_config = ConfigDict(extra="forbid")

    send_at: Moment
    reason: Name


class MailingList(BaseModel):
    """Mailings, the newest first. `older_than` is the value of `before` for the next page; null: this is the last one.

    A page can be short, or empty, and still have a next one.
    """

    mailings: Sequence[ListedMailing]
    older_than: UUID | None


@router.get(MAILINGS, summary="The mailings of a brand", responses=REFUSALS)
async def list_mailings(
    brand: Slug,
    site: TheSite,
    client: TheClient,
    state: MailingListState | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> MailingList:
    """Returns the newest mailings, or those in one state, or those older than one."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.STATUS))
    page = await site.console.operations.mailings.list_mailings(MailingFilter(frozenset({brand}), state, before), limit)
    return MailingList(
        mailings=[ListedMailing(**_facts_of_mailing(mailing)) for mailing in page.mailings], older_than=page.older_than
    )


@router.get(
    MAILINGS + "/{mailing_id}",
    summary="One mailing with its progress",
    responses={404: openapi_refusal_response("The brand has no such mailing."), **REFUSALS},
)
async def show_mailing(brand: Slug, mailing_id: UUID, site: TheSite, client: TheClient) -> MailingProgress:
    """Returns a mailing by its own id; by its event's: `/api/v1/events/{brand}/{event_id}`."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.STATUS))
    return _progress_of_mailing(await _mailing_or_404(site, brand, mailing_id))


@router.post(
    MAILINGS + "/{mailing_id}/reschedule",
    summary="Give a mailing another time",
    responses={
        404: openapi_refusal_response("The brand has no such mailing."),
        409: openapi_refusal_response("It has begun, is over, or has expired by then; or the time is over."),
        **REFUSALS,
    },
)
async def reschedule_one_mailing(
    brand: Slug, mailing_id: UUID, ordered: RescheduleOrdered, request: Request, site: TheSite, client: TheClient
) -> MailingProgress:
    """Lets what has not begun begin at another time. What a person had released waits for its release again."""
    refuse_client_without_right(client, OperationAttempt(brand, "reschedule_mailing"))
    mailing = await _mailing_or_404(site, brand, mailing_id)
    schedule = open_operator_stores_for_client(request, site, client).schedule
    try:
        await schedule.reschedule_mailing(mailing.id, ordered.send_at, client.identity, ordered.reason)
    except MailingControlRefused as error:
        raise HTTPException(409, str(error)) from error
    return _progress_of_mailing(await _mailing_or_404(site, brand, mailing_id))


@router.post(
    MAILINGS + "/{mailing_id}/{act}",
    summary="Pause, resume or cancel a mailing",
    responses={
        404: openapi_refusal_response("The brand has no such mailing."),
        409: openapi_refusal_response("The mailing is over."),
        **REFUSALS,
    },
)
async def control_mailing(
    brand: Slug,
    mailing_id: UUID,
    act: MailingAct,
    request: Request,
    site: TheSite,
    client: TheClient,
    ordered: MailingControlOrdered | None = None,
) -> MailingProgress:
    """Does it once, and returns the mailing; a second time changes nothing. The ledger names the holder of the key."""
    refuse_client_without_right(client, OperationAttempt(brand, f"{act}_mailing"))
    mailing = await _mailing_or_404(site, brand, mailing_id)
    stores = open_operator_stores_for_client(request, site, client)
    by, reason = str(client.identity), ordered.reason if ordered else ""
    try:
        match act:
            case MailingAct.PAUSE:
                await stores.halts.pause_mailing(mailing.id, by, reason)
            case MailingAct.RESUME:
                await resume_mailing_and_held_deliveries(stores.halts, stores.held, mailing.id, by)
            case MailingAct.CANCEL:
                await stores.halts.cancel_mailing(mailing.id, by, reason)
    except MailingControlRefused as error:
        raise HTTPException(409, str(error)) from error
    return _progress_of_mailing(await _mailing_or_404(site, brand, mailing_id))


def open_operator_stores_for_client(request: Request, site: WebContext, client: Publisher) -> OperatorStores:
    """Returns the stores that the holder of a key changes; the ledger gets the key and the masked network."""
    network = masked_network(request.client.host if request.client else "")
    return site.console.operations.open_stores(str(client.identity), network, None)


async def _mailing_or_404(site: WebContext, brand: str, mailing_id: UUID) -> MailingStatus:
    mailing = await site.console.operations.mailings.find_mailing(mailing_id)
    if mailing is None or mailing.brand != brand:
        raise HTTPException(404, f"{brand} has no mailing {mailing_id}")
    return mailing


def _progress_of_mailing(mailing: MailingStatus) -> MailingProgress:
    progress = mailing.progress(datetime.now(UTC))
    return MailingProgress(
        **_facts_of_mailing(mailing), done=progress.done, open=progress.open, rate=progress.rate, eta=progress.eta
    )


_TIMES = ("created_at", "send_at", "rescheduled_by", "released_by", "finished_at")


def _facts_of_mailing(mailing: MailingStatus) -> dict[str, object]:
    same = ("brand", "category", "template", "campaign", "publisher", "state", "halted", "audience_size")
    return {
        "mailing": mailing.id,
        "event": mailing.event_id,
        **{name: getattr(mailing, name) for name in (*same, *_TIMES)},
        "counts": [
            DeliveryCount(state=state, reason=reason, count=count)
            for (state, reason), count in sorted(mailing.counts.items())
        ],
    }
