"""The API for accounts: a copy of a person's data, and account events of an application."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from mailer.account_event_types import KINDS, Consents, validate_account
from mailer.actions.account_events import SOURCE, apply_event_to_recipient
from mailer.actions.privacy_rights import read_personal_data
from mailer.actions.standing_and_event_comparison import standing_matches_event
from mailer.input_types import Name, Slug
from mailer.policy.publisher_rights import AccountActionAttempt, ReadableData, ReadDataAttempt
from mailer.ports.privacy_rights import AccountEventAlreadyApplied, ErasureResult, ForbiddenByLegalHold
from mailer.ports.time_ordered_uuids import uuid7
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext, find_policy_and_recipient_or_404

RECIPIENTS = "/api/v1/recipients/{brand}/{ref:path}"
_NOBODY: dict[int | str, dict[str, Any]] = {404: openapi_refusal_response("The brand has no such recipient.")}

_OVER = "id: this was said before, and is not so any more; say it again under an id of its own"

router = APIRouter(tags=["recipients"], route_class=JsonRoute)


class ProcessorErasureDuty(BaseModel):
    """A processor that has data of an erased person, with the time until which it has to erase them."""

    model_config = ConfigDict(from_attributes=True)

    processor: str
    country: str
    contract: str
    last_at: datetime
    due_at: datetime


class AccountEventAnswer(BaseModel):
    """The answer to an applied account event. After an erasure, it has the cancelled deliveries and the processors.

    Only a consent has a `state`. `given`: the consent is in effect. `asked`: a mail asks for a confirmation; until the
    person confirms, there is no consent. `withdrawn`: the person has withdrawn the consent since. `still_left` are the
    scopes that the person has left; they go on stopping mail.
    """

    brand: str
    ref: str
    account: str
    state: Literal["given", "asked", "withdrawn"] | None = None
    still_left: list[str] | None = None
    cancelled: int | None = None
    processors: list[ProcessorErasureDuty] | None = None
    kept_until: datetime | None = None


@router.get(RECIPIENTS, summary="A copy of a person's data", responses={**_NOBODY, **REFUSALS})
async def copy_of_personal_data(brand: Slug, ref: Name, site: TheSite, client: TheClient) -> dict[str, Any]:
    """Everything that is stored about a person at a brand (GDPR Art. 15, 20)."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.EXPORT))
    policy, recipient_id = await find_policy_and_recipient_or_404(site, brand, ref)
    return await read_personal_data(site.rights, policy, recipient_id, datetime.now(UTC))


@router.post(
    RECIPIENTS + "/{account}",
    summary="Say something of an account",
    response_model=AccountEventAnswer,
    response_model_exclude_none=True,
    responses={
        202: {"model": AccountEventAnswer, "description": "A mail asks for the confirmation of the consent."},
        409: openapi_refusal_response(
            "A legal hold forbids the erasure; or the id stands for something else, or for what is over."
        ),
        422: openapi_refusal_response("It cannot be done: what to mend, a line each."),
        **_NOBODY,
        **REFUSALS,
    },
)
async def post_account_event(
    brand: Slug,
    ref: Name,
    account: Name,
    site: TheSite,
    client: TheClient,
    response: Response,
    values: Mapping[str, Any] = Body(default_factory=dict),
) -> AccountEventAnswer:
    """Does what an account event of that kind does, at once; the body has the event's further fields.

    Its `id`, if it has one, is the event's: the same again changes nothing. Something else under it is refused.
    """
    if account not in KINDS:
        raise HTTPException(404, f"there is no {account}; there are {', '.join(KINDS)}")
    refuse_client_without_right(client, AccountActionAttempt(brand, account))
    policy, recipient_id = await find_policy_and_recipient_or_404(site, brand, ref)
    stated = {"v": 1, "id": uuid7().hex, **values, "brand": brand, "ref": ref, "account": account}
    said = validate_account(stated)
    try:
        erasure = await apply_event_to_recipient(site.desks, policy, recipient_id, said, str(client.identity), SOURCE)
    except ForbiddenByLegalHold as error:
        raise HTTPException(409, str(error)) from error
    except AccountEventAlreadyApplied:
        erasure = None
        standing = await site.standings.get_standing(brand, recipient_id)
        if standing is None or not standing_matches_event(
            standing, await site.wishes.names_of_waiting_wishes(brand, recipient_id), said, datetime.now(UTC)
        ):
            raise HTTPException(409, _OVER) from None
    if isinstance(said, Consents):
        done = await _build_consent_event_answer(site, recipient_id, said)
        response.status_code = 202 if done.state == "asked" else 200
        return done
    return _account_event_answer(brand, ref, account, erasure)


async def _build_consent_event_answer(site: WebContext, recipient_id: int, said: Consents) -> AccountEventAnswer:
    """Returns the answer to a consent, new or repeated, with its state now."""
    standing = await site.standings.get_standing(said.brand, recipient_id)
    if standing is not None and said.scope in standing.consents:
        left = sorted(standing.opted_out)
        return AccountEventAnswer(brand=said.brand, ref=said.ref, account=said.account, state="given", still_left=left)
    is_asked = said.scope in await site.wishes.names_of_waiting_wishes(said.brand, recipient_id)
    return AccountEventAnswer(
        brand=said.brand, ref=said.ref, account=said.account, state="asked" if is_asked else "withdrawn"
    )


def _account_event_answer(brand: str, ref: str, account: str, erasure: ErasureResult | None) -> AccountEventAnswer:
    if erasure is None:
        return AccountEventAnswer(brand=brand, ref=ref, account=account)
    return AccountEventAnswer(
        brand=brand,
        ref=ref,
        account=account,
        cancelled=erasure.cancelled,
        processors=[ProcessorErasureDuty.model_validate(keeper) for keeper in erasure.keepers],
        kept_until=erasure.expires_at,
    )
