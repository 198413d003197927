"""The landing page: the waiting work of the brands of a person's roles, and nothing of other brands."""

import re

import pytest

from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.staff_rights import StaffMember, StaffRole, parse_role_at_brand
from mailer.ports.attention_figures import AttentionFigure, AttentionFigures
from mailer.postgres.attention_figures import PostgresAttentionFigures
from mailer.web.console.landing import LATE_SECONDS, AttentionItem, attention_items, split_off_paused_mailings
from tests.breaches import new_breach
from tests.factories import World, person
from tests.integration.console_browser import open_browser

MINE, OTHER = "interpals", "peerstream"
BRANDS = frozenset({MINE, OTHER})
FIGURES_NOW: AttentionFigures = {
    "halts": [
        AttentionFigure(OTHER, "brand", 1, None),
        AttentionFigure(None, "processor", 2, None),
        AttentionFigure(None, "everything", 1, None),
    ],
    "dead_letters": [
        AttentionFigure(MINE, "refused", 12, None),
        AttentionFigure(OTHER, "refused", 30, None),
        AttentionFigure("no brand at all", "bug", 7, None),
    ],
    "notices": [AttentionFigure(MINE, "post", 3, 90_000), AttentionFigure(OTHER, "post", 4, 99_000)],
    "letters": [AttentionFigure(MINE, "opt out", 2, 3_600), AttentionFigure(OTHER, "reply", 5, 60)],
    "oldest_due": [
        AttentionFigure(MINE, "service", None, LATE_SECONDS + 1),
        AttentionFigure(MINE, "newsletter", None, LATE_SECONDS - 1),
        AttentionFigure(OTHER, "breach", None, 10_000),
    ],
    "oldest_parked": [AttentionFigure(MINE, "", None, LATE_SECONDS - 1)],
}


def seen(*roles: tuple[str, str], chosen: str = "") -> dict[str, AttentionItem]:
    """The items that a person with some roles gets."""
    held = frozenset(parse_role_at_brand(role, brand) for role, brand in roles)
    member = StaffMember(1, parse_person_identity("Dana"), "dana@work.example", held)
    return {item.key: item for item in attention_items(FIGURES_NOW, member, BRANDS, chosen)}


def test_who_works_for_one_brand_sees_that_brand() -> None:
    """Counts, ages and labels are those of the role's brand; the stop of all mail concerns everybody."""
    mine = seen(("ops", MINE))
    assert {key: (item.count, item.seconds) for key, item in mine.items()} == {
        "oldest_due": (None, LATE_SECONDS + 1),
        "halts": (1, None),
        "dead_letters": (12, None),
    }
    assert mine["halts"].details == [("everything", 1)]
    assert mine["oldest_due"].details == [("service", LATE_SECONDS + 1)]


def test_a_right_at_one_brand_shows_nothing_of_another() -> None:
    """Each figure needs its right at its brand: support here and officer there are no officer here."""
    mixed = seen(("privacy-officer", OTHER), ("marketer", MINE))
    assert (mixed["notices"].count, mixed["notices"].seconds) == (4, 99_000)
    assert mixed["dead_letters"].count == 42
    assert mixed["letters"].count == 5
    assert list(seen(("support", MINE))) == ["letters"]
    assert seen(("admin", "*")) == {}


def test_who_works_for_all_brands_sees_all_or_the_chosen_one() -> None:
    """A role for all brands sees everything, or only the chosen brand. Choosing a foreign brand shows no more."""
    every = seen(("ops", "*"))
    assert (every["halts"].count, every["dead_letters"].count, every["oldest_due"].seconds) == (4, 49, 10_000)
    assert seen(("ops", "*"), chosen=MINE)["dead_letters"].count == 12
    assert seen(("ops", MINE), chosen=OTHER).keys() == {"halts"}
    assert seen(("ops", MINE), chosen=OTHER)["halts"].details == [("everything", 1)]
    assert seen(("ops", "*"), chosen="nobodys").keys() == {"halts"}


def test_the_count_of_stops_is_that_of_the_line_on_each_page() -> None:
    """The line leaves paused mailings out: they are an item of their own. Without figures, nothing is made up."""
    apart = split_off_paused_mailings({"halts": [*FIGURES_NOW["halts"], AttentionFigure(MINE, "mailing", 2, None)]})
    assert apart == {"halts": FIGURES_NOW["halts"], "paused_mailings": [AttentionFigure(MINE, "", 2, None)]}
    assert split_off_paused_mailings({"notices": []}) == {"notices": []}


_CLOCKS = """
INSERT INTO breach_clocks (case_id, clock, rule, whom, what, because, starts_at, due_at)
SELECT $1, hours::text, '', '', '', '', now() - interval '9 days', now() + hours * interval '1 hour'
FROM unnest(ARRAY[-2, -1, 23, 25]) AS hours
"""
"""Two deadlines of a case that are over, one within a day, and one after it."""


