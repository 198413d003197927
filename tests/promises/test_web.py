"""The effects of the links in a mail, and the data kept of them: seen in answers, tables, logs and the next mail."""

import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from mailer.policy.standing import TRACKING
from mailer.rendering.link_tokens import PreferencesToken, UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks
from mailer.web.app import create_app
from tests.factories import KEY, World, templates
from tests.hours import an_hour_later
from tests.integration.web_world import PUBLIC_URL, browse, site_over
from tests.letters import ADA, LINKS, consents, event_of, known, parts, publish, told, told_ada
from tests.publishers import issue_key

BOB = {**ADA, "ref": "bob", "email": "bob@people.example", "name": "Bob"}
CROWD = [{**ADA, "ref": f"user-{n}", "email": f"user-{n:02}@people.example"} for n in range(25)]
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
ADDRESS = "203.0.113.77"


def link(mail: EmailMessage, page: str) -> str:
    """The link to a page, which the text and the HTML of a mail agree on."""
    in_text, in_html = (re.findall(rf"{PUBLIC_URL}/{page}/[\w.-]+", part) for part in parts(mail))
    assert len(set(in_text)) == 1
    assert set(in_text) == set(in_html)
    return str(in_text[0])


def pixel(mail: EmailMessage) -> str:
    """The address of a mail's only image."""
    [found] = re.findall(rf'<img[^>]* src="({PUBLIC_URL}/o/[^"]+)"', parts(mail)[1])
    return str(found)


async def tables(world: World) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    names = await world.pool.fetch(
        "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    return {
        name: [row[0] for row in await world.pool.fetch(f"SELECT t::text FROM {name} t ORDER BY 1")]  # noqa: S608 - a table's own name
        for (name,) in names
    }


async def preferences(world: World, brand: str, ref: str = "ada") -> str:
    """The link to somebody's preferences."""
    return LINKS.preferences_link(PreferencesToken(brand, await world.id_of(ref, brand), 1))


async def confirms(world: World, client: httpx.AsyncClient, wish: str) -> httpx.Response:
    """Reads the confirmation mail that was published last, and presses the button of its page for a wish."""
    body = await world.pool.fetchval("SELECT body FROM outbox ORDER BY id DESC LIMIT 1")
    [asking] = await told(world, json.loads(body))
    return await client.post(link(asking, "confirm"), data={"wish": wish})


async def crowd(world: World, brand: str, *scopes: str) -> list[EmailMessage]:
    """A newsletter to so many that opens are counted; everyone has consented to the scopes."""
    await known(world, brand, *CROWD)
    for person in CROWD:
        await consents(world, brand, *scopes, ref=person["ref"])
    return await told(world, event_of(brand, "weekly", to={"refs": [person["ref"] for person in CROWD]}))


def track_individually(world: World) -> None:
    """Changes InterPals' policy so that it counts single people."""
    policy = world.policies["interpals"]
    switches = policy.switches.model_copy(update={"tracking": "individual"})
    world.policies["interpals"] = policy.model_copy(update={"switches": switches})


@pytest.mark.promise("interpals-07", "paltalk06-15")
@pytest.mark.parametrize(("brand", "scope"), [("interpals", "newsletter"), ("paltalk-2006", "newsletter")])
async def test_the_way_out_in_the_mail_leads_out(world: World, brand: str, scope: str) -> None:
    """The link in text and HTML opens a page whose button works, and so does one click: no newsletter comes."""
    await known(world, brand, ADA, BOB)
    for ref in ("ada", "bob"):
        await consents(world, brand, scope, ref=ref)
    refs = {"to": {"refs": ["ada", "bob"]}}
    ada, bob = await told(world, event_of(brand, "weekly", **refs))
    header = bob["List-Unsubscribe"].strip("<>").partition(">")[0]
    async with browse(world) as client:
        page = await client.get(link(ada, "u"))
        pressed = await client.post(link(ada, "u"), data={"scope": "category"})
        clicked = await client.post(header, data={"List-Unsubscribe": "One-Click"})
    assert "<button" in page.text
    assert "You are unsubscribed" in pressed.text
    assert clicked.status_code == 200
    assert await told(world, event_of(brand, "weekly", **refs)) == []


