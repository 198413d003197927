"""The rights of staff at the console, the roles that bundle them, and the checks of both. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from mailer.policy.category import CATEGORIES
from mailer.policy.publisher_and_staff_identity import Identity

INDEPENDENT_AGAIN_AFTER: Final = timedelta(days=7)
"""The time after which two people are two again, of whom one has made a one-time link for the other."""
EVERY_BRAND: Final = "*"
"""The brand of a role that holds for every brand, also for brands that are added later."""


class StaffRight(StrEnum):
    """A right of staff. The names are `<noun>:<verb>`."""

    CAMPAIGNS_WRITE = "campaigns:write"
    CAMPAIGNS_SCHEDULE = "campaigns:schedule"
    CAMPAIGNS_RELEASE = "campaigns:release"
    BREACH_READ = "breach:read"
    BREACH_WRITE = "breach:write"
    BREACH_RELEASE = "breach:release"
    PEOPLE_READ = "people:read"
    PEOPLE_ACT = "people:act"
    SUPPRESSIONS_LIFT = "suppressions:lift"
    MAILINGS_READ = "mailings:read"
    MAILINGS_CONTROL = "mailings:control"
    NOTICES_WORK = "notices:work"
    DEAD_REPLAY = "dead:replay"
    QUARANTINE_JUDGE = "quarantine:judge"
    PUBLISHERS_MANAGE = "publishers:manage"
    STAFF_MANAGE = "staff:manage"
    EVIDENCE_EXPORT = "evidence:export"
    POLICIES_READ = "policies:read"
    PROCESSORS_READ = "processors:read"
    LEDGER_VERIFY = "ledger:verify"


class StaffRole(StrEnum):
    """A role of staff: a bundle of rights with a name."""

    MARKETER = "marketer"
    OPS = "ops"
    PRIVACY_OFFICER = "privacy-officer"
    SUPPORT = "support"
    ADMIN = "admin"


_R = StaffRight
RIGHTS_OF_ROLE: Final[Mapping[StaffRole, frozenset[StaffRight]]] = {
    StaffRole.MARKETER: frozenset(
        {_R.CAMPAIGNS_WRITE, _R.CAMPAIGNS_SCHEDULE, _R.CAMPAIGNS_RELEASE, _R.MAILINGS_READ, _R.POLICIES_READ}
    ),
    StaffRole.OPS: frozenset(
        {
            *(_R.BREACH_READ, _R.BREACH_WRITE, _R.BREACH_RELEASE, _R.MAILINGS_READ, _R.MAILINGS_CONTROL),
            *(_R.DEAD_REPLAY, _R.QUARANTINE_JUDGE, _R.PROCESSORS_READ, _R.POLICIES_READ, _R.LEDGER_VERIFY),
        }
    ),
    StaffRole.PRIVACY_OFFICER: frozenset(
        {
            *(_R.PEOPLE_READ, _R.PEOPLE_ACT, _R.SUPPRESSIONS_LIFT, _R.NOTICES_WORK, _R.EVIDENCE_EXPORT),
            *(_R.BREACH_READ, _R.BREACH_RELEASE, _R.MAILINGS_READ, _R.POLICIES_READ, _R.PROCESSORS_READ),
            _R.LEDGER_VERIFY,
        }
    ),
    StaffRole.SUPPORT: frozenset({_R.PEOPLE_READ, _R.POLICIES_READ}),
    StaffRole.ADMIN: frozenset(
        {_R.STAFF_MANAGE, _R.PUBLISHERS_MANAGE, _R.PROCESSORS_READ, _R.POLICIES_READ, _R.LEDGER_VERIFY}
    ),
}
"""The rights of each role. An admin reads no contents and no people; support does nothing to anybody."""

RIGHTS_THAT_WORK_FOR_EVERY_BRAND_ONLY: Final = frozenset({_R.STAFF_MANAGE, _R.PUBLISHERS_MANAGE})
"""Rights that no single brand can have: whoever has one could give it to herself for the others."""

RIGHTS_NEEDING_A_SECOND_FACTOR: Final = frozenset(
    {*(right for right in StaffRight if right.endswith((":release", ":manage", ":lift", ":export"))), _R.PEOPLE_ACT}
)
"""Rights that nobody uses with a password alone."""


@dataclass(frozen=True, slots=True)
class RoleAtBrand:
    """One role of a person, at one brand or at `EVERY_BRAND`."""

    role: StaffRole
    brand: str = EVERY_BRAND

    def __str__(self) -> str:
        """Returns the text form, `role@brand`, that the ledger and the console use."""
        return f"{self.role}@{self.brand}"


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person who may sign in to the console.

    Attributes:
        id: of the row.
        identity: the person, as the ledger names them.
        email: the work address, as it was given.
        roles: the roles at brands; without one, the person may sign in and do nothing else.
        is_disabled: True if the person may not sign in, and has no rights.
        not_independent_of: the people who lately made a one-time link for this person, and those for whom this person
            made one. With such a link, one person can act as two.
    """

    id: int
    identity: Identity
    email: str
    roles: frozenset[RoleAtBrand] = frozenset()
    is_disabled: bool = False
    not_independent_of: frozenset[Identity] = frozenset()


