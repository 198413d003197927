"""A pause and an own cap: the mail that they stop, even with several workers, and how they begin and end."""

import asyncio
import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.actions.own_limits import OwnLimitRefused, end_own_limits_older_than_request, record_own_limit
from mailer.actions.privacy_rights import erase_recipient, read_personal_data, rectify_recipient
from mailer.actions.suppression import lift_suppression
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.policy.category import CATEGORIES
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.limits_set_by_recipient import OWN_CAP, OWN_PAUSE, OwnCap, OwnLimit, OwnPause
from mailer.policy.standing import Standing
from mailer.ports.mailings import AcceptedMailing
from mailer.ports.privacy_rights import DataCorrection
from mailer.ports.standings import OptOutResult
from tests.doubles import FakeProcessor
from tests.factories import BRAND, TEMPLATES, World, open_world, person, policies
from tests.integration.test_kin import INNER, WORD

SENT, PAUSED, OVER = ("handed_over", ""), ("suppressed", "own_pause"), ("suppressed", "own_cap")


async def limit(world: World, number: int, chosen: OwnLimit, **values: Any) -> OptOutResult:
    """Sets a limit to a person's optional mail."""
    whose = await world.id_of(f"user-{number}")
    return await record_own_limit(world.standings, world.policies[BRAND], whose, chosen, "page", **values)


async def deliver(world: World, accepted: AcceptedMailing) -> set[tuple[str, str]]:
    """Hands a mailing over. Returns the states of its deliveries."""
    await world.handover().hand_over_batches(accepted.batches)
    return set((await world.states(accepted.mailing_id)).values())


async def standing(world: World, number: int) -> Standing:
    """The standing of a person."""
    found = await world.standings.get_standing(BRAND, await world.id_of(f"user-{number}"))
    assert found is not None
    return found


async def days_left(world: World, number: int) -> int | None:
    """The whole days until a person's pause ends; None if there is no pause."""
    until = (await standing(world, number)).paused_until
    return None if until is None else round((until - datetime.now(UTC)).total_seconds() / 86400)


async def end_pause(world: World) -> None:
    """Ends every pause, as if its time were over."""
    past = "now() - interval '1 second'"
    await world.pool.execute(f"UPDATE suppressions SET expires_at = {past} WHERE reason = 'own_pause'")  # noqa: S608
    await world.pool.execute(f"UPDATE standings SET paused_until = {past} WHERE paused_until IS NOT NULL")  # noqa: S608


@pytest.mark.rule("own-pause")
@pytest.mark.rule("own-cap")
@pytest.mark.parametrize("paying", [True, False])
async def test_mandatory_mail_goes_on(world: World, paying: bool) -> None:
    """Neither a pause nor a used-up cap stops mandatory mail, of payers and others. That mail is not counted."""
    await (world.paying(1) if paying else world.known(1))
    await limit(world, 1, OwnCap.MONTHLY)
    assert await deliver(world, await world.accept({"refs": ["user-1"]})) == {SENT}
    assert await deliver(world, await world.accept({"refs": ["user-1"]})) == {OVER}
    await limit(world, 1, OwnPause(90))
    before = await standing(world, 1)
    for category in (name for name in TEMPLATES if CATEGORIES[name].mandatory):
        accepted = await world.accept({"refs": ["user-1"]}, category)
        stops = category == "service" and not paying  # it is `updates` to who pays for nothing
        found = await deliver(world, accepted)
        if found == {("queued", "")}:  # a second person releases it
            await world.release_newest()
            found = set((await world.states(accepted.mailing_id)).values())
        assert found == ({PAUSED} if stops else {SENT}), category
    assert await world.pool.fetchval("SELECT count(*) FROM sends") == 1
    assert (await standing(world, 1)).version == before.version, "mandatory mail leaves no trace"


@pytest.mark.rule("own-pause")
async def test_a_pause_ends_by_itself(world: World) -> None:
    """Mail suppressed in a pause never comes. Mail published after it does, even before the timekeeper ran."""
    await world.known(1)
    await limit(world, 1, OwnPause(30))
    missed = await world.accept({"refs": ["user-1"]})
    assert await deliver(world, missed) == {PAUSED}
    await end_pause(world)
    assert await deliver(world, await world.accept({"refs": ["user-1"]})) == {SENT}
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert set((await world.states(missed.mailing_id)).values()) == {PAUSED}
    assert (await standing(world, 1)).paused_until is None
    assert [entry["reason"] for entry in await world.entries(kind="action")] == ["own_pause 30", "lifted own_pause"]
    assert await deliver(world, await world.accept({"refs": ["user-1"]})) == {SENT}
    assert len(world.processor.sent) == 2


