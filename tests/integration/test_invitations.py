"""Invitations: each needs an inviter who is not stopped, and an address that is used once, even at the same time."""

import asyncio
from collections.abc import Collection, Sequence
from uuid import UUID

import pytest

from mailer.actions.inviters import pause_inviter, resume_inviter
from mailer.database.statements import load_statements
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.standing import INVITED
from mailer.ports.deliveries import Claim
from mailer.ports.mailings import AcceptedMailing
from mailer.postgres.deliveries import PostgresDeliveries
from tests.doubles import FakeProcessor
from tests.factories import BRAND, World, person, until, waiting

SENT = ("handed_over", "")


async def invite(world: World, number: int, inviter: str | None = "grace", ref: str | None = None) -> AcceptedMailing:
    """Has a member invite a person, whom another member may know by another ref."""
    return await world.accept([person(number) | ({"ref": ref} if ref else {})], "invitation", inviter=inviter)


async def outcome(world: World, accepted: AcceptedMailing) -> tuple[str, str]:
    """The state of an invitation."""
    await world.handover().hand_over_batches(accepted.batches)
    [found] = (await world.states(accepted.mailing_id)).values()
    return found


async def used(world: World) -> list[tuple[str, str, str]]:
    """The addresses that are used up: scope, reason and source of each suppression."""
    rows = await world.pool.fetch("SELECT scope, reason, source FROM suppressions ORDER BY id")
    return [(row["scope"], row["reason"], row["source"]) for row in rows]


async def test_an_address_is_used_once(world: World) -> None:
    """The first invitation goes out and uses the address up, for every ref that it has; it is known as an invitee's."""
    first = await invite(world, 1)
    assert await outcome(world, first) == SENT
    assert await outcome(world, await invite(world, 1)) == ("suppressed", "invited_once")
    assert await outcome(world, await invite(world, 1, "heidi", ref="friend")) == ("suppressed", "invited_once")
    assert await used(world) == [("invitation", "invited", str(first.mailing_id))]
    standing = await world.standings.get_standing(BRAND, await world.id_of("user-1"))
    assert standing is not None
    assert (standing.source, standing.opted_out) == (INVITED, frozenset())
    assert world.processor.recipients == ["user-1@people.example"]


async def test_one_of_many_inviters_wins(world: World) -> None:
    """One of many simultaneous invitations of an address is sent. The others say why they were not."""
    mailings = [await invite(world, 1, f"member-{n}", ref=f"friend-{n}") for n in range(8)]
    await asyncio.gather(*(world.handover().hand_over_batches(accepted.batches) for accepted in mailings))
    states = [state for one in mailings for state in (await world.states(one.mailing_id)).values()]
    assert sorted(states) == [SENT] + [("suppressed", "invited_once")] * 7
    assert len(world.processor.sent) == len(await used(world)) == 1
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_many_invitations_in_one_claim(world: World) -> None:
    """Taken together, invitations to different addresses leave in one window, and one address still gets one."""
    mailings = [await invite(world, n % 10, f"member-{n}", ref=f"friend-{n}") for n in range(20)]
    await world.handover().hand_over_batches([batch for one in mailings for batch in one.batches])
    assert world.processor.windows == [10]
    assert len(set(world.processor.recipients)) == len(world.processor.sent) == 10


async def test_who_is_decided_against_keeps_the_address_unused(world: World) -> None:
    """An invitation that does not begin uses nothing up: another one may still be sent."""
    assert await outcome(world, await invite(world, 1, inviter=None)) == ("suppressed", "no_inviter")
    await pause_inviter(world.inviters, BRAND, "grace", "report")
    assert await outcome(world, await invite(world, 1)) == ("suppressed", "inviter_paused")
    assert await used(world) == []
    assert await outcome(world, await invite(world, 1, "heidi")) == SENT


async def test_a_window_that_is_refused_uses_nothing_up(world: World) -> None:
    """A window that is refused frees the addresses that it had used up, for the next decision."""

    class Slow(PostgresDeliveries):
        async def claim_queued_deliveries_of_batches(
            self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()
        ) -> Claim | None:
            claim = await super().claim_queued_deliveries_of_batches(batches, owner, mailings)
            await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "invitation", "test")
            return claim

    first, other = await invite(world, 1), await invite(world, 2)
    await world.handover(deliveries=Slow(world.pool, world.writers)).hand_over_batches([*first.batches, *other.batches])
    assert await world.states(first.mailing_id) == {"user-1": ("suppressed", "opted_out")}
    assert await world.states(other.mailing_id) == {"user-2": SENT}
    assert [row[2] for row in await used(world) if row[1] == "invited"] == [str(other.mailing_id)]


async def test_a_retry_of_the_same_invitation(world: World) -> None:
    """An invitation that was refused for now is tried again: the address was used by nobody else."""
    accepted = await invite(world, 1)
    await world.handover(FakeProcessor(lambda _: Outcome(OutcomeKind.DEFERRED, 451, None, "later"))).hand_over_batches(
        accepted.batches
    )
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.states(accepted.mailing_id) == {"user-1": SENT}


