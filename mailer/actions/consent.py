"""Records, confirms and withdraws consents. Every consent needs a proof, and nobody can consent for somebody else."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

from mailer.actions.confirmation_requests import (
    ConfirmationAsked,
    ConfirmationRequestDependencies,
    NoRecipientToAsk,
    ask_for_confirmation,
)
from mailer.actions.consent_proof_checks import (
    ACTS,
    IsOurs,
    find_consent_method_named_by_source,
    is_confirmation_proof,
    is_statement_version,
    normalize_spelling_of_consent_source,
    refuse_every_token,
)
from mailer.input_types import future_time_fault
from mailer.policy.category import CATEGORIES
from mailer.policy.consent_and_opt_out_scopes import category_of_scope, is_consent_scope, possible_consent_scopes_text
from mailer.policy.consent_wordings import is_listed_wording_or_first_person_yes, list_consent_wordings_for_scope
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import (
    EVERYTHING_OPTIONAL,
    SHARING,
    is_neither_tracking_nor_version_scope,
    partner_scope,
    version_scope,
)
from mailer.ports.consents import CONFIRMED, Consent, ConsentResult, ConsentStore, OptOutsToLift
from mailer.ports.pending_requests import PendingRequest

OWN = ("application", CONFIRMED)
"""The sources of a person's own statements. Only these end an opt-out, as anybody may hold a link."""
FIRST = date(1995, 1, 1)
"""The earliest possible day of a consent to mail, at any controller."""


class ConsentNotRecordable(ValueError):
    """A consent that cannot be recorded. The message says what is missing."""


async def record_consent_or_ask_to_confirm(
    consents: ConsentStore,
    confirmations: ConfirmationRequestDependencies,
    policy: Policy,
    recipient_id: int,
    said: Consent,
    country: str | None,
) -> ConsentResult | ConfirmationAsked:
    """Records a consent. It ends the person's own older opt-out of the same mail, but no objection.

    If the policy or the law asks for a confirmation, asks the person by mail instead of recording the consent.

    Args:
        consents: the store of consents.
        confirmations: asks for a confirmation.
        policy: the policy of the brand.
        recipient_id: the person who consents.
        said: the consent, with its proof.
        country: the country in the person's standing.

    Raises:
        ConsentNotRecordable: it has no proof or no known scope, it is not the person's own act, or the brand has no
            such recipient.
    """
    said = check_and_normalize_consent(policy, said, datetime.now(UTC))
    if needs_confirmation_by_policy(policy, said) or needs_confirmation_by_law(policy, said, country):
        return await ask_to_confirm_subscription(confirmations, policy, recipient_id, said)
    return _result_unless_recipient_unknown(
        policy,
        await consents.record_consent_or_withdrawal(
            policy.brand, recipient_id, said, _opt_outs_to_lift(policy, said, said.at)
        ),
    )


async def withdraw_consent(consents: ConsentStore, policy: Policy, recipient_id: int, said: Consent) -> ConsentResult:
    """Withdraws a consent at once. No words are needed. If the consent was to mail, this opts out of that mail too.

    Raises:
        ConsentNotRecordable: the scope is unknown, or the brand has no such recipient.
    """
    return _result_unless_recipient_unknown(
        policy,
        await consents.record_consent_or_withdrawal(
            policy.brand, recipient_id, check_and_normalize_consent(policy, said, datetime.now(UTC))
        ),
    )


async def ask_to_confirm_subscription(
    confirmations: ConfirmationRequestDependencies, policy: Policy, recipient_id: int, said: Consent
) -> ConfirmationAsked:
    """Asks a person by mail to confirm a subscription (double opt-in), with at most one mail a day.

    A person who has left that mail, objected to marketing or closed the account is not asked, even if an application
    reports the consent. They can subscribe on their own page.

    Raises:
        ConsentNotRecordable: it has no proof or no known scope, or the brand has no such recipient.
    """
    said = check_and_normalize_consent(policy, said, datetime.now(UTC))
    wish = PendingRequest(said.scope, said.version, said.words, said.at)
    try:
        return await ask_for_confirmation(confirmations, policy, recipient_id, [wish], [said], by_owner=False)
    except NoRecipientToAsk as error:
        raise ConsentNotRecordable(str(error)) from error


async def confirm_consent(
    consents: ConsentStore, policy: Policy, recipient_id: int, wish: PendingRequest, proof: str
) -> ConsentResult:
    """Records the consent that a person confirmed by the link in a mail. A repeated call does no harm.

    Args:
        consents: the store of consents.
        policy: the policy of the brand.
        recipient_id: the person who confirms.
        wish: the request that is confirmed.
        proof: the signed token of the link, which is stored as the proof.

    Returns:
        The result. If the person opted out after the request, the opt-out stays: `left` contains its scope. So an old
        link does not end a newer opt-out.

    Raises:
        ConsentNotRecordable: the recipient is gone, or the brand no longer has that mail.
    """
    now = datetime.now(UTC)
    words = wish.words or f"asked on {wish.asked_at.isoformat()}"
    said = _check_scope_and_date(
        policy, Consent(wish.what, True, CONFIRMED, wish.version, words, "recipient", now, proof), now
    )
    lifting = _opt_outs_to_lift(policy, said, wish.asked_at)
    return _result_unless_recipient_unknown(
        policy, await consents.record_consent_or_withdrawal(policy.brand, recipient_id, said, lifting)
    )


