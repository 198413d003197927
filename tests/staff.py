"""People of staff for tests."""

from mailer.policy.publisher_and_staff_identity import Identity, parse_person_identity
from mailer.policy.staff_rights import EVERY_BRAND, StaffMember, StaffRole, parse_role_at_brand
from mailer.ports.staff import NoAdminWouldRemain, StaffActor, StaffStores

ROOT = StaffActor(Identity.parse_identity("person:root"), "a command")
"""The command that adds the first person of staff."""
PASSWORD = "violet gravel tuba"
"""A good password."""


async def add_person(
    staff: StaffStores, name: str = "Dana Duty", role: str = StaffRole.ADMIN, brand: str = EVERY_BRAND
) -> tuple[StaffMember, str]:
    """A person with a role, and the token of the link to sign up."""
    identity = parse_person_identity(name)
    link = await staff.directory.add_staff_member(
        identity, "dana@work.example", [parse_role_at_brand(role, brand)], ROOT
    )
    known = await staff.directory.find_staff_record(identity)
    assert known is not None
    return known.member, link


async def disable_person(staff: StaffStores, member: StaffMember) -> bool:
    """Disables a person by a command. The last admin stays, so another one is added if there is none."""
    try:
        return await staff.directory.disable_staff_member(member, ROOT)
    except NoAdminWouldRemain:
        await add_person(staff, "Spare Admin")
        return await staff.directory.disable_staff_member(member, ROOT)
