"""Giving, confirming and withdrawing consent. Every consent has proof, and nobody gives one for somebody else."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

from mailer.actions.confirmation_requests import (
    ConfirmationAsked,
    ConfirmationParts,
    RecipientUnknown,
    ask_for_confirmation,
)
from mailer.actions.consent_proofs import (
    ACTS,
    IsOurs,
    act_of_source,
    is_confirmation_proof,
    is_statement_version,
    normalize_source,
    refuse_every_token,
)
from mailer.input_types import future_time_fault
from mailer.policy.category import CATEGORIES
from mailer.policy.consent_wordings import is_wording, wordings_for
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.scopes import can_be_asked, category_of_scope, describe_consent_scopes
from mailer.policy.standing import EVERYTHING_OPTIONAL, SHARING, is_about_mail, partner_scope, version_scope
from mailer.ports.consents import CONFIRMED, Consent, ConsentResult, Consents, OptOutLifting
from mailer.ports.pending_requests import PendingRequest

OWN = ("application", CONFIRMED)
"""The sources of what a person says for themselves; only these end an opt-out. Whoever holds a link may be anybody."""
FIRST = date(1995, 1, 1)
"""The day before which nobody consented to mail, at whichever controller."""


class ConsentRefused(ValueError):
    """A consent that cannot be recorded; the message says what is missing."""


async def record_consent(
    consents: Consents,
    confirmations: ConfirmationParts,
    policy: Policy,
    recipient_id: int,
    said: Consent,
    country: str | None,
) -> ConsentResult | ConfirmationAsked:
    """Records what a person consents to. It ends their own older opt-out of it, and no objection.

    Where the policy wants a confirmed subscription, or the law a confirmed consent, this asks for the confirmation.

    Args:
        consents: where it is kept.
        confirmations: how a confirmation is asked for.
        policy: the brand's.
        recipient_id: who consents.
        said: to what, with its proof.
        country: as the person's standing has it.

    Raises:
        ConsentRefused: it has no proof or no known scope, is nobody's own, or the brand has no such recipient.
    """
    said = check_consent(policy, said, datetime.now(UTC))
    if needs_confirmation(policy, said) or lacks_confirmation(policy, said, country):
        return await request_subscription(confirmations, policy, recipient_id, said)
    return _consent_result(
        policy, await consents.record_consent(policy.brand, recipient_id, said, _lifted_opt_outs(policy, said, said.at))
    )


async def withdraw_consent(consents: Consents, policy: Policy, recipient_id: int, said: Consent) -> ConsentResult:
    """Withdraws a consent, which needs no words; where it is one to mail, that mail is left too. At once.

    Raises:
        ConsentRefused: the scope is unknown, or the brand has no such recipient.
    """
    return _consent_result(
        policy,
        await consents.record_consent(policy.brand, recipient_id, check_consent(policy, said, datetime.now(UTC))),
    )


async def request_subscription(
    confirmations: ConfirmationParts, policy: Policy, recipient_id: int, said: Consent
) -> ConfirmationAsked:
    """Asks by mail whether a person wants to subscribe (double opt-in); one mail a day at most.

    Whoever has left that mail, objected to marketing or closed the account is not asked, whatever an application says:
    they can ask themselves, on their page.

    Raises:
        ConsentRefused: it has no proof or no known scope, or the brand has no such recipient.
    """
    said = check_consent(policy, said, datetime.now(UTC))
    wish = PendingRequest(said.scope, said.version, said.words, said.at)
    try:
        return await ask_for_confirmation(confirmations, policy, recipient_id, [wish], [said], by_owner=False)
    except RecipientUnknown as error:
        raise ConsentRefused(str(error)) from error


async def confirm_consent(
    consents: Consents, policy: Policy, recipient_id: int, wish: PendingRequest, proof: str
) -> ConsentResult:
    """Records the consent that the link in a mail confirms; again without harm.

    Args:
        consents: where it is kept.
        policy: the brand's.
        recipient_id: who confirms.
        wish: what was asked for.
        proof: the link's token as it was signed; it is kept as the proof.

    Returns:
        What came of it. `left` still has the scope, or all, where the person left after they had asked: a link that
        lies about brings nobody back.

    Raises:
        ConsentRefused: the recipient is gone, or the brand no longer has that mail.
    """
    now = datetime.now(UTC)
    words = wish.words or f"asked on {wish.asked_at.isoformat()}"
    said = _check_date(policy, Consent(wish.what, True, CONFIRMED, wish.version, words, "recipient", now, proof), now)
    lifting = _lifted_opt_outs(policy, said, wish.asked_at)
    return _consent_result(policy, await consents.record_consent(policy.brand, recipient_id, said, lifting))


def check_consent(policy: Policy, said: Consent, now: datetime, is_ours: IsOurs = refuse_every_token) -> Consent:
    """What was said, if it may be recorded; a clock that is a little ahead of ours is set right.

    Args:
        policy: the brand's.
        said: by an application or a file.
        now: an aware time.
        is_ours: tells the tokens of our own confirmation links.

    Raises:
        ConsentRefused: it may not.
    """
    dated = _check_date(policy, replace(said, source=normalize_source(said.source)), now)
    if not said.given:
        return dated
    is_proven = dated.source == CONFIRMED and is_ours(dated.proof or "")
    if (
        reason := check_consent_proof(dated, is_proven)
        or check_policy_basis(policy, dated, is_proven)
        or _too_early_reason(policy, dated)
    ):
        raise ConsentRefused(reason)
    return dated


def _check_date(policy: Policy, said: Consent, now: datetime) -> Consent:
    """Returns what was said with its time set right, and refuses an unknown scope and a time in the future."""
    if not can_be_asked(policy, said.scope):
        raise ConsentRefused(
            f"{said.scope!r} is no scope of {policy.brand}; there are {describe_consent_scopes(policy)}"
        )
    if reason := future_time_fault(said.at, now):
        raise ConsentRefused(f"at: {reason}")
    return replace(said, at=min(said.at, now))


@rule("consent-proof", "interpals-06; GDPR Art. 7(1); PROMISES: the floor")
def check_consent_proof(said: Consent, is_proven: bool = False) -> str | None:
    """A consent without its source, who recorded it, the words that were shown or their version is none."""
    told = {name: bool(re.search(r"\w", getattr(said, name) or "")) for name in ("source", "actor", "words")}
    told["version"] = is_statement_version(said.version)
    missing = [name for name in ("source", "actor", "words", "version") if not told[name]]
    if missing:
        return (
            f"a consent needs proof, and this one lacks {', '.join(missing)}: say how it was given, and what was shown,"
            " with the name of its version, such as `form 2026-01`"
        )
    if said.source == CONFIRMED and not (is_proven or is_confirmation_proof(said.proof or "", said.at)):
        return (
            f"proof: a consent is {CONFIRMED} by a link in a mail, and nothing shows that here: give the token of our"
            " link, or message-id:<the mail of the link>, or ip:ADDRESS at TIME"
        )
    return None


@rule("policy-basis", "interpals-25")
def check_policy_basis(policy: Policy, said: Consent, is_proven: bool = False) -> str | None:
    """A person's own yes, or a text that the policy lists, is consent; what is shown to who uses a service is none."""
    if act_of_source(said.source) is None:
        return (
            f"source: {said.source!r} is the policy's basis, and no consent: it is no act of a person. Name one:"
            f" {', '.join(ACTS)}"
        )
    if is_proven or is_wording(policy, said.scope, said.words or ""):
        return None
    listed = "; ".join(wordings_for(policy, said.scope)) or "none"
    return (
        f"words: nobody says by them, for themselves, that they want {said.scope} of {policy.brand}. Send exactly what"
        f" was shown, and list it in the policy's [wordings]; there: {listed}"
    )


