"""The worst night: the relay is down, the database goes back, and the person who has to release is alone."""

from pathlib import Path

import pytest

from mailer.pipeline.halt_watcher import WENT_BACK
from mailer.policy.category import CATEGORIES
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from tests.breach_world import Breaches, Line
from tests.conftest import Server
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import World
from tests.integration.test_fence import copied, site

OPTIONAL = [category for category in CATEGORIES.values() if category.is_optional]
MAIL, LETTERS = (1, 2, 3), (4, 5)
LINES = [*(Line(number) for number in MAIL), *(Line(number, "letter", "no_address") for number in LETTERS)]


async def test_a_relay_that_is_down_delays_mail_and_holds_no_letter(world: World) -> None:
    """Letters are noted at once; the mail waits, and goes once when the relay is back."""
    await world.known(*MAIL, *LETTERS)
    breaches = Breaches(world)
    down = FakeProcessor(lambda outgoing: Outcome(OutcomeKind.DEFERRED, 421, "4.3.2", "shutting down"))
    made = await breaches.release(await breaches.asked(await breaches.write(), LINES))
    await breaches.keeper.divert_waiting_lines()
    await world.timekeeper().run_all_steps_once()
    await world.run_published(down)
    states = await breaches.states(made)
    assert {state for state, _ in (states[f"user-{number}"] for number in MAIL)} <= {"deferred", "queued", "held"}
    assert {states[f"user-{number}"] for number in LETTERS} == {("diverted", "written_notice")}
    await world.pool.execute("DELETE FROM pauses")
    await world.pool.execute("DELETE FROM paces")
    world.processor.answer = lambda outgoing: ACCEPTED
    for _ in range(3):
        await world.due_now()
        await breaches.send_all()
    states = await breaches.states(made)
    assert {states[f"user-{number}"] for number in MAIL} == {("handed_over", "")}
    assert len(world.processor.sent) == len(MAIL)


@pytest.mark.parametrize("ends_optional", [False, True], ids=["resume", "end"])
async def test_a_database_that_goes_back_in_the_middle_forgets_nobody(
    postgres_server: Server, database_url: str, tmp_path: Path, ends_optional: bool
) -> None:
    """The backup is of the moment after the release: all stands still, then each person is told, by mail or letter.

    Some get the mail again, as mandatory mail does. The release is there, and nobody can repeat it.
    """
    async with site(database_url, tmp_path) as before:
        await before.world.known(*MAIL, *LETTERS)
        breaches = Breaches(before.world)
        manifest_id = await breaches.asked(await breaches.write(), LINES)
        made = await breaches.release(manifest_id)
        await before.world.ledger.store_one_seal_of_all_chains()
        assert await before.seen() is None
    async with copied(postgres_server, database_url) as backup:
        async with site(database_url, tmp_path) as before:
            await Breaches(before.world).send_all()
            await before.world.ledger.store_one_seal_of_all_chains()
            assert await before.seen() is None
        async with site(backup, tmp_path) as restored:
            assert await restored.seen() == WENT_BACK
            again = Breaches(restored.world)
            await restored.halts.begin_lineage_and_lift_restore_halt("Dana", OPTIONAL if ends_optional else None)
            await again.send_all()
            assert await again.states(made) == {
                **{f"user-{number}": ("handed_over", "") for number in MAIL},
                **{f"user-{number}": ("diverted", "written_notice") for number in LETTERS},
            }
            assert len(await again.notices()) == len(LETTERS)
            assert (await again.found(manifest_id)).state == "released"
            assert (await restored.world.ledger.verify_ledger()).faults == ()
