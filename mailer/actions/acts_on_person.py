"""The acts of staff on a person, each with a reason. They call the actions that account events and commands call."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from mailer.account_event_types import validate_account, validate_legal_hold_order
from mailer.actions.account_events import apply_event_to_recipient
from mailer.actions.account_flags import UnknownRecipient
from mailer.actions.legal_hold import LegalHoldRefused, lift_legal_hold, set_legal_hold
from mailer.actions.people_look_up import MAX_REASON, PersonLookUpAndActStores
from mailer.actions.suppression import SuppressionRefused, lift_suppression
from mailer.event_digests import EventIdTakenByDifferentEvent
from mailer.events import EventRefused
from mailer.policy.policy_file import Policy
from mailer.ports.person_history import AccessorAndReason, ActOnPerson, ListedRecipient
from mailer.ports.privacy_rights import (
    AccountEventAlreadyApplied,
    ErasureResult,
    ForbiddenByLegalHold,
    NoLegalHold,
    SameLegalHoldAlreadyStands,
)

SOURCE = "operator"
"""The source of changes by staff, as the ledger stores it."""


class PersonActName(StrEnum):
    """The acts on a person. Those of account events have their names (`mailer.account_event_types.KINDS`)."""

    OPT_OUT = "opt_out"
    OBJECT = "object"
    RESTRICT = "restrict"
    UNRESTRICT = "unrestrict"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    RECTIFY = "rectify"
    HOLD = "hold"
    LIFT_HOLD = "lift_hold"
    ERASE = "erase"


class ErasureGround(StrEnum):
    """The grounds of an erasure. No other words are kept, since they could name who was erased (GDPR Art. 17(1))."""

    ASKED = "the person asked for it"
    ACCOUNT_ENDED = "the account has ended, and the data are no longer needed"
    CONSENT_WITHDRAWN = "the person has withdrawn the consent"
    UNLAWFUL = "the data were processed unlawfully"
    ORDERED = "the law or an authority asks for it"
    CHILD = "the data are a child's"


class ActRefused(ValueError):
    """An act that cannot be done. The message says why, and what to do."""


class OrderIdTaken(ActRefused):
    """An order whose id belongs to another order."""


@dataclass(frozen=True, slots=True)
class OrderedActOnPerson:
    """An act that somebody orders.

    Attributes:
        id: the idempotency key: the same order again changes nothing.
        values: what the act needs beside the person, such as `scope`; empty ones count as missing.
    """

    act: PersonActName
    id: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ActResult:
    """The result of an act. is_new: False if it was recorded before. erasure: the result of an erasure."""

    is_new: bool
    erasure: ErasureResult | None = None


async def act_on_person(
    desk: PersonLookUpAndActStores,
    policy: Policy,
    person: ListedRecipient,
    order: OrderedActOnPerson,
    access: AccessorAndReason,
) -> ActResult:
    """Does an act once, with an entry in the ledger of who did it, from where and why.

    Args:
        desk: the stores.
        policy: the policy of the person's brand.
        person: the person.
        order: the act.
        access: who acts, from where and why.

    Raises:
        ActRefused: the reason or a value is missing, or the act cannot be done.
        OrderIdTaken: the id belongs to an order with other values.
    """
    _check_reason_of_act(order.act, access.reason)
    try:
        return await _act_on_person_or_raise(desk, policy, person, order, access)
    except (AccountEventAlreadyApplied, SameLegalHoldAlreadyStands):
        return ActResult(False)
    except EventIdTakenByDifferentEvent as error:
        raise OrderIdTaken(
            "id: it belongs to an order with other values; open the form again, or use a new id"
        ) from error
    except EventRefused as error:
        raise ActRefused("; ".join(error.problems)) from error
    except (ForbiddenByLegalHold, LegalHoldRefused, NoLegalHold, UnknownRecipient) as error:
        raise ActRefused(str(error)) from error


async def lift_suppression_with_reason(
    desk: PersonLookUpAndActStores, policy: Policy, suppression_id: int, seen_at: datetime, access: AccessorAndReason
) -> ActResult:
    """Lifts a suppression once, on record. Consents from before it stay without effect.

    Args:
        desk: the stores.
        policy: the policy of the brand.
        suppression_id: the suppression.
        seen_at: its time, as whoever lifts it has seen it. What the person has said again since then stays.
        access: who lifts it, from where and why.

    Raises:
        ActRefused: the reason is missing, or the suppression is none of the brand, or cannot be lifted.
    """
    if not access.reason.strip() or len(access.reason) > MAX_REASON:
        raise ActRefused(f"reason: say why, in at most {MAX_REASON} characters; it stays on record")
    found = await desk.suppressions.get_suppression_by_id(policy.brand, policy.controller.id, suppression_id)
    if found is not None and found.lifted_at is not None:
        return ActResult(False)
    stores = desk.desks(None, str(access.by), ActOnPerson("lift", policy.brand, None, access))
    try:
        await lift_suppression(stores.suppressions, policy, suppression_id, seen_at, str(access.by), access.reason)
    except SuppressionRefused as error:
        raise ActRefused(str(error)) from error
    return ActResult(True)


async def _act_on_person_or_raise(
    desk: PersonLookUpAndActStores,
    policy: Policy,
    person: ListedRecipient,
    order: OrderedActOnPerson,
    access: AccessorAndReason,
) -> ActResult:
    actor, act = str(access.by), ActOnPerson(order.act, person.brand, person.id, access)
    values = {name: value for name, value in order.values.items() if value}
    written = {"v": 1, "id": order.id, "brand": person.brand, "ref": person.ref, "account": order.act, **values}
    match order.act:
        case PersonActName.HOLD | PersonActName.LIFT_HOLD:
            hold = validate_legal_hold_order(written | {"named": "named" in values})
            rights = desk.desks(hold, actor, act).rights
            if order.act is PersonActName.LIFT_HOLD:
                await lift_legal_hold(rights, person.brand, person.id, hold.reference, actor)
            else:
                await set_legal_hold(rights, person.brand, person.id, hold.reference, actor, named=hold.named)
            return ActResult(True)
        case (
            PersonActName.OPT_OUT
            | PersonActName.OBJECT
            | PersonActName.RESTRICT
            | PersonActName.UNRESTRICT
            | PersonActName.DEACTIVATE
            | PersonActName.REACTIVATE
            | PersonActName.RECTIFY
            | PersonActName.ERASE
        ):
            said = validate_account(written)
            erased = await apply_event_to_recipient(desk.desks, policy, person.id, said, actor, SOURCE, act)
            return ActResult(True, erased)
    assert_never(order.act)


def _check_reason_of_act(act: PersonActName, reason: str) -> None:
    if act is PersonActName.ERASE and reason not in list(ErasureGround):
        raise ActRefused(f"reason: an erasure has one of these grounds, and no other words: {'; '.join(ErasureGround)}")
    if not reason.strip() or len(reason) > MAX_REASON:
        raise ActRefused(f"reason: say why, in at most {MAX_REASON} characters; it stays on record")
