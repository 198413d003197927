"""Dead letters as rows."""

from datetime import timedelta
from pathlib import Path

import pytest

from mailer.actions.legal_hold import erasure_refusal_by_holds
from mailer.actions.privacy_rights import erase_recipient
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.dead_letters import ALL, DAYS_KEPT, DeadLetterCauseKind, DeadLetterFilter
from mailer.ports.privacy_rights import DataCorrection
from mailer.postgres.dead_letters import PostgresDeadLetters
from mailer.postgres.privacy_rights import PostgresPrivacyRights
from tests.campaigns import commands
from tests.factories import BRAND, World, controllers, policies
from tests.processes import Stack

LETTER = BrokerMessage(b'{"v": 2}', "interpals.newsletter", "m-1", {HeaderName.PUBLISHER: "key:shop"})


async def keep(world: World, body: bytes = LETTER.body, reason: str = "v: Input should be 1") -> None:
    """Stores a dead letter."""
    await world.letters.add_dead_letter(
        BrokerMessage(body, "mailer.dead", "m-1"),
        "mailer.events",
        "interpals.newsletter",
        reason,
        "key:shop",
        DeadLetterCauseKind.REFUSED,
    )


async def test_a_letter_is_kept_with_its_reason(world: World) -> None:
    """A letter has its reason, its publisher, where it was published first, and its body to the byte."""
    await keep(world, b"\xff\x00 not text")
    [letter] = await world.letters.list_dead_letters(10)
    assert (letter.reason, letter.exchange, letter.publisher) == ("v: Input should be 1", "mailer.events", "key:shop")
    assert (letter.message.body, letter.message.routing_key) == (b"\xff\x00 not text", "interpals.newsletter")
    assert (letter.message.message_id, letter.replayed_at) == ("m-1", None)
    assert await world.letters.get_dead_letter(letter.id) == letter
    assert await world.letters.get_dead_letter(letter.id + 1) is None


async def test_the_newest_come_first(world: World) -> None:
    """The list is bounded and begins with the newest."""
    for n in range(3):
        await keep(world, reason=f"reason {n}")
    assert [letter.reason for letter in await world.letters.list_dead_letters(2)] == ["reason 2", "reason 1"]


async def test_who_reads_a_body_by_a_command_stands_in_the_ledger(
    world: World, tmp_path: Path, database_url: str
) -> None:
    """A body may name people: a command records its reading, as the console does. The list shows no body."""
    await keep(world)
    operator: Stack = commands(tmp_path, database_url)
    [listed] = (await operator.done("dead", "list", "--json")).json
    assert await world.entries(kind="control") == []
    await operator.done("dead", "show", str(listed["id"]), "--by", "Dana")
    [read] = await world.entries(kind="control")
    assert (read["reason"], read["rule"], read["actor"]) == ("dead_read", f"dead:{listed['id']}", "person:Dana")
    assert (await operator.run("dead", "show", "99")).status == 1
    assert len(await world.entries(kind="control")) == 1


async def test_a_replay_publishes_it_again(world: World) -> None:
    """A replayed letter is parked as it was published first, by the same publisher, and is marked."""
    await keep(world)
    [letter] = await world.letters.list_dead_letters(1)
    assert await world.letters.replay_dead_letters([letter.id]) == [letter.id]
    [replayed] = await world.letters.list_dead_letters(1)
    assert replayed.replayed_at is not None
    [item] = await world.outbox.lease_rows("one", 10, 30)
    assert (item.exchange, item.message.routing_key) == ("mailer.events", "interpals.newsletter")
    assert (item.message.body, item.message.headers, item.message.message_id) == (LETTER.body, LETTER.headers, "m-1")
    assert await world.letters.replay_dead_letters([letter.id + 1]) == []