def check_and_normalize_consent(
    policy: Policy, said: Consent, now: datetime, is_ours: IsOurs = refuse_every_token
) -> Consent:
    """Checks that a consent may be recorded, and returns it normalized. A time slightly in the future becomes `now`.

    Args:
        policy: the policy of the brand.
        said: the consent, from an application or a file.
        now: the current time, with its zone.
        is_ours: tells whether a text is the token of our own confirmation link.

    Raises:
        ConsentNotRecordable: it may not be recorded.
    """
    dated = _check_scope_and_date(policy, replace(said, source=normalize_spelling_of_consent_source(said.source)), now)
    if not said.given:
        return dated
    is_proven = dated.source == CONFIRMED and is_ours(dated.proof or "")
    if (
        reason := consent_proof_refusal(dated, is_proven)
        or reason_not_persons_own_consent(policy, dated, is_proven)
        or _consent_too_early_reason(policy, dated)
    ):
        raise ConsentNotRecordable(reason)
    return dated


def _check_scope_and_date(policy: Policy, said: Consent, now: datetime) -> Consent:
    """Returns the consent with its time at most `now`. Refuses an unknown scope and a time in the future."""
    if not is_consent_scope(policy, said.scope):
        raise ConsentNotRecordable(
            f"{said.scope!r} is no scope of {policy.brand}; there are {possible_consent_scopes_text(policy)}"
        )
    if reason := future_time_fault(said.at, now):
        raise ConsentNotRecordable(f"at: {reason}")
    return replace(said, at=min(said.at, now))


@rule("consent-proof", "interpals-06; GDPR Art. 7(1); PROMISES: the floor")
def consent_proof_refusal(said: Consent, is_proven: bool = False) -> str | None:
    """A consent needs proof: its source, its recorder, the words that were shown, and their version."""
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
def reason_not_persons_own_consent(policy: Policy, said: Consent, is_proven: bool = False) -> str | None:
    """A person's own yes, or a text that the policy lists, is consent. A notice shown to users of a service is not."""
    if find_consent_method_named_by_source(said.source) is None:
        return (
            f"source: {said.source!r} is the policy's basis, and no consent: it is no act of a person. Name one:"
            f" {', '.join(ACTS)}"
        )
    if is_proven or is_listed_wording_or_first_person_yes(policy, said.scope, said.words or ""):
        return None
    listed = "; ".join(list_consent_wordings_for_scope(policy, said.scope)) or "none"
    return (
        f"words: nobody says by them, for themselves, that they want {said.scope} of {policy.brand}. Send exactly what"
        f" was shown, and list it in the policy's [wordings]; there: {listed}"
    )


def _consent_too_early_reason(policy: Policy, said: Consent) -> str | None:
    """Returns the reason if the consent is dated before its policy version, or before any mail; else None."""
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


def electronic_notice_basis_in_words(policy: Policy, collected_under: str | None) -> str:
    """Returns the basis of electronic notices, in words: the policy versions that bind the person (interpals-25)."""
    versions = " and ".join(version.version for version in policy.binding_versions(collected_under))
    return f"the policy of {policy.brand}, version {versions}: using the service accepts them; no consent of the person"


def needs_confirmation_by_policy(policy: Policy, said: Consent) -> bool:
    """Tells whether the policy asks for a confirmation of this consent, and it is not confirmed."""
    return said.source != CONFIRMED and needs_confirmed_subscription(policy, said.scope)


def needs_confirmation_by_law(policy: Policy, said: Consent, country: str | None) -> bool:
    """Tells whether the law of this country asks for a confirmation of this consent, and it is not confirmed."""
    return (
        said.source != CONFIRMED
        and is_neither_tracking_nor_version_scope(said.scope)
        and policy.consent_validity_terms(country).confirmed
    )


def needs_confirmed_subscription(policy: Policy, scope: str) -> bool:
    """Tells whether a scope belongs to a category that needs confirmed subscriptions (paltalk06-03)."""
    category = category_of_scope(policy, scope)
    return category is not None and policy.terms[category].confirmed


def _opt_outs_to_lift(policy: Policy, said: Consent, before: datetime) -> OptOutsToLift | None:
    """Returns the opt-outs that a person's own consent ends: those of its scope, and wider ones for this scope only.

    None: the consent is not the person's own statement, so it ends no opt-out.
    """
    if said.source not in OWN:
        return None
    category = category_of_scope(policy, said.scope)
    shared = (
        (SHARING,) if said.scope.startswith(partner_scope("")) or (category and CATEGORIES[category].partners) else ()
    )
    if category is None:
        return OptOutsToLift((said.scope, *shared), (), before)
    others = tuple(name for name, known in policy.categories.items() if known.is_optional and name != category)
    topic_of = None if said.scope == category else category
    return OptOutsToLift((said.scope, category, EVERYTHING_OPTIONAL, *shared), others, before, topic_of)


def _result_unless_recipient_unknown(policy: Policy, recorded: ConsentResult | None) -> ConsentResult:
    if recorded is None:
        raise ConsentNotRecordable(f"{policy.brand} has no such recipient")
    return recorded
