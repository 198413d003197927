"""Wishes that wait for an answer: confirmed subscriptions, and the mail that asks, at most one a day."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer.actions import object_to_marketing
from mailer.actions.account_flags import set_account_flag
from mailer.actions.confirmation_requests import (
    ConfirmationAsked,
    ConfirmationRequestDependencies,
    ask_for_confirmation,
)
from mailer.actions.confirmed_requests import ConfirmationStores, apply_confirmed_request
from mailer.actions.consent import ConsentNotRecordable, ask_to_confirm_subscription, confirm_consent, withdraw_consent
from mailer.actions.opt_out import record_opt_out
from mailer.events import validate_event
from mailer.policy.standing import TRACKING
from mailer.ports.pending_requests import BETWEEN_MAILS, PendingRequest, RequestedAct
from mailer.ports.standings import StandingFlag
from mailer.ports.suppressions import NewSuppression
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.link_tokens import ConfirmToken
from tests.factories import World, policies, templates
from tests.integration.test_consents import CONFIRMED, LINKS, WORDS, give, said, standing


async def asks(world: World) -> int:
    """Somebody of a brand of confirmed subscriptions who has asked for the newsletter."""
    await world.accept([{"ref": "ada", "email": "ada@people.example"}], brand=CONFIRMED, controller="paltalk")
    ada = await world.id_of("ada", CONFIRMED)
    assert await give(world, ada, "newsletter", CONFIRMED) == ConfirmationAsked("ada")
    return ada


async def ask_again(world: World, recipient_id: int, scope: str) -> None:
    """Asks for one more thing, whose confirmation is asked for by mail."""
    mail = ConfirmationRequestDependencies(LINKS, world.wishes)
    await ask_to_confirm_subscription(mail, policies()[CONFIRMED], recipient_id, said(scope))


def answers(world: World) -> ConfirmationStores:
    """Returns what an answer changes."""
    return ConfirmationStores(world.wishes, world.consents, world.standings, world.suppressions)


async def token(world: World, recipient_id: int) -> ConfirmToken:
    """The link of the mail that was published last."""
    body = await world.pool.fetchval("SELECT body FROM outbox ORDER BY id DESC LIMIT 1")
    url = body.split('"confirm_url":"')[1].split('"')[0]
    found = LINKS.read_confirm_token(url.rpartition("/")[2])
    assert found is not None
    assert found.recipient_id == recipient_id
    return found


async def test_a_subscription_counts_once_it_is_confirmed(world: World) -> None:
    """Asking gives nothing but a mail; its link gives the consent, with the words that were shown, once or twice."""
    ada = await asks(world)
    assert (await standing(world, ada, CONFIRMED)).consents == frozenset()
    link = await token(world, ada)
    for answered in (True, False):
        assert (
            await apply_confirmed_request(answers(world), policies()[CONFIRMED], link, "newsletter", "the token")
            is answered
        )
    assert (await standing(world, ada, CONFIRMED)).consents == {"newsletter"}
    asked, *given = await world.consents.consent_history_of_recipient(CONFIRMED, ada)
    assert (asked.counts, asked.consent.source) == (False, "application")
    assert {(record.consent.source, record.consent.words, record.consent.proof) for record in given} == {
        ("confirmed", WORDS, "the token")
    }


@pytest.mark.parametrize("words", ["Win at ev\u00adil.com", "a " * 246 + "evil.community"])
async def test_a_confirmation_mail_carries_no_address_of_the_asker(world: World, words: str) -> None:
    """Words with an address are kept for the record, but the mail that asks does not repeat them, cut or whole."""
    await world.accept([{"ref": "ada", "email": "ada@people.example"}], brand=CONFIRMED, controller="paltalk")
    ada = await world.id_of("ada", CONFIRMED)
    wish = PendingRequest("newsletter", "1", words, datetime.now(UTC))
    assert await ask_for_confirmation(
        ConfirmationRequestDependencies(LINKS, world.wishes), policies()[CONFIRMED], ada, [wish]
    ) == ConfirmationAsked("ada")
    body = await world.pool.fetchval("SELECT body FROM outbox ORDER BY id DESC LIMIT 1")
    event = validate_event(json.loads(body))
    assert event.context["requested"] == ""
    assert check_event_and_get_template(event, policies(), templates()).name == "confirm-subscription"


async def test_one_mail_a_day_asks(world: World) -> None:
    """A person who asks often, or is made to, gets one mail a day. Each request waits for its answer."""
    ada = await asks(world)
    for scope in ("newsletter", "promotional", "newsletter/chat-rooms"):
        await ask_again(world, ada, scope)
    link = await token(world, ada)
    assert await world.pool.fetchval("SELECT count(*) FROM outbox") == 1
    waiting = await world.wishes.read_wishes_of_confirmation_mail(CONFIRMED, ada, link.confirmation)
    assert {wish.what for wish in waiting} == {"newsletter", "promotional", "newsletter/chat-rooms"}
    await world.pool.execute("UPDATE wishes SET mailed_at = mailed_at - interval '1 day'")
    await ask_again(world, ada, "newsletter")
    assert await world.pool.fetchval("SELECT count(*) FROM outbox") == 2


async def test_accounts_of_one_mailbox_get_one_mail_a_day(world: World) -> None:
    """The mail that another account asks for waits a day, and a third one's two; each can be answered once it came."""
    people = [{"ref": ref, "email": "ada@people.example"} for ref in ("ada", "ada-2", "ada-3")]
    await world.accept(people, brand=CONFIRMED, controller="paltalk")
    for person in people:
        await ask_again(world, await world.id_of(person["ref"], CONFIRMED), "newsletter")
    at = "SELECT (body::jsonb ->> 'send_at')::timestamptz - now() AS waits FROM outbox ORDER BY id"
    first, *others = [row["waits"] for row in await world.pool.fetch(at)]
    assert first is None
    assert [round(waits / BETWEEN_MAILS) for waits in others] == [1, 2]
    third = await world.id_of("ada-3", CONFIRMED)
    link = await token(world, third)
    assert await apply_confirmed_request(answers(world), policies()[CONFIRMED], link, "newsletter", "the token")


