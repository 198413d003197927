"""Outcomes by webhook: signed, at least once, to endpoints that are slow, fail, want no more, or lead elsewhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from mailer.actions.privacy_rights import erase_recipient
from mailer.pipeline.outgoing_webhook_sender import AT_ONCE, OutgoingWebhookSender
from mailer.ports.outcomes import OutcomeMessage
from mailer.ports.outgoing_webhooks import DisabledReason
from mailer.postgres.outgoing_webhooks import PostgresOutgoingWebhooks
from mailer.runtime.checked_http import MAX_ANSWER
from mailer.runtime.webhook_posting import WebhookHttpPoster
from tests.dns_zone import WrittenZone
from tests.factories import BRAND, World, person, until
from tests.inbound import bounce, open_reception, return_path
from tests.webhook_receiver import Receiver, answer, receiving

_AGE_ONE = """UPDATE outgoing_webhook_messages SET at = at - $1::interval
WHERE id = (SELECT min(id::text)::uuid FROM outgoing_webhook_messages)"""
KINDS = ["handed_over", "suppressed", "cancelled", "bounced"]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on this machine."""
    async with receiving() as running:
        yield running


def webhooks_of(world: World, *keys: str) -> PostgresOutgoingWebhooks:
    """The endpoints and messages of a world."""
    return PostgresOutgoingWebhooks(world.pool, world.writers, keys or ["a key of the tests"])


def sender_of(world: World, seconds: float = 10.0, *keys: str) -> OutgoingWebhookSender:
    """A sender, as the timekeeper has one."""
    return OutgoingWebhookSender(webhooks_of(world, *keys), WebhookHttpPoster(WrittenZone, seconds=seconds))


async def add(world: World, url: str, *kinds: str) -> tuple[int, str]:
    """Adds an endpoint. Returns its id and secret."""
    added = await webhooks_of(world).add_endpoint(BRAND, url, kinds or KINDS)
    assert added is not None
    return added


async def hand_over(world: World, people: int = 1) -> str:
    """Hands a mailing over to some people. Returns its id."""
    accepted = await world.accept([person(number) for number in range(1, people + 1)])
    await world.handover().hand_over_batches(accepted.batches)
    return str(accepted.mailing_id)


async def make_due(world: World) -> None:
    """Lets all pauses be over."""
    await world.pool.execute("UPDATE outgoing_webhook_messages SET due_at = now() WHERE due_at IS NOT NULL")
    await world.pool.execute("UPDATE outgoing_webhooks SET not_before = NULL")


async def message_rows(world: World) -> list[dict[str, Any]]:
    """The stored messages, the oldest first."""
    query = "SELECT *, due_at - now() AS wait FROM outgoing_webhook_messages ORDER BY at, id"
    return [dict(row) for row in await world.pool.fetch(query)]


async def endpoint(world: World) -> Any:
    """The only endpoint."""
    [one] = await webhooks_of(world).list_endpoints()
    return one


async def test_an_outcome_is_posted_signed_and_without_addresses(world: World, receiver: Receiver) -> None:
    """One post a window and state; the documentation's function accepts it, and no other secret, body, id or time."""
    _, secret = await add(world, receiver.url("/hook?of=shop"))
    mailing = await hand_over(world, 3)
    await sender_of(world).send_what_is_due()
    [post] = receiver.posts
    assert post.path == "/hook?of=shop"
    assert post.is_signed_by(secret)
    assert not post.is_signed_by("whsec_" + "A" * 32)
    late = str(int(post.headers["webhook-timestamp"]) - 3600)
    for forged in ({"webhook-id": "msg_1"}, {"webhook-timestamp": late}, {"webhook-signature": "v1,"}):
        assert not type(post)(post.path, {**post.headers, **forged}, post.body).is_signed_by(secret)
    assert not type(post)(post.path, post.headers, post.body + b" ").is_signed_by(secret)
    assert post.content["type"] == "outcome.handed_over"
    told = OutcomeMessage.model_validate_json(json.dumps(post.content["data"]))
    [one] = told.mailings
    assert str(one.mailing) == mailing
    assert {delivery.ref for delivery in one.deliveries} == {"user-1", "user-2", "user-3"}
    assert b"people.example" not in post.body
    assert [(row["due_at"], row["delivered_at"] is not None) for row in await message_rows(world)] == [(None, True)]
    await sender_of(world).send_what_is_due()
    assert len(receiver.posts) == 1


