"""The pages behind the links of a mail, over a real database: what they show, and what their buttons do."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.actions import opt_out
from mailer.policy.document import Partner
from mailer.policy.standing import TRACKING, Standing
from mailer.ports.ids import uuid7
from mailer.rendering.links import ConfirmToken, PreferencesToken, ReportToken, UnsubscribeToken
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
    return LINKS.preferences(PreferencesToken(brand, recipient_id))


async def standing(world: World, recipient_id: int, brand: str = BRAND) -> Standing:
    """Somebody's standing."""
    found = await world.standings.get(brand, recipient_id)
    assert found is not None
    return found


def ticked(page: str) -> set[str]:
    """What is ticked on a page."""
    return set(re.findall(r'<input type="(?:checkbox|radio)" name="\w+" value="([^"]+)" checked>', page))


def offered(page: str) -> set[str]:
    """What can be ticked."""
    return set(re.findall(r'<input type="checkbox" name="on" value="([^"]+)"', page))


def change(world: World, brand: str = BRAND, *, tracking: str | None = None, **values: Any) -> None:
    """As if a brand's policy said something else."""
    policy = world.policies[brand]
    if tracking:
        values["switches"] = policy.switches.model_copy(update={"tracking": tracking})
    world.policies[brand] = policy.model_copy(update=values)


async def test_a_tick_is_a_consent_with_its_words(world: World) -> None:
    """What was left and is ticked is recorded with words, version and source; the untouched is not recorded at all."""
    who = await somebody(world)
    await opt_out(world.standings, world.policies[BRAND], who, "promotional", "page")
    async with browse(world, **{"accept-language": "de"}) as client:
        before = await client.get(preferences(who))
        shown = {"was": ["newsletter", "notification", "invitation"]}
        after = await client.post(preferences(who), data={"on": ["newsletter", "promotional", "invitation"], **shown})
    assert ticked(before.text) == {"newsletter", "notification", "invitation", "anonymous"}
    assert ticked(after.text) == {"newsletter", "promotional", "invitation", "anonymous"}
    assert "Gespeichert" in after.text
    [record] = await world.consents.history(BRAND, who)
    assert record.consent.words == (
        "Was angekreuzt ist, bekommen Sie. Ohne Kreuz hört es auf, sobald Sie speichern. "
        "Angebote: Werbung und Sonderangebote."
    )
    said = (record.consent.scope, record.consent.source, record.consent.version, record.consent.actor)
    assert said == ("promotional", "page", "2024", "recipient")
    assert (await standing(world, who)).opted_out == {"notification"}


async def test_a_page_that_is_old_by_now_brings_nothing_back(world: World) -> None:
    """Saving a page that was opened before an unsubscription changes only what was changed on it."""
    who = await somebody(world)
    await opt_out(world.standings, world.policies[BRAND], who, "newsletter", "one-click")
    everything = ["newsletter", "promotional", "notification", "invitation"]
    async with browse(world) as client:
        await client.post(preferences(who), data={"on": everything, "was": everything, "refuse": "electronic"})
        await client.post(preferences(who))
    found = await standing(world, who)
    assert (found.opted_out, found.consents, found.electronic_refused) == (frozenset({"newsletter"}), frozenset(), True)


async def test_one_kind_after_everything_was_stopped(world: World) -> None:
    """The button stops all; a tick afterwards brings back that kind alone."""
    who = await somebody(world)
    async with browse(world) as client:
        none = await client.post(preferences(who), data={"all": "yes"})
        one = await client.post(preferences(who), data={"on": "notification"})
    assert ticked(none.text) == {"anonymous"}
    assert "Stop all optional mail" not in none.text
    assert ticked(one.text) == {"notification", "anonymous"}