async def test_the_database_tells_the_brand_of_each_figure(world: World) -> None:
    """Each kind of trouble at one brand is of that brand, or of none."""
    execute = world.pool.execute
    await world.accept([person(1)], "newsletter", brand=OTHER, controller=OTHER)
    mailing = (await world.accept([person(2)], "newsletter", send_at="2030-01-01T00:00:00Z")).mailing_id
    await execute("INSERT INTO halts (scope, key, by, reason) VALUES ('brand', $1, 'x', '')", OTHER)
    await execute("INSERT INTO halts (scope, key, by, reason) VALUES ('processor', 'fake', 'x', '')")
    await execute(
        "INSERT INTO dead_letters (reason, exchange, routing_key, publisher, body)"
        " VALUES ('no JSON', 'mailer.events', 'interpals.newsletter', 'shop', ''), ('no JSON', '', 'x', 'shop', '')"
    )
    await execute(
        "INSERT INTO quarantine (processor, domain, mailing_id, recipient_id, attempt, address_key, address_hash,"
        " status) VALUES ('fake', 'x.example', $1, 1, 1, 'k', '', '5.1.1')",
        mailing,
    )
    await execute("UPDATE mailings SET state = 'awaiting_release' WHERE id = $1", mailing)
    await execute("INSERT INTO halts (scope, key, by, reason) VALUES ('mailing', $1, 'x', '')", str(mailing))
    await execute(
        "INSERT INTO batches (mailing_id, lane, due_at, published_at)"
        " SELECT id, 'newsletter', now() - interval '5 hours', now() FROM mailings",
    )
    await execute(
        "INSERT INTO outbox (routing_key, body, parked_at) VALUES ('interpals.x', '', now() - interval '1 h')"
    )
    await execute(
        "INSERT INTO notices (mailing_id, recipient_id, brand, category, channel, reason, since)"
        " SELECT $1, id, $2, 'breach', 'post', 'no_address', now() - interval '2 days' FROM recipients LIMIT 1",
        mailing,
        MINE,
    )
    await execute(
        "INSERT INTO received_mail (id, brand, mailbox, sender, recipient, peer, helo, state, handled_at)"
        " SELECT gen_random_uuid(), $1, 'opt_out', '', '', '', '', state, now()"
        " FROM unnest(ARRAY['waiting', 'handled']) AS state",
        MINE,
    )
    case = await new_breach(world, brand=MINE)
    await execute(_CLOCKS, case.id)
    figures = await PostgresAttentionFigures(world.pool).read_attention_figures()
    told = {key: {(one.brand, one.label, one.count) for one in some} for key, some in figures.items()}
    assert told == {
        "halts": {(OTHER, "brand", 1), (None, "processor", 1), (MINE, "mailing", 1)},
        "dead_letters": {(MINE, "refused", 1), ("x", "refused", 1)},
        "quarantined": {(MINE, "fake", 1)},
        "notices": {(MINE, "post", 1)},
        "letters": {(MINE, "opt out", 1)},
        "breach_clocks": {(MINE, "over", 2), (MINE, "within a day", 1)},
        "awaiting_release": {(MINE, "newsletter", 1)},
        "oldest_due": set(),
        "oldest_parked": {(MINE, "", None)},
    }
    await execute("DELETE FROM halts")
    figures = await PostgresAttentionFigures(world.pool).read_attention_figures()
    assert {(one.brand, one.label) for one in figures["oldest_due"]} == {(OTHER, "newsletter"), (MINE, "newsletter")}
    assert all(one.seconds and one.seconds >= 18_000 for one in figures["oldest_due"])


@pytest.mark.parametrize(("brand", "shown"), [(MINE, False), (OTHER, True)])
async def test_the_page_shows_the_brands_of_the_roles(world: World, brand: str, shown: bool) -> None:
    """A stop of one brand is shown to people who work for it, and to nobody else, for any request."""
    await world.pool.execute("INSERT INTO halts (scope, key, by, reason) VALUES ('brand', $1, 'x', '')", OTHER)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=brand)
        for path in ("/console", f"/console?brand={OTHER}"):
            page = (await browser.open(path)).text
            assert ('</span> <a href="/console/halts">' in page, "Nothing waits for you." in page) == (shown, not shown)
        assert (await browser.open("/console/static/console.css")).headers["content-type"].startswith("text/css")


async def test_a_refusal_keeps_the_menu_of_somebody_signed_in(world: World) -> None:
    """A page that is forbidden, unknown or refused has menu, name and a button; a stranger gets the button alone."""
    async with open_browser(world) as browser, open_browser(world) as stranger:
        await browser.enter("Sam", StaffRole.SUPPORT)
        answers = [
            await browser.open("/console/staff"),
            await browser.open("/console/nothing-here"),
            await browser.open("/console/mailings/no-id"),
            await browser.send("/console/people", {"who": "x" * 2000}, "/console/people"),
            await browser.send("/console/halts/stop", {}, "/console/people"),
        ]
        assert [one.status_code for one in answers] == [403, 404, 403, 422, 403]
        for answer in answers:
            main = answer.text.partition("<main")[2]
            assert re.search(r'>Sam<.*<nav class="groups"', answer.text, re.DOTALL)
            assert '<a class="button main" href="/console">To the first page</a>' in main
            assert "/console/staff" not in answer.text, "the menu has only what the roles allow"
        outside = (await stranger.open("/console/static/nothing.css")).text
        assert '<a class="button main" href="/console">' in outside
        assert "<nav" not in outside
