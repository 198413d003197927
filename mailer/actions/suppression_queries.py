"""The list of a brand's suppressions, and the explanation of those of one address, for console, API and commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from mailer.actions.people_look_up import (
    LookUpRefused,
    PersonLookUpAndActStores,
    check_look_up_reason,
    look_people_up,
    person_with_ref,
)
from mailer.input_types import MAX_ADDRESS, parse_address
from mailer.policy.policy_file import Policy
from mailer.ports.person_history import AccessorAndReason
from mailer.ports.suppressions import Suppression


@dataclass(frozen=True, slots=True)
class SuppressionPage:
    """A page of suppressions, the newest first. next: the id before which the next page begins; None: there is none."""

    stops: Sequence[Suppression]
    templates: Mapping[UUID, str]
    next: int | None


async def list_suppressions(
    desk: PersonLookUpAndActStores, policy: Policy, before: int | None, limit: int
) -> SuppressionPage:
    """Returns suppressions of a brand and of its controller that hold now. They name nobody: an address is a hash."""
    found = await desk.suppressions.list_suppressions_in_force(policy.brand, policy.controller.id, before, limit + 1)
    page = found[:limit]
    return SuppressionPage(
        page, await read_mailing_templates_of_suppressions(desk, page), page[-1].id if len(found) > limit else None
    )


async def list_suppressions_of_ref_and_log_access(
    desk: PersonLookUpAndActStores, policy: Policy, ref: str, access: AccessorAndReason
) -> Sequence[Suppression]:
    """Returns all suppressions that the address of a person ever had at a brand, oldest first; records the look-up.

    Raises:
        LookUpRefused: there is no reason, or no such person.
    """
    person = person_with_ref(await look_people_up(desk, [policy.brand], ref, access), ref)
    if person is None:
        raise LookUpRefused(f"{policy.brand} has no recipient {ref}")
    return await desk.suppressions.all_suppressions_of_recipient(policy.brand, person.id)


async def list_suppressions_of_address_and_log_access(
    desk: PersonLookUpAndActStores, policy: Policy, address: str, access: AccessorAndReason
) -> Sequence[Suppression]:
    """Returns all suppressions that an address ever had at a brand, oldest first, whether or not it is anybody's.

    Raises:
        LookUpRefused: there is no reason, or no address.
    """
    if not address.strip() or len(address) > MAX_ADDRESS:
        raise LookUpRefused(f"address: name one, of at most {MAX_ADDRESS} characters")
    check_look_up_reason(desk.policies, [policy.brand], access)
    people = await desk.directory.find_people([policy.brand], address.strip())
    known = [(policy.brand, one.id) for one in people]
    await desk.access.record_look_up(known or [(policy.brand, None)], access)
    typed = _normalize_address_as_in_events(address.strip())
    return await desk.suppressions.all_suppressions_of_address(policy.brand, policy.controller.id, typed)


async def read_mailing_templates_of_suppressions(
    desk: PersonLookUpAndActStores, stops: Sequence[Suppression]
) -> Mapping[UUID, str]:
    """Returns the templates of the mailings that suppressions name."""
    return await desk.directory.read_template_names({stop.mailing_id for stop in stops if stop.mailing_id})


def _normalize_address_as_in_events(address: str) -> str:
    """Returns an address in the form that events have; an address that events may not have stays as it was typed."""
    try:
        return parse_address(address)
    except ValueError:
        return address
