"""Tests of `/leave/{brand}`: a person without link or login types an address. Nobody learns who is known."""

import asyncio
import json
import re
from dataclasses import replace
from email.message import EmailMessage
from typing import Any, cast

import httpx
import pytest

from mailer.actions.privacy_rights import erase_recipient
from mailer.actions.requests_identified_by_address import build_leave_link_message
from mailer.database.statements import Pool
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.broker import BrokerMessage
from mailer.ports.request_stores import RequestStores
from mailer.ports.requests_identified_by_address import PersonToAnswer
from mailer.postgres.requests_identified_by_address import PostgresRequestsIdentifiedByAddress
from mailer.web.app import create_app
from tests.factories import BRAND, World
from tests.integration.web_world import PUBLIC_URL, browse, site_over
from tests.letters import ADA, LINKS, answerer, answers, known, parts, stands, told
from tests.promises.test_web import tables
from tests.watched import WatchedPool

LEAVE = f"/leave/{BRAND}"
ADDRESS = ADA["email"]


def links(mail: EmailMessage, page: str) -> set[str]:
    """The links to a page, which text and HTML agree on."""
    in_text, in_html = (set(re.findall(rf"{PUBLIC_URL}/{page}/[\w.-]+", part)) for part in parts(mail))
    assert in_text == in_html
    return in_text


def ways_out(mail: EmailMessage) -> set[str]:
    """The links that leave everything optional. A brand's footer may also have one that closes the account."""
    tokens = {link: LINKS.read_unsubscribe_token(link.rpartition("/")[2]) for link in links(mail, "u")}
    return {link for link, token in tokens.items() if token is not None and token.category == EVERYTHING_OPTIONAL}


async def waiting(world: World) -> int:
    """The number of requests that wait."""
    return cast(int, await world.pool.fetchval("SELECT count(*) FROM leave_requests"))


async def everything_stored(world: World) -> str:
    """Every row of every table but those of the people themselves, as text."""
    rows = await tables(world)
    return "\n".join(line for name in rows.keys() - {"recipients", "mentions"} for line in rows[name])


async def test_a_look_changes_nothing(world: World) -> None:
    """GET and HEAD, with any query, store nothing. The page has one field and one button, and sets no cookie."""
    async with browse(world) as client:
        page = await client.get(LEAVE, params={"email": ADDRESS})
        head = await client.head(LEAVE)
    assert (page.status_code, head.status_code) == (200, 200)
    assert page.text.count("<input") == page.text.count("<button") == 1
    assert ADDRESS not in page.text
    assert "set-cookie" not in page.headers
    assert await waiting(world) == 0


async def test_an_unknown_brand_is_a_page_that_is_not_there(world: World) -> None:
    """The answer for an unknown brand is that of any other path. It does not repeat the name."""
    async with browse(world) as client:
        none = await client.get("/leave/nobody")
        posted = await client.post("/leave/nobody", data={"email": ADDRESS})
        other = await client.get("/nowhere")
    assert none.status_code == posted.status_code == 404
    assert none.text == posted.text == other.text
    assert "/leave/" not in none.text


@pytest.mark.rule("leave-by-address")
@pytest.mark.promise("peerstream-02", "paltalk02-08")
@pytest.mark.parametrize("brand", ["peerstream", "paltalk-2002", "paltalk-2006", BRAND])
async def test_a_mail_leads_out_of_everything_optional(world: World, brand: str) -> None:
    """Typed without a login, an address gets one mail; the button behind its link stops all optional mail."""
    await known(world, brand, ADA)
    async with browse(world) as client:
        answer = await client.post(f"/leave/{brand}", data={"email": "  ADA@people.EXAMPLE "})
        [mail] = await answers(world)
        [link] = ways_out(mail)
        [preferences] = links(mail, "preferences")
        page = await client.get(link)
        before = await world.standings.get_standing(brand, await world.id_of("ada", brand))
        left = await client.post(link, data={"scope": "all"})
        chosen = await client.get(preferences)
    assert answer.status_code == page.status_code == left.status_code == chosen.status_code == 200
    assert "If this address gets mail from" in answer.text
    assert mail["To"].endswith(f"<{ADDRESS}>")
    assert mail["List-Unsubscribe"] is None
    after = await world.standings.get_standing(brand, await world.id_of("ada", brand))
    assert before is not None
    assert after is not None
    assert (before.opted_out, after.opted_out) == (frozenset(), frozenset({"*"}))
    assert await answers(world) == []


