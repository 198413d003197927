"""The conditions of a breach phase's release: asking, releasing, break-glass and the second look. Pure."""

import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

CHECK_LASTS: Final = timedelta(hours=72)
"""The age after which a check is not released any more: too much may have changed since."""
SECOND_LOOK_WITHIN: Final = timedelta(hours=24)
"""The time within which somebody else looks at what one person has released alone."""
FACTOR_IS_FRESH: Final = timedelta(minutes=30)
"""The time after a sign-in with a second factor within which a person releases."""
LEAST_LETTERS: Final = 20
"""The letters that the reason of a release by one person alone has at least."""
MOST_REASON: Final = 500
"""The most characters of such a reason, and of a second look."""
WITH_REASON: Final = "with_reason"
"""The terms of a policy that let one person alone release."""
CHECK_AGAIN = "check the phase again"
_RELEASABLE = ("checked", "awaiting_release")


@dataclass(frozen=True, slots=True)
class BreachStepFacts:
    """The facts on which a step of a phase depends.

    Attributes:
        case_state, phase_state, manifest_state: as they are stored.
        is_current: the manifest is of the phase's last check, and facts and texts have the revisions that it froze.
        are_rules_same: the rules in force are those that the check froze.
        hash: of the manifest; None until it is ready. ready_at: when it became ready.
        people: of the manifest. errors: findings of its texts that must be corrected.
        policy_version: of the check. is_asked: somebody has asked for the release.
    """

    case_state: str
    phase_state: str
    manifest_state: str
    is_current: bool
    are_rules_same: bool
    hash: bytes | None
    ready_at: datetime | None
    people: int
    errors: int
    policy_version: str
    is_asked: bool


def refusal_to_ask(facts: BreachStepFacts, policy_version: str, now: datetime) -> str | None:
    """Returns why nobody can ask for the release of a phase now, with what to do; None: somebody can."""
    if facts.manifest_state == "released":
        return "this phase is released already; begin another phase to say more"
    if facts.case_state != "open":
        return f"the case is {facts.case_state}; open it again first, with a reason"
    if facts.manifest_state in ("queued", "building"):
        return "the check is not finished; wait until its sums are shown"
    if facts.manifest_state == "failed":
        return f"the check has failed; correct what it names, and {CHECK_AGAIN}"
    if not facts.is_current or facts.manifest_state != "ready" or facts.phase_state not in _RELEASABLE:
        return f"facts, texts or audience have changed since this check; {CHECK_AGAIN}"
    if facts.policy_version != policy_version:
        return f"the policy has changed since this check; {CHECK_AGAIN}"
    if not facts.are_rules_same:
        return f"the rules about breaches have changed since this check; {CHECK_AGAIN}"
    if facts.ready_at is None or now - facts.ready_at > CHECK_LASTS:
        return f"this check is older than {CHECK_LASTS // timedelta(hours=1)} hours; {CHECK_AGAIN}"
    if facts.errors:
        return f"the check names {facts.errors} errors of the texts; correct them, and {CHECK_AGAIN}"
    if not facts.people:
        return "the audience is empty; choose another one, and check the phase again"
    return None


def refusal_to_release(facts: BreachStepFacts, policy_version: str, seen_hash: bytes, now: datetime) -> str | None:
    """Returns why a phase cannot be released, with what to do; None: it can.

    Args:
        facts: of the phase and its manifest.
        policy_version: in force now.
        seen_hash: of the manifest that the person has seen.
        now: an aware datetime.
    """
    if refusal := refusal_to_ask(facts, policy_version, now):
        return refusal
    if facts.hash is None or not hmac.compare_digest(facts.hash, seen_hash):
        return "this is not the check that you have seen; look at the phase again, then release it"
    if not facts.is_asked or facts.phase_state != "awaiting_release":
        return "nobody has asked for the release of this phase; ask for it first"
    return None


def refusal_to_break_glass(rule: str, reason: str) -> str | None:
    """Returns why one person alone may not release, with what to do; None: they may.

    Args:
        rule: `break_glass` of the policy: `never` or `with_reason`.
        reason: of the person.
    """
    if rule != WITH_REASON:
        return "the policy lets nobody release alone; a second person has to release it"
    return _fault_of_words(reason)


def refusal_of_second_look(manifest_state: str, *, is_alone: bool, is_done: bool, words: str) -> str | None:
    """Returns why a second look cannot be recorded, with what to do; None: it can.

    Args:
        manifest_state: as it is stored.
        is_alone: one person alone has released it.
        is_done: somebody has looked already.
        words: of the person who looks.
    """
    if manifest_state != "released" or not is_alone:
        return "a second look is for what one person has released alone; this was not"
    if is_done:
        return "somebody has looked at it already; the case says who, and what they found"
    return None if words.strip() else "write what you found: that it is right, or what is wrong"


def is_second_look_overdue(released_at: datetime, now: datetime) -> bool:
    """Tells whether a second look should have been taken by now."""
    return now - released_at > SECOND_LOOK_WITHIN


def is_factor_fresh(has_second_factor: bool, signed_in_at: datetime, now: datetime) -> bool:
    """Tells whether a session's second factor was shown lately enough for a release."""
    return has_second_factor and now - signed_in_at <= FACTOR_IS_FRESH


def are_rules_same(frozen: object, in_force: object) -> bool:
    """Tells whether two lists of rows as JSON say the same. The order of rows and of what a set holds says nothing."""
    return _in_one_order(frozen) == _in_one_order(in_force)


def _in_one_order(value: object) -> object:
    if isinstance(value, dict):
        return {name: _in_one_order(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return sorted((_in_one_order(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def _fault_of_words(reason: str) -> str | None:
    if sum(map(str.isalpha, reason)) < LEAST_LETTERS:
        return f"say why nobody else can release it, in {LEAST_LETTERS} letters or more: the case keeps it for ever"
    if len(reason) > MOST_REASON or not reason.isprintable():
        return f"the reason has at most {MOST_REASON} characters, in one line"
    return None
