"""Limits of `/leave/{brand}` and `/data/{brand}`: per mailbox, network and brand. Nobody learns who is known."""

import asyncio

import httpx
import pytest

from mailer.ports.requests_identified_by_address import PEOPLE_A_REQUEST
from mailer.postgres.requests_identified_by_address import ADDRESS_A_DAY, BRAND_AN_HOUR, NETWORK_A_DAY
from mailer.web.app import create_app
from tests.data_requests import link_of
from tests.factories import BRAND, World
from tests.integration.test_leave_by_address import ADDRESS, LEAVE, everything_stored, waiting, ways_out
from tests.integration.web_world import PUBLIC_URL, browse, site_over
from tests.letters import ADA, answerer, answers, known

DATA = f"/data/{BRAND}"
PAGES = pytest.mark.parametrize(("page", "wanted"), [(LEAVE, {}), (DATA, {"wanted": "copy"})], ids=["leave", "data"])
"""Both pages that take an address, with the fields that a request has beside it."""


async def test_an_address_has_a_limit_a_day(world: World) -> None:
    """Sent again and again, a request is stored three times. The page says the same each time."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        pages = {(await client.post(LEAVE, data={"email": ADDRESS})).text for _ in range(ADDRESS_A_DAY + 5)}
    assert (len(pages), await waiting(world)) == (1, ADDRESS_A_DAY)
    assert len(await answers(world)) == 1
    assert await world.pool.fetchval("SELECT max(n) FROM leave_request_counts") == ADDRESS_A_DAY


@pytest.mark.parametrize(
    ("client", "neighbour", "stored"),
    [
        ("185.199.108.7", "185.199.108.8", NETWORK_A_DAY),
        ("2a00:1450:4001::1", "2a00:1450:4001:ffff::2", NETWORK_A_DAY),
        ("127.0.0.1", "10.0.0.1", NETWORK_A_DAY + 4),
    ],
)
@PAGES
async def test_a_network_has_a_limit_a_day(
    world: World, client: str, neighbour: str, stored: int, page: str, wanted: dict[str, str]
) -> None:
    """Clients of one network count together, no address of theirs is stored; a proxy of ours is nobody's network.

    Whose network is over it is told so, alike for an address that has had its requests and for one that has not.
    """
    app = create_app(site_over(world))
    for number in range(NETWORK_A_DAY + 4):
        host = client if number % 2 else neighbour
        transport = httpx.ASGITransport(app, client=(host, 1234))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as browser:
            answer = await browser.post(page, data={"email": f"user-{number % 31}@people.example", **wanted})
            assert answer.status_code == (200 if number < stored else 429)
            assert ("from your network" in answer.text) is (number >= stored)
    assert await waiting(world) == stored
    said = await everything_stored(world)
    assert "185.199.108" not in said
    assert "2a00:1450" not in said


async def test_a_flood_is_bounded(world: World) -> None:
    """A brand stores a thousand of ten thousand simultaneous requests in an hour. Other brands go on."""
    taken = 0
    for begin in range(0, 10_000, 500):
        stored = await asyncio.gather(
            *(
                world.requests.by_address.store_request_within_limits(
                    BRAND, BRAND, f"user-{number}@people.example", None
                )
                for number in range(begin, begin + 500)
            )
        )
        taken += stored.count(None)
    hours = await world.pool.fetch("SELECT n FROM leave_request_counts WHERE counted = 'brand'")
    assert [row["n"] for row in hours] <= [BRAND_AN_HOUR] * len(hours)
    assert taken == await waiting(world) == sum(row["n"] for row in hours)
    assert await world.pool.fetchval("SELECT count(*) FROM leave_request_counts") <= 2 * taken + len(hours)
    assert (
        await world.requests.by_address.store_request_within_limits("peerstream", "peerstream", ADDRESS, None) is None
    )
    await answerer(world).answer_waiting_requests()
    await answerer(world).answer_waiting_requests()
    assert await waiting(world) == 0


async def fill_hour(world: World) -> None:
    """Lets the brand have had all requests that it takes in this hour and the next."""
    await world.pool.execute(
        "INSERT INTO leave_request_counts"
        " SELECT $1, 'brand', '', date_trunc('hour', now(), 'UTC') + n * interval '1 h', $2"
        " FROM generate_series(0, 1) AS n"
        " ON CONFLICT (brand, counted, key, since) DO UPDATE SET n = excluded.n",
        BRAND,
        BRAND_AN_HOUR,
    )


@PAGES
async def test_a_busy_brand_says_so_and_tells_nothing(
    world: World, capsys: pytest.CaptureFixture[str], page: str, wanted: dict[str, str]
) -> None:
    """Over the limit of the brand nothing will come: page, metric and log say it, alike for each address."""
    await known(world, BRAND, ADA)
    app = create_app(site_over(world))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL) as client:
        for _ in range(ADDRESS_A_DAY):
            await client.post(page, data={"email": ADDRESS, **wanted})
        await fill_hour(world)
        typed = (ADDRESS, "nobody@people.example")
        busy = [await client.post(page, data={"email": address, **wanted}) for address in typed]
        in_arabic = await client.post(f"{page}?lang=ar", data={"email": ADDRESS, **wanted})
        other = await client.post(page.replace(BRAND, "peerstream"), data={"email": ADDRESS, **wanted})
    assert {(answer.status_code, answer.text, answer.headers["retry-after"]) for answer in busy} == {
        (429, busy[0].text, "3600")
    }
    assert "Try again in an hour" in busy[0].text
    assert "<form" not in busy[0].text.partition("<main")[2].partition("</main")[0]
    assert (in_arabic.status_code, 'dir="rtl"' in in_arabic.text) == (429, True)
    assert other.status_code == 200
    counted = app.state.meters.requests_by_address.labels("over_brand_limit")._value.get()
    assert counted == 3
    said = "".join(capsys.readouterr())
    assert "the brand has had its number of this hour" in said
    assert ADDRESS not in said


async def test_a_mailbox_of_many_accounts_is_not_flooded(world: World) -> None:
    """Twelve accounts with one address get five mails a request; the link of any stops the mail of all twelve."""
    await known(world, BRAND, *({**ADA, "ref": f"ada-{number}"} for number in range(12)))
    async with browse(world) as client:
        mails = []
        for _ in range(ADDRESS_A_DAY + 1):
            await client.post(LEAVE, data={"email": ADDRESS})
            mails.append(await answers(world))
        assert [len(some) for some in mails] == [PEOPLE_A_REQUEST] * ADDRESS_A_DAY + [0]
        [link] = ways_out(mails[0][0])
        assert (await client.post(link, data={"scope": "all"})).status_code == 200
    for number in range(12):
        standing = await world.standings.get_standing(BRAND, await world.id_of(f"ada-{number}"))
        assert standing is not None
        assert "*" in standing.opted_out


async def test_requests_for_data_flood_no_mailbox(world: World) -> None:
    """Twelve accounts with one address get five mails a request for data, each with the link of one account."""
    await known(world, BRAND, *({**ADA, "ref": f"ada-{number}"} for number in range(12)))
    async with browse(world) as client:
        await client.post(DATA, data={"email": ADDRESS, "wanted": "copy"})
    mails = await answers(world)
    assert len(mails) == len({link_of(mail) for mail in mails}) == PEOPLE_A_REQUEST
    assert await world.pool.fetchval("SELECT count(DISTINCT recipient_id) FROM data_requests") == PEOPLE_A_REQUEST
