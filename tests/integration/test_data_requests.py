"""`/data/{brand}` and `/data-request/{token}`: a copy, a correction, an erasure or a restriction, without a login."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from mailer.actions.privacy_rights import erase_recipient, rectify_recipient
from mailer.database.statements import Pool
from mailer.ledger.ledger_operations import LedgerOperations
from mailer.policy.data_requests import DataRequestKind, deadline_of_data_request
from mailer.ports.data_requests import MAX_COPIES
from mailer.ports.privacy_rights import DataCorrection
from mailer.ports.request_stores import RequestStores
from mailer.postgres.requests_identified_by_address import PostgresRequestsIdentifiedByAddress
from mailer.web.app import MAX_PAGE_BYTES, create_app
from mailer.web.languages import LANGUAGES
from tests.data_requests import SCRIPT, asked, link_of, steps, waiting
from tests.factories import BRAND, KEY, World
from tests.integration.web_world import PUBLIC_URL, browse, site_over
from tests.letters import ADA, LINKS, answers, known, stands
from tests.watched import WatchedPool

ADDRESS = ADA["email"]
FORM = f"/data/{BRAND}"
KINDS = list(DataRequestKind)


async def test_a_look_changes_nothing(world: World) -> None:
    """GET and HEAD of the form and of the link do nothing, whatever the query; neither sets a cookie."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        page = await client.get(FORM, params={"email": ADDRESS, "wanted": "copy"})
        assert await waiting(world) == 0
        link = await asked(world, client, "erasure")
        looks = [page, *[await client.request(method, f"{link}?confirm=yes") for method in ("GET", "HEAD", "GET")]]
    assert {look.status_code for look in looks} == {200}
    assert not any("set-cookie" in look.headers for look in looks)
    assert await steps(world) == ["erasure asked"]
    standing = await world.standings.get_standing(BRAND, await world.id_of("ada"))
    assert standing is not None
    assert not standing.erased


@pytest.mark.rule("data-by-address")
@pytest.mark.promise("peerstream-13")
@pytest.mark.parametrize("kind", KINDS)
async def test_the_answer_tells_nothing(world: World, kind: str) -> None:
    """Known, unknown, erased, closed, another brand's: the same octets, after one statement that looks for nobody."""
    await known(world, BRAND, *({**ADA, "ref": ref, "email": f"{ref}@people.example"} for ref in ("ada", "bob", "cy")))
    await known(world, "peerstream", {**ADA, "ref": "fay", "email": "fay@people.example"})
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of("bob"), "test")
    await stands(world, "deactivated_at = now()", BRAND, "cy")
    seen = set[tuple[Any, ...]]()
    untouchable: dict[str, Any] = dict.fromkeys(("standings", "suppressions", "consents", "rights", "wishes", "outbox"))
    for name in ("ada", "bob", "cy", "fay", "nobody"):
        watched = WatchedPool(world.pool)
        by_address = PostgresRequestsIdentifiedByAddress(cast(Pool, watched), world.hasher, world.writers)
        requests = RequestStores(by_address, cast(Any, None))
        transport = httpx.ASGITransport(create_app(replace(site_over(world), **untouchable, requests=requests)))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            answer = await client.post(FORM, data={"email": f"{name}@people.example", "wanted": kind})
        headers = tuple(sorted((key, value) for key, value in answer.headers.items() if key != "date"))
        seen.add((answer.status_code, answer.text, headers, tuple(sorted(watched.ran.items()))))
    [(status, text, _, ran)] = seen
    assert status == 200
    assert str(deadline_of_data_request(datetime.now(UTC)).year) in text
    assert len(ran) == 1
    assert not any(table in ran[0][0] for table in ("recipients", "standings", "suppressions"))


@pytest.mark.parametrize("brand", [BRAND, "peerstream", "paltalk-2002", "paltalk-2006"])
@pytest.mark.parametrize("kind", KINDS)
async def test_each_brand_answers_each_kind(world: World, brand: str, kind: str) -> None:
    """One mail with one link, whose page names the kind, the brand and the deadline, and shows no data."""
    await known(world, brand, ADA)
    async with browse(world) as client:
        page = await client.get(await asked(world, client, kind, brand))
    assert page.status_code == 200
    assert "Answer at the latest" in page.text
    assert page.text.count('name="confirm"') == 1
    assert ADDRESS not in page.text
    assert "a…@p….example" in page.text


