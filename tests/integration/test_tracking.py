"""The pixel and tracked links over a real database: the data that are stored, and the data that are not."""

from typing import Any
from uuid import UUID

import pytest

from mailer.policy.standing import TRACKING
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.link_tokens import ClickToken, OpenToken
from mailer.web.tracking import url_without_personal_parts
from tests.campaigns import mailed, members
from tests.factories import World
from tests.hours import an_hour_later
from tests.integration.web_world import browse
from tests.letters import LINKS, consents

SHOP = "https://shop.example/spring?user=17#top"
SCANNER = {"user-agent": "BarracudaCentral URL scanner"}


async def rows(world: World, table: str) -> list[tuple[Any, ...]]:
    """A table's rows without the mailing and the day."""
    found = await world.pool.fetch(f"SELECT * FROM {table}")  # noqa: S608 - a name from these tests
    return [tuple(value for name, value in row.items() if name not in ("mailing_id", "day")) for row in found]


def individually(world: World, minimum_cell: int = 20) -> None:
    """Changes InterPals' policy so that it counts single people."""
    policy = world.policies["interpals"]
    switches = policy.switches.model_copy(update={"tracking": "individual"})
    world.policies["interpals"] = policy.model_copy(update={"switches": switches, "minimum_cell": minimum_cell})


async def crowd(world: World, people: int = 25) -> tuple[UUID, int]:
    """A mailing that this many people were handed, and the first of them, who has consented to be counted."""
    mailing_id = await mailed(world, members(0, US=people))
    await consents(world, "interpals", TRACKING, ref="user-0")
    return mailing_id, await world.id_of("user-0")


async def test_a_click_leads_on_and_counts_its_link(world: World) -> None:
    """302 to the signed URL; counted by link without what may name somebody, machines apart, never for HEAD.

    Only clicks of enough messages are a link's own.
    """
    mailing_id, _ = await crowd(world)
    plain = LINKS.click_url(ClickToken(mailing_id, SHOP))
    once = LINKS.click_url(ClickToken(mailing_id, SHOP, "n1"))
    async with browse(world) as client:
        answers = [await client.get(plain), await client.head(plain), await client.get(plain, headers=SCANNER)]
        answers += [await client.get(plain) for _ in range(18)]
        await an_hour_later(world)
        answers += [await client.get(once), await client.get(once), await client.get(once, headers=SCANNER)]
        answers += [await client.get(plain)]
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(302, SHOP)}
    assert answers[0].headers["referrer-policy"] == "no-referrer"
    await an_hour_later(world)
    assert sorted(await rows(world, "clicks")) == [("", False, 22), ("", True, 2)], "too few to be a link of their own"
    assert await rows(world, "unique_clicks") == [(b"n1", "")]
    async with browse(world) as client:
        for _ in range(20):
            await client.get(plain)
    await an_hour_later(world)
    assert sorted(await rows(world, "clicks")) == [("", False, 42), ("", True, 2)], "they may be one person's"
    async with browse(world) as client:
        for n in range(20):
            await client.get(LINKS.click_url(ClickToken(mailing_id, SHOP, f"n{n}")))
        await client.get(plain, headers=SCANNER)
    await an_hour_later(world)
    bare = "https://shop.example/spring"
    assert sorted(await rows(world, "clicks"))[2:] == [(bare, False, 20), (bare, True, 1)]


@pytest.mark.parametrize("reader", [[], [{}], [{"dnt": "1"}]], ids=["nobody", "somebody", "unseen"])
async def test_a_rare_link_shows_no_reader_to_who_clicks_it(world: World, reader: list[dict[str, str]]) -> None:
    """The holder of a rare link clicks it in each hour; the link has no row, whether another person clicks or not."""
    mailing_id, _ = await crowd(world)
    own, hers = (LINKS.click_url(ClickToken(mailing_id, SHOP, nonce)) for nonce in ("own", "hers"))
    async with browse(world) as client:
        for _ in range(2):
            for _ in range(20):
                await client.get(own, headers={"dnt": "1"})
            for headers in reader:
                await client.get(hers, headers=headers)
            await an_hour_later(world)
    assert await rows(world, "clicks") == [("", False, 40 + 2 * len(reader))]


@pytest.mark.parametrize("token", ["https://evil.example", "x", "WyJ4Il0.AAAA"])
async def test_only_signed_urls_are_led_to(world: World, token: str) -> None:
    """Anything that we did not sign, or signed for another purpose, is a page and no redirect (CWE-601)."""
    good = LINKS.click_url(ClickToken(uuid7(), SHOP)).rpartition("/")[2]
    pixel = LINKS.pixel_url(OpenToken(uuid7())).rpartition("/")[2].removesuffix(".gif")
    async with browse(world) as client:
        for bad in (token.format(good), pixel, good[:-2], good + "/https://evil.example"):
            answer = await client.get(f"/c/{bad}")
            assert answer.status_code in (400, 404)
            assert "location" not in answer.headers
    assert await rows(world, "clicks") == []