async def test_what_waits_is_decided_by_the_pause_at_its_time(world: World) -> None:
    """A retry within the pause is suppressed; one after it goes out; a mailing for after it waits for its day."""
    later = FakeProcessor(lambda _: Outcome(OutcomeKind.DEFERRED, 451, None, "later"))
    await world.known(1, 2)
    mailings = [await world.accept({"refs": [ref]}) for ref in ("user-1", "user-2")]
    for accepted in mailings:
        await world.handover(later).hand_over_batches(accepted.batches)
    for number in (1, 2):
        await limit(world, number, OwnPause(30))
    due = (datetime.now(UTC) + timedelta(days=31)).isoformat()
    future = await world.accept({"refs": ["user-1"]}, send_at=due)
    await world.handover().hand_over_batches(future.batches)
    await world.pool.execute(
        "UPDATE standings SET paused_until = now() WHERE recipient_id = $1", await world.id_of("user-2")
    )
    await world.pool.execute(
        "UPDATE deliveries SET due_at = now() WHERE due_at IS NOT NULL AND mailing_id <> $1", future.mailing_id
    )
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert [await world.states(accepted.mailing_id) for accepted in mailings] == [{"user-1": PAUSED}, {"user-2": SENT}]
    [state] = (await world.states(future.mailing_id)).values()
    assert state[0] in ("queued", "held"), "not suppressed: it is for a day after the pause"


@pytest.mark.rule("own-pause")
async def test_a_pause_wins_the_race(database_url: str) -> None:
    """Mail is sent only if its intent committed before the answer to the pause, with many of both at once."""
    async with open_world(database_url, size=16) as world:
        people = [person(n) for n in range(300)]
        mailings = [await world.accept(people) for _ in range(2)]
        answered: dict[int, int] = {}

        async def pause(numbers: Sequence[int]) -> None:
            for number in numbers:
                await limit(world, number, OwnPause(30))
                whose = await world.id_of(f"user-{number}")
                # Commit order: what is visible now was committed before the answer.
                answered[whose] = await world.pool.fetchval(
                    "SELECT count(*) FROM ledger WHERE kind = 'hand_over' AND recipient_id = $1", whose
                )

        pausing = random.Random(4).sample(range(300), 120)
        await asyncio.gather(
            *(world.handover().hand_over_batches([batch]) for accepted in mailings for batch in accepted.batches),
            *(pause(pausing[start::6]) for start in range(6)),
        )
        handed: dict[int, int] = {}
        for row in await world.entries(kind="hand_over"):
            handed[row["recipient"]] = handed.get(row["recipient"], 0) + 1
        assert len(answered) == 120
        assert all(handed.get(recipient_id, 0) == before for recipient_id, before in answered.items())
        for accepted in mailings:
            assert set((await world.states(accepted.mailing_id)).values()) <= {SENT, PAUSED}
        assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.rule("own-cap")
async def test_one_in_a_week_or_a_month(world: World) -> None:
    """The own cap counts all optional mail from when it was set; the next goes out when the last is old enough."""
    await world.known(1, 2, 3)
    await limit(world, 1, OwnCap.WEEKLY)
    await limit(world, 2, OwnCap.MONTHLY)
    people = {"refs": ["user-1", "user-2", "user-3"]}

    async def mailed(category: str) -> list[tuple[str, str]]:
        accepted = await world.accept(people, category)
        await world.handover().hand_over_batches(accepted.batches)
        return [state for _, state in sorted((await world.states(accepted.mailing_id)).items())]

    assert await mailed("newsletter") == [SENT, SENT, SENT]
    assert await mailed("notification") == [OVER, OVER, SENT]
    await world.pool.execute("UPDATE sends SET at = at - interval '7 days'")
    assert await mailed("notification") == [SENT, OVER, SENT]
    await world.pool.execute("UPDATE sends SET at = at - interval '23 days'")
    assert await mailed("newsletter") == [SENT, SENT, SENT]
    unlimited = await standing(world, 3)
    assert unlimited.version == 1, "who has no cap is not counted"


