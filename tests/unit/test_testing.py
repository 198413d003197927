"""The test double for applications' own tests."""

from contextlib import suppress

import pytest

import mailer
import mailer.testing
from mailer import MessageEvent


def event(event_id: str = "1") -> MessageEvent:
    """An event as an application makes it."""
    return MessageEvent.model_validate(
        {"v": 1, "id": event_id, "brand": "acme", "category": "service", "template": "welcome", "to": {"refs": ["u"]}}
    )


async def sign_up(event_id: str) -> None:
    """Publishes as an application does, in each of its ways."""
    await mailer.publish(event(event_id))
    mailer.publish_blocking(event(event_id))
    await mailer.publish_in_transaction(object(), event(event_id))


async def test_what_is_published_is_recorded() -> None:
    """Events by publish, its blocking twin and the outbox are recorded in their order. Nothing is sent."""
    with mailer.testing.recorded() as published:
        await sign_up("1")
        mailer.publish_blocking(event("2"))
    assert [recorded.id for recorded in published.events] == ["1", "1", "1", "2"]


async def test_the_one_event() -> None:
    """The method `only` returns the event, and fails if there is none or another one."""
    with mailer.testing.recorded() as published:
        with pytest.raises(AssertionError, match="0 events were published, not one"):
            published.only()
        await mailer.publish(event())
        assert published.only() == event()
        await mailer.publish(event("2"))
        with pytest.raises(AssertionError, match="2 events were published, not one"):
            published.only()


async def test_what_is_said_of_accounts_is_apart() -> None:
    """Events of accounts are recorded too, and are no message."""
    said = mailer.validate_account({"v": 1, "id": "1", "brand": "interpals", "account": "erase", "ref": "user-17"})
    with mailer.testing.recorded() as published:
        await mailer.publish(said)
        mailer.publish_blocking(said)
    assert (published.events, published.accounts) == ([], [said, said])


async def test_what_is_no_event_is_refused() -> None:
    """A dictionary, the likeliest mistake, is refused as the real function would refuse it."""
    refused = pytest.raises(TypeError, match="takes a MessageEvent or an AccountEvent, not dict")
    with mailer.testing.recorded() as published, refused:
        await mailer.publish({"id": "1"})  # type: ignore[arg-type]  # that is what is tested
    assert published.events == []


async def test_the_real_functions_come_back() -> None:
    """The real functions come back after the block, even after an error. A block sees its own events only."""
    before = mailer.publish, mailer.publish_blocking, mailer.publish_in_transaction
    with suppress(ZeroDivisionError), mailer.testing.recorded() as first:
        await mailer.publish(event())
        raise ZeroDivisionError
    with mailer.testing.recorded() as second:
        assert mailer.publish is not before[0]
    assert (mailer.publish, mailer.publish_blocking, mailer.publish_in_transaction) == before
    assert (len(first.events), len(second.events)) == (1, 0)


def test_a_name_that_is_none_is_said() -> None:
    """Loading on demand hides no typing mistake."""
    with pytest.raises(AttributeError, match="has no attribute 'publsh'"):
        mailer.publsh  # noqa: B018 - that is what is tested
