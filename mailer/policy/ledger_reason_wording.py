"""The words for the reasons in the ledger: of decisions, hand-overs and outcomes. Never a person's address."""

import re

from mailer.policy.rule_registry import RULES

_ADDRESS = re.compile(r"[^\s<>\"'(),;:\[\]]+@[^\s<>\"'(),;:\[\]]+")

LABELS = {
    "category.name": "kind of mail, to this person",
    "mailing.category.name": "kind of mail",
    "mailing.expires_at": "good until",
    "mailing.inviter_paused": "invitations of the inviter are stopped",
    "mailing.send_at": "not before",
    "now": "time",
    "mailing.answers": "answers an inquiry",
    "policy.channels": "channels of the brand beside mail",
    "policy.only_deliver_to": "addresses that this installation may mail",
    "policy.terms": "what the policy says of such mail",
    "standing.address_dead": "address known not to exist",
    "standing.channel": "wants to be reached by",
    "standing.collected_under": "policy version of the address",
    "standing.consents": "has consented to",
    "standing.copy_of": "another account with the same address and text",
    "standing.dead_in": "address known not to exist, for",
    "standing.deactivated": "account closed",
    "standing.electronic_refused": "wants notices in writing",
    "standing.erased_before": "somebody with this address was erased",
    "standing.invited_by": "invitation that the address has had",
    "standing.objected": "objected to marketing",
    "standing.opted_out": "has left",
    "standing.own_cap": "wants at most one optional mail",
    "standing.paused_until": "has paused optional mail until",
    "standing.personalisation_refused": "refused personalisation",
    "standing.restricted": "processing restricted",
    "standing.sent": "such mails lately",
    "standing.source": "how the address was collected",
    "standing.tracking_refused": "refused tracking",
    "standing.under_13": "known to be under 13",
    "switches.promo_basis": "basis of promotions",
    "switches.service_scope": "service mail for",
}
"""The labels of the facts that rules read. A fact without a label is called by its last word."""

_REASONS = {
    "address_moved": "the address changed meanwhile",
    "blocked": "{processor} refused the message for a reason of ours, not of theirs",
    "brand_paused": "all mail of the brand is paused",
    "bug": "it met an error of mailer itself; see the log",
    "database_went_back": "the database lost something, and an operator has to say how to go on",
    "deferred": "{processor} refused it for now",
    "duplicate_address": "another account with the same address got the same text",
    "expired": "its time was over",
    "in_doubt": "the connection broke after the message was sent, so that nobody knows whether it arrived",
    "mailing_halted": "the mailing is paused",
    "no_connection": "no processor that may have it could be reached, or they refused us",
    "no_processor": "no processor is set up that may take such mail",
    "nobody_to_ask": "the database could not be asked whether it may go",
    "only_deliver_to": "this installation only mails the addresses that it was told",
    "processor_in_another_country": "no processor may take it: the policy names another country for it",
    "processor_may_retain": "no processor may take it: the policy asks for a statement that nothing is retained",
    "processor_not_in_policy": "no processor may take it: the policy's registry has none of those that are set up",
    "processor_paused": "the processors that may take it are paused",
    "purpose_not_of_processor": "no processor may take it: none serves its purpose",
    "quarantined": "{processor} refused many addresses at once, so its refusal waits for a person to judge it",
    "refused": "{processor} says that the address does not exist",
    "render_error": "a value of the mailing could not be shown",
    "set_up": "the receiving domain finds our set-up broken (SPF, DKIM, DMARC, reverse DNS or TLS)",
    "slow_processor": "the processors that may take it are slow",
    "stopped": "everything is stopped",
    "unsent": "{processor} could not be reached, or refused us",
}
"""Reasons that no rule of a policy explains, by their first word."""


def fact_label(path: str) -> str:
    """Returns the label of a fact that a rule reads: for `standing.opted_out` it is "has left"."""
    return LABELS.get(path, path.rpartition(".")[2].replace("_", " "))


def reason_in_words(reason: str | None, rule: str | None = None, processor: str | None = None) -> str:
    """Returns a reason of the ledger as a clause, without a capital letter and a full stop.

    Args:
        reason: as it stands in the ledger, such as `opted_out` or `gave_up no_connection`.
        rule: the rule that gave it, if any.
        processor: the processor that it is about, if any.
    """
    if rule in RULES and RULES[rule].sees:
        return sentence_as_clause(RULES[rule].says)
    first, _, rest = (reason or "").partition(" ")
    if first == "gave_up":
        return f"it was tried for as long as such mail is tried; the last reason: {reason_in_words(rest)}"
    if first == "cancelled":
        return f"it was cancelled: {rest.replace('_', ' ')}" if rest else "the mailing was cancelled"
    if first == "held" and rest:
        return reason_in_words(rest, None, processor)
    if first in _REASONS:
        code = f" ({rest})" if rest and first != "bug" else ""
        return _REASONS[first].format(processor=processor or "the processor") + code
    if rule in RULES:
        return sentence_as_clause(RULES[rule].says)
    return (reason or "no reason is on record").replace("_", " ")


def sentence_as_clause(sentence: str) -> str:
    """Returns a sentence as a clause: with a small first letter, and without the full stop."""
    return f"{sentence[:1].lower()}{sentence[1:]}".rstrip(".")


def without_addresses(text: str) -> str:
    """Returns a text in which each address is replaced by `…@…`."""
    return _ADDRESS.sub("…@…", text)
