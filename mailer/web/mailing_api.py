"""The API for mailings: lists of a brand's mailings, and one with its progress."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mailer.input_types import Slug
from mailer.policy.publisher_rights import ReadableData, ReadDataAttempt
from mailer.ports.mailings import MailingFilter, MailingListState, MailingStatus
from mailer.web.api import REFUSALS, DeliveryCount, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.web_context import TheSite

MAILINGS = "/api/v1/mailings/{brand}"
router = APIRouter(tags=["mailings"])


class ListedMailing(BaseModel):
    """A mailing and its deliveries by state and reason, without opens and clicks.

    `halted` names what stops it: everything, its brand, or it alone.
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
    released_by: str | None
    finished_at: datetime | None
    counts: Sequence[DeliveryCount]


class MailingProgress(ListedMailing):
    """A mailing with its progress: deliveries that are done and open, those a second, and the expected end."""

    done: int
    open: int
    rate: float | None
    eta: datetime | None


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
        mailings=[ListedMailing(**_facts_of(mailing)) for mailing in page.mailings], older_than=page.older_than
    )


@router.get(
    MAILINGS + "/{mailing_id}",
    summary="One mailing with its progress",
    responses={404: openapi_refusal_response("The brand has no such mailing."), **REFUSALS},
)
async def show_mailing(brand: Slug, mailing_id: UUID, site: TheSite, client: TheClient) -> MailingProgress:
    """Returns a mailing by its own id; by its event's: `/api/v1/events/{brand}/{event_id}`."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.STATUS))
    mailing = await site.console.operations.mailings.find_mailing(mailing_id)
    if mailing is None or mailing.brand != brand:
        raise HTTPException(404, f"{brand} has no mailing {mailing_id}")
    progress = mailing.progress(datetime.now(UTC))
    return MailingProgress(
        **_facts_of(mailing), done=progress.done, open=progress.open, rate=progress.rate, eta=progress.eta
    )


def _facts_of(mailing: MailingStatus) -> dict[str, object]:
    same = ("brand", "category", "template", "campaign", "publisher", "state", "halted", "audience_size")
    return {
        "mailing": mailing.id,
        "event": mailing.event_id,
        **{name: getattr(mailing, name) for name in (*same, "created_at", "released_by", "finished_at")},
        "counts": [
            DeliveryCount(state=state, reason=reason, count=count)
            for (state, reason), count in sorted(mailing.counts.items())
        ],
    }
