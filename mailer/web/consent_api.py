"""The API for consents with their proof, opt-outs and standings. Applications report the choices of people."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.confirmation_requests import ConfirmationAsked
from mailer.actions.consent import (
    ConsentNotRecordable,
    electronic_notice_basis_in_words,
    record_consent_or_ask_to_confirm,
    withdraw_consent,
)
from mailer.actions.opt_out import record_opt_out
from mailer.input_types import Moment, Name, Scope, Slug, Words, item_count_validator
from mailer.policy.consent_and_opt_out_scopes import category_of_scope, is_opt_out_scope, possible_opt_out_scopes_text
from mailer.policy.mail_still_received import missing_fields_blocking_promotions
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_rights import AccountActionAttempt, ReadableData, ReadDataAttempt, has_right
from mailer.policy.standing import EVERYTHING_OPTIONAL, purpose_scope
from mailer.ports.consents import Consent, ConsentResult
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext, find_policy_and_recipient_or_404

RECIPIENT = "/api/v1/recipients/{brand}/{ref:path}"
_SOURCE = "application"

MAX_SCOPES = 200
"""The most scopes in one request. Each is a change of the standing."""

router = APIRouter(tags=["recipients"], route_class=JsonRoute)


class ConsentSaid(BaseModel):
    """A consent or a withdrawal that a person gave to the application.

    `scope` is a category, `category/topic`, `purpose/…`, `partner/…` or `tracking`. `version` and `words` are those of
    the statement that the person saw; a withdrawal needs neither. `proof` is further evidence, such as the reference
    of a form. `at` is the time of the consent or withdrawal; without it, now.
    """

    model_config = ConfigDict(extra="forbid")

    scope: Scope
    given: bool = True
    version: Name | None = None
    words: Words | None = None
    proof: Words | None = None
    at: Moment | None = None


class ConsentOrWithdrawalResult(BaseModel):
    """The result of recording a consent or a withdrawal.

    `asked`: a mail asks for a confirmation; until the person confirms, there is no consent. `given` and `withdrawn` are
    the state now: a consent that is older than a recorded withdrawal is kept, and gives nothing; a withdrawal that is
    older than a recorded consent does not end that consent. `lifted` are the opt-outs that the consent ended.
    `still_left` are the scopes that the person has left; those that cover the scope go on stopping mail. `missing` are
    the fields of the person that no event or import has set, and without which they get no mail of this scope.
    """

    state: Literal["given", "withdrawn", "asked"]
    scope: str
    lifted: list[str] = []
    still_left: list[str] = []
    missing: list[str] = []


class OptOutRequest(BaseModel):
    """The scopes that a person leaves (`*` is all optional mail), and the purposes that they refuse."""

    model_config = ConfigDict(extra="forbid")

    scopes: Annotated[list[Scope], Field(max_length=MAX_SCOPES), item_count_validator(MAX_SCOPES)] = []
    purposes: Annotated[list[Name], Field(max_length=MAX_SCOPES), item_count_validator(MAX_SCOPES)] = []


class OptOutAnswer(BaseModel):
    """The scopes that were left just now: the answer for a client without the right to read standings."""

    ref: str
    opted_out: list[str]


class StandingShown(BaseModel):
    """The standing of a person at a brand. `electronic_notices` is the basis of such notices, no consent."""

    ref: str
    version: int
    opted_out: list[str]
    objected: bool
    consents: list[str]
    channel: str
    products: list[str]
    deactivated: bool
    restricted: bool
    erased: bool
    under_13: bool
    address_dead: bool
    electronic_refused: bool
    personalisation_refused: bool
    tracking_refused: bool
    electronic_notices: str


_FLAGS = (
    *("objected", "deactivated", "restricted", "erased", "under_13", "address_dead"),
    *("electronic_refused", "personalisation_refused", "tracking_refused"),
)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("The brand has no such recipient."),
    422: openapi_refusal_response("Not JSON, or not what can be recorded: what to mend, a line each."),
    **REFUSALS,
}


@router.post(
    RECIPIENT + "/consents",
    response_model=ConsentOrWithdrawalResult,
    summary="Record a consent, or its withdrawal",
    responses={
        202: {"model": ConsentOrWithdrawalResult, "description": "A mail asks for the confirmation."},
        **_RESPONSES,
    },
)
async def record_consent_or_withdrawal(
    brand: Slug, ref: Name, said: ConsentSaid, site: TheSite, client: TheClient, response: Response
) -> ConsentOrWithdrawalResult:
    """Keeps it with its proof. A consent ends an older opt-out of its scope; an objection to marketing stays."""
    refuse_client_without_right(client, AccountActionAttempt(brand, "consent" if said.given else "withdraw"))
    policy, recipient_id = await find_policy_and_recipient_or_404(site, brand, ref)
    kept = Consent(
        said.scope,
        said.given,
        _SOURCE,
        said.version or (policy.version if not said.given else ""),
        said.words,
        str(client.identity),
        said.at or datetime.now(UTC),
        said.proof,
    )
    desk = site.desks(None, str(client.identity))
    try:
        if not said.given:
            withdrawn = await withdraw_consent(desk.consents, policy, recipient_id, kept)
            return ConsentOrWithdrawalResult(
                state=_given_or_withdrawn(withdrawn), scope=said.scope, still_left=sorted(withdrawn.left)
            )
        standing = await site.standings.get_standing(brand, recipient_id)
        country = standing.country if standing else None
        done = await record_consent_or_ask_to_confirm(
            desk.consents, desk.confirmations, policy, recipient_id, kept, country
        )
    except ConsentNotRecordable as error:
        raise HTTPException(422, str(error)) from error
    missing = await _unknown_person_fields_needed_for_scope(site, policy, recipient_id, said.scope)
    if isinstance(done, ConfirmationAsked):
        if said.scope not in await site.wishes.names_of_waiting_wishes(brand, recipient_id):
            return ConsentOrWithdrawalResult(state="withdrawn", scope=said.scope, missing=missing)
        response.status_code = 202
        return ConsentOrWithdrawalResult(state="asked", scope=said.scope, missing=missing)
    lifted, left = list(done.lifted), sorted(done.left)
    return ConsentOrWithdrawalResult(
        state=_given_or_withdrawn(done), scope=said.scope, lifted=lifted, still_left=left, missing=missing
    )


@router.post(
    RECIPIENT + "/opt-outs",
    response_model=StandingShown | OptOutAnswer,
    summary="Leave mail, or refuse purposes",
    responses=_RESPONSES,
)
async def leave(
    brand: Slug, ref: Name, left: OptOutRequest, site: TheSite, client: TheClient
) -> StandingShown | OptOutAnswer:
    """Leaves all that is named, at once and for ever; answers how the person stands now, where that may be read."""
    refuse_client_without_right(client, AccountActionAttempt(brand, "opt_out"))
    policy, recipient_id = await find_policy_and_recipient_or_404(site, brand, ref)
    scopes = list(dict.fromkeys([*left.scopes, *(purpose_scope(purpose) for purpose in left.purposes)]))
    if not scopes:
        raise HTTPException(422, "scopes: name at least one, or a purpose; * is all optional mail")
    if unknown := [scope for scope in scopes if not is_opt_out_scope(policy, scope)]:
        what = f"{possible_opt_out_scopes_text(policy)} or {EVERYTHING_OPTIONAL}"
        raise HTTPException(422, f"scopes: {', '.join(unknown)} cannot be left; what can is {what}")
    standings = site.desks(None, str(client.identity)).standings
    for scope in scopes:
        await record_opt_out(standings, policy, recipient_id, scope, _SOURCE)
    if not has_right(client, ReadDataAttempt(brand, ReadableData.STANDING)):
        return OptOutAnswer(ref=ref, opted_out=scopes)
    return await _build_standing_answer(site, policy, ref, recipient_id)


@router.get(RECIPIENT + "/standing", response_model=StandingShown, summary="How somebody stands", responses=_RESPONSES)
async def show_standing(brand: Slug, ref: Name, site: TheSite, client: TheClient) -> StandingShown:
    """All that decides about a person at the brand, as of now."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.STANDING))
    policy, recipient_id = await find_policy_and_recipient_or_404(site, brand, ref)
    return await _build_standing_answer(site, policy, ref, recipient_id)