def parse_role_at_brand(role: str, brand: str) -> RoleAtBrand:
    """Returns a role for its name.

    Raises:
        ValueError: there is no such role, or it is one for all brands only.
    """
    if role not in StaffRole.__members__.values():
        raise ValueError(f"there is no role {role!r}; there are {', '.join(StaffRole)}")
    granted = RoleAtBrand(StaffRole(role), brand)
    if brand != EVERY_BRAND and RIGHTS_OF_ROLE[granted.role] & RIGHTS_THAT_WORK_FOR_EVERY_BRAND_ONLY:
        raise ValueError(f"the role {role} is for all brands; leave the brand out")
    return granted


def has_staff_right(member: StaffMember | None, right: StaffRight, brand: str | None = None) -> bool:
    """Tells whether a person has a right at a brand. Without a brand, it tells whether they have it at every brand."""
    if member is None or member.is_disabled:
        return False
    places = {EVERY_BRAND} if brand is None else {EVERY_BRAND, brand}
    return any(held.brand in places and right in RIGHTS_OF_ROLE[held.role] for held in member.roles)


def rights_at_any_brand(member: StaffMember) -> frozenset[StaffRight]:
    """Returns the rights that a person has at one brand or more."""
    if member.is_disabled:
        return frozenset()
    return frozenset(right for held in member.roles for right in RIGHTS_OF_ROLE[held.role])


def brands_with_right(member: StaffMember, right: StaffRight, brands: frozenset[str]) -> frozenset[str]:
    """Returns the brands, of some, at which a person has a right."""
    return frozenset(brand for brand in brands if has_staff_right(member, right, brand))


def may_release(member: StaffMember | None, right: StaffRight, brand: str, writers: frozenset[Identity]) -> bool:
    """Tells whether a person may release something that others wrote. Nobody releases their own, whatever the role.

    Nobody releases the work of somebody whom they have lately added or reset, nor of whoever has added or reset them:
    with the one-time link, the two could be one person.
    """
    if member is None or not has_staff_right(member, right, brand):
        return False
    return writers.isdisjoint({member.identity, *member.not_independent_of})


def needs_second_factor(member: StaffMember) -> bool:
    """Tells whether a person must have a passkey or an authenticator app, because of the rights they have."""
    return not rights_at_any_brand(member).isdisjoint(RIGHTS_NEEDING_A_SECOND_FACTOR)


def refusal_to_change_staff(actor: Identity, target: Identity) -> str | None:
    """Returns why a person may not change another's roles or access at the console; None if they may."""
    return "You cannot change your own access. Ask another admin." if actor == target else None


def right_required_to_release_category(category: str) -> StaffRight:
    """Returns the right to release mail of a category: `breach:release` for what the law asks for, and else campaigns'.

    An unknown category needs the narrower right.
    """
    known = CATEGORIES.get(category)
    return StaffRight.BREACH_RELEASE if known is None or known.is_required_by_law else StaffRight.CAMPAIGNS_RELEASE
