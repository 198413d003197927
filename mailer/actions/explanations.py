"""Explains why a person did or did not get a mail, from the record and the rules. It never shows their address."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mailer.policy.decision_explanations import missing_fields_behind_decision
from mailer.policy.decision_types import Decision, Divert, FactsForRules, Hold, Send, Suppress
from mailer.policy.ledger_reason_wording import reason_in_words, sentence_as_clause, without_addresses
from mailer.policy.limits_set_by_recipient import OWN_CAP, OWN_PAUSE, OwnCap
from mailer.policy.moment_wording import day_in_words, moment_in_words
from mailer.policy.past_standing import SuppressionOrConsentSpan
from mailer.policy.rule_registry import RULES
from mailer.policy.soft_bounces import SOFT_BOUNCES
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.consents import StoredConsent
from mailer.ports.delivery_history import DeliveryLedgerEntry, MailingAndDeliveryState
from mailer.ports.halts import Halt, HaltScope
from mailer.ports.ledger_entry import EntryKind
from mailer.ports.suppressions import Suppression

_STOPS = {
    "opt-out": ("opt_out", "complaint"),
    "refused-purpose": ("opt_out", "complaint"),
    "partner-request": ("opt_out", "complaint"),
    "objection": ("objection",),
    "erased-before": ("erased",),
    "dead-address": ("address_dead", SOFT_BOUNCES),
    "own-pause": (OWN_PAUSE,),
    "own-cap": (OWN_CAP,),
}
"""The rules that follow from a suppression, each with the reasons of such suppressions."""
_STANDING_STILL = {
    HaltScope.EVERYTHING: "everything is stopped",
    HaltScope.BRAND: "all mail of the brand is paused",
    HaltScope.PROMOTIONAL: "the promotions of the brand are paused",
    HaltScope.MAILING: "the mailing is paused",
    HaltScope.PROCESSOR: "the processor {key} is paused",
}
WAITING_STATES = ("queued", "claimed", "intended", "deferred", "held")
"""The states of deliveries that are still open."""


@dataclass(frozen=True, slots=True)
class ExplanationFacts:
    """The facts from which an explanation is made.

    Attributes:
        who: the person, by a name that is no address.
        template: the template of the mail.
        mailing: the id of the mailing. None: the mail was not sent, but might be.
        facts: the facts of the decision at the moment in question.
        decision: the decision at that moment.
        past: tells whether that moment is in the past.
        untold: the facts of a past moment that the record does not contain.
        delivered: the delivery, if there was a mailing.
        entries: the ledger entries of the delivery.
        halts: the halts that are in force now.
        stops: all suppressions of the person.
        consents: all consents of the person.
        titles: the titles of the mailings that suppressions name, by id.
        obstacle: the reason why no processor may take such mail now, as in the ledger. None: one may.
    """

    who: str
    template: str
    mailing: UUID | None
    facts: FactsForRules
    decision: Decision
    past: bool = False
    untold: tuple[str, ...] = ()
    delivered: MailingAndDeliveryState | None = None
    entries: Sequence[DeliveryLedgerEntry] = ()
    halts: Sequence[Halt] = ()
    stops: Sequence[Suppression] = ()
    consents: Sequence[StoredConsent] = ()
    titles: Mapping[UUID, str] = field(default_factory=dict)
    obstacle: str | None = None


def explain_why_mail_came_or_not(found: ExplanationFacts) -> tuple[str, str]:
    """Returns two sentences for support staff: the answer, and its cause or what would happen now."""
    if found.mailing is None or found.past:
        beside = _suppression_or_given_consent_sentence(
            found, found.decision.rule
        ) or _other_obstacles_or_record_gaps_sentence(found)
        return _decision_sentence(found), beside or "Nothing else is in its way."
    last = next((entry for entry in reversed(found.entries) if entry.kind == EntryKind.DECISION), None)
    origin = _suppression_or_given_consent_sentence(found, last.rule) if last is not None else None
    return _delivery_result_sentence(found, last), origin or _decision_sentence(found)


def spans_of_suppressions_and_consents(
    stops: Sequence[Suppression], consents: Sequence[StoredConsent]
) -> Iterator[SuppressionOrConsentSpan]:
    """Yields the time spans in which suppressions and consents were in force."""
    for stop in stops:
        ends = [end for end in (stop.lifted_at, stop.expires_at) if end is not None]
        yield SuppressionOrConsentSpan(stop.reason, stop.scope, stop.at, min(ends, default=None))
    counted = [record for record in consents if record.counts]
    for number, record in enumerate(counted):
        if record.consent.given:
            later = (
                _consent_effective_from(other)
                for other in counted[number + 1 :]
                if other.consent.scope == record.consent.scope
            )
            yield SuppressionOrConsentSpan(
                "consent", record.consent.scope, _consent_effective_from(record), next(later, None)
            )


def suppression_in_words(stop: Suppression, titles: Mapping[UUID, str]) -> str:
    """Returns a clause without its subject: what a suppression stopped, when, how, and from which mailing."""
    scope = "all optional mail" if stop.scope == EVERYTHING_OPTIONAL else f"{stop.scope} mail"
    verb = {
        "opt_out": f"left {scope}",
        "complaint": f"reported {scope} as spam",
        "objection": "objected to all marketing",
        "address_dead": f"had an address that does not exist, for {scope}",
        SOFT_BOUNCES: f"had a mailbox that took no mail on several days, for {scope}",
        "erased": "was erased",
        "invited": "was invited once",
        OWN_PAUSE: f"paused all optional mail until {moment_in_words(stop.expires_at)}" if stop.expires_at else "",
        OWN_CAP: f"asked for at most one optional mail a {'week' if stop.scope == OwnCap.WEEKLY else 'month'}",
    }.get(stop.reason, f"{stop.reason.replace('_', ' ')} {scope}")
    title = titles.get(stop.mailing_id, "that is gone") if stop.mailing_id else ""
    mail = f" of the mailing {title} ({stop.mailing_id})" if title else ""
    end = (
        f", until {moment_in_words(stop.lifted_at)} ({without_addresses(stop.lift_reason or '')})"
        if stop.lifted_at
        else ""
    )
    return f"{verb} on {moment_in_words(stop.at)} {_suppression_way_in_words(stop)}{mail}{end}"


def _suppression_way_in_words(stop: Suppression) -> str:
    """Returns the way by which a suppression came, in words."""
    source, actor = without_addresses(stop.source), without_addresses(stop.actor)
    known = {
        "one-click": "by the one-click link",
        "privacy-signal": "by what their browser says with each request (Sec-GPC, DNT)",
        "page": "on the page behind a link",
        "not-mine": "by saying on a page that the account is not theirs, behind a link",
        "confirmed": "by the link in a mail that asked for a confirmation",
        "recipient": "with the address before this one",
        "new address of who left": "with the address before this one",
        "timekeeper": "as its time was over",
    }
    if stop.source in known:
        return known[stop.source]
    if stop.actor == "import" or stop.source == "import":
        return f"by an import ({source})"
    if stop.actor.startswith("partner:") or stop.source.startswith("partner"):
        return f"by the list of a partner ({source})"
    if stop.actor == "processor":
        return f"as {source} says"
    if stop.actor == "recipient":
        return f"by the {source}"
    return f"as {actor} entered ({source})"


def consent_in_words(record: StoredConsent) -> str:
    """Returns a clause without its subject: the scope of a consent or withdrawal, when, how, and its proof."""
    said = record.consent
    verb = "consented to" if said.given else "withdrew the consent to"
    how = [f"by {without_addresses(said.source)}", f"version {said.version}"]
    if said.given:
        how.append(f"proof: {without_addresses(said.proof)}" if said.proof else "without a proof on record")
    if not record.counts:
        how.append("it counts for nothing")
    return f"{verb} {said.scope} on {moment_in_words(said.at)} ({', '.join(how)})"


def halt_in_words(halt: Halt) -> str:
    """Returns a halt in words: what is stopped, by whom, since when and why."""
    why = f": {without_addresses(halt.reason)}" if halt.reason else ""
    since = f" since {moment_in_words(halt.at)}" if halt.at else ""
    return f"{_STANDING_STILL[halt.scope].format(key=halt.key)} by {without_addresses(halt.by)}{since}{why}"


def ledger_entry_in_words(entry: DeliveryLedgerEntry) -> str:
    """Returns the content of a ledger entry, in words."""
    name, words = entry.processor, reason_in_words(entry.reason, entry.rule, entry.processor)
    match entry.kind:
        case EntryKind.DECISION if (entry.reason or "").startswith("send"):
            return "decided to send it: no rule forbids it"
        case EntryKind.DECISION:
            return f"decided: {words}"
        case EntryKind.HAND_OVER:
            return f"begun to hand it over to {name} in {entry.country}: {', '.join(entry.fields or ())}"
        case EntryKind.OUTCOME if entry.reason == "accepted":
            return f"{name} took it"
        case EntryKind.MAILING:
            return f"the mailing: {(entry.reason or '').replace('_', ' ')}"
        case _:
            return words


def _delivery_result_sentence(found: ExplanationFacts, last: DeliveryLedgerEntry | None) -> str:
    """Returns a sentence with the result of a mailing for the person, from the record."""
    of, delivered = _template_and_day_in_words(found), found.delivered
    if delivered is None or delivered.state is None:
        return f"{found.who} was not among the recipients of {of}."
    taken = next((entry for entry in reversed(found.entries) if entry.reason == "accepted"), None)
    state, category = delivered.state, (last.category if last and last.category else found.facts.category.name)
    if state == "handed_over":
        by = f"{taken.processor} took it on {moment_in_words(taken.at)}" if taken else "a processor took it"
        return f"{found.who} was sent {of} as {category} mail: {by}."
    if state in WAITING_STATES:
        return f"{found.who} has not been sent {of} yet: {_waiting_reason_in_words(found, delivered)}."
    ended = next((e for e in reversed(found.entries) if not e.whole and e.kind != EntryKind.HAND_OVER), None)
    words = _delivery_end_reason_in_words(ended, delivered)
    when = f" on {moment_in_words(ended.at)}" if ended else ""
    if state == "in_doubt":
        return f"{found.who} may or may not have been sent {of}: {words}."
    if state == "diverted":
        return f"{found.who} is told another way ({delivered.reason}) and was not sent {of}, decided{when}: {words}."
    return f"{found.who} was not sent {of}, {state.replace('_', ' ')}{when}: {words}."


def _delivery_end_reason_in_words(ended: DeliveryLedgerEntry | None, delivered: MailingAndDeliveryState) -> str:
    if ended is None:
        return reason_in_words(delivered.reason or f"the delivery is {delivered.state}")
    return reason_in_words(ended.reason, ended.rule, ended.processor)


def _waiting_reason_in_words(found: ExplanationFacts, delivered: MailingAndDeliveryState) -> str:
    """Returns the reason why a delivery waits, in words."""
    if delivered.mailing == "awaiting_release":
        return "the mailing waits until a second person releases it"
    if halts := [halt for halt in found.halts if halt.scope is not HaltScope.PROCESSOR]:
        return halt_in_words(halts[0])
    if delivered.send_at is not None and delivered.send_at > found.facts.now:
        return f"it is to go on {moment_in_words(delivered.send_at)}"
    due = f", and it is tried again on {moment_in_words(delivered.due_at)}" if delivered.due_at else ""
    if delivered.reason:
        ended = next((e for e in reversed(found.entries) if not e.whole and e.processor), None)
        words = reason_in_words(
            delivered.reason, _find_rule_that_gave_delivery_reason(found, delivered), ended.processor if ended else None
        )
        return f"{words}{due}"
    return f"it waits its turn{due}" if found.obstacle is None else reason_in_words(found.obstacle)


def _find_rule_that_gave_delivery_reason(found: ExplanationFacts, delivered: MailingAndDeliveryState) -> str | None:
    """Returns the rule of the latest entry with the reason for which a delivery waits, or None."""
    same = (entry.rule for entry in reversed(found.entries) if entry.reason == delivered.reason)
    return next(same, None)


def _decision_sentence(found: ExplanationFacts) -> str:
    """Returns a sentence with the rules' decision, for now or for the past moment in question."""
    who, mail, facts, decision = found.who, found.template, found.facts, found.decision
    when = f"On {moment_in_words(facts.now)} {who}" if found.past else f"Sent now, {who}"
    rule = RULES.get(decision.rule)
    because = f"by the rule {rule.name}: {sentence_as_clause(rule.says)}" if rule else "no rule forbids it"
    match decision:
        case Send(alarm=alarm):
            noticed = ", beyond the rate that the policy calls rare, and the ledger says so" if alarm else ""
            return f"{when} would get {mail} as {facts.category.name} mail: {because}{noticed}."
        case Suppress():
            unknown = " and ".join(missing_fields_behind_decision(facts, decision))
            lacks = f"; nobody knows: {unknown}, which the next event or import can say" if unknown else ""
            return f"{when} would not get {mail}, {because}{lacks}."
        case Hold(until=until):
            return f"{when} would not get {mail} before {moment_in_words(until)}, {because}."
        case Divert(channel=channel):
            return f"{when} would be told by {channel.replace('_', ' ')} and would not get {mail}, {because}."