async def test_many_are_replayed_with_one_check_of_the_right(world: World) -> None:
    """A transaction has a hundred; each dead letter has its entry; one that is wrong does not keep the others."""
    for _ in range(102):
        await keep(world)
    ids = [letter.id for letter in await world.letters.list_dead_letters(200)]
    await world.pool.execute("UPDATE dead_letters SET body = $2 WHERE id = $1", ids[5], b"\xff")
    checked = 0

    async def check(_: object) -> None:
        nonlocal checked
        checked += 1

    letters = PostgresDeadLetters(world.pool, world.hasher, world.writers.writers_checking_each_transaction(check))
    done = await letters.replay_dead_letters(ids)
    assert done == [one for one in ids if one != ids[5]]
    assert checked == 2
    assert len([one for one in await world.entries() if one["reason"] == "dead_replayed"]) == 101
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.parametrize("exchange", ["mailer.outcomes", "mailer.batches", "mailer.dead", "", "mailer.\0events"])
async def test_only_events_are_replayed(world: World, exchange: str) -> None:
    """Nobody makes mailer say that a mail bounced by letting a message to that exchange die."""
    key = "interpals.service.bounced"
    await world.letters.add_dead_letter(
        BrokerMessage(b"{}", key), exchange, key, "forged", "shop", DeadLetterCauseKind.REFUSED
    )
    [letter] = await world.letters.list_dead_letters(1)
    assert await world.letters.find_replayable_ids(DeadLetterFilter()) == []
    assert await world.letters.replay_dead_letters([letter.id]) == []
    assert await world.outbox.lease_rows("one", 10, 30) == []


async def test_strange_letters_are_kept(world: World) -> None:
    """Letters with any headers and body are stored. Parts that a column cannot hold are replaced."""
    await world.letters.add_dead_letter(
        BrokerMessage(b"\xff\x00", "a.\0", "m\0\udcff"),
        "mailer.events",
        "a.\0",
        "why\0\ud800",
        "sh\0op",
        DeadLetterCauseKind.REFUSED,
    )
    [letter] = await world.letters.list_dead_letters(1)
    assert (letter.reason, letter.publisher, letter.message.message_id) == ("why\ufffd?", "sh\ufffdop", "m\ufffd?")
    assert letter.message.body == b"\xff\x00"


@pytest.mark.parametrize("body", [b"\xff" * 3_500_000, b"\xc3", b"{\x00}"])
async def test_a_body_that_is_no_text_is_not_replayed_and_keeps_no_other(world: World, body: bytes) -> None:
    """The letter stays open and as it was, however large. Letters behind it are published again."""
    await world.letters.add_dead_letter(
        BrokerMessage(body, "a.b", "bad"), "mailer.events", "a.b", "not JSON", "shop", DeadLetterCauseKind.REFUSED
    )
    await world.letters.add_dead_letter(LETTER, "mailer.events", "a.b", "a bug", "shop", DeadLetterCauseKind.ERROR)
    bad, good = await world.letters.find_replayable_ids(ALL)
    assert await world.letters.replay_dead_letters([bad, good]) == [good]
    assert await world.letters.find_replayable_ids(DeadLetterFilter(replayed=False)) == [bad]
    [item] = await world.outbox.lease_rows("one", 10, 30)
    assert item.message.body == LETTER.body


async def test_dead_letters_are_kept_for_ninety_days(world: World) -> None:
    """The timekeeper deletes those that are older, whether or not anybody has replayed them, and no others."""
    for number in range(3):
        await world.letters.add_dead_letter(
            BrokerMessage(b"{}", "x"), "mailer.events", "x", str(number), "shop", DeadLetterCauseKind.REFUSED
        )
    age = "UPDATE dead_letters SET at = now() - $2::interval WHERE reason = $1"
    await world.pool.execute(age, "0", timedelta(days=DAYS_KEPT, minutes=1))
    await world.pool.execute(age, "1", timedelta(days=DAYS_KEPT, minutes=-1))
    await world.timekeeper().run_all_steps_once()
    assert sorted(letter.reason for letter in await world.letters.list_dead_letters(10)) == ["1", "2"]