async def test_a_member_is_no_invitee(world: World) -> None:
    """A person who was known before the invitation stays what they were, and gets what they got."""
    await world.known(1, source="sign-up")
    await world.known(2, source=None)
    for number in (1, 2):
        assert await outcome(world, await invite(world, number)) == SENT
    assert await outcome(world, await world.accept([person(1)])) == SENT
    assert await outcome(world, await world.accept([person(2, source=None)])) == (
        "suppressed",
        "unknown_basis",
    )
    sources = await world.pool.fetch("SELECT source FROM standings ORDER BY recipient_id")
    assert [row["source"] for row in sources] == ["sign-up", None]


async def test_an_invitee_who_joins(world: World) -> None:
    """An invitee gets no other optional mail until they ask for it themselves, also when they have joined."""
    assert await outcome(world, await invite(world, 1)) == SENT
    assert await outcome(world, await world.accept([person(1)])) == ("suppressed", "only_invited")
    assert await outcome(world, await world.accept([person(1, source="sign-up")])) == ("suppressed", "only_invited")
    assert await outcome(world, await world.accept([person(1, source="sign-up")], "policy_change")) == SENT


async def test_stopping_and_letting_go_on(world: World) -> None:
    """A member's invitations are stopped and go on; the ledger has each change once, and the member as a number."""
    [member] = await world.known(7)
    assert await pause_inviter(world.inviters, BRAND, "user-7", "report")
    assert not await pause_inviter(world.inviters, BRAND, "user-7", "report")
    assert await outcome(world, await invite(world, 1, "user-7")) == ("suppressed", "inviter_paused")
    assert await resume_inviter(world.inviters, BRAND, "user-7", "operator")
    assert not await resume_inviter(world.inviters, BRAND, "user-7", "operator")
    assert await outcome(world, await invite(world, 2, "user-7")) == SENT
    assert await pause_inviter(world.inviters, BRAND, "no member", "report")
    told = [(entry["reason"], entry["rule"], entry["recipient"]) for entry in await world.entries(kind="action")]
    assert told == [
        ("pause_inviter", "action:report", member),
        ("resume_inviter", "action:operator", member),
        ("pause_inviter", "action:report", None),
    ]


async def test_a_report_wins_the_race(world: World) -> None:
    """No invitation begins after a report is answered. One that was decided on before is decided again."""

    class Slow(PostgresDeliveries):
        async def claim_queued_deliveries_of_batches(
            self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()
        ) -> Claim | None:
            claim = await super().claim_queued_deliveries_of_batches(batches, owner, mailings)
            await pause_inviter(world.inviters, BRAND, "grace", "report")
            return claim

    accepted = await invite(world, 1)
    await world.handover(deliveries=Slow(world.pool, world.writers)).hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("suppressed", "inviter_paused")}
    assert world.processor.sent == []


async def test_a_report_waits_for_an_invitation_under_way(world: World) -> None:
    """A report that meets an intent is answered only after it: that hand-over had begun before."""
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(load_statements("deliveries")["keep_inviters"])
        pausing = asyncio.create_task(pause_inviter(world.inviters, BRAND, "grace", "report"))
        await until(lambda: waiting(world.pool))
        assert not pausing.done()
        await transaction.commit()
    assert await pausing


async def test_a_suppression_of_another_system(world: World) -> None:
    """An address that another system has invited is used up too."""
    await outcome(world, await invite(world, 1))
    await world.pool.execute("UPDATE suppressions SET source = 'import of 2025'")
    assert await outcome(world, await invite(world, 1)) == ("suppressed", "invited_once")


@pytest.mark.promise("interpals-10", "paltalk02-06")
async def test_a_mailbox_is_invited_once(world: World) -> None:
    """One of two invitations to a mailbox arrives, with or without a tag, in either order."""
    pairs = (("{}", "{}+x"), ("{}+x", "{}"), ("{}+x", "{}+y"), ("{}.οδος", "{}.οδοσ"))
    for number, (first, second) in enumerate((*pairs, *pairs)):
        one = person(number, email=f"{first.format(f'bob{number}')}@people.example")
        two = person(100 + number, email=f"{second.format(f'Bob{number}')}@people.example")
        sent = await world.accept([one], "invitation", inviter="grace")
        if number < len(pairs):
            await world.known(100 + number, email=two["email"])
        assert await outcome(world, sent) == SENT
        assert await outcome(world, await world.accept([two], "invitation", inviter="heidi")) == (
            "suppressed",
            "invited_once",
        ), (first, second)
    assert len(world.processor.sent) == 2 * len(pairs)


async def test_one_mailing_invites_a_mailbox_once(world: World) -> None:
    """An event that names a mailbox twice sends one invitation, and no worker goes round and round over the other."""
    for name, tags in (("ann", ("", "+x", "+z")), ("bob", ("+y", "+y", "+z"))):
        people = [person(n, ref=f"{name}-{n}", email=f"{name}{tag}@people.example") for n, tag in enumerate(tags)]
        world.processor.sent.clear()
        accepted = await world.accept(people, "invitation", inviter="grace")
        await world.handover().hand_over_batches(accepted.batches)
        states = list((await world.states(accepted.mailing_id)).values())
        assert states.count(SENT) == len(world.processor.sent) == 1
        assert {reason for state, reason in states if state == "suppressed"} <= {"invited_once", "duplicate_address"}
