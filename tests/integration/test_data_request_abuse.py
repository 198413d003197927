"""Requests for data against strangers and accidents: limits, many accounts, presses at once, and what no copy has."""

import asyncio
import json

from mailer.actions.opt_out import record_opt_out
from mailer.actions.suppression import lift_suppression
from mailer.policy.data_requests import deadline_of_data_request
from mailer.ports.broker import BrokerMessage
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.requests_identified_by_address import PEOPLE_A_REQUEST, RequestLimitKind
from mailer.postgres.requests_identified_by_address import ADDRESS_A_DAY, ADDRESS_A_DAY_FOR_DATA, NETWORK_A_DAY
from tests.data_requests import asked, link_of, steps, waiting
from tests.factories import BRAND, World
from tests.integration.web_world import browse
from tests.letters import ADA, answers, known

ADDRESS = ADA["email"]
FORM = f"/data/{BRAND}"


async def test_a_stranger_locks_nobody_out_of_their_data(world: World) -> None:
    """Each kind of request is counted apart: of a kind that a stranger has used up, the person has got a link."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        pages = set()
        for _ in range(ADDRESS_A_DAY_FOR_DATA + 1):
            pages.add((await client.post(FORM, data={"email": ADDRESS, "wanted": "erasure"})).text)
        for _ in range(ADDRESS_A_DAY + 1):
            await client.post(f"/leave/{BRAND}", data={"email": ADDRESS})
        assert (len(pages), await waiting(world)) == (1, ADDRESS_A_DAY_FOR_DATA + ADDRESS_A_DAY)
        assert len(await answers(world)) == 2  # of one kind, one mail in one go
        link = await asked(world, client, "copy")
        await client.post(link, data={"confirm": "yes"})
        assert (await client.post(link, data={"save": "json"})).json()["ref"] == "ada"


async def test_each_of_many_accounts_at_an_address_gets_a_link(world: World) -> None:
    """A request brings five mails; the next one reaches those that the first did not, whoever made the accounts."""
    refs = {f"ada-{number}" for number in range(7)}
    await known(world, BRAND, *({**ADA, "ref": ref} for ref in sorted(refs)))
    async with browse(world) as client:
        for _ in range(2):
            await client.post(FORM, data={"email": ADDRESS, "wanted": "copy"})
            assert len(await answers(world)) == PEOPLE_A_REQUEST
    rows = await world.pool.fetch("SELECT DISTINCT ref FROM data_requests d JOIN recipients r ON r.id = d.recipient_id")
    assert {row["ref"] for row in rows} == refs


async def test_presses_at_the_same_moment_are_one(world: World) -> None:
    """The first of several corrections by one link counts: the others change nothing, and none is half done."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "correction")
        forms = [{"confirm": "yes", "name": f"Ada {number}"} for number in range(4)]
        pages = await asyncio.gather(*(client.post(link, data=form) for form in forms))
    assert {page.status_code for page in pages} == {200}
    reasons = [entry["reason"] for entry in await world.entries(kind="action")]
    assert reasons.count("rectified name") == 1
    assert reasons.count("data_request correction done") == 1


