"""Requests of people for their data: the mail with the link, and what the press behind it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from mailer.account_event_types import validate_account
from mailer.actions.account_events import AccountEventStoresOpener, apply_event_to_recipient
from mailer.actions.account_flags import UnknownRecipient
from mailer.actions.privacy_rights import read_personal_data
from mailer.event_digests import EventIdTakenByDifferentEvent
from mailer.events import EventRefused, MessageEvent, Refs
from mailer.policy.data_requests import DataRequest, DataRequestKind, DataRequestStep, is_copy_available
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import ITSELF
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.data_requests import DataRequests
from mailer.ports.privacy_rights import AccountEventAlreadyApplied, ForbiddenByLegalHold, PrivacyRightsStore
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.link_tokens import DataRequestToken
from mailer.rendering.signed_links import SignedLinks

DATA_REQUEST = "data-request"
"""The template of the mail with the link to a data request."""
ANSWER = "rights-answer"
"""The template of the mail with the answer of staff to a data request."""
_DONE = {
    DataRequestKind.COPY: "exported",
    DataRequestKind.CORRECTION: "rectified",
    DataRequestKind.ERASURE: "erased",
    DataRequestKind.RESTRICTION: "restricted",
}
"""The words of the template of answers, by kind of request."""
_SOURCE, _ACTOR = "page", "recipient"


@dataclass(frozen=True, slots=True)
class DataRequestStores:
    """The stores that a data request may read or change."""

    requests: DataRequests
    rights: PrivacyRightsStore
    desks: AccountEventStoresOpener


def build_data_request_link_message(links: SignedLinks, request: DataRequest) -> BrokerMessage:
    """Returns the event of the mail with the link to a request. Its id is that of the request.

    Raises:
        ValueError: the ref is from an older version and not valid now.
    """
    token = DataRequestToken(request.brand, request.recipient_id, request.id, request.generation)
    values = {
        "wanted": request.wanted.value,
        "confirm_url": links.data_request_link(token),
        "due": request.due_at.date().isoformat(),
    }
    return _build_broker_message_of_event(
        _build_mail_event_to_requester(request, f"data-request-{request.id.hex}", DATA_REQUEST, values)
    )


def build_data_request_answer_message(
    request: DataRequest, answer: str, reason: str, admit: Callable[[MessageEvent], object]
) -> BrokerMessage:
    """Returns the event of the mail with an answer of staff.

    Args:
        request: the request.
        answer: `done` or `refused`.
        reason: the words of the answer.
        admit: checks the event as intake does, so that no answer counts as given whose mail would become a dead letter.

    Raises:
        EventRefused: `admit` refuses the event, as for an address in the words.
        ValueError: the words or the ref cannot be in an event.
    """
    done = {"done": _DONE[request.wanted]} if answer == "done" else {}
    event = _build_mail_event_to_requester(request, f"answer-{uuid7().hex}", ANSWER, {**done, "message": reason})
    admit(event)
    return _build_broker_message_of_event(event)


async def carry_out_data_request(
    stores: DataRequestStores, policy: Policy, request: DataRequest, correction: Mapping[str, str], note: str | None
) -> DataRequestStep:
    """Does what a person has confirmed, once; a repeated press changes nothing.

    A request that a legal hold forbids, and the words of a person about something that no field has, wait for staff.
    The first press counts: the id of its change is that of the request, so another press with other values changes
    nothing, even at the same moment.

    Args:
        stores: the stores.
        policy: the policy of the brand.
        request: the request, which its page has checked.
        correction: the corrected values, by the name of the field; empty for every other kind.
        note: what else is wrong, in the person's words.

    """
    is_done = await _apply_requested_change_to_account(stores, policy, request, correction)
    if is_done and note is None:
        await stores.requests.record_answer(request, DataRequestStep.DONE)
        return DataRequestStep.DONE
    undone = {} if is_done else correction
    await stores.requests.record_confirmation(request, _note_for_staff(undone, note))
    return DataRequestStep.WAITING


def _note_for_staff(undone: Mapping[str, str], note: str | None) -> str | None:
    """Returns what staff have to know: the corrected values that could not be stored, and the person's own words."""
    lines = [f"{name}: {value}" for name, value in undone.items()]
    return "\n".join(lines + ([note] if note else [])) or None


async def hand_out_copy_of_personal_data(
    stores: DataRequestStores, policy: Policy, request: DataRequest, now: datetime
) -> dict[str, Any] | None:
    """Returns the data of the person, and records that they were handed out.

    Returns:
        None if the request is no copy that was confirmed, is too old, or was saved too often, or if the person is gone.
    """
    if not is_copy_available(request, now) or not await stores.requests.record_copy_handed_out(request):
        return None
    try:
        return await read_personal_data(stores.rights, policy, request.recipient_id, now)
    except UnknownRecipient:
        return None


async def _apply_requested_change_to_account(
    stores: DataRequestStores, policy: Policy, request: DataRequest, correction: Mapping[str, str]
) -> bool:
    """Applies the change by an account event, whose id lets it happen once. Returns False if a person has to do it."""
    change = _build_account_event_fields(request, correction)
    if change is None:
        return True
    stated = {"v": 1, "id": f"data-request-{request.id.hex}", "brand": policy.brand, **change}
    event = validate_account({**stated, "ref": request.id.hex})  # the recipient is known by the id
    try:
        await apply_event_to_recipient(stores.desks, policy, request.recipient_id, event, _ACTOR, _SOURCE)
    except (AccountEventAlreadyApplied, EventIdTakenByDifferentEvent):
        return True
    except (ForbiddenByLegalHold, EventRefused):
        return False
    return True


def _build_account_event_fields(request: DataRequest, correction: Mapping[str, str]) -> dict[str, str] | None:
    """Returns the fields of the account event; None if nothing of the account changes."""
    match request.wanted:
        case DataRequestKind.COPY:
            return None
        case DataRequestKind.CORRECTION:
            return {"account": "rectify", **correction} if correction else None
        case DataRequestKind.ERASURE:
            return {"account": "erase"}
        case DataRequestKind.RESTRICTION:
            return {"account": "restrict"}
        case _:
            assert_never(request.wanted)


def _build_mail_event_to_requester(
    request: DataRequest, event_id: str, template: str, context: dict[str, Any]
) -> MessageEvent:
    to = Refs(refs=(request.ref,))
    return MessageEvent(id=event_id, brand=request.brand, category="rights", template=template, to=to, context=context)


def _build_broker_message_of_event(event: MessageEvent) -> BrokerMessage:
    return BrokerMessage(event.to_json(), event.routing_key, event.id, {HeaderName.PUBLISHER: str(ITSELF)})