async def test_topics_are_shown_where_somebody_has_spoken_of_them(world: World) -> None:
    """A topic can be left alone, kept when its newsletter goes, and had alone."""
    who = await somebody(world)
    async with browse(world) as client:
        assert "newsletter/" not in (await client.get(preferences(who))).text
        await opt_out(world.standings, world.policies[BRAND], who, "newsletter/chat-rooms", "page")
        left = await client.get(preferences(who))
        back = await client.post(
            preferences(who), data={"on": ["newsletter", "newsletter/chat-rooms"], "was": "newsletter"}
        )
        shown = {"was": ["newsletter", "newsletter/chat-rooms"]}
        alone = await client.post(preferences(who), data={"on": "newsletter/chat-rooms", **shown})
    assert "<strong>Chat rooms</strong>" in left.text
    assert "newsletter" in ticked(left.text)
    assert "newsletter/chat-rooms" not in ticked(left.text)
    assert {"newsletter", "newsletter/chat-rooms"} <= ticked(back.text)
    assert "newsletter/chat-rooms" in ticked(alone.text)
    assert "newsletter" not in ticked(alone.text)


async def test_a_confirmed_subscription_takes_one_more_step(world: World) -> None:
    """A tick sends the mail that asks; the button behind its link subscribes; after an opt-out it does no more."""
    who = await somebody(world, "paltalk-2006")
    page = preferences(who, "paltalk-2006")
    async with browse(world) as client:
        before = await client.get(page)
        asked = await client.post(page, data={"on": "newsletter"})
        [sent] = await world.pool.fetch("SELECT body FROM outbox")
        [link] = re.findall(r"https://mail\.example/confirm/[\w.-]+", str(sent["body"]))
        shown = await client.get(link)
        assert (await standing(world, who, "paltalk-2006")).consents == frozenset()
        confirmed = await client.post(link)
        again = await client.get(link)
        assert (await standing(world, who, "paltalk-2006")).consents == {"newsletter"}
        await client.post(LINKS.unsubscribe(UnsubscribeToken("paltalk-2006", who, "newsletter")))
        late = await client.post(link)
    assert "Needs a confirmation" in before.text
    assert "One more step" in asked.text
    assert "newsletter" not in ticked(asked.text)
    assert "Yes, send me this" in shown.text
    assert "Newsletter" in shown.text
    assert all('class="good">Confirmed<' in answer.text for answer in (confirmed, again))
    assert "This has been stopped since" in late.text
    assert (await standing(world, who, "paltalk-2006")).opted_out == {"newsletter"}


async def test_an_objection_stops_all_and_is_taken_back_on_record(world: World) -> None:
    """It holds for the controller, hides what it overrules, and ends with a reason and an actor."""
    who = await somebody(world)
    async with browse(world) as client:
        objected = await client.post(preferences(who), data={"refuse": "marketing"})
        assert (await standing(world, who)).objected
        back = await client.post(preferences(who), data={"refused": "marketing"})
    assert "marketing" in ticked(objected.text)
    assert offered(objected.text) == set()
    assert "newsletter" in ticked(back.text)
    assert not (await standing(world, who)).objected
    [kept] = await world.suppressions.of(BRAND, who)
    assert (kept.reason, kept.lifted_by, kept.lift_reason) == (
        "objection",
        "recipient",
        "taken back on the preferences page",
    )


async def test_partners_are_asked_for_one_by_one(world: World) -> None:
    """Where partners mail on request, each of today's partners has a box of its own; a tick is the recorded request."""
    since = datetime(2020, 1, 1, tzinfo=UTC).date()
    partners = [
        Partner(id=name, name=name.title(), contract="c", since=since, until=until)
        for name, until in (("acme", None), ("gone", since))
    ]
    change(world, partners=tuple(partners))
    who = await somebody(world)
    async with browse(world) as client:
        before = await client.get(preferences(who))
        after = await client.post(preferences(who), data={"on": "partner/acme"})
    assert {scope for scope in offered(before.text) if "partner" in scope} == {"partner/acme"}
    assert "partner/acme" not in ticked(before.text)
    assert "partner/acme" in ticked(after.text)
    assert (await standing(world, who)).consents == {"partner/acme"}