def _suppression_or_given_consent_sentence(found: ExplanationFacts, rule: str | None) -> str | None:
    """Returns a sentence on the suppression or consent from which the decision follows, or None."""
    standing, facts = found.facts.standing, found.facts
    if reasons := _STOPS.get(rule or ""):
        concerned = [
            stop
            for stop in found.stops
            if stop.reason in reasons and (stop.reason == OWN_CAP or _is_mailing_in_scope(stop.scope, facts))
        ]
        if concerned:
            return f"{found.who} {suppression_in_words(concerned[-1], found.titles)}."
    if rule == "send" and facts.category.is_optional:
        given = [r for r in found.consents if r.counts and r.consent.given and r.consent.scope in standing.consents]
        about = [record for record in given if _is_mailing_in_scope(record.consent.scope, facts)]
        if about:
            return f"{found.who} {consent_in_words(about[-1])}."
    return None


def _is_mailing_in_scope(scope: str, facts: FactsForRules) -> bool:
    """Tells whether a suppression or consent with this scope is about such mail."""
    mailing, name = facts.mailing, facts.category.name
    about = {EVERYTHING_OPTIONAL, name, f"{name}/{mailing.topic}", f"purpose/{mailing.purpose}"}
    return scope in about or scope == f"partner/{mailing.partner}"


def _other_obstacles_or_record_gaps_sentence(found: ExplanationFacts) -> str | None:
    """Returns a sentence on further obstacles to the mail, or None. For the past: on what the record lacks."""
    if found.past:
        return f"The record does not tell {'; nor '.join(found.untold)}."
    waits = [halt_in_words(halt) for halt in found.halts]
    if found.obstacle:
        waits.append(reason_in_words(found.obstacle))
    if found.facts.mailing.category.needs_release:
        waits.append("a second person has to release such a mailing")
    return f"Besides, {'; '.join(waits)}." if waits else None


def _template_and_day_in_words(found: ExplanationFacts) -> str:
    created = f" of {day_in_words(found.delivered.created_at)}" if found.delivered else ""
    return f"{found.template}{created}"


def _consent_effective_from(record: StoredConsent) -> datetime:
    return max(record.consent.at, record.recorded_at)
