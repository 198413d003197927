"""People of staff for tests."""

from mailer.policy.publisher_and_staff_identity import Identity, parse_person_identity
from mailer.policy.staff_rights import EVERY_BRAND, StaffMember, StaffRole, parse_role_at_brand
from mailer.ports.staff import StaffActor, StaffStores

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