@pytest.mark.parametrize(
    ("tracking", "levels"),
    [("off", []), ("mailing", ["refused", "anonymous"]), ("individual", ["refused", "anonymous", "individual"])],
)
async def test_how_one_is_counted_is_offered_as_the_policy_has_it(
    world: World, tracking: str, levels: list[str]
) -> None:
    """Individual counting can be chosen only where the policy knows it, and is recorded as a consent."""
    change(world, tracking=tracking)
    who = await somebody(world)
    async with browse(world) as client:
        page = await client.get(preferences(who))
        await client.post(preferences(who), data={"tracking": "individual", "tracked": "anonymous"})
        given = (await standing(world, who)).consents
        await client.post(preferences(who), data={"tracking": "refused", "tracked": "individual"})
    assert re.findall(r'name="tracking" value="(\w+)"', page.text) == levels
    assert given == ({TRACKING} if tracking == "individual" else frozenset())
    found = await standing(world, who)
    assert (found.consents, found.tracking_refused) == (frozenset(), True)


async def test_links_of_who_is_gone_or_never_was(world: World) -> None:
    """An erased person's links say that nothing is there; what we did not sign says that the link is broken."""
    who = await somebody(world)
    async with browse(world) as client:  # of mail that the brand no longer has
        for method in ("GET", "POST"):
            old = LINKS.confirm(ConfirmToken(BRAND, who, "postcards", "1", datetime.now(UTC)))
            assert (await client.request(method, old)).status_code == 410
    await world.pool.execute("UPDATE standings SET erased_at = now() WHERE recipient_id = $1", who)
    confirm = ConfirmToken(BRAND, who, "newsletter", "1", datetime.now(UTC))
    links = [preferences(who), LINKS.report(ReportToken(BRAND, who, uuid7())), LINKS.confirm(confirm), preferences(99)]
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
    await world.pool.execute("UPDATE deliveries SET sent_as = 'notification' WHERE mailing_id = $1", service.mailing_id)
    breach = await world.accept([person(1)], "breach")
    async with browse(world) as client:
        answers = [
            (await client.get(LINKS.report(ReportToken(BRAND, who, mailing_id)))).text
            for mailing_id in (mailing.mailing_id, service.mailing_id, breach.mailing_id, uuid7())
        ]
        await consents(world, BRAND, "newsletter", ref="user-1")
        asked = (await client.get(LINKS.report(ReportToken(BRAND, who, mailing.mailing_id)))).text
    newsletter, notification, notice, gone = answers
    for fact in ("Newsletter", "InterPals Inc. is responsible", "Given when an account was made", "since 2026-03-04"):
        assert fact in newsletter
    assert "version 2024" in newsletter
    assert "have not unsubscribed" in newsletter
    assert "It was asked for" in asked
    assert "Notifications" in notification
    assert "about an account at InterPals" in notice
    assert "records of this mailing have been deleted" in gone
    for page in (*answers, asked):
        assert not re.search("people.example|Ada|Lovelace|user-1|Stop this member", page)


async def test_not_my_account_does_no_more_than_an_unsubscribe(world: World) -> None:
    """Optional mail of the account stops, the dispute is on record, and nothing else of the standing changes."""
    mailing = await world.accept([person(1, country="US")])
    who = await world.id_of("user-1")
    before = await standing(world, who)
    link = LINKS.report(ReportToken(BRAND, who, mailing.mailing_id))
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
    asked = ConfirmToken(BRAND, who, "newsletter", "1", datetime.now(UTC) - timedelta(days=1))
    leave = LINKS.unsubscribe(UnsubscribeToken(BRAND, who, "service"))
    links = [preferences(who), LINKS.report(ReportToken(BRAND, who, uuid7())), LINKS.confirm(asked), leave]
    async with browse(world, **{"accept-language": "ar"}) as client:
        for link in links:
            page = await client.get(link)
            assert '<html lang="ar" dir="rtl">' in page.text
            assert not re.search(r"<script|\son\w+=|src=|href=\"(?!data:)", page.text)
            assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
            assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
        report = await client.get(links[1])
    assert "\u2068InterPals Inc.\u2069" in report.text
