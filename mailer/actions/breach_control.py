"""Stopping, resuming and cancelling a released phase of a breach case, for console, API and commands."""

from typing import NamedTuple, Protocol
from uuid import UUID

from mailer.actions.mailing_control import resume_mailing_and_held_deliveries
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.breach_release import BreachReleaser, BreachStopStore
from mailer.ports.halts import HaltStore, MailingControlRefused
from mailer.ports.held_deliveries import HeldDeliveryStore


class BreachControlStores(Protocol):
    """The stores by which somebody controls phases, such as `ports.operator_stores.OperatorStores`."""

    @property
    def halts(self) -> HaltStore:
        """Pauses and cancels mailings."""

    @property
    def held(self) -> HeldDeliveryStore:
        """Tries held deliveries again."""

    @property
    def breach_releases(self) -> BreachReleaser:
        """Has the mailings of phases."""

    @property
    def breach_stops(self) -> BreachStopStore:
        """Keeps the stops of phases."""


class PhaseStopped(NamedTuple):
    """The changes that a stop, or its end, has made.

    Attributes:
        mailings: that were not over. letters: notices that are held.
    """

    mailings: int
    letters: int


async def stop_phase(stores: BreachControlStores, case_id: UUID, phase: int, by: Identity, reason: str) -> PhaseStopped:
    """Stops all that a released phase still sends: its mailings first, then its letters.

    A second stop halts what was let go on meanwhile. Raises BreachReleaseRefused: the phase is not released.
    """
    await stores.breach_stops.begin_stop(case_id, phase, str(by), reason)
    stopped = 0
    for one in await stores.breach_releases.list_mailings(case_id, phase):
        try:
            await stores.halts.pause_mailing(one.mailing_id, by.name, reason)
        except MailingControlRefused:
            continue  # it is over
        stopped += 1
    return PhaseStopped(stopped, await stores.breach_stops.hold_letters(case_id, phase, str(by)))


async def resume_phase(stores: BreachControlStores, case_id: UUID, phase: int, by: Identity) -> PhaseStopped:
    """Lets a stopped phase go on. Raises BreachReleaseRefused: it does not stand still."""
    await stores.breach_stops.end_stop(case_id, phase, "resumed", str(by))
    resumed = 0
    for one in await stores.breach_releases.list_mailings(case_id, phase):
        try:
            await resume_mailing_and_held_deliveries(stores.halts, stores.held, one.mailing_id, by.name)
        except MailingControlRefused:
            continue  # it is over
        resumed += 1
    return PhaseStopped(resumed, 0)


async def cancel_phase(
    stores: BreachControlStores, case_id: UUID, phase: int, by: Identity, reason: str
) -> PhaseStopped:
    """Ends a stopped phase for good: it tells nobody else. Raises BreachReleaseRefused: it does not stand still."""
    cancelled = 0
    for one in await stores.breach_releases.list_mailings(case_id, phase):
        try:
            await stores.halts.cancel_mailing(one.mailing_id, by.name, reason)
        except MailingControlRefused:
            continue  # it is over
        cancelled += 1
    await stores.breach_stops.end_stop(case_id, phase, "cancelled", str(by))
    return PhaseStopped(cancelled, 0)