def _too_early_reason(policy: Policy, said: Consent) -> str | None:
    """Says why nobody can have said it at that time: its version, or mail itself, came later."""
    name, first = "any consent to mail", FIRST
    for version in policy.all_versions:
        if said.scope == version_scope(version.version):
            name, first = said.scope, version.effective
    if said.at.date() >= first:
        return None
    return (
        f"at: {said.at.isoformat()} is before {name}, which is of {first}; say when it was said, or add the version of"
        " the policy that was in force then"
    )


def electronic_notice_basis(policy: Policy, collected_under: str | None) -> str:
    """On what electronic notices stand: the version of the policy under which a person came (interpals-25)."""
    versions = " and ".join(version.version for version in policy.binding_versions(collected_under))
    return f"the policy of {policy.brand}, version {versions}: using the service accepts them; no consent of the person"


def needs_confirmation(policy: Policy, said: Consent) -> bool:
    """Tells whether it counts only once it is confirmed, and is not."""
    return said.source != CONFIRMED and is_confirmed(policy, said.scope)


def lacks_confirmation(policy: Policy, said: Consent, country: str | None) -> bool:
    """Tells whether it counts for nothing by the law of the countries said of somebody until it is confirmed."""
    return said.source != CONFIRMED and is_about_mail(said.scope) and policy.consent_terms(country).confirmed


def is_confirmed(policy: Policy, scope: str) -> bool:
    """Tells whether a scope is of a category of confirmed subscriptions (paltalk06-03)."""
    category = category_of_scope(policy, scope)
    return category is not None and policy.terms[category].confirmed


def _lifted_opt_outs(policy: Policy, said: Consent, before: datetime) -> OptOutLifting | None:
    """Which opt-outs a consent of one's own ends: of its scope, and wider ones as far as they are about it."""
    if said.source not in OWN:
        return None
    category = category_of_scope(policy, said.scope)
    shared = (
        (SHARING,) if said.scope.startswith(partner_scope("")) or (category and CATEGORIES[category].partners) else ()
    )
    if category is None:
        return OptOutLifting((said.scope, *shared), (), before)
    others = tuple(name for name, known in policy.categories.items() if known.is_optional and name != category)
    topic_of = None if said.scope == category else category
    return OptOutLifting((said.scope, category, EVERYTHING_OPTIONAL, *shared), others, before, topic_of)


def _consent_result(policy: Policy, recorded: ConsentResult | None) -> ConsentResult:
    if recorded is None:
        raise ConsentRefused(f"{policy.brand} has no such recipient")
    return recorded