@pytest.mark.promise("paltalk02-07", "interpals-10")
@pytest.mark.parametrize("brand", ["paltalk-2002", "interpals"])
async def test_a_report_stops_who_invites(world: World, brand: str) -> None:
    """The report link of an invitation says why it came, and not to whom; its button stops the inviter."""
    invited = event_of(brand, "invitation", ADA, inviter="grace")
    (mail,) = await told(world, invited)
    async with browse(world) as client:
        page = await client.get(link(mail, "report"))
        assert (
            len(await told(world, event_of(brand, "invitation", BOB, inviter="grace"))) == 1
        )  # a look changes nothing
        await client.post(link(mail, "report"), data={"inviter": "yes"})
    assert "Stop this member&#39;s invitations" in page.text
    assert "gave this address to invite" in page.text
    for secret in (ADA["email"], ADA["name"], "grace", ">ada<"):
        assert secret not in page.text
    carol = {**ADA, "ref": "carol", "email": "carol@people.example"}
    assert await told(world, event_of(brand, "invitation", carol, inviter="grace")) == []
    assert len(await told(world, event_of(brand, "invitation", carol, inviter="heidi"))) == 1


@pytest.mark.promise("interpals-18")
async def test_notices_come_in_writing_for_who_says_so(world: World) -> None:
    """A tick on the page, confirmed by mail, refuses electronic notices: a breach goes to the written-notice queue."""
    await known(world, "interpals", ADA, BOB)
    async with browse(world) as client:
        await client.post(await preferences(world, "interpals"), data={"want": "notices-in-writing"})
        await confirms(world, client, "notices-in-writing")
    world.processor.sent.clear()
    await publish(world, event_of("interpals", "breach-notice", to={"refs": ["ada", "bob"]}))
    waiting = await world.pool.fetchval("SELECT id FROM mailings WHERE category = 'breach'")
    await world.mailings.release_mailing(waiting, "Grace")
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.states(waiting) == {"ada": ("diverted", "written_notice"), "bob": ("handed_over", "")}
    assert world.processor.recipients == ["bob@people.example"]


@pytest.mark.promise("paltalk06-14")
async def test_a_purpose_is_refused_by_the_api(world: World) -> None:
    """The recipient API takes the refusal of one purpose: offers stop, and the newsletter comes."""
    await known(world, "paltalk-2006", ADA)
    await consents(world, "paltalk-2006", "newsletter", "promotional")
    key = await issue_key(world.pool, "shop", "paltalk-2006")
    async with browse(world, authorization=f"Bearer {key}") as client:
        answer = await client.post("/api/v1/recipients/paltalk-2006/ada/opt_out", json={"scope": "purpose/offers"})
    assert answer.status_code == 200
    assert await told(world, event_of("paltalk-2006", "spring-offer")) == []
    assert len(await told(world, event_of("paltalk-2006", "weekly"))) == 1
    reasons = {entry["reason"] for entry in await world.entries(kind="decision")}
    assert "purpose_refused" in reasons


@pytest.mark.promise("paltalk06-17")
async def test_neither_logs_nor_tables_tell_who_came_from_where(
    world: World, production_log: Callable[[], str]
) -> None:
    """A fetch or a press logs no IP address, program or token, and stores neither address nor program."""
    mail = (await crowd(world, "peerstream", "newsletter"))[0]
    agent = "Mozilla/5.0 (TestBrowser 77.7) Gecko/20100101"
    visited = [
        link(mail, "u"),
        link(mail, "report"),
        link(mail, "preferences"),
        pixel(mail),
        f"{PUBLIC_URL}/u/nonsense",
    ]
    async with _client(world, agent) as client:
        for url in visited:
            await client.get(url)
            await client.post(url, data={"want": "notices-in-writing", "not_mine": "yes"})
    kept = str(await tables(world))
    tokens = [url.rpartition("/")[2] for url in visited]
    for trace in (ADDRESS, "TestBrowser", *tokens, *(person["email"] for person in CROWD)):
        assert trace not in production_log()
    assert re.search(r"request='POST /u/\{token\}' status=200$", production_log(), re.MULTILINE)
    assert ADDRESS not in kept
    assert "TestBrowser" not in kept
    assert not await world.pool.fetch(
        "SELECT FROM information_schema.columns WHERE table_schema = 'public' AND data_type IN ('inet', 'cidr')"
    )


