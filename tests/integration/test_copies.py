"""Recipients of one mailing with one address: each text goes there once, and nothing of it grows with their number."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.consents import Consent
from mailer.ports.deliveries import DeliveryMove
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.mailings import AcceptedMailing
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.ports.rates import RateLimit
from mailer.ports.standings import StandingFlag
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.deliveries import _CLAIM, PostgresDeliveries
from mailer.postgres.mailing_coverage import read_mailing_coverage
from mailer.postgres.mailings import BATCH_SIZE
from tests.doubles import FakeProcessor
from tests.factories import BRAND, World, person, received

CASE = Path(__file__).parent.parent / "cases" / "events" / "dup.jsonl"
DUPLICATE = ("suppressed", "duplicate_address")
SENT = ("handed_over", "")
DEFERRED = Outcome(OutcomeKind.DEFERRED, 451, "4.7.1", "come back later")
REFUSED = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user")
UNREACHED = Outcome(OutcomeKind.UNSENT, text="no connection", trouble=ConnectionTrouble.UNREACHABLE)


class Counting(PostgresDeliveries):
    """Counts its statements that move."""

    moves = 0

    async def commit_moves_or_find_refused(
        self,
        claim: UUID | None,
        moves: Sequence[DeliveryMove],
        entries: Sequence[LedgerEntry],
        patience: float | None = None,
    ) -> frozenset[tuple[UUID, int]]:
        """See the port."""
        self.moves += 1
        return await super().commit_moves_or_find_refused(claim, moves, entries, patience)


class Dying(FakeProcessor):
    """Everything that is given to it is in doubt."""

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """See the port."""
        raise RuntimeError("as if the worker had died")


def family(*own: dict[str, Any], start: int = 1) -> list[dict[str, Any]]:
    """People with one address, each with own values for the template."""
    return [person(number, email="family@people.example", context=context) for number, context in enumerate(own, start)]


async def many(world: World, people: int, *, shared: bool) -> AcceptedMailing:
    """A mailing to people who share one address, or who each have their own."""
    name = f"{'one' if shared else 'own'}-{people}"
    await world.pool.execute(
        """
        WITH fresh AS (
            INSERT INTO recipients (brand, ref, controller, email, address_key, address_hash, observed_at)
            SELECT $1, $2 || n, $1, 'noreply@people.example', 'key', sha256(convert_to(
                       $2 || CASE WHEN $3 THEN 0 ELSE n END, 'UTF8')), now()
            FROM generate_series(1, $4::int) n RETURNING id, address_hash
        ), standing AS (
            INSERT INTO standings (recipient_id, address_hash, country, source)
            SELECT id, address_hash, 'US', 'sign-up' FROM fresh
        )
        INSERT INTO audience_members SELECT $1, $2, id FROM fresh
        """,
        BRAND,
        name,
        shared,
        people,
    )
    return await world.accept({"audience": name})


async def test_the_case(world: World) -> None:
    """Two accounts of one address with different texts, and two mailboxes that only look alike, all get theirs."""
    await world.intake().accept_event_messages("service", [received(json.loads(CASE.read_text()))])
    await world.release_newest()
    assert world.processor.recipients == [
        "family@dup.example",
        "family@dup.example",
        "strasse@dup.example",
        "straße@dup.example",
    ]
    texts = [outgoing.content for outgoing in world.processor.sent]
    assert sum(b"Account anna" in text for text in texts) == sum(b"Account bert" in text for text in texts) == 1


async def test_own_values_make_another_text_also_of_optional_mail(world: World) -> None:
    """A name in the greeting makes no second newsletter. Different values for two accounts do."""
    greeted = [person(n, email="family@people.example", name=f"Person {n}") for n in (1, 2)]
    accepted = await world.accept(greeted)
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": SENT, "user-2": DUPLICATE}
    own = await world.accept(family({"headline": "Two for Ann"}, {"headline": "One for Bert"}))
    await world.handover().hand_over_batches(own.batches)
    assert await world.states(own.mailing_id) == {"user-1": SENT, "user-2": SENT}


async def test_a_mark_that_a_law_wants_makes_no_second_promotion(world: World) -> None:
    """Accounts of one address, one where a law wants a mark and one of no known country, get one copy."""
    owners = [person(n, email="family@people.example", country=place) for n, place in enumerate(("GB", None), 1)]
    accepted = await world.accept(owners, "promotional")
    for owner in owners:
        yes = Consent("promotional", True, "confirmed", "form 1", "Yes, write to me.", "import", datetime.now(UTC))
        await world.consents.record_consent_or_withdrawal(BRAND, await world.id_of(owner["ref"]), yes)
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": SENT, "user-2": DUPLICATE}


async def test_each_is_told_in_their_own_words(world: World) -> None:
    """Mandatory mail that greets two people by their names, or in two languages, goes to both."""
    people = [
        person(1, email="family@people.example", name="Ann"),
        person(2, email="family@people.example", name="Bert"),
        person(3, email="family@people.example", name="Bert"),
        person(4, email="family@people.example", name="Bert", locale="de"),
    ]
    accepted = await world.accept(people, "breach")
    await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    states = await world.states(accepted.mailing_id)
    assert states == {"user-1": SENT, "user-2": SENT, "user-3": DUPLICATE, "user-4": SENT}
    reached = await read_mailing_coverage(world.pool, accepted.mailing_id)
    assert reached.counts == {SENT: 3, ("handed_over", "duplicate_address"): 1}
    assert reached.unreached == []


async def test_a_notice_that_was_refused_is_no_copy_of_anybody(world: World) -> None:
    """The other account waits until it is known whether a breach notice arrives; refused, each is told in writing."""
    accepted = await world.accept(family({}, {}), "breach")
    await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    await world.timekeeper().run_all_steps_once()
    await world.run_published(FakeProcessor(lambda outgoing: DEFERRED))
    states = await world.states(accepted.mailing_id)
    assert {state for state, _ in states.values()} == {"deferred", "held"}
    assert ("held", "copy_undecided") in states.values()
    refusing = FakeProcessor(lambda outgoing: REFUSED)
    for _ in range(3):
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        await world.run_published(refusing)
    states = await world.states(accepted.mailing_id)
    assert list(states.values()) == [("diverted", "written_notice")] * 2
    assert len((await read_mailing_coverage(world.pool, accepted.mailing_id)).unreached) == 2


async def test_one_text_goes_out_once_whoever_is_first(world: World) -> None:
    """One of many workers sends the copy to an address that their batches share. The others say so in the ledger."""
    accepted = await many(world, 2000, shared=True)
    await asyncio.gather(*(world.handover().hand_over_batches([batch]) for batch in accepted.batches))
    for _ in range(3):
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    assert len(world.processor.sent) == 1
    assert await world.counted(accepted.mailing_id) == {SENT: 1, DUPLICATE: 1999}
    assert await world.pool.fetchval("SELECT count(*) FROM copies") == 0
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_who_could_not_be_offered_leaves_the_text_to_the_next(world: World) -> None:
    """The first was not reached and then leaves: one of the others gets the mail, and only one."""
    accepted = await world.accept([person(n, email="family@people.example") for n in range(1, 101)])
    await world.handover(FakeProcessor(lambda outgoing: UNREACHED)).hand_over_batches(accepted.batches)
    await world.standings.set_standing_flag(BRAND, await world.id_of("user-1"), StandingFlag.DEACTIVATED, True, "test")
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    counts = await world.counted(accepted.mailing_id)
    assert counts == {SENT: 1, ("suppressed", "deactivated"): 1, DUPLICATE: 98}


async def test_optional_mail_that_ended_in_doubt_goes_to_nobody_else_at_its_address(world: World) -> None:
    """A worker dies behind the first one's intent: the mail may lie in the mailbox, and does not go there again."""
    accepted = await world.accept(family({}, {}))
    await world.handover(Dying()).hand_over_batches(accepted.batches)
    await world.lose_leases()
    for _ in range(2):
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
    await world.run_published()
    states = await world.states(accepted.mailing_id)
    assert sorted(states.values()) == [("failed", "in_doubt"), DUPLICATE]
    assert world.processor.sent == []


