"""One message that cannot be handled costs itself, and nobody else's time."""

import asyncio
from collections.abc import Callable, Sequence

import asyncpg
import pytest

from mailer.metrics_and_logger import WORKER as METRICS
from mailer.pipeline import unsettled_message_retries
from mailer.pipeline.unsettled_message_retries import Handle, UnsettledMessageRetries
from mailer.ports.broker import BrokerMessage, BrokerUnavailable, ReceivedMessage
from mailer.ports.database_errors import DatabaseAccessRefused, DatabaseUnavailable, StatementTimedOut
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.runtime.error_kinds import ErrorKind, classify_error, error_type_and_place
from tests.doubles import FakeReceived
from tests.factories import until

QUEUE = "mailer.events.service"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the pauses between tries short."""
    monkeypatch.setattr(unsettled_message_retries, "BUG_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(unsettled_message_retries, "PASSING_PAUSES", (0.0,) * 4)


def messages(*names: str) -> list[FakeReceived]:
    """Messages with these bodies."""
    return [FakeReceived(BrokerMessage(name.encode(), "interpals.service")) for name in names]


def raising(errors: Callable[[bytes], BaseException | None], tries: list[tuple[bytes, ...]]) -> Handle:
    """A handler that acknowledges messages without an error, and raises the first error of the others."""

    async def handle(arrived: Sequence[ReceivedMessage]) -> None:
        tries.append(tuple(received.message.body for received in arrived))
        for received in arrived:
            if error := errors(received.message.body):
                raise error
        for received in arrived:
            await received.acknowledge()

    return handle


async def settled(*arrived: FakeReceived) -> None:
    """Returns once messages are settled."""

    async def all_settled() -> bool:
        return not any(received.is_unsettled for received in arrived)

    await until(all_settled)


async def test_a_bug_costs_one_message() -> None:
    """One message that cannot be handled is a dead letter with its place. The others of its batch are handled."""
    tries: list[tuple[bytes, ...]] = []
    arrived = messages("a", "bad", "b")
    handle = raising(lambda body: OverflowError("9999-12-31 of ada@example.org") if body == b"bad" else None, tries)
    consumer = UnsettledMessageRetries(QUEUE, handle, asyncio.Event())
    await consumer.handle_until_settled(arrived)
    await settled(*arrived)
    assert [received.settled for received in (arrived[0], arrived[2])] == ["ack", "ack"]
    assert arrived[1].kind == DeadLetterCauseKind.ERROR
    assert "OverflowError at mailer/pipeline/unsettled_message_retries.py:" in str(arrived[1].settled)
    assert "ada" not in str(arrived[1].settled)
    assert tries.count((b"bad",)) == len(unsettled_message_retries.BUG_PAUSES) + 1


async def test_a_bug_keeps_its_consumer_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer handles the next messages while one waits to be tried again."""
    monkeypatch.setattr(unsettled_message_retries, "BUG_PAUSES", (3600.0,))
    handle = raising(lambda body: KeyError("x") if body == b"bad" else None, [])
    consumer = UnsettledMessageRetries(QUEUE, handle, asyncio.Event())
    bad, good = messages("bad", "good")
    await asyncio.wait_for(consumer.handle_until_settled([bad]), 10)
    await asyncio.wait_for(consumer.handle_until_settled([good]), 10)
    assert (bad.settled, good.settled) == (None, "ack")
    await consumer.finish_running_tries()
    assert bad.settled is None


async def test_what_is_tried_again_is_finished_before_the_end() -> None:
    """A worker that is told to stop breaks off no try that has begun: its batch would be in doubt."""
    begun, going_on, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    [received] = arrived = messages("a")
    tries: list[bytes] = []

    async def handle(some: Sequence[ReceivedMessage]) -> None:
        tries.append(some[0].message.body)
        if len(tries) == 1:
            raise asyncpg.DeadlockDetectedError("")
        begun.set()
        await going_on.wait()
        await some[0].acknowledge()

    consumer = UnsettledMessageRetries(QUEUE, handle, stop)
    await consumer.handle_until_settled(arrived)
    await asyncio.wait_for(begun.wait(), 10)
    stop.set()
    closing = asyncio.create_task(consumer.finish_running_tries())
    await asyncio.sleep(0)
    going_on.set()
    await asyncio.wait_for(closing, 60)
    assert received.settled == "ack"


async def test_what_passes_by_itself_is_tried_again() -> None:
    """Somebody in the way is no bug: a message gets through once nobody is."""
    left = [asyncpg.DeadlockDetectedError(""), asyncpg.QueryCanceledError(""), asyncpg.LockNotAvailableError("")]
    [received] = arrived = messages("a")
    consumer = UnsettledMessageRetries(QUEUE, raising(lambda body: left.pop() if left else None, []), asyncio.Event())
    await consumer.handle_until_settled(arrived)
    await settled(*arrived)
    assert (received.settled, left) == ("ack", [])