@pytest.mark.promise("peerstream-08")
@pytest.mark.rule("confirmed-copy")
async def test_a_copy_goes_out_after_the_press_alone(world: World) -> None:
    """Before it no form of the request gives anything; after it the copy is a file, and each saving is on record."""
    await known(world, "peerstream", ADA)
    async with browse(world) as client:
        link = await asked(world, client, "copy", "peerstream")
        for form in ({"save": "page"}, {"save": "json"}, {"save": "page", "confirm": "no"}):
            early = await client.post(link, data=form)
            assert "content-disposition" not in early.headers
            assert ADDRESS not in early.text
        confirmed = await client.post(link, data={"confirm": "yes"})
        page = await client.post(link, data={"save": "page"})
        programs = await client.post(link, data={"save": "json"})
    assert ADDRESS not in confirmed.text
    assert page.headers["content-disposition"].startswith('attachment; filename="peerstream-')
    assert page.headers["cache-control"] == "no-store"
    assert ADDRESS in page.text
    assert programs.json()["data"]["email"] == ADDRESS
    assert [one["wanted"] for one in programs.json()["data_requests"]] == ["copy"]
    assert await steps(world) == ["copy asked", "copy done", "copy handed_out", "copy handed_out"]
    assert (await LedgerOperations(world.pool, KEY).verify_ledger()).faults == ()


async def test_a_copy_ends(world: World) -> None:
    """It is saved ten times at most, and for seven days."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "copy")
        await client.post(link, data={"confirm": "yes"})
        saved = [await client.post(link, data={"save": "json"}) for _ in range(MAX_COPIES + 1)]
        assert ["content-disposition" in one.headers for one in saved] == [True] * MAX_COPIES + [False]
        await world.pool.execute("UPDATE data_requests SET copies = 0, confirmed_at = now() - interval '8 days'")
        late = await client.post(link, data={"save": "json"})
    assert "content-disposition" not in late.headers
    assert 'name="save"' not in late.text


@pytest.mark.promise("peerstream-09")
async def test_an_erasure_is_done_once_and_its_page_stays(world: World) -> None:
    """One press erases. The link then says what was done and what is kept; it names nobody, and does nothing more."""
    await known(world, "peerstream", ADA)
    her = await world.id_of("ada", "peerstream")
    async with browse(world) as client:
        link = await asked(world, client, "erasure", "peerstream")
        other = await asked(world, client, "copy", "peerstream")
        done = await client.post(link, data={"confirm": "yes"})
        version = await world.pool.fetchval("SELECT version FROM standings WHERE recipient_id = $1", her)
        again = await client.post(link, data={"confirm": "yes"})
        look = await client.get(link)
        gone = await client.post(other, data={"confirm": "yes"})
    assert (done.status_code, again.status_code, look.status_code, gone.status_code) == (200, 200, 200, 410)
    assert again.text == look.text
    for words in ("Your data are erased", "What has to be kept", "GDPR Art. 17(3)(b)"):
        assert words in look.text
    for secret in ("people.example", "Ada", 'name="confirm"'):
        assert secret not in look.text
    standing = await world.standings.get_standing("peerstream", her)
    assert standing is not None
    assert standing.erased
    assert await world.pool.fetchval("SELECT version FROM standings WHERE recipient_id = $1", her) == version
    assert await steps(world) == ["erasure asked", "copy asked", "erasure done"]


async def test_a_restriction_holds_from_the_press_on(world: World) -> None:
    """Only legal and security mail still comes; a second press changes nothing."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "restriction")
        for _ in range(2):
            assert "Your data are locked" in (await client.post(link, data={"confirm": "yes"})).text
    standing = await world.standings.get_standing(BRAND, await world.id_of("ada"))
    assert standing is not None
    assert standing.restricted
    reasons = [entry["reason"] for entry in await world.entries(kind="action")]
    assert reasons.count("restricted") == 1