async def test_mandatory_mail_is_no_copy_of_one_that_never_arrives(world: World) -> None:
    """The first is deferred, and then may have none any more: the other account, which must have the mail, gets it."""
    accepted = await world.accept(family({}, {}), "policy_change")
    await world.handover(FakeProcessor(lambda outgoing: DEFERRED)).hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {("deferred", "4.7.1"): 1, ("held", "copy_undecided"): 1}
    first = next(ref for ref, (state, _) in (await world.states(accepted.mailing_id)).items() if state == "deferred")
    await world.standings.set_standing_flag(BRAND, await world.id_of(first), StandingFlag.UNDER_13, True, "test")
    for _ in range(2):
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    assert await world.counted(accepted.mailing_id) == {SENT: 1, ("suppressed", "under_13"): 1}


async def test_a_limit_is_waited_for_and_not_asked_again_and_again(world: World) -> None:
    """A text that waits for a token of a rate makes those behind it wait as long."""
    await world.rates.set_limit(RateLimit("brand", BRAND, "day", 1), "Grace")
    first = await world.accept([person(1)])
    await world.handover().hand_over_batches(first.batches)
    accepted = await world.accept([person(n, email="family@people.example") for n in range(2, 12)])
    await world.handover().hand_over_batches(accepted.batches)
    due = await world.pool.fetchval("SELECT due_at - now() FROM batches WHERE mailing_id = $1", accepted.mailing_id)
    assert due.total_seconds() > 5


@pytest.mark.parametrize("people", [5000, 50_000])
async def test_a_claim_reads_as_much_as_with_addresses_of_their_own(world: World, people: int) -> None:
    """S21: of people who share one address a batch is claimed as cheaply, however many they are."""
    work = {}
    for shared in (True, False):
        accepted = await many(world, people, shared=shared)
        await world.pool.execute("VACUUM ANALYZE recipients, standings, deliveries, batches")
        given = [*world.deliveries._rates, accepted.batches[1:2], uuid7(), "test", timedelta(seconds=60)]
        async with world.pool.acquire() as connection:
            explained = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {_CLAIM}", *given)
        plan = explained[0]["Plan"]
        assert plan["Actual Rows"] == BATCH_SIZE
        work[shared] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert work[True] <= 1.1 * work[False]


async def test_a_batch_takes_as_many_statements_as_with_addresses_of_their_own(world: World) -> None:
    """S21: those who share one address, and may all not have it, are decided on by the window."""
    moves = {}
    for shared in (True, False):
        accepted = await many(world, 5000, shared=shared)
        for left in (False, True):
            if left:
                await world.pool.execute("UPDATE standings SET opted_out = '{newsletter}', version = version + 1")
            counting = Counting(world.pool, world.writers)
            await world.handover(deliveries=counting).hand_over_batches(accepted.batches[left : left + 1])
            moves[shared, left] = counting.moves
    assert moves[True, False] <= moves[False, False] + 2
    assert moves[True, True] == moves[False, True]
