"""Many opt-outs at once: each is committed with its entry before it is answered, also those of one address."""

import asyncio

from mailer.ports.standings import build_ledger_rule_text_from_known_source
from mailer.rendering.link_tokens import UnsubscribeToken
from mailer.web.unsubscribe import ONE_CLICK
from tests.factories import BRAND, World, person
from tests.integration.web_world import browse
from tests.letters import LINKS

SOURCES = ("page", "one-click", "api")


async def test_opt_outs_at_once_are_all_committed(world: World) -> None:
    """Forty presses at once, two of one address and one of nobody: standings, records and entries are those of each."""
    people = await world.known(*range(40))
    await world.drop((await world.accept([person(99, email="user-3@people.example")])).mailing_id)
    sharer = await world.id_of("user-99")
    scopes = ["newsletter", "promotional"]
    asked = [(one, scopes[number % 2], SOURCES[number % 3]) for number, one in enumerate([*people, sharer])]
    asked[-1] = (sharer, asked[3][1], "page")
    results = await asyncio.gather(
        *(world.standings.record_opt_out(BRAND, one, scope, source) for one, scope, source in asked),
        world.standings.record_opt_out(BRAND, 10**9, "newsletter", "page"),
        world.standings.record_opt_out("peerstream", people[0], "newsletter", "page"),
    )
    assert results[-2:] == [None, None]
    made = [result.suppression for result in results[:-2] if result is not None]
    assert len({one for one in made if one is not None}) == 39, "a record of its own for each address that left once"
    assert (made[3], made[-1]) == (None, None), "neither may undo the record that it shares"
    assert await world.pool.fetchval("SELECT count(*) FROM suppressions") == 40, "one record for each address"
    for one, scope, _ in asked:
        standing = await world.standings.get_standing(BRAND, one)
        assert standing is not None
        assert scope in standing.opted_out
    entries = [entry for entry in await world.entries(kind="action") if entry["reason"] == "opt_out"]
    assert sorted((entry["recipient"], entry["category"]) for entry in entries) == sorted(
        (one, scope) for one, scope, _ in asked
    )
    assert {entry["rule"] for entry in entries} == {
        build_ledger_rule_text_from_known_source(source) for source in SOURCES
    }
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_held_person_keeps_nobody_from_opting_out(world: World) -> None:
    """Another program holds one person: the others are answered meanwhile, and that one as soon as it lets go."""
    held, *others = await world.known(*range(8))
    async with world.pool.acquire() as connection:
        holding = connection.transaction()
        await holding.start()
        await connection.execute("SELECT FROM standings WHERE recipient_id = $1 FOR UPDATE", held)
        theirs = [
            asyncio.create_task(world.standings.record_opt_out(BRAND, held, "newsletter", "one-click"))
            for _ in range(3)
        ]
        async with asyncio.timeout(10):
            await asyncio.gather(
                *(world.standings.record_opt_out(BRAND, one, "newsletter", "one-click") for one in others)
            )
        assert not any(one.done() for one in theirs)
        await holding.rollback()
    await asyncio.gather(*theirs)
    for one in (held, *others):
        standing = await world.standings.get_standing(BRAND, one)
        assert standing is not None
        assert standing.opted_out == {"newsletter"}


async def test_a_one_click_answer_shows_nothing_of_the_person(world: World) -> None:
    """Mail programs send it and nobody reads the answer: it is the same for everybody, and the opt-out stands."""
    [ada] = await world.known(1)
    link = UnsubscribeToken(BRAND, ada, "newsletter", None, 1)
    async with browse(world) as client:
        shown = await client.get(LINKS.unsubscribe_link(link))
        done = await client.post(LINKS.unsubscribe_link(link), data={"List-Unsubscribe": "One-Click"})
        nobody = await client.post(LINKS.unsubscribe_link(link._replace(recipient_id=10**9)), data=ONE_CLICK)
    assert 'class="soft about"' in shown.text
    assert (done.status_code, done.text) == (nobody.status_code, nobody.text)
    assert "You are unsubscribed" in done.text
    assert 'class="soft about"' not in done.text
    standing = await world.standings.get_standing(BRAND, ada)
    assert standing is not None
    assert standing.opted_out == {"newsletter"}