async def test_a_link_ends(world: World) -> None:
    """After seven days, after a change of the address, and with another signature it does nothing."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        late, moved = await asked(world, client, "erasure"), await asked(world, client, "copy")
        confirm = {"confirm": "yes"}
        await world.pool.execute(
            "UPDATE data_requests SET asked_at = now() - interval '8 days' WHERE wanted = 'erasure'"
        )
        assert (await client.post(late, data=confirm)).status_code == 410
        await world.requests.data.delete_old_data_requests()
        assert (await client.post(late, data=confirm)).status_code == 410
        correction = DataCorrection(email="new@people.example")
        await rectify_recipient(world.rights, world.policies[BRAND], await world.id_of("ada"), correction, "letter")
        answer = await client.post(moved, data=confirm)
        assert answer.status_code == 410
        assert (await client.post(f"{moved[:-3]}abc", data=confirm)).status_code == 400
    assert await world.pool.fetch("SELECT wanted FROM data_requests WHERE confirmed_at IS NOT NULL") == []
    assert await world.pool.fetchval("SELECT count(*) FROM data_requests") == 1


async def test_no_other_token_opens_a_request(world: World) -> None:
    """A token of another purpose, person or brand, though signed by us, leads to no request."""
    await known(world, BRAND, ADA, {**ADA, "ref": "eve", "email": "eve@people.example"})
    async with browse(world) as client:
        link = await asked(world, client, "copy")
        token = LINKS.read_data_request_token(link.rpartition("/")[2])
        assert token is not None
        forged = [replace(token, recipient_id=await world.id_of("eve")), replace(token, request=UUID(int=1))]
        forged.append(replace(token, brand="peerstream"))
        for one in forged:
            answer = await client.post(LINKS.data_request_link(one), data={"confirm": "yes"})
            assert answer.status_code == 410
        confirmation = link.replace("/data-request/", "/confirm/")
        assert (await client.get(confirmation)).status_code == 400
    assert await steps(world) == ["copy asked"]


async def test_two_accounts_at_one_address_have_a_request_each(world: World) -> None:
    """Each gets a mail with a link of its own, which opens and erases nothing of the other; another brand has none."""
    await known(world, BRAND, ADA, {**ADA, "ref": "twin", "email": "Ada@People.example", "name": "Twin"})
    await known(world, "peerstream", {**ADA, "ref": "other"})
    async with browse(world) as client:
        await client.post(FORM, data={"email": ADDRESS, "wanted": "copy"})
        first, second = [link_of(mail) for mail in await answers(world)]
        refs = []
        for link in (first, second):
            await client.post(link, data={"confirm": "yes"})
            refs.append((await client.post(link, data={"save": "json"})).json()["ref"])
        assert sorted(refs) == ["ada", "twin"]
        await client.post(FORM, data={"email": ADDRESS, "wanted": "erasure"})
        erase, _ = [link_of(mail) for mail in await answers(world)]
        await client.post(erase, data={"confirm": "yes"})
    erased = await world.pool.fetch(
        "SELECT brand FROM standings JOIN recipients r ON r.id = recipient_id WHERE erased_at IS NOT NULL"
    )
    assert [row["brand"] for row in erased] == [BRAND]


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"email": ADDRESS}},
        {"data": {"email": ADDRESS, "wanted": "everything"}},
        {"data": {"email": ADDRESS, "wanted": ["copy", "erasure"]}},
        {"data": {"email": f"{SCRIPT}@people.example", "wanted": SCRIPT}},
        {"data": {"email": "", "wanted": "copy"}},
        {"json": {"email": ADDRESS, "wanted": "copy"}},
        {"files": {"email": (None, ADDRESS), "wanted": (None, "copy")}},
    ],
)
async def test_a_faulty_form_says_so_and_stores_nothing(world: World, sent: dict[str, Any]) -> None:
    """The fault stands at its field, and a typed text is shown as a text."""
    async with browse(world) as client:
        answer = await client.post(FORM, **sent)
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    assert "<script" not in answer.text
    assert await waiting(world) == 0


async def test_an_oversized_body_is_refused(world: World) -> None:
    """Neither the form nor the link reads more than a page's body may have."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "correction")
        for path in (FORM, link):
            answer = await client.post(path, data={"confirm": "yes", "note": "x" * MAX_PAGE_BYTES})
            assert answer.status_code == 413
    assert await steps(world) == ["correction asked"]


