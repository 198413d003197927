"""Dead letters as rows."""

from mailer.ports.broker import Header, Message
from mailer.ports.dead_letters import DeadKind
from tests.factories import World

LETTER = Message(b'{"v": 2}', "interpals.newsletter", "m-1", {Header.PUBLISHER: "shop"})


async def keep(world: World, body: bytes = LETTER.body, reason: str = "v: Input should be 1") -> None:
    """Keeps one."""
    await world.letters.keep(
        Message(body, "mailer.dead", "m-1"), "mailer.events", "interpals.newsletter", reason, "shop", DeadKind.REFUSED
    )


async def test_a_letter_is_kept_with_its_reason(world: World) -> None:
    """A letter has its reason, its publisher, where it was published first, and its body to the byte."""
    await keep(world, b"\xff\x00 not text")
    [letter] = await world.letters.list(10)
    assert (letter.reason, letter.exchange, letter.publisher) == ("v: Input should be 1", "mailer.events", "shop")
    assert (letter.message.body, letter.message.routing_key) == (b"\xff\x00 not text", "interpals.newsletter")
    assert (letter.message.message_id, letter.replayed_at) == ("m-1", None)
    assert await world.letters.get(letter.id) == letter
    assert await world.letters.get(letter.id + 1) is None


async def test_the_newest_come_first(world: World) -> None:
    """The list is bounded and begins with the newest."""
    for n in range(3):
        await keep(world, reason=f"reason {n}")
    assert [letter.reason for letter in await world.letters.list(2)] == ["reason 2", "reason 1"]


async def test_a_replay_publishes_it_again(world: World) -> None:
    """A replayed letter is parked as it was published first, by the same publisher, and is marked."""
    await keep(world)
    [letter] = await world.letters.list(1)
    replayed = await world.letters.replay(letter.id)
    assert replayed is not None
    assert replayed.replayed_at is not None
    [item] = await world.outbox.take("one", 10, 30)
    assert (item.exchange, item.message.routing_key) == ("mailer.events", "interpals.newsletter")
    assert (item.message.body, item.message.user_id, item.message.message_id) == (LETTER.body, "shop", "m-1")
    assert await world.letters.replay(letter.id + 1) is None


async def test_strange_letters_are_kept_and_replayed_too(world: World) -> None:
    """No header and no body keeps a letter from being kept: what a column cannot hold is replaced."""
    await world.letters.keep(
        Message(b"\xff\x00", "a.\0", "m\0\udcff"), "mailer.\0events", "a.\0", "why\0\ud800", "sh\0op", DeadKind.REFUSED
    )
    [letter] = await world.letters.list(1)
    assert (letter.reason, letter.publisher, letter.message.message_id) == ("why\ufffd?", "sh\ufffdop", "m\ufffd?")
    assert await world.letters.replay(letter.id) is not None
    [item] = await world.outbox.take("one", 10, 30)
    assert item.message.body == "\ufffd\ufffd".encode()
