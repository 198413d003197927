"""The pages behind the links of a mail, over a real database: their contents, and the effects of their buttons."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer.actions import record_opt_out
from mailer.policy.standing import TRACKING, Standing
from mailer.policy.third_parties import Partner
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.link_tokens import ConfirmToken, MailReportToken, PreferencesToken, UnsubscribeToken
from mailer.web.app import page_routes
from tests.factories import BRAND, World, person
from tests.integration.web_world import browse
from tests.letters import LINKS, consents


async def somebody(world: World, brand: str = BRAND, **values: Any) -> int:
    """Somebody whom a brand knows."""
    controller = world.policies[brand].controller.id
    mailing = await world.accept(
        [person(1, country="US", source="sign-up", **values)], brand=brand, controller=controller
    )
    await world.drop(mailing.mailing_id)
    return await world.id_of("user-1", brand)


def preferences(recipient_id: int, brand: str = BRAND) -> str:
    """The link to somebody's preferences."""
    return LINKS.preferences_link(PreferencesToken(brand, recipient_id, 1))


async def confirmation(world: World) -> str:
    """The link of the confirmation mail that was published last."""
    body = await world.pool.fetchval("SELECT body FROM outbox ORDER BY id DESC LIMIT 1")
    [link] = re.findall(r"https://mail\.example/confirm/[\w.-]+", str(body))
    return str(link)


async def standing(world: World, recipient_id: int, brand: str = BRAND) -> Standing:
    """The standing of a person."""
    found = await world.standings.get_standing(brand, recipient_id)
    assert found is not None
    return found


def offered(page: str, name: str = "stop") -> set[str]:
    """The boxes that can be ticked: to stop mail, or to ask for it (`want`)."""
    return set(re.findall(rf'<input type="checkbox" name="{name}" value="([^"]+)"', page))


def change(world: World, brand: str = BRAND, *, tracking: str | None = None, **values: Any) -> None:
    """Changes a brand's policy."""
    policy = world.policies[brand]
    if tracking:
        values["switches"] = policy.switches.model_copy(update={"tracking": tracking})
    world.policies[brand] = policy.model_copy(update=values)


async def test_what_is_asked_for_waits_with_its_words(world: World) -> None:
    """A stop holds at once. What is asked for is on record as asked, with words and version, and counts for nothing."""
    who = await somebody(world)
    await record_opt_out(world.standings, world.policies[BRAND], who, "promotional", "page")
    async with browse(world, **{"accept-language": "de"}) as client:
        page = await client.get(preferences(who))
        after = await client.post(preferences(who), data={"stop": "notification", "want": "promotional"})
    kinds = {"newsletter", "promotional", "updates", "notification", "invitation", "partner/penpal-shop"}
    assert offered(page.text) == kinds
    assert offered(page.text, "want") >= kinds | {"marketing-again", "notices-in-writing"}
    assert re.search(r"<input[^>]*\bchecked", after.text) is None
    for says in ("Gespeichert", "Noch ein Schritt"):
        assert says in after.text
    [record] = await world.consents.consent_history_of_recipient(BRAND, who)
    assert (record.counts, record.consent.words) == (False, "Angebote: Werbung und Sonderangebote.")
    said = (record.consent.scope, record.consent.source, record.consent.version, record.consent.actor)
    assert said == ("promotional", "page", "2024", "link")
    assert (await standing(world, who)).opted_out == {"notification", "promotional"}


async def test_one_kind_after_everything_was_stopped(world: World) -> None:
    """The button stops all mail. Mail that is asked for and confirmed afterwards comes back alone."""
    who = await somebody(world)
    async with browse(world) as client:
        await client.post(preferences(who), data={"all": "yes"})
        assert (await standing(world, who)).opted_out == {"*"}
        await client.post(preferences(who), data={"want": "notification"})
        link = await confirmation(world)
        none = await client.get(link)
        one = await client.post(link, data={"wish": "notification"})
    assert offered(none.text) == set()
    assert offered(one.text) == {"notification"}