@pytest.mark.parametrize(
    ("what", "flag", "refused"),
    [
        (RequestedAct.COUNTED, StandingFlag.TRACKING_REFUSED, True),
        (TRACKING, StandingFlag.TRACKING_REFUSED, True),
        (RequestedAct.PERSONALISED, StandingFlag.PERSONALISATION_REFUSED, True),
        (RequestedAct.BY_EMAIL, StandingFlag.ELECTRONIC_REFUSED, True),
        (RequestedAct.IN_WRITING, StandingFlag.ELECTRONIC_REFUSED, False),
        (RequestedAct.CLOSED, StandingFlag.DEACTIVATED, False),
    ],
)
async def test_what_was_refused_since_is_not_confirmed(
    world: World, what: str, flag: StandingFlag, refused: bool
) -> None:
    """A refusal, also one that was said before already, voids a wish; asked for once more, it can be confirmed."""
    ada = await asks(world)
    await set_account_flag(world.standings, CONFIRMED, ada, flag, refused, "letter")
    for again in (False, True):
        await wishes(world, ada, what)
        if not again:
            await set_account_flag(world.standings, CONFIRMED, ada, flag, refused, "letter")
        link = await token(world, ada)
        assert await apply_confirmed_request(answers(world), policies()[CONFIRMED], link, what, "the token") is again


async def test_an_objection_said_again_is_not_taken_back(world: World) -> None:
    """A wish for marketing older than an objection of the mailbox's owner, at any of their accounts, is void."""
    ada = await asks(world)
    other = [{"ref": "ada-2", "email": "ada@people.example"}]
    await world.accept(other, brand=CONFIRMED, controller="paltalk")
    for who in ("ada", "ada-2"):
        await object_to_marketing(world.suppressions, policies()[CONFIRMED], ada, "letter", "Dana")
        await wishes(world, ada, RequestedAct.MARKETING)
        who_objects = await world.id_of(who, CONFIRMED)
        await object_to_marketing(world.suppressions, policies()[CONFIRMED], who_objects, "letter", "Dana")
        link = await token(world, ada)
        assert not await apply_confirmed_request(
            answers(world), policies()[CONFIRMED], link, RequestedAct.MARKETING, "the token"
        )
        assert (await standing(world, ada, CONFIRMED)).objected


