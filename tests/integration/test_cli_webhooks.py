"""`mailer webhook`, and the timekeeper that is killed while it posts."""

import asyncio
from pathlib import Path

from tests.campaigns import commands
from tests.factories import BRAND, World, person, until
from tests.processes import Stack
from tests.webhook_receiver import answer, receiving

BY = ("--by", "Dana")


async def test_an_operator_manages_an_endpoint(world: World, tmp_path: Path, database_url: str) -> None:
    """Each change has an entry that names the person; a test is posted at once; outcomes can be replayed."""
    operator: Stack = commands(tmp_path, database_url)
    async with receiving() as receiver:
        kinds = ("--kind", "handed_over", "--kind", "bounced")
        added = (await operator.done("webhook", "add", receiver.url(), "--brand", BRAND, *kinds, *BY, "--json")).json
        webhook_id, secret = str(added["id"]), added["secret"]
        again = await operator.run("webhook", "add", receiver.url(), "--brand", BRAND, *kinds)
        assert (again.status, "has a webhook with this URL" in again.err) == (2, True)
        assert (await operator.done("webhook", "send-test", webhook_id, "--json")).json["accepted"] is True
        [test] = receiver.posts
        assert (test.content["type"], test.content["data"]["mailings"]) == ("outcome.test", [])
        assert test.is_signed_by(secret)
        receiver.answers["/hook"] = [answer("500 Oops")]
        refused = await operator.run("webhook", "send-test", webhook_id)
        assert (refused.status, "not accepted: status 500" in refused.err) == (1, True)
        accepted = await world.accept([person(1)])
        await world.handover().hand_over_batches(accepted.batches)
        [listed] = (await operator.done("webhook", "list", "--json")).json
        assert (listed["url"], listed["kinds"], listed["waiting"]) == (receiver.url(), ["handed_over", "bounced"], 1)
        assert secret not in str(listed)
        replayed = await operator.done(
            "webhook", "replay", webhook_id, "--since", "2026-01-01T00:00:00Z", *BY, "--json"
        )
        assert replayed.json["replayed"] == 1
        rotated = (await operator.done("webhook", "rotate", webhook_id, *BY, "--json")).json["secret"]
        assert rotated != secret
        await operator.done("webhook", "disable", webhook_id, *BY)
        assert (await operator.run("webhook", "disable", webhook_id, *BY)).status == 2
        await operator.done("webhook", "enable", webhook_id, *BY)
    entries = [(entry["reason"], entry["actor"]) for entry in await world.entries(kind="control")]
    told = ("webhook_added", "webhook_replayed", "webhook_secret_replaced", "webhook_disabled", "webhook_enabled")
    assert entries == [(what, "person:Dana") for what in told]


async def test_what_is_wrong_is_said_in_one_line(world: World, tmp_path: Path, database_url: str) -> None:
    """A URL that leads inside, an unknown brand or kind, a number that nobody has, times in the wrong order."""
    operator: Stack = commands(tmp_path, database_url)
    of = ("--brand", BRAND, "--kind", "bounced")
    for words, said in (
        (("add", "http://shop.example/", *of), "begins with https://"),
        (("add", "https://10.0.0.1/", *of), "private network"),
        (("add", "https://shop.example/", "--brand", "nobody", "--kind", "bounced"), "there is no brand nobody"),
        (("add", "https://shop.example/", "--brand", BRAND, "--kind", "opened"), "--kind is one of"),
        (("disable", "77"), "there is no webhook 77"),
        (("enable", "77"), "there is no webhook 77"),
        (("rotate", "77"), "there is no webhook 77"),
        (("send-test", "77"), "there is no webhook 77"),
        (("replay", "77", "--since", "2026-01-01T00:00:00Z"), "there is no webhook 77"),
        (("replay", "77", "--since", "yesterday"), "--since"),
        (("replay", "77", "--since", "2026-02-01T00:00:00Z", "--until", "2026-01-01T00:00:00Z"), "before --until"),
    ):
        result = await operator.run("webhook", *words)
        assert (result.status, said in result.err) == (2, True), (words, result.err)
    assert await world.pool.fetchval("SELECT count(*) FROM outgoing_webhooks") == 0


async def test_a_timekeeper_that_is_killed_posts_again(world: World, tmp_path: Path, database_url: str) -> None:
    """`kill -9` while the receiver has the message and has not answered: the next timekeeper posts it once more."""
    operator: Stack = commands(tmp_path, database_url)
    async with receiving() as receiver:
        added = await operator.done(
            "webhook", "add", receiver.url(), "--brand", BRAND, "--kind", "handed_over", "--json"
        )
        accepted = await world.accept([person(1)])
        await world.handover().hand_over_batches(accepted.batches)
        receiver.hanging["/hook"] = asyncio.Event()
        async with operator.running("timekeeper") as [keeper]:
            await until(lambda: asyncio.sleep(0, len(receiver.posts) == 1))
            await keeper.kill()
        receiver.hanging.pop("/hook").set()
        await world.pool.execute("UPDATE outgoing_webhook_messages SET due_at = now() WHERE due_at IS NOT NULL")
        await world.pool.execute("UPDATE outgoing_webhooks SET not_before = NULL")
        async with operator.running("timekeeper"):
            await until(lambda: asyncio.sleep(0, len(receiver.posts) == 2))
    first, second = receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert second.is_signed_by(added.json["secret"])
