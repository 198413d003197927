"""The decisions about a person and a mailing, and the facts that they use. `deciding` has the order of the rules."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mailer.policy.category import Category
from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from mailer.policy.switches import Switches


@dataclass(slots=True, unsafe_hash=True)
class Mailing:
    """A mailing as a decision sees it. Nobody changes it; frozen, it would take five times as long to make.

    Attributes:
        category: as it was published; to some people it is another one (see the rule `service-scope`).
        purpose: the template's, one of the policy's closed list.
        id: the mailing's; an invitee's address is used by one mailing only.
        topic: within the category.
        inviter: who invites. inviter_paused: their invitations are stopped after a report.
        partner: whose mail it is.
        product: of the brand, that service mail is about; None: the service as a whole.
        send_at, expires_at: not before, not after.
        answers: it answers an inquiry of the person's own (paltalk06-32).
    """

    category: Category
    purpose: str
    id: UUID | None = None
    topic: str | None = None
    inviter: str | None = None
    inviter_paused: bool = False
    partner: str | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    answers: bool = False
    product: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """The person gets it, as mail of the named category.

    Attributes:
        alarm: it is service mail beyond the rate that the policy calls rare (paltalk06-04); it is sent, and noticed.
    """

    rule: str
    policy: str
    category: Category
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Suppress:
    """The person does not get it, for a reason that stands in the ledger."""

    reason: str
    rule: str
    policy: str


@dataclass(frozen=True, slots=True)
class Hold:
    """The mail does not go before `until`. Then it is decided again."""

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
"""The reason that leads to the final state `expired`; other reasons lead to `suppressed`."""


@dataclass(slots=True)
class FactsForRules:
    """The facts that a rule may read. Rules change only `has_asked`. Frozen, it would cost a third more.

    Attributes:
        category: what the mail is to this person.
        switches: those that hold for this person.
        has_asked: for this mail, with a consent that counts; None until a rule has worked it out.
    """

    mailing: Mailing
    standing: Standing
    policy: Policy
    now: datetime
    category: Category
    switches: Switches
    has_asked: bool | None = None
