"""Giving, confirming and withdrawing consent. Every consent has proof, and nobody gives one for somebody else."""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

from mailer.actions.wishes import Asked, Confirmations, NobodyToAsk, ask
from mailer.inputs import future_fault
from mailer.policy.category import CATEGORIES
from mailer.policy.document import Policy
from mailer.policy.registry import rule
from mailer.policy.scopes import can_be_asked, category_of, scopes_to_ask
from mailer.policy.standing import EVERYTHING_OPTIONAL, SHARING, is_about_mail, partner_scope
from mailer.ports.consents import CONFIRMED, Consent, Consents, Lifting, Recorded
from mailer.ports.wishes import Wish

OWN = ("application", CONFIRMED)
"""The sources of what a person says for themselves; only these end an opt-out. Whoever holds a link may be anybody."""
POLICY_SOURCES = ("policy", "privacy-policy", "terms", "terms-of-use", "terms-of-service", "use", "use-of-the-service")
"""The sources of what nobody said."""
_BY_USE = re.compile(
    r"\b(by continuing to use|using|use of) (the|this|our) (service|site|website|app|platform)\b",
    re.IGNORECASE,
)
"""Words by which using something is the consent."""
_NO_WORDS = frozenset({"none", "null", "nil", "nan", "unknown", "undefined", "empty", "test", "todo", "tbd", "words"})
"""The texts that programs and forms write where there are none."""
_LEAST_LETTERS = 3
"""Letters of `Yes`; of 同意 each counts twice."""
_LEAST_PROOF = 6
"""Letters and digits without which a proof refers to nothing."""


class ConsentRefused(ValueError):
    """A consent that cannot be recorded; the message says what is missing."""


async def consent(
    consents: Consents,
    confirmations: Confirmations,
    policy: Policy,
    recipient_id: int,
    said: Consent,
    country: str | None,
) -> Recorded | Asked:
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
    said = checked(policy, said, datetime.now(UTC))
    if needs_confirmation(policy, said) or lacks_confirmation(policy, said, country):
        return await request_subscription(confirmations, policy, recipient_id, said)
    return _known(policy, await consents.record(policy.brand, recipient_id, said, _lifting(policy, said, said.at)))


async def withdraw(consents: Consents, policy: Policy, recipient_id: int, said: Consent) -> Recorded:
    """Withdraws a consent, which needs no words; where it is one to mail, that mail is left too. At once.

    Raises:
        ConsentRefused: the scope is unknown, or the brand has no such recipient.
    """
    return _known(policy, await consents.record(policy.brand, recipient_id, checked(policy, said, datetime.now(UTC))))


async def request_subscription(confirmations: Confirmations, policy: Policy, recipient_id: int, said: Consent) -> Asked:
    """Asks by mail whether a person wants to subscribe (double opt-in); one mail a day at most.

    Whoever has left that mail, objected to marketing or closed the account is not asked, whatever an application says:
    they can ask themselves, on their page.

    Raises:
        ConsentRefused: it has no proof or no known scope, or the brand has no such recipient.
    """
    said = checked(policy, said, datetime.now(UTC))
    wish = Wish(said.scope, said.version, said.words, said.at)
    try:
        return await ask(confirmations, policy, recipient_id, [wish], [said], by_owner=False)
    except NobodyToAsk as error:
        raise ConsentRefused(str(error)) from error


async def confirm(consents: Consents, policy: Policy, recipient_id: int, wish: Wish, proof: str) -> Recorded:
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
    said = checked(policy, Consent(wish.what, True, CONFIRMED, wish.version, words, "recipient", now, proof), now)
    lifting = _lifting(policy, said, wish.asked_at)
    return _known(policy, await consents.record(policy.brand, recipient_id, said, lifting))


def checked(policy: Policy, said: Consent, now: datetime) -> Consent:
    """What was said, if it may be recorded; a clock that is a little ahead of ours is set right.

    Raises:
        ConsentRefused: it may not.
    """
    if not can_be_asked(policy, said.scope):
        raise ConsentRefused(f"{said.scope!r} is no scope of {policy.brand}; there are {scopes_to_ask(policy)}")
    if said.given and (reason := consent_proof(said) or policy_basis(said)):
        raise ConsentRefused(reason)
    if reason := future_fault(said.at, now):
        raise ConsentRefused(f"at: {reason}")
    return replace(said, at=min(said.at, now))


