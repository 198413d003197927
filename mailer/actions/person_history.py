"""The entries of a person's history in plain words, for the console, the API and the command alike. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from mailer.actions.explanations import WAITING_STATES, consent_in_words, suppression_in_words
from mailer.actions.privacy_rights import link_kinds_of_mail
from mailer.policy.ledger_reason_wording import reason_in_words
from mailer.policy.moment_wording import moment_in_words
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.pending_requests import LASTS, RequestedAct
from mailer.ports.person_history import (
    ConsentOfHistory,
    HistoryItem,
    HistoryPage,
    LedgerEntryOfHistory,
    MailOfHistory,
    NoticeOfHistory,
    PendingRequestOfHistory,
    SuppressionOfHistory,
)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """An entry of a history, in words.

    Attributes:
        kind: mail-sent, mail-not-sent, mail-waiting, change, access, consent, suppression, request or notice.
        title: a sentence without its full stop.
        details: further sentences.
        mailing: the mailing that it is about, if any.
    """

    at: datetime
    kind: str
    title: str
    details: tuple[str, ...] = ()
    mailing: UUID | None = None


def mailings_named_by_suppressions(page: HistoryPage) -> set[UUID]:
    """Returns the mailings whose templates the words of a page need."""
    stops = [item.stop.mailing_id for item in page.items if isinstance(item, SuppressionOfHistory)]
    return {mailing for mailing in stops if mailing is not None}


def history_in_words(items: Sequence[HistoryItem], policy: Policy, templates: Mapping[UUID, str]) -> list[HistoryLine]:
    """Returns the entries of a page in words.

    Args:
        items: the entries.
        policy: the policy of the brand, for the links that a mail has.
        templates: the templates of the mailings that suppressions name.
    """
    return [_build_history_line(item, policy, templates) for item in items]


def history_line_as_json(line: HistoryLine) -> dict[str, Any]:
    """Returns an entry as JSON values."""
    return {
        "at": line.at.isoformat(),
        "kind": line.kind,
        "title": line.title,
        "details": list(line.details),
        "mailing": str(line.mailing) if line.mailing else None,
    }


def _build_history_line(item: HistoryItem, policy: Policy, templates: Mapping[UUID, str]) -> HistoryLine:
    match item:
        case MailOfHistory():
            return _build_history_line_of_mail(item, policy)
        case LedgerEntryOfHistory(kind="access"):
            return _build_history_line_of_access(item)
        case LedgerEntryOfHistory():
            return _build_history_line_of_standing_change(item)
        case ConsentOfHistory():
            words = item.record.consent.words
            shown = (f"The words that were shown: “{words}”",) if words else ()
            return HistoryLine(item.place.at, "consent", _capitalize_first_letter(consent_in_words(item.record)), shown)
        case SuppressionOfHistory():
            told = _capitalize_first_letter(suppression_in_words(item.stop, templates))
            beside = "The address had this before the person, or shares it with another account"
            return HistoryLine(item.place.at, "suppression", told, (beside,), item.stop.mailing_id)
        case PendingRequestOfHistory():
            return _build_history_line_of_pending_request(item)
        case NoticeOfHistory():
            title = f"A notice of {item.category} mail is told by {item.channel.replace('_', ' ')}: {item.state}"
            details = (
                _capitalize_first_letter(reason_in_words(item.reason)),
                f"Since {moment_in_words(item.changed_at)}: {item.state}",
            )
            return HistoryLine(item.place.at, "notice", title, details, item.mailing_id)
        case _:
            assert_never(item)


def _build_history_line_of_mail(mail: MailOfHistory, policy: Policy) -> HistoryLine:
    what = _capitalize_first_letter(f"{mail.category.replace('_', ' ')} mail “{mail.template}”")
    parts = [f"campaign {mail.campaign}" if mail.campaign else "", f"topic {mail.topic}" if mail.topic else ""]
    about = (", ".join(part for part in (*parts, f"event {mail.event_id}") if part).capitalize(),)
    at = f" on {moment_in_words(mail.ended_at)}" if mail.ended_at else ""
    if mail.state == "handed_over":
        links = ", ".join(link_kinds_of_mail(policy, mail.category))
        taken = (
            f"{mail.processor or 'A processor'} took it{at}"
            if mail.ended_reason == "accepted"
            else _reason_of_mail_in_words(mail)
        )
        return HistoryLine(
            mail.place.at, "mail-sent", f"{what} was sent", (taken, f"Links in it: {links}", *about), mail.mailing_id
        )
    if mail.state in WAITING_STATES:
        due = (f"It is decided again on {moment_in_words(mail.due_at)}",) if mail.due_at else ()
        return HistoryLine(
            mail.place.at,
            "mail-waiting",
            f"{what} waits",
            (_reason_of_mail_in_words(mail), *due, *about),
            mail.mailing_id,
        )
    how = "may or may not have been sent" if mail.state == "in_doubt" else "was not sent"
    title = f"{what} {how}: {mail.state.replace('_', ' ')}{at}"
    return HistoryLine(mail.place.at, "mail-not-sent", title, (_reason_of_mail_in_words(mail), *about), mail.mailing_id)


def _reason_of_mail_in_words(mail: MailOfHistory) -> str:
    """Returns the reason in words, by the rule and the version of the policy that gave it."""
    if not (mail.ended_reason or mail.reason):
        return "It waits its turn"
    words = _capitalize_first_letter(reason_in_words(mail.ended_reason or mail.reason, mail.rule, mail.processor))
    by = [f"rule {mail.rule}" if mail.rule else "", f"policy {mail.policy}" if mail.policy else ""]
    named = ", ".join(part for part in by if part)
    return f"{words} ({named})" if named else words


_ACTS = {
    "opt_out": "Left {scope}",
    "complaint": "Reported {scope} as spam",
    "objection": "Objected to all marketing of the controller",
    "address_dead": "The address was found not to exist, for {scope}",
    "soft_bounces": "The mailbox took no mail on several days; {scope} stopped",
    "lifted": "The suppression ended: {rest}, of {scope}",
    "deactivated": "The account was closed",
    "not_deactivated": "The account was opened again",
    "restricted": "Processing was restricted",
    "not_restricted": "Processing is restricted no longer",
    "under_13": "Noted as under 13",
    "electronic_refused": "Wants notices in writing",
    "not_electronic_refused": "Takes notices by mail again",
    "personalisation_refused": "Refused personalisation",
    "not_personalisation_refused": "Allows personalisation again",
    "tracking_refused": "Refused that opens and clicks are counted as theirs",
    "not_tracking_refused": "Allows that opens and clicks are counted as theirs",
    "channel": "Wants to be reached by {rest}",
    "postal_address": "A postal address was stored, for written notices only",
    "postal_address_forgotten": "The postal address was forgotten",
    "paid": "Pays now: {rest}",
    "unpaid": "Pays no longer: {rest}",
    "erased": "Erased; what is left is kept {rest}",
    "rectified": "Corrected: {rest}",
    "legal_hold": "A legal hold was set",
    "legal_hold_lifted": "A legal hold was lifted",
    "disclosed": "Data were disclosed under legal process: {fields}",
    "own_pause": "Paused all optional mail for {rest} days",
    "own_cap": "Asked for less optional mail: {scope}",
    "invited": "Was invited by mail",
    "mail_came_back": "A breach notice came back; the person is told in writing",
}
"""The sentences of changes, by the first word of the ledger's reason. Others are shown as the ledger has them."""
_WAYS = {
    "one-click": "by the one-click link of a mail",
    "page": "on a page behind a link",
    "not-mine": "on a page, as the account is not theirs",
    "confirmed": "by a link in a mail that asked for a confirmation",
    "application": "by an application",
    "import": "by an import",
    "operator": "by an operator",
    "report": "by a report of spam",
    "processor": "by a processor's report",
    "timekeeper": "by the timekeeper",
    "lift": "on record",
    "privacy-signal": "by what the browser says with each request",
}