def _client(world: World, agent: str) -> httpx.AsyncClient:
    """A client at an address of its own."""
    app: FastAPI = create_app(site_over(world))
    transport = httpx.ASGITransport(app, client=(ADDRESS, 4711))
    return httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers={"user-agent": agent})


OPENS = {
    "opens": {"mailing_id", "day", "machine", "n"},
    "clicks": {"mailing_id", "link", "day", "machine", "n"},
    "unique_opens": {"mailing_id", "nonce", "day"},
    "unique_clicks": {"mailing_id", "nonce", "link", "day"},
}
"""All that is stored of opens and clicks below `individual`."""


@pytest.mark.promise("paltalk06-18")
async def test_no_join_leads_from_an_open_to_a_recipient(world: World) -> None:
    """The schema itself: these tables share nothing with any other but the mailing and the day, and link nowhere."""
    rows = await world.pool.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    columns: dict[str, set[str]] = {}
    for row in rows:
        columns.setdefault(row["table_name"], set()).add(row["column_name"])
    individual = {"individual_opens", "individual_clicks"}
    assert {table for table, found in columns.items() if "nonce" in found} == {"unique_opens", "unique_clicks"}
    for table, expected in OPENS.items():
        assert columns[table] == expected
        for other in columns.keys() - OPENS.keys() - individual:
            assert columns[table] & columns[other] <= {"mailing_id", "day", "n"}, (table, other)
    counted = [
        table for table, found in columns.items() if "recipient_id" in found and ("opens" in table or "clicks" in table)
    ]
    assert set(counted) == individual
    linked = await world.pool.fetch("SELECT conrelid::regclass::text AS owner FROM pg_constraint WHERE contype = 'f'")
    assert not OPENS.keys() & {row["owner"] for row in linked}


@pytest.mark.promise("paltalk06-18")
async def test_an_open_is_nobodys_without_that_persons_consent(world: World) -> None:
    """A nonce is kept nowhere else; an open is somebody's only while they consent, also of mail sent before."""
    ada, bob = (await crowd(world, "peerstream", "newsletter"))[:2]
    assert pixel(ada) != pixel(bob)
    token = LINKS.read_open_token(pixel(ada).rpartition("/")[2])
    assert token is not None
    assert token.recipient_id is None
    async with browse(world) as client:
        for _ in range(2):
            await client.get(pixel(ada))
        await client.get(pixel(bob))
        await an_hour_later(world)
        kept = await tables(world)
        assert len(kept["unique_opens"]) == 2
        nonce = str(token.nonce).encode().hex()
        assert [table for table, found in kept.items() if nonce in str(found)] == ["unique_opens"]
        track_individually(world)
        first = (await crowd(world, "interpals", TRACKING))[0]
        await client.get(pixel(first))
        await an_hour_later(world)
        assert len((await tables(world))["individual_opens"]) == 1
        second = (await told(world, event_of("interpals", "weekly", to={"refs": [one["ref"] for one in CROWD]})))[0]
        await client.post(await preferences(world, "interpals", "user-0"), data={"refuse": "individual"})
        await client.get(pixel(second))
    await an_hour_later(world)
    kept = await tables(world)
    assert len(kept["individual_opens"]) == 1
    assert len(kept["opens"]) == 1, "all others of the second mailing are known, so its count would be hers"