@rule("consent-proof", "interpals-06; GDPR Art. 7(1); PROMISES: the floor")
def consent_proof(said: Consent) -> str | None:
    """A consent without its source, who recorded it, the words that were shown or their version is none."""
    told = {name: bool(re.search(r"\w", getattr(said, name))) for name in ("source", "actor", "version")}
    told["words"] = _are_words(said.words or "")
    missing = [name for name in ("source", "actor", "words", "version") if not told[name]]
    if missing:
        return (
            f"a consent needs proof, and this one lacks {', '.join(missing)}: say how it was given, and what was shown"
        )
    if said.source.strip().casefold() == CONFIRMED and len(re.findall(r"[^\W_]", said.proof or "")) < _LEAST_PROOF:
        return (
            f"proof: a consent is {CONFIRMED} by a link in a mail, and nothing shows that here: give the link's token,"
            " or where and when the confirmation is on record"
        )
    return None


def _are_words(text: str) -> bool:
    """Tells whether a text can have been shown to somebody who agreed to it: it is not a dash, and no stand-in."""
    letters = [char.casefold() for char in text if char.isalpha()]
    size = sum(2 if unicodedata.category(char) == "Lo" else 1 for char in letters)
    return size >= _LEAST_LETTERS and len(set(letters)) > 1 and "".join(letters) not in _NO_WORDS


@rule("policy-basis", "interpals-25")
def policy_basis(said: Consent) -> str | None:
    """What a policy says of those who use the service is the policy's own basis, never a recipient's consent."""
    if _BY_USE.search(said.words or ""):
        return "words: that using a service is consent is the policy's basis, and no consent; it is not recorded as one"
    if "-".join(said.source.casefold().split()) not in POLICY_SOURCES:
        return None
    return f"source: {said.source!r} is the policy's basis, and no consent of a person; it is not recorded as one"


def basis_of_notices(policy: Policy, collected_under: str | None) -> str:
    """On what electronic notices stand: the version of the policy under which a person came (interpals-25)."""
    versions = " and ".join(version.version for version in policy.binding(collected_under))
    return f"the policy of {policy.brand}, version {versions}: using the service accepts them; no consent of the person"


def needs_confirmation(policy: Policy, said: Consent) -> bool:
    """Tells whether it counts only once it is confirmed, and is not."""
    return said.source != CONFIRMED and is_confirmed(policy, said.scope)


def lacks_confirmation(policy: Policy, said: Consent, country: str | None) -> bool:
    """Tells whether it counts for nothing by the law of the countries said of somebody until it is confirmed."""
    return said.source != CONFIRMED and is_about_mail(said.scope) and policy.consent_terms(country).confirmed


def is_confirmed(policy: Policy, scope: str) -> bool:
    """Tells whether a scope is of a category of confirmed subscriptions (paltalk06-03)."""
    category = category_of(policy, scope)
    return category is not None and policy.terms[category].confirmed


def _lifting(policy: Policy, said: Consent, before: datetime) -> Lifting | None:
    """Which opt-outs a consent of one's own ends: of its scope, and wider ones as far as they are about it."""
    if said.source not in OWN:
        return None
    category = category_of(policy, said.scope)
    shared = (
        (SHARING,) if said.scope.startswith(partner_scope("")) or (category and CATEGORIES[category].partners) else ()
    )
    if category is None:
        return Lifting((said.scope, *shared), (), before)
    others = tuple(name for name, known in policy.categories.items() if known.optional and name != category)
    topic_of = None if said.scope == category else category
    return Lifting((said.scope, category, EVERYTHING_OPTIONAL, *shared), others, before, topic_of)


def _known(policy: Policy, recorded: Recorded | None) -> Recorded:
    if recorded is None:
        raise ConsentRefused(f"{policy.brand} has no such recipient")
    return recorded
