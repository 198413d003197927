"""Opens and clicks name nobody, even to a reader who counts the API's figures and knows an event's URLs."""

from collections.abc import Awaitable, Callable

import pytest

from mailer.policy.standing import TRACKING
from tests.factories import World
from tests.hours import an_hour_later
from tests.integration.web_world import PUBLIC_URL, browse
from tests.letters import consents, event_of, known, parts, told
from tests.promises.test_web import CROWD, crowd, pixel, track_individually
from tests.publishers import issue_key


async def count_nobody(world: World) -> None:
    """Changes InterPals' policy so that it no longer counts people."""
    policy = world.policies["interpals"]
    switches = policy.switches.model_copy(update={"tracking": "unlinkable"})
    world.policies["interpals"] = policy.model_copy(update={"switches": switches})


async def move_to_france(world: World) -> None:
    """Moves everybody to a country whose law lets nobody be counted individually, even with consent."""
    await world.pool.execute("UPDATE standings SET country = 'FR'")


@pytest.mark.promise("paltalk06-18")
async def test_no_figure_leads_from_an_open_to_a_recipient(world: World) -> None:
    """The API says nothing of few opens, and whole cells while the mailing runs: no reader is seen to come."""
    ada, _ = (await crowd(world, "paltalk-2006", "newsletter"))[:2]
    event = await world.pool.fetchval("SELECT event_id FROM mailings WHERE category = 'newsletter'")
    key = await issue_key(world.pool, "shop", "paltalk-2006")
    told = list[int | None]()
    async with browse(world, authorization=f"Bearer {key}") as client:
        for _ in range(25):
            await client.get(pixel(ada))
            await an_hour_later(world)
            told.append((await client.get(f"/api/v1/events/paltalk-2006/{event}")).json()["opens"])
    assert told == [None] * 19 + [20] * 6


@pytest.mark.promise("paltalk06-18")
async def test_no_link_leads_from_a_click_to_a_recipient(world: World) -> None:
    """A URL that an event gives for one person only is no tracked link in that person's mail."""
    await known(world, "paltalk-2006", *CROWD)
    for one in CROWD:
        await consents(world, "paltalk-2006", "newsletter", ref=one["ref"])
    items = [{"title": "a", "text": "b", "url": "https://shop.example/of/user-0"}]
    people = [{**CROWD[0], "context": {"items": items}}, *CROWD[1:]]
    hers, others = (await told(world, event_of("paltalk-2006", "weekly", *people)))[:2]
    assert [f"{PUBLIC_URL}/c/" in "".join(parts(mail)) for mail in (hers, others)] == [False, True]
    assert "https://shop.example/of/user-0" in parts(hers)[0]


@pytest.mark.promise("paltalk06-18")
@pytest.mark.parametrize("narrow", [count_nobody, move_to_france], ids=lambda narrow: narrow.__name__)
async def test_a_consent_does_not_outweigh_the_policy(world: World, narrow: Callable[[World], Awaitable[None]]) -> None:
    """An open of a person who still consents is nobody's once the policy or the country's law counts nobody.

    It counts for the mailing, also of mail that was sent before.
    """
    track_individually(world)
    mails = await crowd(world, "interpals", TRACKING)
    async with browse(world) as client:
        await client.get(pixel(mails[0]))
        await an_hour_later(world)
        await narrow(world)
        for mail in mails:
            await client.get(pixel(mail))
    await an_hour_later(world)
    whose = [row["recipient_id"] for row in await world.pool.fetch("SELECT recipient_id FROM individual_opens")]
    assert whose == [await world.id_of("user-0", "interpals")]
    assert await world.pool.fetchval("SELECT n FROM opens") == len(mails)
