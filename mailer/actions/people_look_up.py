"""The look-up of people by staff: who was found, by whom and why. Console, API and commands call the same functions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mailer.actions.account_events import AccountEventStoresOpener
from mailer.input_types import MAX_ADDRESS
from mailer.policy.history_paging import HistoryPlace
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.rule_registry import rule
from mailer.policy.standing import Standing
from mailer.ports.person_history import (
    AccessInterface,
    AccessorAndReason,
    AccessRecorder,
    HistoryPage,
    ListedRecipient,
    PersonDirectory,
)
from mailer.ports.standings import StandingStore
from mailer.ports.suppressions import Suppression, SuppressionStore

MAX_REASON = 300
"""The most characters of the reason of a look-up or an act."""
PAGE = 25
"""The entries of a page of a history or a list."""
MAX_PAGE = 200
LOOK_UP_LASTS = timedelta(minutes=30)
"""The time for which a person stays open to a member of staff after a look-up, without another reason."""


class LookUpRefused(ValueError):
    """A look-up that lacks something. The message says what."""


@dataclass(frozen=True, slots=True)
class PersonLookUpAndActStores:
    """All that looking people up, and acting on them, stands on.

    Attributes:
        policies: the policies by brand.
        desks: opens the stores that an act changes.
    """

    policies: Mapping[str, Policy]
    directory: PersonDirectory
    access: AccessRecorder
    standings: StandingStore
    suppressions: SuppressionStore
    desks: AccountEventStoresOpener


@dataclass(frozen=True, slots=True)
class PersonOverview:
    """A person, as staff see them: who they are, their standing, and what stops mail to their address now."""

    recipient: ListedRecipient
    standing: Standing
    stops: Sequence[Suppression]


@rule("look-up-reason", "paltalk06-22", idle=False)
def needs_look_up_reason(policies: Mapping[str, Policy], brands: Collection[str]) -> bool:
    """Staff see a person only after a look-up that is on record with its reason, unless the policy asks for none."""
    return any(policies[brand].look_up_reason == "required" for brand in brands)


def check_look_up_reason(policies: Mapping[str, Policy], brands: Collection[str], access: AccessorAndReason) -> None:
    """Checks the reason of a look-up. A command may have none: its user can read the database anyway.

    Raises:
        LookUpRefused: it is missing or too long.
    """
    if len(access.reason) > MAX_REASON:
        raise LookUpRefused(f"reason: has {len(access.reason)} characters; at most {MAX_REASON}")
    is_asked = access.door is not AccessInterface.COMMAND and needs_look_up_reason(policies, brands)
    if is_asked and not access.reason.strip():
        raise LookUpRefused("reason: is missing; say why this person is looked up, such as a ticket's number")


async def look_people_up(
    desk: PersonLookUpAndActStores, brands: Collection[str], text: str, access: AccessorAndReason
) -> Sequence[ListedRecipient]:
    """Finds people by ref, address or number, and records the look-up, also one that finds nobody.

    Args:
        desk: the stores.
        brands: the brands among whose recipients is looked.
        text: a ref, an address in any spelling, or the ledger's number. The ledger does not get it.
        access: who looks, from where and why.

    Raises:
        LookUpRefused: there is nothing to look for, or no reason.
    """
    sought = text.strip()
    if not sought or len(sought) > MAX_ADDRESS:
        raise LookUpRefused(f"who: name a ref or an address, of at most {MAX_ADDRESS} characters")
    check_look_up_reason(desk.policies, brands, access)
    found = await desk.directory.find_people(brands, sought)
    nobody = [(brand, None) for brand in sorted(brands)]
    await desk.access.record_look_up([(one.brand, one.id) for one in found] or nobody, access)
    return found


def person_with_ref(found: Sequence[ListedRecipient], ref: str) -> ListedRecipient | None:
    """Returns the person that a ref names, among those found by it; an erased person has another ref by now."""
    exact = [one for one in found if one.ref == ref]
    named = exact or found
    return named[0] if len(named) == 1 else None


async def record_look_at_person(
    desk: PersonLookUpAndActStores, brand: str, recipient_id: int, access: AccessorAndReason
) -> None:
    """Records that somebody looks at a person who is known by number, before anything is shown.

    Raises:
        LookUpRefused: there is no reason.
    """
    check_look_up_reason(desk.policies, [brand], access)
    await desk.access.record_look_up([(brand, recipient_id)], access)


async def has_looked_person_up_recently(
    desk: PersonLookUpAndActStores, brand: str, recipient_id: int, by: Identity
) -> bool:
    """Tells whether somebody has looked a person up at the console within `LOOK_UP_LASTS`."""
    return await desk.access.has_looked_person_up_within(brand, recipient_id, by, LOOK_UP_LASTS)


async def read_person_overview(desk: PersonLookUpAndActStores, recipient: ListedRecipient) -> PersonOverview:
    """Returns a person with their standing and suppressions. The caller has recorded the look-up.

    Raises:
        LookupError: the person is gone meanwhile.
    """
    standing = await desk.standings.get_standing(recipient.brand, recipient.id)
    if standing is None:
        raise LookupError(f"{recipient.brand} has no such recipient")
    stops = await desk.suppressions.all_suppressions_of_recipient(recipient.brand, recipient.id)
    return PersonOverview(recipient, standing, [stop for stop in stops if stop.lifted_at is None])


async def read_page_of_person_history(
    desk: PersonLookUpAndActStores, recipient: ListedRecipient, before: HistoryPlace | None = None, limit: int = PAGE
) -> HistoryPage:
    """Returns a page of a person's history. The caller has recorded the look-up."""
    return await desk.directory.read_history_page(recipient.brand, recipient.id, before, limit)