async def test_what_does_not_pass_ends() -> None:
    """A statement that takes too long each time ends in a dead letter."""
    tries: list[tuple[bytes, ...]] = []
    [received] = arrived = messages("slow")
    consumer = UnsettledMessageRetries(
        QUEUE, raising(lambda body: asyncpg.QueryCanceledError(""), tries), asyncio.Event()
    )
    await consumer.handle_until_settled(arrived)
    await settled(*arrived)
    assert received.kind == DeadLetterCauseKind.ERROR
    assert len(tries) == len(unsettled_message_retries.PASSING_PAUSES) + 1


async def test_a_message_that_cannot_be_given_up_goes_back() -> None:
    """The broker counts how often it comes back, and ends it."""

    async def give_up(received: ReceivedMessage, place: str, tries: int) -> None:
        raise RuntimeError("no")

    [received] = arrived = messages("bad")
    consumer = UnsettledMessageRetries(QUEUE, raising(lambda body: KeyError("x"), []), asyncio.Event(), give_up)
    await consumer.handle_until_settled(arrived)
    await settled(*arrived)
    assert received.settled == "released"


async def test_the_oldest_message_in_hand_has_an_age() -> None:
    """The metric rises while something is in hand, and is zero when nothing is."""
    going, reached = asyncio.Event(), asyncio.Event()

    async def slow(arrived: Sequence[ReceivedMessage]) -> None:
        reached.set()
        await going.wait()
        for received in arrived:
            await received.acknowledge()

    def age() -> float:
        return METRICS.get_sample_value("mailer_oldest_in_hand_seconds", {"queue": "mailer.events.breach"}) or 0.0

    consumer = UnsettledMessageRetries("mailer.events.breach", slow, asyncio.Event())
    taking = asyncio.create_task(consumer.handle_until_settled(messages("a")))
    await reached.wait()
    assert age() > 0
    going.set()
    await taking
    assert age() == 0


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (ConnectionRefusedError(), ErrorKind.AWAY),
        (TimeoutError(), ErrorKind.AWAY),
        (BrokerUnavailable("gone"), ErrorKind.AWAY),
        (DatabaseUnavailable("gone"), ErrorKind.AWAY),
        (DatabaseAccessRefused("wrong password"), ErrorKind.AWAY),
        (FileNotFoundError("a template"), ErrorKind.BUG),
        (StatementTimedOut("30 s"), ErrorKind.PASSING),
        (asyncpg.UndefinedTableError(""), ErrorKind.SET_UP),
        (asyncpg.InsufficientPrivilegeError(""), ErrorKind.SET_UP),
        (asyncpg.InvalidPasswordError(""), ErrorKind.SET_UP),
        (asyncpg.DeadlockDetectedError(""), ErrorKind.PASSING),
        (asyncpg.SerializationError(""), ErrorKind.PASSING),
        (asyncpg.LockNotAvailableError(""), ErrorKind.PASSING),
        (asyncpg.QueryCanceledError(""), ErrorKind.PASSING),
        (asyncpg.CardinalityViolationError(""), ErrorKind.BUG),
        (asyncpg.DataError("invalid input for query argument"), ErrorKind.BUG),
        (OverflowError(), ErrorKind.BUG),
        (RecursionError(), ErrorKind.BUG),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, ""), ErrorKind.BUG),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_kinds_of_trouble(error: Exception, trouble: ErrorKind) -> None:
    """Only a service that is away, or wrongly set up, is waited for."""
    assert classify_error(error) is trouble


@pytest.mark.parametrize("cause", [asyncpg.DeadlockDetectedError(""), asyncpg.LockNotAvailableError("")])
def test_a_deadlock_is_no_outage(cause: Exception) -> None:
    """A deadlock is tried a bounded number of times, even if another error wraps it."""
    try:
        raise DatabaseUnavailable("the database is away") from cause
    except DatabaseUnavailable as error:
        trouble = classify_error(error)
    assert trouble is ErrorKind.PASSING


def test_a_place_names_no_value() -> None:
    """The type of the error and the innermost line of mailer; nothing of the message."""
    with pytest.raises(AttributeError) as raised:
        DeadLetterCauseKind("ada@example.org".x)  # type: ignore[attr-defined]  # that is the bug
    assert error_type_and_place(raised.value).startswith("AttributeError at test_persisting.py:")
    assert error_type_and_place(ValueError("ada@example.org")) == "ValueError"