async def test_only_what_was_asked_for_is_kept(world: World, receiver: Receiver) -> None:
    """Neither another brand's endpoint, nor a kind that nobody wants, nor a disabled endpoint has messages."""
    await webhooks_of(world).add_endpoint("paltalk-2006", receiver.url("/other"), KINDS)
    await add(world, receiver.url("/bounces"), "bounced")
    off, _ = await add(world, receiver.url("/off"))
    assert await webhooks_of(world).disable_endpoint(off, DisabledReason.PERSON)
    await hand_over(world)
    assert await message_rows(world) == []


async def test_a_bounce_that_came_back_is_posted(world: World, receiver: Receiver) -> None:
    """The receiver's report makes a post with its status, in the transaction of its effect."""
    await add(world, receiver.url(), "bounced")
    mailing = await world.accept([person(1)])
    await world.handover().hand_over_batches(mailing.batches)
    path = return_path(world.links, mailing.mailing_id, await world.id_of("user-1"))
    async with open_reception(world) as reception:
        await reception.send(path, bounce("user-1@people.example"))
        await reception.handle_stored()
    await sender_of(world).send_what_is_due()
    [post] = receiver.posts
    [one] = post.content["data"]["mailings"]
    assert (post.content["type"], one["mailing"]) == ("outcome.bounced", str(mailing.mailing_id))
    assert one["deliveries"] == [{"ref": "user-1", "reason": "5.1.1", "attempt": 1}]


async def test_an_erased_person_is_not_named_any_more(world: World, receiver: Receiver) -> None:
    """A message that waited while somebody was erased does not have their ref; nor does a replay."""
    webhook_id, _ = await add(world, receiver.url(), "handed_over")
    await hand_over(world, 2)
    await sender_of(world).send_what_is_due()
    await erase_recipient(world.rights, world.policies[BRAND], await world.id_of("user-1"), "test")
    now = datetime.now(UTC)
    assert await webhooks_of(world).replay_messages(webhook_id, now - timedelta(hours=1), now) == 1
    await sender_of(world).send_what_is_due()
    before, after = receiver.posts
    assert b'"user-1"' in before.body
    assert b'"user-1"' not in after.body
    assert b'"user-2"' in after.body


async def test_a_replay_has_the_old_id_and_a_new_time(world: World, receiver: Receiver) -> None:
    """Only messages of the range come again, also accepted ones, and the receiver can tell that it knows them."""
    webhook_id, secret = await add(world, receiver.url(), "handed_over")
    await hand_over(world)
    await hand_over(world)
    await world.pool.execute(_AGE_ONE, timedelta(days=1))
    await sender_of(world).send_what_is_due()
    now = datetime.now(UTC)
    assert await webhooks_of(world).replay_messages(webhook_id, now - timedelta(hours=1), now) == 1
    await sender_of(world).send_what_is_due()
    ids = [post.headers["webhook-id"] for post in receiver.posts]
    assert len(ids) == 3
    assert len({*ids}) == 2
    assert all(post.is_signed_by(secret) for post in receiver.posts)


@pytest.mark.parametrize(
    "raw",
    [
        answer("500 Oops"),
        answer("302 Found", Location="http://127.0.0.1:1/"),
        answer("307 Temporary Redirect", Location="http://169.254.169.254/latest/meta-data"),
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MAX_ANSWER // 6) + b"X: y\r\n\r\n",
        b"",
        answer("103 Early Hints") * 20,
    ],
    ids=["error", "redirect", "to private", "nonsense", "endless header", "nothing", "only hints"],
)
async def test_what_is_not_accepted_is_tried_again(world: World, receiver: Receiver, raw: bytes) -> None:
    """Anything but 2xx is a failure: nobody follows a redirect, and the next try comes after five seconds."""
    receiver.answers["/hook"] = [raw, answer("200 OK")]
    await add(world, receiver.url())
    await hand_over(world)
    await sender_of(world).send_what_is_due()
    [row] = await message_rows(world)
    assert (row["tries"], row["delivered_at"]) == (1, None)
    assert timedelta(seconds=3) < row["wait"] <= timedelta(seconds=6)
    assert (await endpoint(world)).failing_since is not None
    await sender_of(world).send_what_is_due()
    assert len(receiver.posts) == 1
    await make_due(world)
    await sender_of(world).send_what_is_due()
    first, second = receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (await endpoint(world)).failing_since is None