@pytest.mark.promise("paltalk06-19")
async def test_which_mailings_are_opened_is_known(world: World) -> None:
    """Opens and clicks count for their mailing, machines apart, as the API says by the hour; HEAD counts nothing."""
    ada, _ = (await crowd(world, "paltalk-2006", "newsletter"))[:2]
    event = await world.pool.fetchval("SELECT event_id FROM mailings WHERE category = 'newsletter'")
    key = await issue_key(world.pool, "shop", "paltalk-2006")
    async with browse(world, authorization=f"Bearer {key}") as client:
        for agent in [None] * 40 + [PROXY] * 25:
            await client.get(pixel(ada), headers={"user-agent": agent} if agent else {})
        await client.head(pixel(ada))
        tracked = re.findall(rf"{PUBLIC_URL}/c/[\w.-]+", parts(ada)[1])
        for _ in range(20):
            led = await client.get(tracked[0])
        await an_hour_later(world)
        status = (await client.get(f"/api/v1/events/paltalk-2006/{event}")).json()
    assert (status["opens"], status["machine_opens"], status["clicks"], status["machine_clicks"]) == (40, 20, 20, None)
    assert (led.status_code, led.headers["location"].startswith("https://")) == (302, True)


@pytest.mark.promise("paltalk06-20")
async def test_tracked_mail_is_refused_apart_from_unsubscribing(world: World) -> None:
    """Refusing to be counted on the page gives the same newsletter without pixel and counted links."""
    first = (await crowd(world, "paltalk-2006", "newsletter"))[0]
    async with browse(world) as client:
        await client.post(link(first, "preferences"), data={"refuse": "tracking"})
    again = await told(world, event_of("paltalk-2006", "weekly", to={"refs": [person["ref"] for person in CROWD]}))
    assert len(again) == len(CROWD)
    counted = [bool(re.search(rf"{PUBLIC_URL}/[oc]/", "".join(parts(mail)))) for mail in again]
    assert counted == [False] + [True] * 24


@pytest.mark.promise("paltalk02-08", "paltalk02-09")
async def test_the_link_in_service_mail_leaves_the_service(world: World) -> None:
    """The page of the link closes the account by a confirmation mail. Service mail ends; legal mail does not.

    A service mail may be forwarded: its link alone closes nothing.
    """
    mail = await told_ada(world, "paltalk-2002", "maintenance")
    assert mail["List-Unsubscribe"] is None
    async with browse(world) as client:
        page = await client.get(link(mail, "u"))
        by_accident = await client.post(link(mail, "u"), data={"List-Unsubscribe": "One-Click"})
        assert len(await told(world, event_of("paltalk-2002", "maintenance"))) == 1
        asked = await client.post(link(mail, "u"), data={"close": "account"})
        assert len(await told(world, event_of("paltalk-2002", "maintenance"))) == 1
        done = await confirms(world, client, "account-closed")
    assert "No longer receive our service" in page.text
    assert page.text == by_accident.text
    assert "Legal and security messages" in page.text
    assert "One more step" in asked.text
    assert 'class="good">Confirmed<' in done.text
    assert await told(world, event_of("paltalk-2002", "maintenance")) == []
    assert await told(world, event_of("paltalk-2002", "weekly")) == []
    assert len(await told(world, event_of("paltalk-2002", "policy-change", to={"audience": "everyone"}))) == 1
    [closed] = [entry for entry in await world.entries(kind="action") if entry["reason"] == "deactivated"]
    assert closed["rule"] == "action:confirmed"


@pytest.mark.promise("paltalk02-10")
async def test_following_a_link_shows_and_pressing_acts(world: World) -> None:
    """GET and HEAD of every link leave every row of every table as it was; the buttons behind them act."""
    mail = await told_ada(world, "paltalk-2002", "weekly")
    service = await told_ada(world, "paltalk-2002", "maintenance")
    async with browse(world) as client:
        await client.post(link(mail, "preferences"), data={"want": "promotional"})
        body = await world.pool.fetchval("SELECT body FROM outbox")
        [asking] = await told(world, json.loads(body))
        pages = [(mail, "u"), (mail, "preferences"), (mail, "report"), (service, "u"), (asking, "confirm")]
        links = [link(*page) for page in pages]
        before = await tables(world)
        for url in links:
            shown, head = await client.get(url), await client.head(url)
            assert (shown.status_code, head.status_code) == (200, 200)
            assert '<form method="post"' in shown.text
        assert await tables(world) == before
        for url, form in zip(
            links,
            ({}, {"refuse": "marketing"}, {"not_mine": "yes"}, {"close": "1"}, {"wish": "promotional"}),
            strict=True,
        ):
            unchanged = await tables(world)
            assert (await client.post(url, data=form)).status_code == 200
            assert await tables(world) != unchanged, url