async def test_an_imported_objection_voids_a_wish_for_marketing(world: World) -> None:
    """A list of another system's that names the address is as good as the person's own word."""
    ada = await asks(world)
    await object_to_marketing(world.suppressions, policies()[CONFIRMED], ada, "letter", "Dana")
    await wishes(world, ada, RequestedAct.MARKETING)
    said_elsewhere = NewSuppression("*", "objection", "import", "Dana")
    await world.suppressions.suppress_addresses(CONFIRMED, "paltalk", [("ada@people.example", said_elsewhere)])
    link = await token(world, ada)
    assert not await apply_confirmed_request(
        answers(world), policies()[CONFIRMED], link, RequestedAct.MARKETING, "the token"
    )


Withdrawing = Callable[[World, int, str, datetime], Awaitable[object]]


async def by_action(world: World, recipient_id: int, scope: str, at: datetime) -> None:
    """Withdraws as the API, an account event and the page of preferences do."""
    withdrawn = said(scope, given=False, words=None, at=at)
    await withdraw_consent(world.consents, policies()[CONFIRMED], recipient_id, withdrawn)


async def by_file(world: World, recipient_id: int, scope: str, at: datetime) -> None:
    """Withdraws by a file of another system."""
    del recipient_id
    await world.consents.import_consents_returning_unknown_refs(
        CONFIRMED, [("ada", said(scope, given=False, source="import", words=None, at=at))]
    )


@pytest.mark.parametrize("by", [by_action, by_file])
@pytest.mark.parametrize("scope", [TRACKING, "newsletter", "newsletter/chat-rooms"])
async def test_a_consent_withdrawn_since_is_not_confirmed(world: World, scope: str, by: Withdrawing) -> None:
    """A withdrawal voids its wish, even without a consent before. One from before the wish leaves it."""
    ada = await asks(world)
    now = datetime.now(UTC)
    await wishes(world, ada, scope, now)
    link = await token(world, ada)
    await by(world, ada, scope, now - timedelta(hours=1))
    assert await waiting(world, ada, link) >= {scope}
    await by(world, ada, scope, now + timedelta(seconds=1))
    assert not await apply_confirmed_request(answers(world), policies()[CONFIRMED], link, scope, "the token")
    assert scope not in (await standing(world, ada, CONFIRMED)).consents


async def test_a_topic_whose_category_was_left_since_is_not_confirmed(world: World) -> None:
    """A topic that was asked for before its category was left, or withdrawn, is not answered as if it came."""
    ada = await asks(world)
    for leaves in (True, False):
        await wishes(world, ada, "newsletter/chat-rooms")
        link = await token(world, ada)
        if leaves:
            await record_opt_out(world.standings, policies()[CONFIRMED], ada, "newsletter", "page")
        else:
            await by_action(world, ada, "newsletter", datetime.now(UTC))
        assert not await apply_confirmed_request(
            answers(world), policies()[CONFIRMED], link, "newsletter/chat-rooms", "the token"
        )
        assert (await standing(world, ada, CONFIRMED)).has_opted_out_of("newsletter", "chat-rooms")


@pytest.mark.parametrize("answered", [False, True])
async def test_a_consent_said_before_its_withdrawal_waits_for_nothing(world: World, answered: bool) -> None:
    """A consent that arrives again, or late, with its own time, does not bring back a wish that was voided since."""
    ada = await asks(world)
    asked_at = datetime.now(UTC)
    await wishes(world, ada, TRACKING, asked_at)
    link = await token(world, ada)
    if answered:
        assert await apply_confirmed_request(answers(world), policies()[CONFIRMED], link, TRACKING, "the token")
    await by_action(world, ada, TRACKING, datetime.now(UTC))
    await wishes(world, ada, TRACKING, asked_at)
    assert TRACKING not in await waiting(world, ada, link)
    await wishes(world, ada, TRACKING)
    assert TRACKING in await waiting(world, ada, link)