async def test_topics_are_shown_to_who_reads_the_mail(world: World) -> None:
    """A look that was confirmed shows topics that somebody has spoken of; one can be left alone, and had again."""
    who = await somebody(world)
    await consents(world, BRAND, "newsletter", "newsletter/chat-rooms", "newsletter/dating", ref="user-1")
    async with browse(world) as client:
        assert "newsletter/" not in (await client.get(preferences(who))).text
        await client.post(preferences(who), data={"want": "shown"})
        link = await confirmation(world)
        shown = await client.get(link)
        left = await client.post(link, data={"stop": "newsletter/chat-rooms"})
        await client.post(preferences(who), data={"want": ["newsletter/chat-rooms", "newsletter/unheard-of"]})
        asked = await client.get(link)
        back = await client.post(link, data={"wish": "newsletter/chat-rooms"})
    assert "<strong>Chat rooms</strong>" in shown.text
    assert "Your mail from InterPals" in shown.text
    topics = {"newsletter/chat-rooms", "newsletter/dating"}
    assert [offered(page.text) & topics for page in (shown, left, back)] == [topics, {"newsletter/dating"}, topics]
    assert re.findall(r'name="wish" value="([^"]+)"', asked.text) == ["newsletter/chat-rooms"]


async def test_a_subscription_takes_one_more_step(world: World) -> None:
    """A tick sends the mail that asks; the button behind its link subscribes; after an opt-out it does no more."""
    who = await somebody(world, "paltalk-2006")
    page, press = preferences(who, "paltalk-2006"), {"wish": "newsletter"}
    async with browse(world) as client:
        asked = await client.post(page, data={"want": "newsletter"})
        link = await confirmation(world)
        shown, nothing = await client.get(link), await client.post(link)
        assert (await standing(world, who, "paltalk-2006")).consents == frozenset()
        confirmed = [await client.post(link, data=press) for _ in range(2)]
        again = await client.get(link)
        assert (await standing(world, who, "paltalk-2006")).consents == {"newsletter"}
        await client.post(LINKS.unsubscribe_link(UnsubscribeToken("paltalk-2006", who, "newsletter")))
        left, late = await client.get(link), await client.post(link, data=press)
    assert "One more step" in asked.text
    assert "Yes, I want this" in shown.text
    assert "Newsletter" in shown.text
    assert nothing.text == shown.text
    assert all('class="good">Confirmed<' in answer.text for answer in (*confirmed, again))
    assert 'class="good">Confirmed<' not in left.text
    assert "This has been stopped since" in late.text
    assert (await standing(world, who, "paltalk-2006")).opted_out == {"newsletter"}


async def test_an_objection_stops_all_and_is_taken_back_on_record(world: World) -> None:
    """An objection holds for the controller at once. A confirmation ends it, on record. A newer one stays."""
    who = await somebody(world)
    press = {"wish": "marketing-again"}
    async with browse(world) as client:
        await client.post(preferences(who), data={"want": "marketing-again"})
        await client.post(preferences(who), data={"refuse": "marketing"})
        link = await confirmation(world)
        late = await client.post(link, data=press)
        assert (await standing(world, who)).objected
        await client.post(preferences(who), data={"want": "marketing-again"})
        await client.post(link, data=press)
    assert "This has been stopped since" in late.text
    assert not (await standing(world, who)).objected
    [kept] = await world.suppressions.all_suppressions_of_recipient(BRAND, who)
    assert (kept.reason, kept.lifted_by, kept.lift_reason) == (
        "objection",
        "recipient",
        "taken back, and confirmed by mail",
    )


async def test_partners_are_asked_for_one_by_one(world: World) -> None:
    """Each of today's partners has a box of its own, if partners mail on request. A tick is the recorded request."""
    since = datetime(2020, 1, 1, tzinfo=UTC).date()
    partners = [
        Partner(id=name, name=name.title(), contract="c", since=since, until=until)
        for name, until in (("acme", None), ("gone", since))
    ]
    change(world, partners=tuple(partners))
    who = await somebody(world)
    async with browse(world) as client:
        before = await client.get(preferences(who))
        await client.post(preferences(who), data={"want": "partner/acme"})
        after = await client.post(await confirmation(world), data={"wish": "partner/acme"})
    assert {scope for scope in offered(before.text) if "partner" in scope} == {"partner/acme"}
    assert "partner/acme" in offered(after.text)
    assert (await standing(world, who)).consents == {"partner/acme"}


