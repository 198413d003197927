"""Addresses that are known dead, or of which nobody knows enough: seen in what was handed over and in the ledger."""

import pytest

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage
from tests.doubles import ACCEPTED
from tests.factories import World, person


def unknown(outgoing: OutgoingMessage) -> Outcome:
    """A relay that knows user-1 no more."""
    gone = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "No such user")
    return gone if outgoing.recipient.startswith("user-1@") else ACCEPTED


@pytest.mark.promise("interpals-18")
async def test_a_dead_address_is_told_of_a_breach_in_writing(world: World) -> None:
    """Nothing is sent to an address that was refused for good; a breach notice for its owner is written."""
    world.processor.answer = unknown
    first = await world.accept([person(1), person(2)])
    await world.handover().hand_over_batches(first.batches)
    assert await world.states(first.mailing_id) == {"user-1": ("failed", "5.1.1"), "user-2": ("handed_over", "")}
    world.processor.sent.clear()
    breach = await world.accept({"refs": ["user-1", "user-2"]}, "breach")
    await world.mailings.release_mailing(breach.mailing_id, "Dana Duty")
    await world.due_now()
    await world.handover().hand_over_batches([row["id"] for row in await world.pool.fetch("SELECT id FROM batches")])
    letter = await world.accept({"refs": ["user-1", "user-2"]})
    await world.handover().hand_over_batches(letter.batches)
    assert world.processor.recipients == ["user-2@people.example"] * 2
    assert (await world.states(breach.mailing_id))["user-1"] == ("diverted", "written_notice")
    assert (await world.states(letter.mailing_id))["user-1"] == ("suppressed", "address_dead")
    rules = {entry["rule"] for entry in await world.entries(breach.mailing_id, "decision")}
    assert rules == {"dead-address", "send"}


@pytest.mark.promise("interpals-01")
async def test_no_promotion_where_nobody_knows_how_it_came(world: World) -> None:
    """An address without a source, or collected under a policy that nobody knows, gets no promotion; others do."""
    offer = await world.accept(
        [
            person(1, source="sign-up", country="US"),
            person(2, source=None, country="US"),
            person(3, source="sign-up", country="US", policy_version="1066"),
        ],
        "promotional",
    )
    await world.handover().hand_over_batches(offer.batches)
    unclear = ("suppressed", "unknown_basis")
    assert await world.states(offer.mailing_id) == {
        "user-1": ("handed_over", ""),
        "user-2": unclear,
        "user-3": unclear,
    }
    assert world.processor.recipients == ["user-1@people.example"]