async def test_one_erasure_answers_every_request_for_it(world: World) -> None:
    """A second link offers no second erasure; it shows that it is done. The stub is kept no longer for it."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        first, second = await asked(world, client, "erasure"), await asked(world, client, "erasure")
        await client.post(first, data={"confirm": "yes"})
        for page in (await client.get(second), await client.post(second, data={"confirm": "yes"})):
            assert page.status_code == 200
            assert "Your data are erased" in page.text
            assert 'name="confirm"' not in page.text
    reasons = [str(entry["reason"]) for entry in await world.entries(kind="action")]
    assert len([reason for reason in reasons if reason.startswith("erased until")]) == 1
    assert await steps(world) == ["erasure asked", "erasure asked", "erasure done", "erasure done"]


async def test_a_copy_names_no_staff_and_has_no_words_of_theirs(world: World) -> None:
    """Staff lifted a suppression, judged a refusal or published; what they typed about others is not theirs."""
    await known(world, BRAND, ADA)
    her = await world.id_of("ada")
    await record_opt_out(world.standings, world.policies[BRAND], her, "newsletter", "page")
    [stop] = await world.pool.fetch("SELECT id, at FROM suppressions WHERE reason = 'opt_out'")
    await lift_suppression(
        world.suppressions,
        world.policies[BRAND],
        stop["id"],
        stop["at"],
        "Dana Duty",
        "her neighbour Bob Miller called",
    )
    async with browse(world) as client:
        link = await asked(world, client, "copy")
        await client.post(link, data={"confirm": "yes"})
        programs = await client.post(link, data={"save": "json"})
        page = await client.post(link, data={"save": "page"})
    for text in (programs.text, page.text):
        assert "Dana" not in text
        assert "Miller" not in text
    [lifted] = [one for one in programs.json()["suppressions"] if one["lifted_at"]]
    assert (lifted["lifted_by"], lifted["actor"], lifted["lift_reason"]) == ("operator", "recipient", None)
    kept = await world.pool.fetchval("SELECT lift_reason FROM suppressions WHERE id = $1", stop["id"])
    assert kept == "her neighbour Bob Miller called"


async def test_a_copy_has_no_letters_of_other_controllers(world: World) -> None:
    """A dead letter with the same address at another controller's brand is theirs, and perhaps about somebody else."""
    await known(world, BRAND, ADA)
    for brand in (BRAND, "peerstream"):
        event = {"v": 1, "brand": brand, "category": "newsletter", "to": {"people": [{"ref": "x", "email": ADDRESS}]}}
        letter = BrokerMessage(json.dumps(event).encode(), f"{brand}.newsletter")
        await world.letters.add_dead_letter(
            letter, "mailer.events", letter.routing_key, "faulty", "key:shop", DeadLetterCauseKind.REFUSED
        )
    async with browse(world) as client:
        link = await asked(world, client, "copy")
        await client.post(link, data={"confirm": "yes"})
        copy = (await client.post(link, data={"save": "json"})).json()
    assert [letter["routing_key"] for letter in copy["also"]["dead_letters"]] == [f"{BRAND}.newsletter"]
    assert set(copy["also"]["dead_letters"][0]) == {"at", "reason", "routing_key"}


async def test_a_name_that_looks_like_a_day_stays_a_name(world: World) -> None:
    """The page of the copy has the person's own words as they are, also where they look like a time."""
    await known(world, BRAND, {**ADA, "name": "2026-01-01", "ref": "2026-02-03"})
    async with browse(world) as client:
        link = await asked(world, client, "copy")
        await client.post(link, data={"confirm": "yes"})
        page = (await client.post(link, data={"save": "page"})).text
    assert "<dd><bdi>2026-01-01</bdi></dd>" in page


async def test_the_limit_of_a_network_tells_nothing_of_an_address(world: World) -> None:
    """From a network that is over its limit, an address that has had its requests gets the answer of every other."""
    addresses = [ADDRESS] * ADDRESS_A_DAY_FOR_DATA
    addresses += [f"user-{number}@people.example" for number in range(NETWORK_A_DAY - len(addresses))]

    async def ask(address: str, network: str) -> RequestLimitKind | None:
        return await world.requests.by_address.store_request_within_limits(BRAND, BRAND, address, network, "copy")

    assert {await ask(address, "192.0.2.0/24") for address in addresses} == {None}
    assert {await ask(address, "192.0.2.0/24") for address in (ADDRESS, "new@people.example")} == {
        RequestLimitKind.NETWORK
    }
    assert await ask(ADDRESS, "198.51.100.0/24") is RequestLimitKind.ADDRESS


async def test_a_mail_that_waited_brings_a_link_that_works(world: World) -> None:
    """A timekeeper was away for eight days: there are seven days to confirm all the same, and the deadline stays."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        await client.post(FORM, data={"email": ADDRESS, "wanted": "copy"})
        await world.pool.execute("UPDATE leave_requests SET asked_at = asked_at - interval '8 days'")
        form_at = await world.pool.fetchval("SELECT asked_at FROM leave_requests")
        [mail] = await answers(world)
        await client.post(link_of(mail), data={"confirm": "yes"})
    assert await steps(world) == ["copy asked", "copy done"]
    assert await world.pool.fetchval("SELECT due_at FROM data_requests") == deadline_of_data_request(form_at)
