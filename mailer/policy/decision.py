"""Whether a person gets a mailing: `decide`, and the rules it asks.

Each rule is one small pure function with a name and a place in `RULES`. The first that speaks decides; the last one
always speaks. Rules look at a category's traits, never at its name, so that a policy may add categories.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mailer.policy.category import Category
from mailer.policy.document import Policy
from mailer.policy.standing import Standing


@dataclass(frozen=True, slots=True)
class Mailing:
    """What a decision needs to know of a mailing."""

    category: Category
    send_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """The person gets it."""

    rule: str
    policy: str


@dataclass(frozen=True, slots=True)
class Suppress:
    """The person does not get it, for a reason that stands in the ledger."""

    reason: str
    rule: str
    policy: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Not before `until`; then it is decided again."""

    until: datetime
    reason: str
    rule: str
    policy: str


@dataclass(frozen=True, slots=True)
class Divert:
    """The person is told on another channel."""

    channel: str
    reason: str
    rule: str
    policy: str


Decision = Send | Suppress | Hold | Divert

EXPIRED = "expired"
"""The reason whose final state has a name of its own."""

WRITTEN = "written_notice"
"""The channel of those whom no mail can reach (interpals-18)."""


@dataclass(frozen=True, slots=True)
class _Facts:
    mailing: Mailing
    standing: Standing
    policy: Policy
    now: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the registry.

    Attributes:
        name: as it stands in decisions, the ledger and policies.
        source: where the demand comes from: a promise, a law, an invariant of the design.
        speak: returns a verdict, or None when the rule has nothing to say.
    """

    name: str
    source: str
    speak: Callable[["Rule", _Facts], Decision | None]


def _suppress(reason: str, rule: Rule, facts: _Facts) -> Suppress:
    return Suppress(reason, rule.name, facts.policy.version)


def _category_not_promised(rule: Rule, facts: _Facts) -> Decision | None:
    if facts.mailing.category.name in facts.policy.category_names:
        return None
    return _suppress("category_not_in_policy", rule, facts)


def _erased(rule: Rule, facts: _Facts) -> Decision | None:
    return _suppress("erased", rule, facts) if facts.standing.erased else None


def _expired(rule: Rule, facts: _Facts) -> Decision | None:
    expires_at = facts.mailing.expires_at
    return _suppress(EXPIRED, rule, facts) if expires_at is not None and facts.now >= expires_at else None


def _deactivated(rule: Rule, facts: _Facts) -> Decision | None:
    if facts.standing.deactivated and not facts.mailing.category.outlives_account:
        return _suppress("deactivated", rule, facts)
    return None


def _opted_out(rule: Rule, facts: _Facts) -> Decision | None:
    category = facts.mailing.category
    if category.optional and facts.standing.left(category.name):
        return _suppress("opted_out", rule, facts)
    return None


def _unreachable(reason: str, rule: Rule, facts: _Facts) -> Decision:
    if facts.mailing.category.written_fallback:
        return Divert(WRITTEN, reason, rule.name, facts.policy.version)
    return _suppress(reason, rule, facts)


def _no_address(rule: Rule, facts: _Facts) -> Decision | None:
    return _unreachable("no_address", rule, facts) if facts.standing.address is None else None


def _dead_address(rule: Rule, facts: _Facts) -> Decision | None:
    return _unreachable("address_dead", rule, facts) if facts.standing.address_dead else None


def _one_copy(rule: Rule, facts: _Facts) -> Decision | None:
    return _suppress("duplicate_address", rule, facts) if facts.standing.copy_of is not None else None


def _staging(rule: Rule, facts: _Facts) -> Decision | None:
    allowed, address = facts.policy.only_deliver_to, facts.standing.address
    if allowed is None or address is None:
        return None
    domain = "@" + address.rpartition("@")[2].lower()
    if address.lower() in allowed or domain in allowed:
        return None
    return _suppress("only_deliver_to", rule, facts)


def _not_yet(rule: Rule, facts: _Facts) -> Decision | None:
    send_at = facts.mailing.send_at
    if send_at is None or facts.now >= send_at:
        return None
    return Hold(send_at, "not_yet_due", rule.name, facts.policy.version)


def _send(rule: Rule, facts: _Facts) -> Decision | None:
    return Send(rule.name, facts.policy.version)


RULES: tuple[Rule, ...] = (
    Rule("category-promised", "interpals-02: a closed list of purposes", _category_not_promised),
    Rule("erased", "invariant 8; GDPR Art. 17", _erased),
    Rule("expired", "the event's expires_at", _expired),
    Rule("deactivated", "invariant 3; paltalk06-06", _deactivated),
    Rule("opt-out", "invariant 2; CAN-SPAM 5(a)(4); GDPR Art. 21(3)", _opted_out),
    Rule("no-address", "invariant 1; interpals-18", _no_address),
    Rule("dead-address", "invariant 3; interpals-18", _dead_address),
    Rule("one-copy", "invariant 1", _one_copy),
    Rule("staging", "MAILER_ONLY_DELIVER_TO", _staging),
    Rule("not-yet", "the event's send_at", _not_yet),
    Rule("send", "nothing forbids it", _send),
)
"""In the order in which they are asked. What is final comes before what may pass."""


def decide(mailing: Mailing, standing: Standing, policy: Policy, now: datetime) -> Decision:
    """The decision for one person. Pure and total.

    Args:
        mailing: category and times.
        standing: the person's, as of its version.
        policy: the brand's.
        now: an aware datetime.
    """
    facts = _Facts(mailing, standing, policy, now)
    for rule in RULES:
        verdict = rule.speak(rule, facts)
        if verdict is not None:
            return verdict
    raise AssertionError("the last rule always speaks")
