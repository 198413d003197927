"""The pages on which a person pauses or limits optional mail: by whom, until when, and how it is taken back."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from mailer.actions.own_limits import record_own_limit
from mailer.policy.limits_set_by_recipient import OwnCap, OwnPause
from mailer.web.languages import LANGUAGES
from tests.factories import BRAND, World
from tests.integration.test_link_holders import confirmations, holders, move, standing_of, undo_value
from tests.integration.web_world import browse

LIMITS = ({"pause": "30"}, {"pause": "90"}, {"cap": "weekly"}, {"cap": "monthly"})


@pytest.mark.parametrize("form", LIMITS, ids=lambda form: "-".join(*form.items()))
async def test_a_limit_is_undone_on_its_page(world: World, form: dict[str, str]) -> None:
    """The page after a press has an undo button, once. Earlier opt-outs stay."""
    [holder] = await holders(world, 1)
    link = holder.links(1)["unsubscribe, newsletter"]
    async with browse(world) as client:
        await client.post(link, data={"scope": "category"})
        before = await standing_of(world, holder)
        pressed = await client.post(link, data=form)
        limited = await standing_of(world, holder)
        value = undo_value(pressed.text)
        undone = await client.post(link, data={"undo": value})
        again = await client.post(link, data={"undo": value})
    assert (limited.paused_until, limited.own_cap) != (None, None)
    assert limited.opted_out == {"newsletter"}, "a limit leaves nothing"
    assert "Undone" in undone.text
    assert "can no longer be undone" in again.text
    after = await standing_of(world, holder)
    assert (after.opted_out, after.paused_until, after.own_cap) == (before.opted_out, None, None)


async def test_an_undo_ends_no_longer_pause_and_no_stricter_cap(world: World) -> None:
    """A press that lengthens a pause has no undo; that of the press before no longer works."""
    [holder] = await holders(world, 1)
    link = holder.links(1)["unsubscribe, newsletter"]
    async with browse(world) as client:
        first = undo_value((await client.post(link, data={"pause": "30"})).text)
        longer = await client.post(link, data={"pause": "90"})
        assert undo_value(longer.text) is None
        assert "can no longer be undone" in (await client.post(link, data={"undo": first})).text
        weekly = undo_value((await client.post(link, data={"cap": "weekly"})).text)
        await client.post(link, data={"cap": "monthly"})
        await client.post(link, data={"undo": weekly})
        laxer = await client.post(link, data={"cap": "weekly"})
    after = await standing_of(world, holder)
    assert after.paused_until is not None
    assert after.paused_until > datetime.now(UTC) + timedelta(days=89)
    assert after.own_cap == "monthly"
    assert "at most one optional mail a month" in laxer.text, "the page says what holds"


async def test_pages_offer_limits_after_the_press_and_say_until_when(world: World) -> None:
    """The page offers limits after the press, while optional mail is left, with the end date in one's language."""
    [holder] = await holders(world, 1)
    link = holder.links(1)["unsubscribe, newsletter"]
    async with browse(world) as client:
        assert 'name="pause"' not in (await client.get(link)).text
        left = (await client.post(link, data={"scope": "category"})).text
        assert set(re.findall(r'name="(pause|cap)" value="(\w+)"', left)) == {
            *(("pause", days) for days in ("30", "90")),
            *(("cap", cap) for cap in ("weekly", "monthly")),
        }
        paused = (await client.post(link, data={"pause": "30"}, headers={"accept-language": "de"})).text
        until = (await standing_of(world, holder)).paused_until
        assert until is not None
        assert LANGUAGES["de"].format_day_of_moment(until) in paused
        assert "Mitteilungen zu Ihrem Konto" in paused
        again = (await client.get(link)).text
        assert LANGUAGES["en"].format_day_of_moment(until) in again
        assert 'name="resume"' in again
        assert 'name="pause"' not in again
        everything = (await client.post(link, data={"scope": "all"})).text
        assert 'name="pause"' not in everything


async def test_a_link_to_an_old_address_limits_and_tells_nothing(world: World) -> None:
    """The pages are the same for a paused person and for one who said nothing. They have no undo."""
    paused, silent = await holders(world, 2)
    await record_own_limit(world.standings, world.policies[BRAND], paused.id, OwnPause(90), "letter")
    await record_own_limit(world.standings, world.policies[BRAND], paused.id, OwnCap.MONTHLY, "letter")
    for holder in (paused, silent):
        await move(world, holder)
    async with browse(world) as client:
        for name in ("unsubscribe, newsletter", "preferences, all mail"):
            for form in (None, *LIMITS[:1], *LIMITS[2:3], {"resume": "yes"}, {"want": "pause-ended"}):
                shown = []
                for holder in (paused, silent):
                    link = holder.links(1)[name]
                    shown.append((await client.post(link, data=form) if form else await client.get(link)).text)
                assert shown[0] == shown[1], (name, form)
                assert undo_value(shown[0]) is None
    before, after = await standing_of(world, paused), await standing_of(world, silent)
    assert before.paused_until is not None
    assert before.paused_until > datetime.now(UTC) + timedelta(days=89)
    assert (before.own_cap, after.own_cap) == ("monthly", "weekly")
    assert after.paused_until is not None
    assert await world.pool.fetchval("SELECT count(*) FROM outbox") == 0, "nobody is asked"


async def test_an_old_mail_of_confirmation_ends_no_newer_limit(world: World) -> None:
    """A pause that was chosen after its end was asked for stays, and the page says so; a newer request ends it."""
    [holder] = await holders(world, 1)
    preferences = holder.links(1)["preferences, all mail"]
    async with browse(world) as client:
        for form in ({"pause": "30"}, {"cap": "monthly"}, {"want": ["pause-ended", "at-most-weekly"]}, {"pause": "30"}):
            await client.post(preferences, data=form)
        [link] = await confirmations(world)
        refused = await client.post(link, data={"wish": "pause-ended"})
        loosened = await client.post(link, data={"wish": "at-most-weekly"})
        between = await standing_of(world, holder)
        await client.post(preferences, data={"want": ["pause-ended", "own-cap-ended"]})
        for wish in ("pause-ended", "own-cap-ended"):
            done = await client.post(link, data={"wish": wish})
    assert "This has been stopped since" in refused.text
    assert "This has been stopped since" not in loosened.text
    assert "no optional mail until" in loosened.text
    assert between.paused_until is not None
    assert between.own_cap == "weekly"
    after = await standing_of(world, holder)
    assert (after.paused_until, after.own_cap) == (None, None)
    assert "no optional mail until" not in done.text
    assert (await world.ledger.verify_ledger()).faults == ()