@pytest.mark.parametrize(
    ("tracking", "refused", "wanted"),
    [
        ("off", set(), set()),
        ("mailing", {"tracking"}, {"counted-again"}),
        ("individual", {"tracking", "individual"}, {"counted-again", TRACKING}),
    ],
)
async def test_how_one_is_counted_is_offered_as_the_policy_has_it(
    world: World, tracking: str, refused: set[str], wanted: set[str]
) -> None:
    """Less takes effect at once, more by a confirmation; individual counting only where the policy knows it."""
    change(world, tracking=tracking)
    who = await somebody(world)
    async with browse(world) as client:
        page = await client.get(preferences(who))
        await client.post(preferences(who), data={"want": [TRACKING, "shown"]})
        link = await confirmation(world)
        await client.post(link, data={"wish": TRACKING})
        given = (await standing(world, who)).consents
        await client.post(preferences(who), data={"refuse": "tracking"})
        found = await standing(world, who)
        await client.post(preferences(who), data={"want": "counted-again"})
        await client.post(link, data={"wish": "counted-again"})
    assert offered(page.text, "refuse") & {"tracking", "individual"} == refused
    assert offered(page.text, "want") & {"counted-again", TRACKING} == wanted
    assert given == ({TRACKING} if tracking == "individual" else frozenset())
    assert (found.consents, found.tracking_refused) == (frozenset(), True)
    assert (await standing(world, who)).tracking_refused is (tracking == "off")


async def test_a_choice_that_is_none_is_not_said_to_be_saved(world: World) -> None:
    """The page says what it recorded, and nothing else."""
    who = await somebody(world)
    async with browse(world) as client:
        shown = await client.get(preferences(who))
        for form in ({"refuse": "dancing"}, {"stop": "dancing"}, {"want": "dancing"}):
            assert (await client.post(preferences(who), data=form)).text == shown.text


async def test_links_of_who_is_gone_or_never_was(world: World) -> None:
    """An erased person's links say that nothing is there. A link that we did not sign is called broken."""
    who = await somebody(world)
    async with browse(world) as client:  # of mail that the brand no longer has
        await client.post(preferences(who), data={"want": "newsletter"})
        await world.pool.execute("UPDATE wishes SET what = 'postcards'")
        for method in ("GET", "POST"):
            old = await client.request(method, await confirmation(world))
            assert (old.status_code, "no longer valid" in old.text) == (410, True)
    await world.pool.execute("UPDATE standings SET erased_at = now() WHERE recipient_id = $1", who)
    confirm = ConfirmToken(BRAND, who, uuid7(), 1)
    links = [
        preferences(who),
        LINKS.link_to_report_mail(MailReportToken(BRAND, who, uuid7())),
        LINKS.confirmation_link(confirm),
        preferences(99),
    ]
    async with browse(world) as client:
        for method in ("GET", "POST"):
            for link in links:
                answer = await client.request(method, link)
                assert (answer.status_code, "nothing here any more" in answer.text) == (410, True)
            for page in ("preferences", "report", "confirm"):
                assert (await client.request(method, f"/{page}/{links[0].rpartition('/')[2][:-1]}")).status_code == 400
            assert (await client.request(method, preferences(who, "nobody"))).status_code == 400