@pytest.mark.rule("own-cap")
@pytest.mark.parametrize("several", ["mailings in one claim", "workers"])
async def test_one_is_sent_of_several_at_once(world: World, several: str) -> None:
    """Each person with a cap gets exactly one of three simultaneous mailings."""
    numbers = range(WINDOW + 10)
    await world.known(*numbers)
    for number in numbers:
        await limit(world, number, OwnCap.WEEKLY)
    people = {"refs": [f"user-{number}" for number in numbers]}
    mailings = [await world.accept(people, category) for category in ("newsletter", "notification", "newsletter")]
    if several == "workers":
        await asyncio.gather(*(world.handover().hand_over_batches(accepted.batches) for accepted in mailings))
    else:
        await world.handover().hand_over_batches([batch for accepted in mailings for batch in accepted.batches])
    assert sorted(world.processor.recipients) == sorted(person(number)["email"] for number in numbers)
    for accepted in mailings:
        assert set((await world.states(accepted.mailing_id)).values()) <= {SENT, OVER}
        assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_cap_that_is_not_known_is_the_strictest(world: World) -> None:
    """A cap of a newer version counts over a month."""
    await world.known(1)
    await world.pool.execute("UPDATE standings SET own_cap = 'yearly'")
    assert await deliver(world, await world.accept({"refs": ["user-1"]})) == {SENT}
    await world.pool.execute("UPDATE sends SET at = at - interval '29 days'")
    assert await deliver(world, await world.accept({"refs": ["user-1"]})) == {OVER}


async def test_a_limit_never_loosens(world: World) -> None:
    """A shorter pause and a laxer cap change nothing, however often they are asked for."""
    await world.known(1)
    for chosen in (OwnPause(90), OwnPause(30), OwnCap.MONTHLY, OwnCap.WEEKLY, OwnPause(30)):
        await limit(world, 1, chosen)
    assert (await days_left(world, 1), (await standing(world, 1)).own_cap) == (90, "monthly")
    await limit(world, 1, OwnPause(30), since=datetime.now(UTC) + timedelta(days=70))
    assert await days_left(world, 1) == 100, "it lengthens"


@pytest.mark.parametrize("known", ["now", "later", "by another spelling"])
async def test_who_shares_the_address_is_limited_too(world: World, known: str) -> None:
    """Another account with the address, or a spelling of it, known already or later, is paused and capped with it."""
    one, two = (INNER, WORD) if known == "by another spelling" else ("ada@people.example",) * 2
    await world.known(1, email=one)
    if known != "later":
        await world.known(2, email=two)
    await limit(world, 1, OwnPause(30))
    await limit(world, 1, OwnCap.MONTHLY)
    if known == "later":
        await world.known(2, email=two)
    assert (await days_left(world, 2), (await standing(world, 2)).own_cap) == (30, "monthly")


async def test_a_limit_moves_with_its_owner(world: World) -> None:
    """A limit goes along to a new address, or a first one. If its owner had limits, the stricter one holds."""
    [ada, _] = await world.known(1, 2)
    await limit(world, 1, OwnPause(90))
    await limit(world, 1, OwnCap.WEEKLY)
    await limit(world, 2, OwnPause(30))
    await limit(world, 2, OwnCap.MONTHLY)
    await rectify_recipient(
        world.rights, world.policies[BRAND], ada, DataCorrection(email=person(2)["email"]), "operator"
    )
    for number in (1, 2):
        assert (await days_left(world, number), (await standing(world, number)).own_cap) == (90, "monthly"), number
    stranger = await world.rights.find_or_create_recipient(BRAND, BRAND, "user-3")
    for chosen in (OwnPause(30), OwnCap.WEEKLY):
        await record_own_limit(world.standings, world.policies[BRAND], stranger, chosen, "page")
    await world.known(3)
    assert (await days_left(world, 3), (await standing(world, 3)).own_cap) == (30, "weekly")
    assert await deliver(world, await world.accept([person(3)])) == {PAUSED}


async def test_an_erasure_removes_both(world: World) -> None:
    """An erasure removes both limits, also of earlier addresses. Until then, the copy of the data shows them."""
    [ada] = await world.known(1)
    await limit(world, 1, OwnPause(90))
    await limit(world, 1, OwnCap.WEEKLY)
    await rectify_recipient(world.rights, world.policies[BRAND], ada, DataCorrection(email="new@x.example"), "operator")
    copy = await read_personal_data(world.rights, world.policies[BRAND], ada, datetime.now(UTC))
    assert copy["standing"]["own_cap"] == "weekly"
    assert copy["standing"]["paused_until"] is not None
    assert {entry["reason"] for entry in copy["suppressions"]} == {OWN_PAUSE, OWN_CAP}
    await erase_recipient(world.rights, world.policies[BRAND], ada, "operator")
    gone = await world.standings.get_standing(BRAND, ada)
    assert gone is not None
    assert (gone.erased, gone.paused_until, gone.own_cap) == (True, None, None)
    assert await world.pool.fetchval("SELECT count(*) FROM suppressions WHERE reason ^@ 'own_'") == 0
    await world.known(1, email="new@x.example")
    assert (await days_left(world, 1), (await standing(world, 1)).own_cap) == (None, None)