def _given_or_withdrawn(recorded: ConsentResult) -> Literal["given", "withdrawn"]:
    return "given" if recorded.given else "withdrawn"


async def _unknown_person_fields_needed_for_scope(
    site: WebContext, policy: Policy, recipient_id: int, scope: str
) -> list[str]:
    """Returns the unknown fields of a person that have to be known before they get mail of a scope."""
    category = category_of_scope(policy, scope)
    standing = await site.standings.get_standing(policy.brand, recipient_id)
    if category is None or standing is None or not policy.get_category(category).promotes:
        return []
    return list(missing_fields_blocking_promotions(policy, standing))


async def _build_standing_answer(site: WebContext, policy: Policy, ref: str, recipient_id: int) -> StandingShown:
    standing = await site.standings.get_standing(policy.brand, recipient_id)
    if standing is None:
        raise HTTPException(404, f"{policy.brand} has no recipient {ref}")
    flags = {name: getattr(standing, name) for name in _FLAGS}
    return StandingShown(
        ref=ref,
        version=standing.version,
        opted_out=sorted(standing.opted_out),
        consents=sorted(standing.consents),
        channel=standing.channel,
        products=sorted(standing.products),
        electronic_notices=electronic_notice_basis_in_words(policy, standing.collected_under),
        **flags,
    )