async def test_another_site_can_do_no_more_than_anybody(world: World) -> None:
    """A form elsewhere brings its reader one mail at most; no cookie gives it more, and no page can be framed."""
    await known(world, BRAND, ADA)
    async with browse(world, origin="https://evil.example", cookie="session=1") as client:
        answer = await client.post(FORM, data={"email": ADDRESS, "wanted": "erasure"})
        [mail] = await answers(world)
        page = await client.get(link_of(mail))
    for one in (answer, page):
        assert not {"access-control-allow-origin", "set-cookie"} & set(one.headers)
        assert "frame-ancestors 'none'" in one.headers["content-security-policy"]
    standing = await world.standings.get_standing(BRAND, await world.id_of("ada"))
    assert standing is not None
    assert not standing.erased


@pytest.mark.parametrize("code", sorted(LANGUAGES))
async def test_the_pages_and_the_copy_speak_the_language_of_the_person(world: World, code: str) -> None:
    """The link's page and the copy are in the person's language; no name of a field stands in the copy."""
    await known(world, BRAND, {**ADA, "locale": code})
    async with browse(world) as client:
        link = await asked(world, client, "copy")
        page = await client.post(link, data={"confirm": "yes"})
        copy = await client.post(link, data={"save": "page"})
    texts = LANGUAGES[code].texts
    assert texts["data_done"]["copy"][0] in page.text
    assert "content-disposition" in copy.headers
    assert f'<html lang="{code}" dir="{texts["dir"]}">' in copy.text
    assert re.findall(r">[^<]*\b(?:policy_version|collected_at|opted_out|created_at|asked_at)\b[^<]*<", copy.text) == []
    assert copy.text.count("<h1>") == 1


async def test_a_refusal_says_what_was_asked_for(world: World) -> None:
    """The page has the kind, the days in the reader's language, and the answer below a heading without a colon."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "restriction")
        token = LINKS.read_data_request_token(link.rpartition("/")[2])
        assert token is not None
        found = await world.requests.data.find_data_request(token.request)
        assert found is not None
        assert await world.requests.data.record_confirmation(found, None)
        assert await world.requests.data.record_answer(found, "refused", "We need proof of this.", "Dana")
        pages = {code: await client.get(link, params={"lang": code}) for code in LANGUAGES}
    for code, page in pages.items():
        language = LANGUAGES[code]
        assert f"<dd>{language.texts['data_kinds']['restriction'][0]}</dd>" in page.text
        assert page.text.count(f"<dd>{language.format_day_of_moment(found.asked_at)}</dd>") >= 2
        assert '<p dir="auto">We need proof of this.</p>' in page.text
        shown = re.sub(r"<[^>]+>|\w…[^<]*", "", page.text.partition("<main>")[2])
        assert re.findall(r"\.\u2069?[.:\uff1a\u3001]", shown) == []


async def test_a_person_who_cannot_get_mail_stores_a_request_that_ends(world: World) -> None:
    """Nothing comes of a request whose mail is suppressed; the timekeeper deletes it after a week."""
    await known(world, BRAND, ADA)
    await stands(world, "address_dead_at = now()", BRAND)
    async with browse(world) as client:
        await client.post(FORM, data={"email": ADDRESS, "wanted": "copy"})
    assert await answers(world) == []
    await world.pool.execute("UPDATE data_requests SET asked_at = asked_at - interval '8 days'")
    await world.requests.data.delete_old_data_requests()
    assert await world.pool.fetchval("SELECT count(*) FROM data_requests") == 0


async def test_an_unknown_brand_is_a_page_that_is_not_there(world: World) -> None:
    """Its answer is that of any other path."""
    async with browse(world) as client:
        none = await client.get("/data/nobody")
        posted = await client.post("/data/nobody", data={"email": ADDRESS, "wanted": "copy"})
        other = await client.get("/nowhere")
    assert none.status_code == posted.status_code == 404
    assert none.text == posted.text == other.text
