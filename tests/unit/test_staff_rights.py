"""Rights of staff: roles bundle them, nobody releases their own, and unknown names are refused."""

from dataclasses import replace

import pytest

from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.staff_rights import (
    EVERY_BRAND,
    RIGHTS_NEEDING_A_SECOND_FACTOR,
    RIGHTS_OF_ROLE,
    RoleAtBrand,
    StaffMember,
    StaffRight,
    StaffRole,
    brands_with_right,
    has_staff_right,
    may_release,
    needs_second_factor,
    parse_role_at_brand,
    refusal_to_change_staff,
    rights_at_any_brand,
)


def somebody(*roles: tuple[str, str], name: str = "Dana", disabled: bool = False) -> StaffMember:
    """A person with roles at brands."""
    held = frozenset(parse_role_at_brand(role, brand) for role, brand in roles)
    return StaffMember(1, Identity(IdentityKind.PERSON, name), "dana@work.example", held, disabled)


@pytest.mark.parametrize("role", StaffRole)
@pytest.mark.parametrize("right", StaffRight)
def test_a_role_gives_its_rights_and_no_other(role: StaffRole, right: StaffRight) -> None:
    """A person has a right if, and only if, the role bundles it. Nobody and the disabled have none."""
    given = has_staff_right(somebody((role, EVERY_BRAND)), right)
    assert given is (right in RIGHTS_OF_ROLE[role])
    assert not has_staff_right(somebody((role, EVERY_BRAND), disabled=True), right)
    assert not has_staff_right(None, right)


def test_the_table_of_who_must_never_holds() -> None:
    """The column "must never be able to" of the console's design, role by role."""
    r = StaffRight
    assert not RIGHTS_OF_ROLE[StaffRole.MARKETER] & {r.BREACH_WRITE, r.BREACH_RELEASE, r.PEOPLE_READ}
    acting = {right for right in r if not right.endswith(":read")}
    assert not RIGHTS_OF_ROLE[StaffRole.SUPPORT] & acting
    assert not RIGHTS_OF_ROLE[StaffRole.ADMIN] & {r.MAILINGS_READ, r.PEOPLE_READ, r.CAMPAIGNS_WRITE}
    assert not RIGHTS_OF_ROLE[StaffRole.PRIVACY_OFFICER] & {r.CAMPAIGNS_WRITE, r.STAFF_MANAGE, r.BREACH_WRITE}
    assert all(any(right in held for held in RIGHTS_OF_ROLE.values()) for right in r)


def test_a_role_at_one_brand_says_nothing_of_others() -> None:
    """A right holds at the role's brand. "At every brand" needs a role for every brand."""
    dana = somebody(("marketer", "interpals"))
    assert has_staff_right(dana, StaffRight.CAMPAIGNS_WRITE, "interpals")
    assert not has_staff_right(dana, StaffRight.CAMPAIGNS_WRITE, "peerstream")
    assert not has_staff_right(dana, StaffRight.CAMPAIGNS_WRITE)
    both = frozenset({"interpals", "peerstream"})
    assert brands_with_right(dana, StaffRight.CAMPAIGNS_WRITE, both) == {"interpals"}
    assert brands_with_right(somebody(("ops", "*")), StaffRight.MAILINGS_CONTROL, both) == both


@pytest.mark.parametrize("name", ["Dana", "dana", "DANA", "\uff24ana"])
def test_nobody_releases_their_own(name: str) -> None:
    """Two spellings of one name are one person; another person with the right may release."""
    dana, writers = somebody(("ops", "*")), frozenset({Identity(IdentityKind.PERSON, name)})
    assert not may_release(dana, StaffRight.BREACH_RELEASE, "interpals", writers)
    assert may_release(somebody(("ops", "*"), name="Eli"), StaffRight.BREACH_RELEASE, "interpals", writers)
    assert not may_release(somebody(("support", "*"), name="Eli"), StaffRight.BREACH_RELEASE, "interpals", writers)
    assert not may_release(None, StaffRight.BREACH_RELEASE, "interpals", writers)


def test_two_people_who_may_be_one_do_not_second_each_other() -> None:
    """The maker of a one-time link and the person who got it release no work of each other for a while."""
    ann, ben, cem = (Identity(IdentityKind.PERSON, name) for name in ("Ann", "Ben", "Cem"))
    linked = replace(somebody(("ops", "*"), name="Ann"), not_independent_of=frozenset({ben}))
    assert not may_release(linked, StaffRight.BREACH_RELEASE, "interpals", frozenset({ben}))
    assert not may_release(linked, StaffRight.BREACH_RELEASE, "interpals", frozenset({cem, ben}))
    assert not may_release(linked, StaffRight.BREACH_RELEASE, "interpals", frozenset({ann}))
    assert may_release(linked, StaffRight.BREACH_RELEASE, "interpals", frozenset({cem}))


@pytest.mark.parametrize(
    ("role", "brand"), [("root", "*"), ("Admin", "*"), ("", "*"), ("admin ", "*"), ("admin", "interpals")]
)
def test_an_unknown_role_is_refused(role: str, brand: str) -> None:
    """An unknown role is refused, and so is an admin of one brand, who could make herself admin of the others."""
    with pytest.raises(ValueError, match="role"):
        parse_role_at_brand(role, brand)


def test_who_releases_or_manages_needs_a_second_factor() -> None:
    """Support reads only, and may do without; a person without roles has no rights at all."""
    needing = {role for role in StaffRole if needs_second_factor(somebody((role, EVERY_BRAND)))}
    assert needing == set(StaffRole) - {StaffRole.SUPPORT}
    assert {StaffRight.CAMPAIGNS_RELEASE, StaffRight.STAFF_MANAGE} <= RIGHTS_NEEDING_A_SECOND_FACTOR
    assert rights_at_any_brand(somebody()) == frozenset()
    assert rights_at_any_brand(somebody(("admin", "*"), disabled=True)) == frozenset()
    assert str(RoleAtBrand(StaffRole.OPS)) == "ops@*"


def test_nobody_changes_their_own_access() -> None:
    """An admin neither raises herself nor shuts herself out."""
    dana, eli = (Identity(IdentityKind.PERSON, name) for name in ("Dana", "Eli"))
    assert refusal_to_change_staff(dana, Identity(IdentityKind.PERSON, "dana")) is not None
    assert refusal_to_change_staff(dana, eli) is None
