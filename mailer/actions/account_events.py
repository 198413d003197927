"""Applies account events from applications. They call the same actions as the CLI and the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, assert_never

from mailer.account_event_types import (
    AccountEvent,
    Allows,
    Becomes,
    Caps,
    Consents,
    Leaves,
    LegalHoldOrder,
    Pauses,
    Pays,
    Posts,
    Reaches,
    Rectifies,
)
from mailer.actions import account_flags, privacy_rights
from mailer.actions.confirmation_requests import ConfirmationRequestDependencies
from mailer.actions.consent import (
    ConsentNotRecordable,
    check_and_normalize_consent,
    record_consent_or_ask_to_confirm,
    withdraw_consent,
)
from mailer.actions.opt_out import OptOutRefused, check_scope_allows_opt_out, record_opt_out
from mailer.actions.own_limits import OwnLimitRefused, check_brand_takes_own_limits, record_own_limit
from mailer.actions.suppression import SuppressionRefused, object_to_marketing
from mailer.event_digests import EventIdTakenByDifferentEvent
from mailer.events import EventRefused
from mailer.policy.limits_set_by_recipient import OwnPause
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.rule_registry import rule
from mailer.ports.consents import Consent
from mailer.ports.consents import ConsentStore as ConsentsPort
from mailer.ports.person_history import ActOnPerson
from mailer.ports.privacy_rights import (
    AccountEventAlreadyApplied,
    DataCorrection,
    ErasureResult,
    ForbiddenByLegalHold,
    PrivacyRightsStore,
    RecipientErased,
)
from mailer.ports.standings import StandingFlag, StandingStore
from mailer.ports.suppressions import SuppressionStore

SOURCE = "application"
"""The source of a change by an account event, as the ledger stores it."""
_FLAGS = {
    "deactivate": (StandingFlag.DEACTIVATED, True),
    "reactivate": (StandingFlag.DEACTIVATED, False),
    "restrict": (StandingFlag.RESTRICTED, True),
    "unrestrict": (StandingFlag.RESTRICTED, False),
}
_REFUSALS = {
    "personalisation": StandingFlag.PERSONALISATION_REFUSED,
    "tracking": StandingFlag.TRACKING_REFUSED,
    "electronic": StandingFlag.ELECTRONIC_REFUSED,
}
_REFUSED = (
    ConsentNotRecordable,
    OptOutRefused,
    OwnLimitRefused,
    RecipientErased,
    SuppressionRefused,
    account_flags.UnknownChannel,
    account_flags.UnknownRecipient,
)


@dataclass(frozen=True, slots=True)
class AccountEventStores:
    """The stores that an account event may change."""

    standings: StandingStore
    rights: PrivacyRightsStore
    consents: ConsentsPort
    confirmations: ConfirmationRequestDependencies
    suppressions: SuppressionStore


class AccountEventStoresOpener(Protocol):
    """Opens the stores for one event. They note the event together with its change, so that it is made only once."""

    def __call__(
        self, event: AccountEvent | LegalHoldOrder | None, actor: str | None = None, act: ActOnPerson | None = None
    ) -> AccountEventStores:
        """Returns the stores.

        Args:
            event: the event or order to note; None: none is noted.
            actor: the identity for the ledger.
            act: the act of staff that the change is; the ledger gets an entry of it beside that of the change.
        """
        ...


@rule("account-events", "paltalk06-21")
async def apply_account_event(
    desks: AccountEventStoresOpener, policies: Mapping[str, Policy], event: AccountEvent, publisher: Identity
) -> None:
    """Applies what an application reports about an account, once. The change also decides about mail that is queued.

    Args:
        desks: opens the stores for the changes.
        policies: the policies by brand.
        event: the event. A repeated id changes nothing, and raises no error.
        publisher: the identity that published the event.

    Raises:
        EventRefused: the event cannot be applied. The message gives the reason.
    """
    policy = check_event_and_get_policy(policies, event)
    recipient_id = await desks(None, str(publisher)).rights.find_or_create_recipient(
        event.brand, policy.controller.id, event.ref
    )
    try:
        await apply_event_to_recipient(desks, policy, recipient_id, event, str(publisher), SOURCE)
    except AccountEventAlreadyApplied:
        pass
    except ForbiddenByLegalHold as error:
        raise EventRefused([f"{event.account}: {error}"]) from error


def check_event_and_get_policy(policies: Mapping[str, Policy], event: AccountEvent) -> Policy:
    """Checks an event as far as possible without the recipient's data, and returns the policy of its brand.

    Raises:
        EventRefused: the event cannot be applied.
    """
    policy = policies.get(event.brand)
    if policy is None:
        raise EventRefused([f"brand: there is no {event.brand}; there are {', '.join(policies)}"])
    try:
        match event:
            case Consents():
                check_and_normalize_consent(policy, _build_given_consent(event, SOURCE, SOURCE), datetime.now(UTC))
            case Leaves(account="opt_out"):
                check_scope_allows_opt_out(policy, event.scope)
            case Leaves():
                check_and_normalize_consent(
                    policy, _build_withdrawn_consent(policy, event, SOURCE, SOURCE), datetime.now(UTC)
                )
            case Reaches():
                account_flags.check_brand_has_channel(policy, event.channel)
            case Pauses() | Caps():
                check_brand_takes_own_limits(policy)
            case _:
                pass
    except _REFUSED as error:
        raise EventRefused([f"{event.account}: {error}"]) from error
    return policy


async def apply_event_to_recipient(
    desks: AccountEventStoresOpener,
    policy: Policy,
    recipient_id: int,
    event: AccountEvent,
    actor: str,
    source: str,
    act: ActOnPerson | None = None,
) -> ErasureResult | None:
    """Applies an event to a known recipient, once.

    Args:
        desks: opens the stores for the changes.
        policy: the policy of the brand.
        recipient_id: the recipient.
        event: the event.
        actor: the identity for the ledger.
        source: how the event came, for the ledger.
        act: the act of staff that the event is; None: it is of an application or an operator who gave no reason.

    Returns:
        The result of an erasure; None for every other event.

    Raises:
        ForbiddenByLegalHold: a legal hold is in force.
        AccountEventAlreadyApplied: the event was applied before, and is not applied again.
        EventIdTakenByDifferentEvent: the id belongs to another event.
        EventRefused: it cannot be applied for another reason.
    """
    said = _AccountEventContext(desks, policy, recipient_id, actor, source, act)
    try:
        return await _apply_event_by_kind(said, event)
    except EventIdTakenByDifferentEvent:
        raise
    except (ValueError, *_REFUSED) as error:
        raise EventRefused([f"{event.account}: {error}"]) from error


@dataclass(frozen=True, slots=True)
class _AccountEventContext:
    """The context of an account event: its stores, policy, recipient, actor and source, and the act of staff."""

    desks: AccountEventStoresOpener
    policy: Policy
    recipient_id: int
    actor: str
    source: str
    act: ActOnPerson | None


async def _apply_event_by_kind(said: _AccountEventContext, event: AccountEvent) -> ErasureResult | None:
    desk, policy, whose, source = said.desks(event, said.actor, said.act), said.policy, said.recipient_id, said.source
    match event:
        case Becomes(account="erase"):
            return await privacy_rights.erase_recipient(desk.rights, policy, whose, source)
        case Pays():
            await account_flags.store_whether_account_pays_for_product(
                desk.standings, policy.brand, whose, event.product, event.account == "paid", source
            )
        case Becomes():
            await _apply_account_status_event(desk, said, event)
        case Rectifies():
            correction = DataCorrection(event.email, event.name, event.locale, event.country)
            await privacy_rights.rectify_recipient(desk.rights, policy, whose, correction, source)
        case Reaches():
            await account_flags.store_preferred_channel(desk.standings, policy, whose, event.channel, source)
        case Allows():
            await account_flags.set_account_flag(
                desk.standings, policy.brand, whose, _REFUSALS[event.account], not event.allowed, source
            )
        case Posts():
            await account_flags.set_postal_address(desk.standings, policy.brand, whose, event.address, source)
        case Consents():
            given = _build_given_consent(event, said.source, said.actor)
            standing = await desk.standings.get_standing(policy.brand, whose)
            country = standing.country if standing else None
            await record_consent_or_ask_to_confirm(desk.consents, desk.confirmations, policy, whose, given, country)
        case Leaves():
            await _apply_opt_out_or_withdrawal(desk, said, event)
        case Pauses() | Caps():
            limit = OwnPause(event.days) if isinstance(event, Pauses) else event.at_most
            await record_own_limit(desk.standings, policy, whose, limit, source, said.actor)
        case _:
            assert_never(event)
    return None


async def _apply_account_status_event(desk: AccountEventStores, said: _AccountEventContext, event: Becomes) -> None:
    policy, whose, source = said.policy, said.recipient_id, said.source
    match event.account:
        case "under_13":
            await privacy_rights.mark_under_13(desk.rights, policy, whose, source)
        case "object":
            await object_to_marketing(desk.suppressions, policy, whose, source, said.actor)
        case _:
            await account_flags.set_account_flag(desk.standings, policy.brand, whose, *_FLAGS[event.account], source)


async def _apply_opt_out_or_withdrawal(desk: AccountEventStores, said: _AccountEventContext, event: Leaves) -> None:
    if event.account == "opt_out":
        await record_opt_out(desk.standings, said.policy, said.recipient_id, event.scope, said.source)
    else:
        withdrawn = _build_withdrawn_consent(said.policy, event, said.source, said.actor)
        await withdraw_consent(desk.consents, said.policy, said.recipient_id, withdrawn)


def _build_given_consent(event: Consents, source: str, actor: str) -> Consent:
    return Consent(event.scope, True, source, event.version, event.words, actor, event.at, event.proof)


def _build_withdrawn_consent(policy: Policy, event: Leaves, source: str, actor: str) -> Consent:
    return Consent(event.scope, False, source, policy.version, None, actor, datetime.now(UTC))
