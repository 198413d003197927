"""Wishes that wait for an answer: confirmed subscriptions, and the mail that asks, at most one a day."""

from dataclasses import replace

import pytest

from mailer.actions.answers import Answers, answer
from mailer.actions.consent import ConsentRefused, confirm, request_subscription
from mailer.actions.opt_out import opt_out
from mailer.actions.wishes import Asked, Confirmations
from mailer.rendering.links import ConfirmToken
from tests.factories import World, policies
from tests.integration.test_consents import CONFIRMED, LINKS, WORDS, give, said, standing


async def asks(world: World) -> int:
    """Somebody of a brand of confirmed subscriptions who has asked for the newsletter."""
    await world.accept([{"ref": "ada", "email": "ada@people.example"}], brand=CONFIRMED, controller="paltalk")
    ada = await world.id_of("ada", CONFIRMED)
    assert await give(world, ada, "newsletter", CONFIRMED) == Asked("ada")
    return ada


async def ask_again(world: World, recipient_id: int, scope: str) -> None:
    """Asks for one more thing, whose confirmation is asked for by mail."""
    mail = Confirmations(LINKS, world.wishes)
    await request_subscription(mail, policies()[CONFIRMED], recipient_id, said(scope))


def answers(world: World) -> Answers:
    """Returns what an answer changes."""
    return Answers(world.wishes, world.consents, world.standings, world.suppressions)


async def token(world: World, recipient_id: int) -> ConfirmToken:
    """The link of the mail that was published last."""
    body = await world.pool.fetchval("SELECT body FROM outbox ORDER BY id DESC LIMIT 1")
    url = body.split('"confirm_url":"')[1].split('"')[0]
    found = LINKS.read_confirm(url.rpartition("/")[2])
    assert found is not None
    assert found.recipient_id == recipient_id
    return found


async def test_a_subscription_counts_once_it_is_confirmed(world: World) -> None:
    """Asking gives nothing but a mail; its link gives the consent, with the words that were shown, once or twice."""
    ada = await asks(world)
    assert (await standing(world, ada, CONFIRMED)).consents == frozenset()
    link = await token(world, ada)
    for answered in (True, False):
        assert await answer(answers(world), policies()[CONFIRMED], link, "newsletter", "the token") is answered
    assert (await standing(world, ada, CONFIRMED)).consents == {"newsletter"}
    asked, *given = await world.consents.history(CONFIRMED, ada)
    assert (asked.counts, asked.consent.source) == (False, "application")
    assert {(record.consent.source, record.consent.words, record.consent.proof) for record in given} == {
        ("confirmed", WORDS, "the token")
    }


async def test_one_mail_a_day_asks(world: World) -> None:
    """A person who asks often, or is made to, gets one mail a day; whatever is asked for waits for its answer."""
    ada = await asks(world)
    for scope in ("newsletter", "promotional", "newsletter/chat-rooms"):
        await ask_again(world, ada, scope)
    link = await token(world, ada)
    assert await world.pool.fetchval("SELECT count(*) FROM outbox") == 1
    waiting = await world.wishes.of(CONFIRMED, ada, link.confirmation)
    assert {wish.what for wish in waiting} == {"newsletter", "promotional", "newsletter/chat-rooms"}
    await world.pool.execute("UPDATE wishes SET mailed_at = mailed_at - interval '1 day'")
    await ask_again(world, ada, "newsletter")
    assert await world.pool.fetchval("SELECT count(*) FROM outbox") == 2


async def test_an_old_link_brings_nobody_back(world: World) -> None:
    """A person who left after they had asked is not brought back by the link that lies about."""
    ada = await asks(world)
    link = await token(world, ada)
    await opt_out(world.standings, policies()[CONFIRMED], ada, "newsletter", "one-click")
    assert not await answer(answers(world), policies()[CONFIRMED], link, "newsletter", "the token")
    assert (await standing(world, ada, CONFIRMED)).opted_out == {"newsletter"}


@pytest.mark.parametrize("void", ["mailed_at = now() - interval '8 days'", "generation = generation + 1"])
async def test_a_link_that_is_too_old_or_of_another_address_answers_nothing(world: World, void: str) -> None:
    """A week after its mail, and once the address is another one, a link confirms nothing."""
    ada = await asks(world)
    link = await token(world, ada)
    await world.pool.execute(f"UPDATE wishes SET {void}")  # noqa: S608 - of this test
    assert not await answer(answers(world), policies()[CONFIRMED], link, "newsletter", "the token")
    assert (await standing(world, ada, CONFIRMED)).consents == frozenset()


async def test_mail_that_the_brand_no_longer_has(world: World) -> None:
    """A link can be older than the policy: what it asks for is no scope of it any more."""
    ada = await asks(world)
    [wish] = await world.wishes.of(CONFIRMED, ada, (await token(world, ada)).confirmation)
    with pytest.raises(ConsentRefused, match="is no scope"):
        await confirm(world.consents, policies()[CONFIRMED], ada, replace(wish, what="postcards"), "the token")


async def test_what_can_no_longer_be_confirmed_is_forgotten(world: World) -> None:
    """A week after its mail, the timekeeper deletes what nobody has confirmed, and leaves the rest."""
    ada = await asks(world)
    await world.timekeeper().tick()
    assert len(await world.wishes.of(CONFIRMED, ada, (await token(world, ada)).confirmation)) == 1
    await world.pool.execute("UPDATE wishes SET mailed_at = now() - interval '8 days'")
    await world.timekeeper().tick()
    assert await world.pool.fetchval("SELECT count(*) FROM wishes") == 0