def _build_history_line_of_standing_change(act: LedgerEntryOfHistory) -> HistoryLine:
    first, _, rest = act.reason.partition(" ")
    scope = "all optional mail" if act.scope in (EVERYTHING_OPTIONAL, None) else f"{act.scope} mail"
    values = {"scope": scope, "rest": rest.replace("_", " ") or "every product", "fields": ", ".join(act.fields)}
    title = _ACTS[first].format(**values) if first in _ACTS else _capitalize_first_letter(act.reason.replace("_", " "))
    way = (act.rule or "").removeprefix("action:")
    details = [_capitalize_first_letter(_WAYS.get(way, f"by {way}"))] if way else []
    details += [f"By {_name_of_actor(act.actor)}"] if act.actor else []
    details += [f"Noted: {act.note}"] if act.note else []
    return HistoryLine(act.place.at, "change", title, tuple(details))


def _build_history_line_of_access(access: LedgerEntryOfHistory) -> HistoryLine:
    door = (access.rule or "").removeprefix("access:")
    did = "Looked up" if access.reason == "looked-up" else f"Ordered: {', '.join(access.fields).replace('_', ' ')},"
    title = f"{did} by {_name_of_actor(access.actor)} ({door})"
    return HistoryLine(
        access.place.at, "access", title, (_capitalize_first_letter(access.note),) if access.note else ()
    )


_ASKED = {
    RequestedAct.MARKETING: "to get marketing again",
    RequestedAct.PERSONALISED: "for personalised offers again",
    RequestedAct.COUNTED: "that opens and clicks are counted as theirs again",
    RequestedAct.IN_WRITING: "for notices in writing",
    RequestedAct.BY_EMAIL: "for notices by mail",
    RequestedAct.CLOSED: "to close the account",
    RequestedAct.PAUSE_ENDED: "to end the pause",
    RequestedAct.WEEKLY: "for a mail a week in place of one a month",
    RequestedAct.CAP_ENDED: "to end the limit on optional mail",
    RequestedAct.SHOWN: "to see what is stored",
}


def _build_history_line_of_pending_request(request: PendingRequestOfHistory) -> HistoryLine:
    known = request.what in list(RequestedAct)
    what = _ASKED[RequestedAct(request.what)] if known else f"for {request.what} mail"
    sent = f"A mail with a link went on {moment_in_words(request.mailed_at)}"
    if request.answered_at is not None:
        answer = f"The link was used on {moment_in_words(request.answered_at)}"
    elif request.is_void:
        answer = "The person has said the opposite since, so the link does nothing"
    else:
        answer = f"The link was not used; it works until {moment_in_words(request.mailed_at + LASTS)}"
    shown = (f"The words that were shown: “{request.words}”",) if request.words else ()
    return HistoryLine(
        request.place.at, "request", f"Asked {what}, on a page or by an application", (sent, answer, *shown)
    )


def _name_of_actor(actor: str | None) -> str:
    """Returns who acted, for a sentence: a person by the bare name, others with their kind, such as `key:shop`."""
    return (actor or "somebody").removeprefix("person:")


def _capitalize_first_letter(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:]}"
