"""Addresses that a person would take for one, as their capitals are the same: an opt-out reaches all, mail each."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mailer.ports.consents import Consent
from mailer.ports.suppressions import NewSuppression
from tests.factories import BRAND, World, person

CAPITALS, WORD, INNER = "ΟΔΟΣ@people.example", "οδος@people.example", "οδοσ@people.example"


async def mailed(world: World, *people: dict[str, Any], **event: Any) -> list[str]:
    """The people whom a mailing reaches."""
    world.processor.sent.clear()
    accepted = await world.accept([*people], **event)
    await world.handover().hand_over_batches(accepted.batches)
    return sorted(world.processor.recipients)


@pytest.mark.parametrize(("left", "back"), [(CAPITALS, INNER), (INNER, CAPITALS), (WORD, INNER), (INNER, WORD)])
async def test_who_left_stays_away_in_another_spelling(world: World, left: str, back: str) -> None:
    """An opt-out, of a person or from a file, holds for an account that becomes known later in another lower case."""
    await world.known(1, email=left)
    await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "newsletter", "test")
    assert await mailed(world, person(2, email=back), person(3)) == [person(3)["email"]]
    assert len(await world.suppressions.all_suppressions_of_address(BRAND, BRAND, back)) >= 1


@pytest.mark.parametrize("reason", ["opt_out", "complaint", "objection"])
async def test_accounts_that_are_known_already_are_reached(world: World, reason: str) -> None:
    """An opt-out, complaint or objection of one account holds at once for one that is known in another lower case."""
    await world.known(1, email=CAPITALS)
    await world.known(2, email=INNER)
    new = NewSuppression("*", reason, "test", "recipient")
    assert await world.suppressions.suppress_recipient(BRAND, await world.id_of("user-1"), new)
    standing = await world.standings.get_standing(BRAND, await world.id_of("user-2"))
    assert standing is not None
    assert standing.opted_out or standing.objected


async def test_a_file_of_opt_outs_reaches_every_spelling(world: World) -> None:
    """An address that a file names is found in each lower case, known already or later, and counts once."""
    await world.known(1, email=INNER)
    new = NewSuppression("newsletter", "opt_out", "list", "Grace")
    assert await world.suppressions.suppress_addresses(BRAND, BRAND, [(CAPITALS, new)]) == 1
    assert await mailed(world, person(1, email=INNER), person(2, email=WORD), person(3, email=INNER)) == []


async def test_a_dead_mailbox_takes_no_mandatory_mail_from_its_kin(world: World) -> None:
    """A host may know one spelling and not the other. A person who signs up with the other one silences nobody."""
    [dead] = await world.paying(1, email=INNER)
    await world.paying(2, email=WORD)
    await world.standings.mark_address_dead(BRAND, dead, INNER, "test")
    people = [person(1, email=INNER), person(2, email=WORD)]
    assert await mailed(world, *people, category="service") == [WORD]


async def test_an_undone_opt_out_is_undone(world: World) -> None:
    """The record that an opt-out answers with is that of the person who left, not of kin."""
    await world.known(1, email=CAPITALS)
    await world.known(2, email=INNER)
    left = await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "newsletter", "test")
    assert left is not None
    assert left.suppression is not None
    assert left.at is not None
    assert await world.suppressions.lift_suppression(left.suppression, "recipient", "undone", left.at)
    standings = [await world.standings.get_standing(BRAND, await world.id_of(ref)) for ref in ("user-1", "user-2")]
    assert [bool(standing and standing.opted_out) for standing in standings] == [False, True]


async def test_a_consent_that_is_withdrawn_reaches_kin(world: World) -> None:
    """The withdrawal of a consent is an opt-out, also of accounts that differ in a letter's lower case."""
    [first] = await world.known(1, email=CAPITALS)
    [second] = await world.known(2, email=INNER)
    told = {"source": "application", "version": "form 1", "words": "No more.", "actor": "recipient"}
    gone = Consent("newsletter", False, at=datetime.now(UTC), **told)
    await world.consents.record_consent_or_withdrawal(BRAND, first, gone)
    for id_ in (first, second):
        standing = await world.standings.get_standing(BRAND, id_)
        assert standing is not None
        assert "newsletter" in standing.opted_out