async def test_the_answer_tells_nothing(world: World) -> None:
    """The answer has the same octets, and the same statements run, for every kind of address."""
    await known(world, BRAND, *({**ADA, "ref": ref, "email": f"{ref}@people.example"} for ref in ("ada", "bob", "cy")))
    await known(world, BRAND, *({**ADA, "ref": ref, "email": f"{ref}@people.example"} for ref in ("dan", "eve", "kid")))
    await known(world, "peerstream", {**ADA, "ref": "fay", "email": "fay@people.example"})
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of("bob"), "test")
    await stands(world, "deactivated_at = now()", BRAND, "cy")
    await stands(world, "opted_out = '{*}'", BRAND, "dan")
    await stands(world, "address_dead_at = now()", BRAND, "eve")
    names = ("ada", "bob", "cy", "dan", "eve", "kid", "fay", "nobody", "nonsense.parses")
    seen = set[tuple[Any, ...]]()
    untouchable: dict[str, Any] = dict.fromkeys(("standings", "suppressions", "consents", "rights", "wishes", "outbox"))
    for name in names:
        watched = WatchedPool(world.pool)
        requests = PostgresRequestsIdentifiedByAddress(cast(Pool, watched), world.hasher, world.writers)
        transport = httpx.ASGITransport(
            create_app(replace(site_over(world), **untouchable, requests=RequestStores(requests, world.requests.data)))
        )
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            answer = await client.post(LEAVE, data={"email": f"{name}@people.example"})
        headers = tuple(sorted((key, value) for key, value in answer.headers.items() if key != "date"))
        seen.add((answer.status_code, answer.text, headers, tuple(sorted(watched.ran.items()))))
    assert len(seen) == 1
    [(status, _, _, ran)] = seen
    assert status == 200
    assert len(ran) == 1
    assert not any(table in ran[0][0] for table in ("recipients", "standings", "suppressions"))


async def test_who_gets_the_mail(world: World) -> None:
    """Closed accounts and those that left get it. The erased, children and dead addresses get nothing."""
    people = {name: {**ADA, "ref": name, "email": f"{name}@people.example"} for name in ("al", "bo", "cy", "di", "ed")}
    await known(world, BRAND, *people.values())
    await stands(world, "opted_out = '{*}'", BRAND, "al")
    await stands(world, "deactivated_at = now()", BRAND, "bo")
    await world.rights.mark_recipient_under_13_and_cancel_deliveries(BRAND, await world.id_of("cy"), "test")
    await stands(world, "address_dead_at = now()", BRAND, "di")
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of("ed"), "test")
    async with browse(world) as client:
        for name in people:
            await client.post(LEAVE, data={"email": f"{name}@people.example"})
    assert [mail["To"].partition("<")[2] for mail in await answers(world)] == [
        "al@people.example>",
        "bo@people.example>",
    ]
    assert await waiting(world) == 0


async def test_each_account_of_a_mailbox_gets_its_own_link(world: World) -> None:
    """Two accounts with one address get two mails with different links, and only those of this brand."""
    await known(world, BRAND, ADA, {**ADA, "ref": "twin", "email": "Ada@People.example"})
    await known(world, "peerstream", {**ADA, "ref": "other"})
    async with browse(world) as client:
        await client.post(LEAVE, data={"email": ADDRESS})
        await client.post(LEAVE, data={"email": ADDRESS.upper()})
    mails = await answers(world)
    assert len(mails) == 2
    assert len({link for mail in mails for link in links(mail, "u")}) == 2


async def test_spellings_of_one_mailbox_count_together(world: World) -> None:
    """Case, composed letters and A-labels are one mailbox: its owner gets the mail, and one limit holds for all."""
    await known(world, BRAND, {**ADA, "email": "müller.οδος@bücher.example"})
    spellings = ["MÜLLER.ΟΔΟΣ@bücher.example", "mu\u0308ller.οδος@xn--bcher-kva.example", "müller.οδος@BÜCHER.example"]
    async with browse(world) as client:
        for spelling in spellings:
            await client.post(LEAVE, data={"email": spelling})
            assert len(await answers(world)) == 1, spelling
        await client.post(LEAVE, data={"email": "müller.οδοσ@bücher.example"})
    assert await waiting(world) == 0


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@people.example\r\nBcc: eve@evil.example",
        "ada@people.example\n\nHello",
        "ada@people.example,eve@evil.example",
        "Ada <ada@people.example>",
        "ada@people.example\0",
        "ada@people.example eve@evil.example",
        '"><script>alert(1)</script>@people.example',
        "{{ 7 * 7 }}@people.example",
        "a" * 65_000,
        "\ud800@people.example".encode("utf-8", "surrogatepass"),
        "ada@[127.0.0.1]",
        "\u202eada@people.example",
    ],
)
async def test_what_is_no_address_gets_an_error_beside_the_field(world: World, typed: str) -> None:
    """The page shows the error at the field, and the text as text. Nothing is stored."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        answer = await client.post(LEAVE, data={"email": typed})
    assert answer.status_code in (400, 413)
    assert "<script" not in answer.text
    if answer.status_code == 400:
        assert 'aria-invalid="true" aria-describedby="fault"' in answer.text
        assert 'id="fault"' in answer.text
    assert await waiting(world) == 0
    assert await answers(world) == []


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b"email=ada@people.example", "headers": {"content-type": "text/plain"}},
        {"files": {"email": (None, ADDRESS)}},
        {"json": {"email": ADDRESS}},
        {"data": {"mail": ADDRESS}},
        {"data": {"email": [ADDRESS, "eve@evil.example"]}},
    ],
)
async def test_other_bodies_do_nothing(world: World, sent: dict[str, Any]) -> None:
    """A body that is no form of this page does nothing."""
    async with browse(world) as client:
        assert (await client.post(LEAVE, **sent)).status_code == 400
    assert await waiting(world) == 0


async def test_another_site_can_do_no_more_than_anybody(world: World) -> None:
    """A form on another page brings its reader's address one mail at most, in which nothing is changed yet."""
    await known(world, BRAND, ADA)
    async with browse(world, origin="https://evil.example", cookie="session=1") as client:
        answer = await client.post(LEAVE, data={"email": ADDRESS})
    assert not {"access-control-allow-origin", "set-cookie"} & set(answer.headers)
    assert len(await answers(world)) == 1
    standing = await world.standings.get_standing(BRAND, await world.id_of("ada"))
    assert standing is not None
    assert standing.opted_out == frozenset()