@pytest.mark.parametrize("withdrawn", ["newsletter", "newsletter/chat-rooms"])
async def test_what_was_withdrawn_since_is_not_asked_for_by_mail(world: World, withdrawn: str) -> None:
    """A consent that arrives after its withdrawal, on any day, has no mail sent; one that was said since has."""
    await world.accept([{"ref": "ada", "email": "ada@people.example"}], brand=CONFIRMED, controller="paltalk")
    ada = await world.id_of("ada", CONFIRMED)
    now = datetime.now(UTC)
    await by_action(world, ada, withdrawn, now)
    for at, mails in ((now - timedelta(minutes=1), 0), (now + timedelta(seconds=1), 1)):
        await wishes(world, ada, "newsletter/chat-rooms", at)
        assert await world.pool.fetchval("SELECT count(*) FROM outbox") == mails
        assert await world.wishes.names_of_waiting_wishes(CONFIRMED, ada) == (
            {"newsletter/chat-rooms"} if mails else set()
        )


async def waiting(world: World, recipient_id: int, link: ConfirmToken) -> set[str]:
    """Names what a mail's link can still confirm."""
    found = await world.wishes.read_wishes_of_confirmation_mail(CONFIRMED, recipient_id, link.confirmation)
    return {wish.what for wish in found if wish.is_waiting}


async def wishes(world: World, recipient_id: int, what: str, at: datetime | None = None) -> None:
    """Asks for one thing on the page of preferences."""
    wish = PendingRequest(what, "1", WORDS, at or datetime.now(UTC))
    await ask_for_confirmation(
        ConfirmationRequestDependencies(LINKS, world.wishes), policies()[CONFIRMED], recipient_id, [wish]
    )


async def test_an_old_link_brings_nobody_back(world: World) -> None:
    """A person who left after they had asked is not brought back by the link that lies about."""
    ada = await asks(world)
    link = await token(world, ada)
    await record_opt_out(world.standings, policies()[CONFIRMED], ada, "newsletter", "one-click")
    assert not await apply_confirmed_request(answers(world), policies()[CONFIRMED], link, "newsletter", "the token")
    assert (await standing(world, ada, CONFIRMED)).opted_out == {"newsletter"}


@pytest.mark.parametrize("void", ["mailed_at = now() - interval '8 days'", "generation = generation + 1"])
async def test_a_link_that_is_too_old_or_of_another_address_answers_nothing(world: World, void: str) -> None:
    """A week after its mail, and once the address is another one, a link confirms nothing."""
    ada = await asks(world)
    link = await token(world, ada)
    await world.pool.execute(f"UPDATE wishes SET {void}")  # noqa: S608 - of this test
    assert not await apply_confirmed_request(answers(world), policies()[CONFIRMED], link, "newsletter", "the token")
    assert (await standing(world, ada, CONFIRMED)).consents == frozenset()


async def test_mail_that_the_brand_no_longer_has(world: World) -> None:
    """A link can be older than the policy: the scope that it asks for exists no more."""
    ada = await asks(world)
    [wish] = await world.wishes.read_wishes_of_confirmation_mail(CONFIRMED, ada, (await token(world, ada)).confirmation)
    with pytest.raises(ConsentNotRecordable, match="is no scope"):
        await confirm_consent(world.consents, policies()[CONFIRMED], ada, replace(wish, what="postcards"), "the token")


async def test_what_can_no_longer_be_confirmed_is_forgotten(world: World) -> None:
    """A week after its mail, the timekeeper deletes what nobody has confirmed, and leaves the rest."""
    ada = await asks(world)
    await world.timekeeper().run_all_steps_once()
    assert (
        len(await world.wishes.read_wishes_of_confirmation_mail(CONFIRMED, ada, (await token(world, ada)).confirmation))
        == 1
    )
    await world.pool.execute("UPDATE wishes SET mailed_at = now() - interval '8 days'")
    await world.timekeeper().run_all_steps_once()
    assert await world.pool.fetchval("SELECT count(*) FROM wishes") == 0
