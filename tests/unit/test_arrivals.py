"""Messages that arrived are handed out in the order of arrival, a number at a time. None is forgotten."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from mailer.broker.arrivals import ArrivedMessages
from mailer.ports.broker import ReceivedMessage


@dataclass
class Numbered:
    """A message with a number."""

    n: int
    is_unsettled: bool = field(default=True)


def add(arrivals: ArrivedMessages, *numbers: int) -> list[Numbered]:
    """Lets messages arrive."""
    some = [Numbered(n) for n in numbers]
    for one in some:
        arrivals.add_message(cast(ReceivedMessage, one))
    return some


async def taken(arrivals: ArrivedMessages) -> list[int]:
    """The numbers of the next list."""
    return [cast(Numbered, one).n for one in await asyncio.wait_for(anext(arrivals), 10)]


async def test_at_most_so_many_at_once_in_the_order_of_arrival() -> None:
    """Messages left over do not wait, and go with those that arrived meanwhile."""
    arrivals = ArrivedMessages(3)
    add(arrivals, 1, 2, 3, 4)
    assert await taken(arrivals) == [1, 2, 3]
    add(arrivals, 5)
    assert await taken(arrivals) == [4, 5]
    waiting = asyncio.ensure_future(taken(arrivals))
    await asyncio.sleep(0)
    assert not waiting.done()
    add(arrivals, 6)
    assert await waiting == [6]


async def test_by_default_all_that_waits() -> None:
    """A caller who gives no limit gets all messages."""
    arrivals = ArrivedMessages()
    add(arrivals, *range(200))
    assert await taken(arrivals) == list(range(200))


async def test_what_went_back_to_its_queue_is_not_handed_out() -> None:
    """A message that went back to its queue is not handed out. The next one takes its place."""
    arrivals = ArrivedMessages(2)
    first, *_ = add(arrivals, 1, 2, 3)
    first.is_unsettled = False
    assert await taken(arrivals) == [2, 3]


async def test_the_end_is_the_end_though_something_waits() -> None:
    """The iteration ends even if messages wait. The one who ended it gives them back."""
    arrivals = ArrivedMessages(1)
    add(arrivals, 1, 2)
    assert await taken(arrivals) == [1]
    arrivals.end_iteration()
    with pytest.raises(StopAsyncIteration):
        await anext(arrivals)