async def test_an_endpoint_says_when_to_come_again(world: World, receiver: Receiver) -> None:
    """429 and 503 with `Retry-After` hold all messages of the endpoint; a stranger's year is a day."""
    receiver.answers["/hook"] = [
        answer("429 Too Many Requests", Retry_After="600"),
        answer("503 Later", Retry_After="31536000"),
    ]
    await add(world, receiver.url(), "handed_over")
    await hand_over(world)
    await sender_of(world).send_what_is_due()
    await hand_over(world)
    await sender_of(world).send_what_is_due()
    assert len(receiver.posts) == 1
    assert timedelta(seconds=590) < (await message_rows(world))[0]["wait"] <= timedelta(seconds=600)
    await make_due(world)
    await sender_of(world).send_what_is_due()
    assert len(receiver.posts) == 2
    waits = [row["wait"] for row in await message_rows(world)]
    assert timedelta(hours=23) < max(waits) <= timedelta(days=1)


async def test_an_endpoint_that_is_gone_gets_no_more(world: World, receiver: Receiver) -> None:
    """410 disables it, with an entry in the ledger; enabling it lets what waited go on."""
    receiver.answers["/hook"] = [answer("410 Gone"), answer("200 OK")]
    webhook_id, _ = await add(world, receiver.url())
    await hand_over(world)
    await sender_of(world).send_what_is_due()
    await make_due(world)
    await sender_of(world).send_what_is_due()
    assert len(receiver.posts) == 1
    assert (await endpoint(world)).disabled_reason == "gone"
    assert "webhook_disabled" in [entry["reason"] for entry in await world.entries(kind="control")]
    assert await webhooks_of(world).enable_endpoint(webhook_id)
    await sender_of(world).send_what_is_due()
    assert len(receiver.posts) == 2
    assert (await endpoint(world)).waiting == 0


async def test_an_endpoint_that_fails_for_days_is_disabled(world: World, receiver: Receiver) -> None:
    """Five days without a success; a message alone is given up after its tenth try."""
    receiver.answers["/hook"] = [answer("500 Oops")]
    await add(world, receiver.url())
    await hand_over(world)
    for _ in range(10):
        await make_due(world)
        await sender_of(world).send_what_is_due()
    [row] = await message_rows(world)
    assert (row["tries"], row["due_at"], row["delivered_at"]) == (10, None, None)
    assert (await endpoint(world)).disabled_reason is None
    await world.pool.execute("UPDATE outgoing_webhooks SET failing_since = now() - interval '5 days 1 minute'")
    await hand_over(world)
    await make_due(world)
    await sender_of(world).send_what_is_due()
    assert (await endpoint(world)).disabled_reason == "failing"


async def test_a_slow_endpoint_stops_no_other(world: World, receiver: Receiver) -> None:
    """While one hangs with all its posts, the other one gets its own; the slow one's posts end as failures."""
    receiver.hanging["/slow"] = asyncio.Event()
    await add(world, receiver.url("/slow"))
    await add(world, receiver.url("/quick"))
    for _ in range(AT_ONCE + 1):
        await hand_over(world)
    stop = asyncio.Event()
    sending = asyncio.create_task(sender_of(world, seconds=300).send_until_stopped(stop, 0.05))

    async def is_quick_done() -> bool:
        return len(receiver.at("/quick")) == AT_ONCE + 1 and len(receiver.at("/slow")) == AT_ONCE

    await until(is_quick_done)
    stop.set()
    await asyncio.wait_for(sending, 30)
    await make_due(world)
    await sender_of(world, seconds=0.2).send_what_is_due()
    assert (await world.pool.fetchval("SELECT last_error FROM outgoing_webhooks WHERE url LIKE '%slow'")) == "timeout"


async def test_a_sender_that_dies_loses_nothing(world: World, receiver: Receiver) -> None:
    """It dies after it has taken a message, or after the receiver has it: the same id comes again after the lease."""
    await add(world, receiver.url())
    await hand_over(world)
    queue = webhooks_of(world)
    [target] = await queue.find_targets_with_due_messages()
    [taken] = await queue.take_due_messages(target.id, 10)
    assert await queue.take_due_messages(target.id, 10) == []
    await sender_of(world).send_what_is_due()
    assert receiver.posts == []
    await make_due(world)
    await sender_of(world).send_what_is_due()
    assert [post.headers["webhook-id"] for post in receiver.posts] == [f"msg_{taken.id.hex}"]


async def test_two_senders_post_a_message_once(world: World, receiver: Receiver) -> None:
    """Two timekeepers share the messages."""
    await add(world, receiver.url())
    for _ in range(5):
        await hand_over(world)
    await asyncio.gather(sender_of(world).send_what_is_due(), sender_of(world).send_what_is_due())
    ids = [post.headers["webhook-id"] for post in receiver.posts]
    assert len(ids) == len({*ids}) == 5