@pytest.mark.promise("peerstream-08")
async def test_an_opt_out_asks_nobody_who_they_are(world: World) -> None:
    """A person who holds the mail can leave with it: no login, no cookie, no question, even after a key rotation."""
    await known(world, "peerstream", ADA)
    await consents(world, "peerstream", "newsletter")
    recipient_id = await world.id_of("ada", "peerstream")
    old = SignedLinks(PUBLIC_URL, ["an old key"]).unsubscribe_link(
        UnsubscribeToken("peerstream", recipient_id, "newsletter")
    )
    assert len(await told(world, event_of("peerstream", "weekly"))) == 1
    async with browse(world, keys=(KEY, "an old key"), **{"accept-language": "de"}) as client:
        page = await client.get(old)
        done = await client.post(old)
    assert not re.search(r"<input|password|ada@people", page.text)
    assert done.status_code == 200
    assert "Abgemeldet" in done.text or "Abbestellt" in done.text
    assert not {"set-cookie", "location", "www-authenticate"} & set(done.headers)
    assert await told(world, event_of("peerstream", "weekly")) == []


@pytest.mark.promise("peerstream-11")
@pytest.mark.parametrize("wish", [{"dnt": "1"}, {"sec-gpc": "1"}])
async def test_do_not_track_stores_nothing_of_one_person(world: World, wish: dict[str, str]) -> None:
    """A request with DNT or Sec-GPC counts for the mailing only: no nonce and no person, even with consent."""
    unlinkable = (await crowd(world, "peerstream", "newsletter"))[0]
    track_individually(world)
    individual = (await crowd(world, "interpals", TRACKING))[0]
    urls = [pixel(unlinkable), pixel(individual)]
    urls += [re.findall(rf"{PUBLIC_URL}/c/[\w.-]+", parts(mail)[1])[0] for mail in (unlinkable, individual)]
    async with browse(world) as client:
        for url in urls:
            await client.get(url, headers=wish)
        await an_hour_later(world)
        asking = await tables(world)
        for url in urls:
            await client.get(url)
    await an_hour_later(world)
    kept = await tables(world)
    theirs = ("unique_opens", "unique_clicks", "individual_opens", "individual_clicks")
    assert [(len(asking[name]), len(kept[name])) for name in theirs] == [(0, 1)] * 4
    assert [len(asking[name]) for name in ("opens", "clicks")] == [1, 1], "where all others are known, nothing counts"


@pytest.mark.promise("peerstream-12")
async def test_the_page_refuses_personalisation_and_keeps_promotions(world: World) -> None:
    """A person who ticks it on the page gets the same offer with an empty profile."""
    await known(world, "peerstream", ADA)
    await consents(world, "peerstream", "promotional")
    (plain,) = await told(world, _personal_offer(world))
    async with browse(world) as client:
        await client.post(link(plain, "preferences"), data={"refuse": "personalisation"})
    (impersonal,) = await told(world, _personal_offer(world))
    assert ["Xanadu" in "".join(parts(mail)) for mail in (plain, impersonal)] == [True, False]
    assert plain["Subject"] == impersonal["Subject"]


def _personal_offer(world: World) -> dict[str, Any]:
    template = templates().find_template("peerstream", "spring-offer")
    assert template is not None
    profile = dict.fromkeys(template.profile, "Xanadu")
    return event_of("peerstream", "spring-offer", {**ADA, "context": {"profile": profile}})