async def test_a_mail_explains_itself_to_whoever_holds_it(world: World) -> None:
    """Brand, kind, reason, source, date and version; never the address, the name or the reference."""
    mailing = await world.accept(
        [
            person(
                1,
                name="Ada Lovelace",
                country="US",
                source="sign-up",
                collected_at="2026-03-04T10:00:00Z",
                policy_version="2024",
            )
        ]
    )
    who = await world.id_of("user-1")
    service = await world.accept([person(1)], "service")
    await world.pool.execute("UPDATE deliveries SET sent_as = 'updates' WHERE mailing_id = $1", service.mailing_id)
    breach = await world.accept([person(1)], "breach")
    async with browse(world) as client:
        answers = [
            (await client.get(LINKS.link_to_report_mail(MailReportToken(BRAND, who, mailing_id, 1)))).text
            for mailing_id in (mailing.mailing_id, service.mailing_id, breach.mailing_id, uuid7())
        ]
        await consents(world, BRAND, "newsletter", ref="user-1")
        asked = (await client.get(LINKS.link_to_report_mail(MailReportToken(BRAND, who, mailing.mailing_id, 1)))).text
    newsletter, update, notice, gone = answers
    for fact in (
        "Newsletter",
        "InterPals Inc. is responsible",
        "Given when an account was made",
        "since March 4, 2026",
    ):
        assert fact in newsletter
    assert "version 2024" in newsletter
    assert "have not unsubscribed" in newsletter
    assert "It was asked for" in asked
    assert "Service updates" in update
    assert "about an account at InterPals" in notice
    assert "records of this mailing have been deleted" in gone
    for page in (*answers, asked):
        assert not re.search("people.example|Ada|Lovelace|user-1|Stop this member", page)


async def test_not_my_account_does_no_more_than_an_unsubscribe(world: World) -> None:
    """Optional mail of the account stops, the dispute is on record, and nothing else of the standing changes."""
    mailing = await world.accept([person(1, country="US")])
    who = await world.id_of("user-1")
    before = await standing(world, who)
    link = LINKS.link_to_report_mail(MailReportToken(BRAND, who, mailing.mailing_id, 1))
    async with browse(world) as client:
        nothing = await client.post(link, data={"inviter": "yes"})
        done = await client.post(link, data={"not_mine": "yes"})
    after = await standing(world, who)
    assert "Why do I get this mail?" in nothing.text
    assert "Thank you for telling us" in done.text
    assert (after.opted_out, after.deactivated, after.address) == (frozenset({"*"}), False, before.address)
    assert [entry["rule"] for entry in await world.entries(kind="action")] == ["action:not-mine"]
    assert await world.pool.fetchval("SELECT count(*) FROM inviters") == 0


async def test_every_page_is_locked_down_and_speaks_arabic(world: World) -> None:
    """No script and nothing from elsewhere; names keep their full stops in text that runs from right to left."""
    who = await somebody(world)
    leave = LINKS.unsubscribe_link(UnsubscribeToken(BRAND, who, "service", None, 1))
    links = [preferences(who), LINKS.link_to_report_mail(MailReportToken(BRAND, who, uuid7(), 1)), leave]
    async with browse(world, **{"accept-language": "ar"}) as client:
        await client.post(preferences(who), data={"want": "newsletter"})
        for link in [*links, await confirmation(world)]:
            page = await client.get(link)
            assert '<html lang="ar" dir="rtl">' in page.text
            allowed = r"data:|\?lang=|https://www\.interpals\.example/privacy\"|mailto:privacy@|https://mail\.example/(?:leave|data)/interpals\""
            assert not re.search(rf"<script|\son\w+=|src=\"(?!data:)|href=\"(?!{allowed})", page.text)
            assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
            assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
        report = await client.get(links[1])
    assert "\u2068InterPals Inc.\u2069" in report.text


async def test_a_slash_behind_any_link_of_a_mail_is_passed_over(world: World) -> None:
    """Each route that a mail links to answers with it as without it, and never by a redirect (RFC 8058 3.1)."""
    paths = [route.path for route in page_routes() if "{" in route.path and "GET" in (route.methods or ())]
    assert len(set(paths)) > 12
    # No mail links to one newsletter, and pictures are no links.
    paths = [path for path in paths if "{campaign_id}" not in path and "{picture_id}" not in path]
    links = [path.replace("{token}", "nonsense").replace("{brand}", BRAND) for path in paths]
    async with browse(world) as client:
        for link in links:
            plain, slashed = await client.get(link), await client.get(f"{link}/")
            assert (slashed.status_code, slashed.content) == (plain.status_code, plain.content), link
            assert plain.status_code in (200, 400), link
