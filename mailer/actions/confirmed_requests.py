"""Applies the requests that a person has confirmed by the link in a mail."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailer.actions.account_flags import set_account_flag
from mailer.actions.consent import confirm_consent
from mailer.actions.own_limits import end_own_limits_older_than_request
from mailer.actions.suppression import OBJECTION, lift_suppression
from mailer.policy.consent_and_opt_out_scopes import category_of_scope
from mailer.policy.limits_set_by_recipient import OWN_CAP, OWN_PAUSE, OwnCap
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL, TRACKING
from mailer.ports.consents import CONFIRMED, ConsentStore
from mailer.ports.pending_requests import OWN_LIMITS_ENDED, PendingRequest, PendingRequestStore, RequestedAct
from mailer.ports.standings import StandingFlag, StandingStore
from mailer.ports.suppressions import SuppressionStore
from mailer.rendering.link_tokens import ConfirmToken

_FLAGS = {
    RequestedAct.PERSONALISED: (StandingFlag.PERSONALISATION_REFUSED, False),
    RequestedAct.COUNTED: (StandingFlag.TRACKING_REFUSED, False),
    RequestedAct.IN_WRITING: (StandingFlag.ELECTRONIC_REFUSED, True),
    RequestedAct.BY_EMAIL: (StandingFlag.ELECTRONIC_REFUSED, False),
    RequestedAct.CLOSED: (StandingFlag.DEACTIVATED, True),
}


@dataclass(frozen=True, slots=True)
class ConfirmationStores:
    """The stores that a confirmation may change."""

    wishes: PendingRequestStore
    consents: ConsentStore
    standings: StandingStore
    suppressions: SuppressionStore


async def apply_confirmed_request(
    answers: ConfirmationStores, policy: Policy, token: ConfirmToken, what: str, proof: str
) -> bool:
    """Applies one request that waits for this confirmation, once.

    Args:
        answers: the stores.
        policy: the policy of the brand.
        token: the content of the link.
        what: the name of the request.
        proof: the signed token of the link.

    Returns:
        False if no request of that name waits, or if the person left or objected after the request.

    Raises:
        ConsentNotRecordable: the brand no longer has that mail.
        UnknownRecipient: the brand has no such recipient.
    """
    waiting = await answers.wishes.read_wishes_of_confirmation_mail(token.brand, token.recipient_id, token.confirmation)
    wish = next((wish for wish in waiting if wish.what == what and wish.is_waiting), None)
    if wish is None:
        return False
    done = await _apply_request(answers, policy, token.recipient_id, wish, proof)
    await answers.wishes.mark_wish_confirmed(token.confirmation, what)
    return done


async def _apply_request(
    answers: ConfirmationStores, policy: Policy, recipient_id: int, wish: PendingRequest, proof: str
) -> bool:
    act = _ACTS.get(wish.what)
    if act is not None:
        return await act(answers, policy, recipient_id, wish)
    recorded = await confirm_consent(answers.consents, policy, recipient_id, wish, proof)
    if wish.what == TRACKING:
        await set_account_flag(
            answers.standings, policy.brand, recipient_id, StandingFlag.TRACKING_REFUSED, False, CONFIRMED
        )
    return recorded.left.isdisjoint({wish.what, category_of_scope(policy, wish.what), EVERYTHING_OPTIONAL})


async def _set_requested_flag(
    answers: ConfirmationStores, policy: Policy, recipient_id: int, wish: PendingRequest
) -> bool:
    await set_account_flag(answers.standings, policy.brand, recipient_id, *_FLAGS[RequestedAct(wish.what)], CONFIRMED)
    return True


async def _lift_older_objections(
    answers: ConfirmationStores, policy: Policy, recipient_id: int, wish: PendingRequest
) -> bool:
    """Lifts the objections to marketing that are older than the request. Returns False if a newer one stays."""
    found = [
        one
        for one in await answers.suppressions.all_suppressions_of_recipient(policy.brand, recipient_id)
        if one.reason == OBJECTION and one.lifted_at is None
    ]
    older = [one for one in found if one.at < wish.asked_at]
    for one in older:
        said = "taken back, and confirmed by mail"
        await lift_suppression(answers.suppressions, policy, one.id, one.at, "recipient", said, by_owner=True)
    return older == found


async def _end_own_limits_on_confirmed_request(
    answers: ConfirmationStores, policy: Policy, recipient_id: int, wish: PendingRequest
) -> bool:
    name = OWN_PAUSE if wish.what == RequestedAct.PAUSE_ENDED else OWN_CAP
    left = OwnCap.WEEKLY if wish.what == RequestedAct.WEEKLY else None
    return await end_own_limits_older_than_request(
        answers.standings, answers.suppressions, policy, recipient_id, name, wish.asked_at, left
    )


_ACTS: dict[str, Callable[[ConfirmationStores, Policy, int, PendingRequest], Awaitable[bool]]] = {
    **dict.fromkeys(_FLAGS, _set_requested_flag),
    RequestedAct.MARKETING: _lift_older_objections,
    **dict.fromkeys(OWN_LIMITS_ENDED, _end_own_limits_on_confirmed_request),
}