async def test_a_replaced_secret_signs_for_a_day_beside_the_new_one(world: World, receiver: Receiver) -> None:
    """Both secrets verify the post; a day later only the new one does."""
    webhook_id, old = await add(world, receiver.url())
    new = await webhooks_of(world).replace_secret(webhook_id)
    assert new is not None
    for _ in range(2):
        await hand_over(world)
        await sender_of(world).send_what_is_due()
        await world.pool.execute("UPDATE outgoing_webhooks SET old_secret_until = now()")
    during, after = receiver.posts
    assert (during.is_signed_by(old), during.is_signed_by(new)) == (True, True)
    assert (after.is_signed_by(old), after.is_signed_by(new)) == (False, True)


async def test_a_secret_survives_the_rotation_of_our_keys(world: World, receiver: Receiver) -> None:
    """An older key still decrypts it. Without that key nothing is posted, and nothing is lost."""
    _, secret = await add(world, receiver.url())
    stored = await world.pool.fetchval("SELECT secret FROM outgoing_webhooks")
    assert secret.encode() not in stored
    await hand_over(world)
    await sender_of(world, 10, "a newer key").send_what_is_due()
    assert receiver.posts == []
    await sender_of(world, 10, "a newer key", "a key of the tests").send_what_is_due()
    assert [post.is_signed_by(secret) for post in receiver.posts] == [True]


async def test_old_messages_are_deleted(world: World, receiver: Receiver) -> None:
    """After 30 days nothing can be replayed, and nothing is kept."""
    await add(world, receiver.url())
    await hand_over(world)
    await hand_over(world)
    await sender_of(world).send_what_is_due()
    await world.pool.execute(_AGE_ONE, timedelta(days=31))
    await sender_of(world).send_what_is_due()
    assert len(await message_rows(world)) == 1


async def test_all_old_messages_are_deleted(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than one statement deletes are no more either: the table would grow without an end."""
    monkeypatch.setattr("mailer.postgres.outgoing_webhooks._AT_ONCE", 2)
    await add(world, receiver.url())
    for _ in range(5):
        await hand_over(world)
    await world.pool.execute("UPDATE outgoing_webhook_messages SET at = at - interval '31 days'")
    await webhooks_of(world).delete_old_messages()
    assert await message_rows(world) == []


async def test_a_busy_endpoint_gets_its_new_secret(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that never ran out of messages would go on with the secret that it began with."""
    monkeypatch.setattr("mailer.pipeline.outgoing_webhook_sender.SECRETS_KEPT", 0.0)
    webhook_id, _ = await add(world, receiver.url())
    for _ in range(AT_ONCE + 1):
        await hand_over(world)
    await sender_of(world).send_what_is_due()
    assert len(receiver.posts) == AT_ONCE
    new = await webhooks_of(world).replace_secret(webhook_id)
    await sender_of(world).send_what_is_due()
    assert new is not None
    assert [post.is_signed_by(new) for post in receiver.posts[AT_ONCE:]] == [True]


async def test_a_lost_key_is_said_once(world: World, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    """The sender looks each second, and must not fill the log."""
    await add(world, receiver.url())
    await hand_over(world)
    sender = sender_of(world, 10, "another key")
    for _ in range(3):
        await sender.send_what_is_due()
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count("cannot be decrypted") == 1


async def test_a_result_that_cannot_be_stored_ends_no_other_post(world: World, receiver: Receiver) -> None:
    """The task waits for all its posts, so that no second one begins beside those that are left."""
    await add(world, receiver.url())
    for _ in range(3):
        await hand_over(world)
    queue = webhooks_of(world)
    stored = list[UUID]()

    async def fail_first(webhook_id: int, message_id: UUID) -> None:
        stored.append(message_id)
        if len(stored) == 1:
            raise OSError("the database has gone")
        await asyncio.sleep(0.1)
        await PostgresOutgoingWebhooks.store_accepted(queue, webhook_id, message_id)

    queue.store_accepted = fail_first  # type: ignore[method-assign]
    await OutgoingWebhookSender(queue, WebhookHttpPoster(WrittenZone)).send_what_is_due()
    assert sum(row["delivered_at"] is not None for row in await message_rows(world)) == 2


async def test_a_move_without_an_endpoint_does_not_look_for_one(world: World, receiver: Receiver) -> None:
    """A worker that found none looks again after some seconds, and not before; another one finds it at once."""
    await hand_over(world)
    await add(world, receiver.url(), "handed_over")
    await hand_over(world)
    assert await message_rows(world) == []
    world.deliveries._webhooks._until = 0.0
    await hand_over(world)
    assert len(await message_rows(world)) == 1