async def test_an_erasure_leaves_the_limits_of_others(world: World) -> None:
    """Another account with the address keeps the limits that it has by it."""
    [ada] = await world.known(1, email="ada@people.example")
    await world.known(2, email="ada@people.example")
    await limit(world, 1, OwnPause(90))
    await erase_recipient(world.rights, world.policies[BRAND], ada, "operator")
    assert await days_left(world, 2) == 90


@pytest.mark.rule("own-limit-ends")
async def test_only_older_limits_end(world: World) -> None:
    """A request ends what was there when it was made, and not what was chosen since; to loosen leaves the laxer cap."""
    [ada] = await world.known(1)
    policy = world.policies[BRAND]

    async def ends(name: str, asked_at: datetime, left: OwnCap | None = None) -> bool:
        return await end_own_limits_older_than_request(
            world.standings, world.suppressions, policy, ada, name, asked_at, left
        )

    await limit(world, 1, OwnPause(30))
    await limit(world, 1, OwnCap.MONTHLY)
    asked_at = datetime.now(UTC)
    assert await ends(OWN_CAP, asked_at, OwnCap.WEEKLY)
    assert (await standing(world, 1)).own_cap == "weekly"
    await limit(world, 1, OwnPause(30))
    assert not await ends(OWN_PAUSE, asked_at)
    assert await days_left(world, 1) == 30
    assert await ends(OWN_PAUSE, datetime.now(UTC))
    assert await ends(OWN_CAP, datetime.now(UTC))
    after = await standing(world, 1)
    assert (after.paused_until, after.own_cap) == (None, None)
    assert await ends(OWN_PAUSE, datetime.now(UTC)), "there is none"


async def test_a_repeated_pause_is_a_later_word(world: World) -> None:
    """A press moves the time of a pause, though a shorter one keeps its end; an older event moves nothing back."""
    [ada] = await world.known(1)

    async def said_at() -> datetime:
        [one] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
        return one.at

    await limit(world, 1, OwnPause(90))
    first, asked_at = await said_at(), datetime.now(UTC)
    await limit(world, 1, OwnPause(30))
    later = await said_at()
    assert later > asked_at > first
    assert await days_left(world, 1) == 90
    await limit(world, 1, OwnPause(30), since=first - timedelta(days=1))
    assert await said_at() == later
    policy = world.policies[BRAND]
    assert not await end_own_limits_older_than_request(
        world.standings, world.suppressions, policy, ada, OWN_PAUSE, asked_at
    )
    assert await days_left(world, 1) == 90


async def test_an_operator_ends_a_pause_and_no_consent(world: World) -> None:
    """An operator ends a pause, with a reason on record. The person's earlier consent counts on."""
    [ada] = await world.known(1)
    await world.pool.execute(
        "INSERT INTO consents (controller, brand, recipient_id, scope, given, source, version, actor, at)"
        " VALUES ($1, $1, $2, 'newsletter', true, 'page', '1', 'recipient', now() - interval '1 day')",
        BRAND,
        ada,
    )
    made = await limit(world, 1, OwnPause(90))
    assert made.suppression is not None
    at = await world.pool.fetchval("SELECT at FROM suppressions WHERE id = $1", made.suppression)
    await lift_suppression(
        world.suppressions, world.policies[BRAND], made.suppression, at, "Dana", "asked by telephone"
    )
    after = await standing(world, 1)
    assert after.paused_until is None
    assert after.consents == frozenset({"newsletter"})


async def test_a_brand_without_optional_mail_takes_none(world: World) -> None:
    """A brand without optional mail refuses the limit, and says so."""
    [ada] = await world.known(1)
    policy = policies()[BRAND]
    terms = {name: values for name, values in policy.terms.items() if CATEGORIES[name].mandatory}
    with pytest.raises(OwnLimitRefused, match=re.escape("has no optional mail")):
        await record_own_limit(
            world.standings,
            policy.model_copy(update={"terms": terms}).with_earlier_versions({}),
            ada,
            OwnPause(30),
            "page",
        )