async def test_an_erasure_finds_dead_letters_by_what_they_say(world: World) -> None:
    """An erasure finds dead letters by ref, by another spelling, and by a former address. Other people's stay."""
    ada, _ = await world.known(1, 2)
    moved = DataCorrection(email="new@people.example")
    assert await world.rights.rectify_recipient(BRAND, ada, moved, "test", blocks=erasure_refusal_by_holds)
    bodies = {
        b'{"email": "USER-1\\u0040people.example"}': True,
        b'{"email": "new@people.example"}': True,
        b'{"to": {"refs": ["user-1"]}}': True,
        b'{"to": {"refs": ["user-12"]}}': False,
        b'{"context": {"sender_name": {"member": "user-1"}}}': True,
        b'{"context": {"headline": "USER-1 and others"}}': True,
        b'{"context": {"url": "https://x.example/user-12?by=xuser-1"}}': False,
        b'{"email": "xuser-1@people.example"}': False,
        b'{"brand": "paltalk-2006", "to": {"refs": ["user-1"]}}': True,
    }
    for body in bodies:
        await world.letters.add_dead_letter(
            BrokerMessage(body, "x"), "mailer.events", f"{BRAND}.x", "quotes", "shop", DeadLetterCauseKind.REFUSED
        )
    beside = BrokerMessage(b"{}", "x", "to:USER-1@people.example")
    for key in (f"{BRAND}.x", "to/user-1@people.example"):
        await world.letters.add_dead_letter(beside, "mailer.events", key, "quotes", "shop", DeadLetterCauseKind.REFUSED)
        bodies[key.encode()] = True
    await world.pool.execute("UPDATE dead_letters SET named = NULL WHERE id % 2 = 0")
    await erase_recipient(world.rights, policies()[BRAND], ada, "test")
    rows = await world.pool.fetch("SELECT body, reason FROM dead_letters ORDER BY id")
    assert [bytes(row["body"]) for row in rows] == [b"" if gone else body for body, gone in bodies.items()]
    assert [row["reason"] == "quotes" for row in rows] == [not gone for gone in bodies.values()]
    kept = await world.pool.fetch("SELECT message_id, routing_key FROM dead_letters ORDER BY id DESC LIMIT 2")
    assert [tuple(row) for row in kept] == [(None, ""), (None, f"{BRAND}.x")]
    await world.pool.execute("UPDATE stubs SET expires_at = now()")
    assert await world.upkeep.delete_remaining_data_after_erasures(10) == 1
    for table in ("former_addresses", "suppressions"):
        assert await world.pool.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - names of these tests


EVENT = b'{"brand": "%s", "to": {"people": [{"ref": "a", "email": "user-1@people.example"}]}}'
REACHED = {
    "its own": ("interpals.newsletter", EVENT % b"interpals", True),
    "a sister's": ("peerstream.newsletter", EVENT % b"peerstream", True),
    "another controller's": ("paltalk-2006.newsletter", EVENT % b"paltalk-2006", False),
    "another controller's, of no event": ("paltalk-2006.newsletter", b"user-1@people.example", False),
    "a claim of another controller's": ("paltalk-2006.newsletter", EVENT % b"interpals", True),
    "another claim": ("interpals.newsletter", EVENT % b"paltalk-2006", True),
    "of an unknown brand": ("nobody.newsletter", EVENT % b"nobody", True),
    "of a brand that no list has": ("", b'{"brand": ["paltalk-2006"], "email": "user-1@people.example"}', True),
    "of no brand": ("", b"user-1@people.example", True),
}
"""Dead letters that name one address: routing key and body, and whether an erasure at `interpals` reaches them."""


async def test_an_erasure_reaches_its_controllers_dead_letters_and_nobody_elses(world: World) -> None:
    """An erasure empties letters of its controller's brands and of unreadable brands. Another controller's stay."""
    [ada] = await world.known(1)
    owners = {**controllers(), "peerstream": "interpals"}
    for name, (key, body, _) in REACHED.items():
        await world.letters.add_dead_letter(
            BrokerMessage(body, key), "mailer.events", key, name, "key:shop", DeadLetterCauseKind.REFUSED
        )
    await erase_recipient(
        PostgresPrivacyRights(world.pool, world.hasher, world.standings, owners), policies()[BRAND], ada, "test"
    )
    stayed = {
        letter.reason: letter.message.body
        for letter in await world.letters.list_dead_letters(10)
        if letter.message.body
    }
    assert stayed == {name: body for name, (_, body, reached) in REACHED.items() if not reached}