async def test_what_a_mail_program_took_along_leads_nowhere_else(world: World) -> None:
    """A tracked link with something behind it leads to the URL that we signed."""
    async with browse(world) as client:
        for behind in (".", ".x", ")", ".https:evil.example"):
            answer = await client.get(LINKS.click_url(ClickToken(uuid7(), SHOP)) + behind)
            assert (answer.status_code, answer.headers["location"]) == (302, SHOP)


async def test_a_reader_is_led_on_while_the_database_is_away(world: World) -> None:
    """A click that cannot be counted leads on at once."""
    async with browse(world) as client:
        await world.pool.execute("ALTER TABLE mailings RENAME TO away")
        answer = await client.get(LINKS.click_url(ClickToken(uuid7(), SHOP, recipient_id=7, generation=1)))
    assert (answer.status_code, answer.headers["location"]) == (302, SHOP)


async def test_a_second_open_of_one_message_is_known_as_such(world: World) -> None:
    """A nonce makes opens unique within a mailing, and the status tells both figures."""
    mailing_id, _ = await crowd(world)
    async with browse(world) as client:
        for nonce in [*(f"n{n}" for n in range(21)), "n1", None]:
            await client.get(LINKS.pixel_url(OpenToken(mailing_id, nonce)))
    await an_hour_later(world)
    status = await world.mailings.mailing_status(mailing_id)
    assert status is not None
    assert (status.opens, status.unique_opens, status.machine_opens) == (23, 21, None)


async def test_an_individual_open_and_click_need_that_level_now(world: World) -> None:
    """A person's opens and clicks are kept only with consent and a policy that allows it. Else the mailing counts."""
    mailing_id, reader = await crowd(world)
    other = await world.id_of("user-1")
    links = [LINKS.pixel_url(OpenToken(mailing_id, recipient_id=who, generation=1)) for who in (reader, other)]
    links += [LINKS.click_url(ClickToken(mailing_id, SHOP, recipient_id=who, generation=1)) for who in (reader, other)]
    async with browse(world) as client:
        for link in links:
            await client.get(link)
        await an_hour_later(world)
        assert await rows(world, "individual_opens") + await rows(world, "individual_clicks") == []
        assert await rows(world, "opens") == [(False, 2)]
        individually(world)
        for link in links:
            await client.get(link)
        await client.get(links[0], headers=SCANNER)
        await an_hour_later(world)
    assert await rows(world, "individual_opens") == [(reader,)]
    assert await rows(world, "individual_clicks") == [(reader, "https://shop.example/spring")]
    assert sorted(await rows(world, "opens")) == [(False, 3), (True, 1)]
    assert await rows(world, "unique_opens") == []


@pytest.mark.parametrize("generation", [1, None])
async def test_an_earlier_mailbox_opens_for_nobody(world: World, generation: int | None) -> None:
    """Mail in the old mailbox counts for its mailing only, after a change of address. So does older mail."""
    individually(world)
    mailing_id, reader = await crowd(world)
    await world.pool.execute("UPDATE standings SET generation = 2 WHERE recipient_id = $1", reader)
    async with browse(world) as client:
        await client.get(LINKS.pixel_url(OpenToken(mailing_id, recipient_id=reader, generation=generation)))
        await client.get(LINKS.click_url(ClickToken(mailing_id, SHOP, recipient_id=reader, generation=generation)))
    await an_hour_later(world)
    assert await rows(world, "individual_opens") + await rows(world, "individual_clicks") == []
    assert await rows(world, "opens") == [(False, 1)]


async def test_so_few_that_the_count_would_be_somebodys(world: World) -> None:
    """A person who withdrew is not counted for a small mailing either. Its count would tell of one person."""
    individually(world)
    mailing_id, reader = await crowd(world, 3)
    pixel = LINKS.pixel_url(OpenToken(mailing_id, recipient_id=reader, generation=1))
    async with browse(world) as client:
        await client.get(pixel)
        await an_hour_later(world)
        await world.pool.execute("UPDATE standings SET consents = '{}' WHERE recipient_id = $1", reader)
        await client.get(pixel)
        await client.get(pixel, headers={"dnt": "1"})
        await client.get(LINKS.pixel_url(OpenToken(uuid7(), recipient_id=reader, generation=1)))
    await an_hour_later(world)
    assert await rows(world, "individual_opens") == [(reader,)]
    assert await rows(world, "opens") == []


@pytest.mark.parametrize(
    ("url", "counted"),
    [
        (SHOP, "https://shop.example/spring"),
        ("https://ada:secret@shop.example:8443/a/b;c?x", "https://shop.example:8443/a/b;c"),
        ("http://[2001:db8::1]/a", "http://[2001:db8::1]/a"),
        ("https://shop.example", "https://shop.example"),
    ],
)
def test_a_link_is_counted_without_what_may_name_somebody(url: str, counted: str) -> None:
    """User, query and fragment are not kept."""
    assert url_without_personal_parts(url) == counted