async def test_a_crash_before_the_commit_sends_once(world: World) -> None:
    """The request and the events of its mails commit together: after a crash it is found again, and sent once."""
    await known(world, BRAND, ADA)
    assert await world.requests.by_address.store_request_within_limits(BRAND, BRAND, ADDRESS, None) is None

    def dies(person: PersonToAnswer) -> BrokerMessage:
        build_leave_link_message(person.brand, person.ref)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await world.requests.by_address.answer_and_delete_oldest_requests(dies, 10)
    assert await waiting(world) == 1
    two = [answerer(world) for _ in range(2)]
    await asyncio.gather(*(one.answer_waiting_requests() for one in two))
    assert await world.pool.fetchval("SELECT count(*) FROM outbox WHERE body LIKE '%leave-link%'") == 1
    assert await waiting(world) == 0


async def test_one_bad_ref_and_a_brand_that_is_gone_stop_nobody(world: World) -> None:
    """A ref that no event can name, and requests to a brand that was taken away, end without a mail."""
    await known(world, BRAND, ADA, {**ADA, "ref": "odd"})
    await world.pool.execute("UPDATE recipients SET ref = ' ' WHERE ref = 'odd'")
    await world.requests.by_address.store_request_within_limits(BRAND, BRAND, ADDRESS, None)
    await known(world, "peerstream", ADA)
    controller = world.policies["peerstream"].controller.id
    await world.requests.by_address.store_request_within_limits("peerstream", controller, ADDRESS, None)
    del world.policies["peerstream"]
    assert len(await answers(world)) == 1
    assert await waiting(world) == 0


async def test_the_mail_goes_to_the_address_on_record(world: World) -> None:
    """The link goes to the present address, if it changed after the request, and works there."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        await client.post(LEAVE, data={"email": ADDRESS})
        await answerer(world).answer_waiting_requests()
        [row] = await world.pool.fetch("DELETE FROM outbox RETURNING body")
        await known(world, BRAND, {**ADA, "email": "new@people.example", "collected_at": "2026-02-02T00:00:00Z"})
        [mail] = await told(world, json.loads(row["body"]))
        [preferences] = links(mail, "preferences")
        assert "n…@p….example" in (await client.get(preferences)).text
    assert "new@people.example" in mail["To"]


async def test_no_row_and_no_line_has_an_address(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the typed address nor the client's is in a table or a log line. Counts of earlier days are deleted."""
    await known(world, BRAND, ADA)
    transport = httpx.ASGITransport(create_app(site_over(world)), client=("185.199.108.77", 1))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        await client.post(LEAVE, data={"email": ADDRESS})
        await client.post(LEAVE, data={"email": "stranger@elsewhere.example"})
        await client.post(LEAVE, data={"email": "no address@"})
    before = await everything_stored(world)
    await answerer(world).answer_waiting_requests()
    said = before + await everything_stored(world) + "".join(capsys.readouterr())
    for secret in (ADDRESS, "stranger", "elsewhere.example", "no address", "185.199.108"):
        assert secret not in said
    await world.pool.execute("UPDATE leave_request_counts SET since = since - interval '1 day'")
    await world.requests.by_address.delete_old_request_counts()
    assert await world.pool.fetchval("SELECT count(*) FROM leave_request_counts") == 0


@pytest.mark.parametrize("cut", [1, 3, 20])
async def test_a_broken_link_leads_to_this_page(world: World, cut: int) -> None:
    """The page of a link that was cut off names the brand's page for leaving, if the brand can still be read."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        await client.post(LEAVE, data={"email": ADDRESS})
        [mail] = await answers(world)
        [link] = ways_out(mail)
        broken = await client.get(f"{link[:-cut]}")
        nonsense = await client.get("/u/nonsense")
        page = await client.get(link)
    assert (broken.status_code, nonsense.status_code) == (400, 400)
    assert re.findall(r'<a class="button( main)?" href="([^"]+)">', broken.text) == [
        (" main", f"{PUBLIC_URL}{LEAVE}"),
        ("", f"{PUBLIC_URL}/data/{BRAND}"),
    ]
    assert broken.text.count(f"{PUBLIC_URL}{LEAVE}") == 1
    assert "/leave/" not in nonsense.text
    assert f'href="{PUBLIC_URL}{LEAVE}"' in page.text
