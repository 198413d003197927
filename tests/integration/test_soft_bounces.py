"""Soft bounces of replies and of reports count together, and stop optional mail by the policy, never mandatory mail."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from mailer.actions.suppression import lift_suppression
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.soft_bounces import SoftBounceTerms
from mailer.ports.processor import OutgoingMessage
from tests.doubles import FakeProcessor
from tests.factories import BRAND, World, person
from tests.inbound import Reception, bounce, open_reception, return_path

ADA = "user-1@people.example"
FULL = Outcome(OutcomeKind.DEFERRED, 452, "4.2.2", "the mailbox is out of storage space")
BUSY = Outcome(OutcomeKind.DEFERRED, 450, "4.2.0", "the mailbox is busy")


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world."""
    async with open_reception(world) as opened:
        yield opened


def _say_full(message: OutgoingMessage) -> Outcome:
    """Refuses a message, as the mailbox is full."""
    return FULL


def _say_busy(message: OutgoingMessage) -> Outcome:
    """Refuses a message, as the mailbox is busy."""
    return BUSY


async def send(world: World, category: str = "newsletter", processor: FakeProcessor | None = None) -> UUID:
    """Hands a mailing to Ada over. Returns its id."""
    accepted = await world.accept([person(1)], category)
    await world.handover(processor).hand_over_batches(accepted.batches)
    return accepted.mailing_id


async def is_sent(world: World, category: str = "newsletter") -> tuple[str, str]:
    """The state and reason of a new mail to Ada."""
    return (await world.states(await send(world, category)))["user-1"]


async def a_day_passes(world: World, days: int = 1) -> None:
    """Makes everything older by some days."""
    await world.pool.execute("UPDATE soft_bounces SET day = day - $1::int", days)
    await world.pool.execute(
        "UPDATE suppressions SET at = at - $1 * interval '1 day', expires_at = expires_at - $1 * interval '1 day'", days
    )
    await world.timekeeper().run_all_steps_once()


async def bounces_on_days(reception: Reception, *kinds: str) -> None:
    """Has Ada's mailbox refuse a mail on several days in a row, by reply or by report."""
    world = reception.world
    for number, kind in enumerate(kinds):
        if number:
            await a_day_passes(world)
        if kind.startswith("reply"):
            await send(world, processor=FakeProcessor(_say_full if "full" in kind else _say_busy))
            continue
        mailing = await send(world, "service")
        status, words = ("5.2.2", "552 mailbox full") if "full" in kind else ("5.4.7", "554 delivery time expired")
        report = bounce(ADA, status, reply=f"{words} {number}")
        await reception.send(return_path(world.links, mailing, await world.id_of("user-1")), report)
        await reception.handle_stored()


@pytest.fixture
async def paying(world: World) -> None:
    """Ada pays, so that service mail is service mail to her."""
    await world.paying(1)


@pytest.mark.usefixtures("paying")
@pytest.mark.parametrize("kinds", [("reply", "report", "reply"), ("report", "report", "report"), ("reply",) * 3])
async def test_replies_and_reports_count_together(reception: Reception, kinds: tuple[str, ...]) -> None:
    """On the third day optional mail stops; service and breach mail are tried as before; the ledger says why."""
    world = reception.world
    await bounces_on_days(reception, *kinds[:2])
    assert await is_sent(world) == ("handed_over", "")
    await a_day_passes(world)
    await bounces_on_days(reception, kinds[2])
    assert await is_sent(world) == ("suppressed", "address_dead")
    assert await is_sent(world, "service") == ("handed_over", "")
    await send(world, "breach")
    sent = len(world.processor.sent)
    await world.release_newest()
    assert len(world.processor.sent) == sent + 1
    [entry] = [one for one in await world.entries(kind="action") if one["reason"] == "soft_bounces"]
    assert (entry["category"], entry["rule"]) == ("*", "action:processor")
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.usefixtures("paying")
async def test_many_on_one_day_are_one(reception: Reception) -> None:
    """Twenty replies and reports of one day stop nothing."""
    world = reception.world
    for _ in range(5):
        await bounces_on_days(reception, "reply full")
        await bounces_on_days(reception, "report full")
    assert await world.pool.fetchval("SELECT count(*) FROM soft_bounces") == 1
    assert await is_sent(world) == ("handed_over", "")


@pytest.mark.usefixtures("paying")
async def test_days_without_a_bounce_let_optional_mail_go_on(reception: Reception) -> None:
    """The stop of a busy mailbox ends by itself; the next bounce on its own does not bring it back at once."""
    world = reception.world
    await bounces_on_days(reception, "reply", "reply", "reply")
    assert await is_sent(world) == ("suppressed", "address_dead")
    await a_day_passes(world, 29)
    assert await is_sent(world) == ("suppressed", "address_dead")
    await a_day_passes(world, 2)
    assert await is_sent(world) == ("handed_over", "")
    await a_day_passes(world, 30)
    await bounces_on_days(reception, "reply")
    assert await is_sent(world) == ("handed_over", "")


@pytest.mark.usefixtures("paying")
async def test_silence_empties_no_full_mailbox(reception: Reception) -> None:
    """Optional mail stays stopped after a year without a bounce. After a person lifted it, one more is the first."""
    world = reception.world
    await bounces_on_days(reception, "report full", "reply full", "report full")
    await a_day_passes(world, 365)
    assert await is_sent(world) == ("suppressed", "address_dead")
    ada = await world.id_of("user-1")
    [stop] = [one for one in await world.suppressions.all_suppressions_of_recipient(BRAND, ada) if not one.lifted_at]
    policy = world.policies[BRAND]
    await lift_suppression(world.suppressions, policy, stop.id, stop.at, "Grace", "Ada has tidied up", by_owner=True)
    assert await is_sent(world) == ("handed_over", "")
    await world.pool.execute("UPDATE suppressions SET lifted_at = lifted_at - interval '1 day'")
    await bounces_on_days(reception, "reply full")
    assert await is_sent(world) == ("handed_over", "")


@pytest.mark.usefixtures("paying")
async def test_the_policy_sets_the_number_of_days(reception: Reception) -> None:
    """A brand with a patience of four days stops on the fourth."""
    world = reception.world
    world.policies[BRAND] = world.policies[BRAND].model_copy(update={"soft_bounces": SoftBounceTerms(days=4)})
    world.soft_bounces._policies = world.policies
    await bounces_on_days(reception, "reply", "reply", "reply")
    assert await is_sent(world) == ("handed_over", "")
    await a_day_passes(world)
    await bounces_on_days(reception, "reply")
    assert await is_sent(world) == ("suppressed", "address_dead")


async def test_a_new_address_begins_anew(reception: Reception) -> None:
    """A person who has moved gets optional mail at the new address."""
    world = reception.world
    await world.paying(1)
    await bounces_on_days(reception, "reply", "reply", "reply")
    accepted = await world.accept([person(1, email="ada@elsewhere.example")])
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}
