"""Acks that leave together: one for all up to a tag, and never for a message that is not done with."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelInvalidStateError
from hypothesis import given
from hypothesis import strategies as st

from mailer.broker.acks import AckBatcher


@dataclass
class Channel:
    """A stand-in for the channel. It keeps the acks, and the tags for which RabbitMQ would still wait."""

    lost: bool = False
    said: list[tuple[int, bool]] = field(default_factory=list)

    async def basic_ack(self, delivery_tag: int, multiple: bool = False, wait: bool = True) -> None:
        """Keeps an ack; see aiormq's `Channel.basic_ack`."""
        if self.lost:
            raise ChannelInvalidStateError
        self.said.append((delivery_tag, multiple))

    def acked(self, delivered: int) -> set[int]:
        """The tags that are acknowledged, of so many."""
        tags = range(1, delivered + 1)
        return {tag for tag in tags for until, all_ in self.said if tag == until or (all_ and tag <= until)}


def acks_on(channel: Channel) -> AckBatcher:
    """The acks of a channel."""
    return AckBatcher(cast(AbstractChannel, channel))


async def test_all_of_a_turn_leave_as_one() -> None:
    """64 acks are one on the wire."""
    channel = Channel()
    acks = acks_on(channel)
    for tag in range(1, 65):
        acks.mark_tags_unsettled_up_to(tag)
    for tag in range(1, 65):
        acks.add_ack(tag)
    await acks.flush_acks()
    assert channel.said == [(64, True)]


async def test_what_is_still_in_hand_is_not_acknowledged_with_the_others() -> None:
    """A message behind one that is still in hand is acknowledged by itself."""
    channel = Channel()
    acks = acks_on(channel)
    for tag in range(1, 6):
        acks.mark_tags_unsettled_up_to(tag)
    for tag in (5, 1, 2, 4):
        acks.add_ack(tag)
    await acks.flush_acks()
    assert channel.said == [(2, True), (4, False), (5, False)]
    acks.add_ack(3)
    await acks.flush_acks()
    assert channel.said[3:] == [(3, True)]


async def test_a_message_that_was_delivered_but_not_seen_yet_is_not_acknowledged() -> None:
    """A later one can be seen before it."""
    channel = Channel()
    acks = acks_on(channel)
    acks.mark_tags_unsettled_up_to(3)
    acks.add_ack(3)
    await acks.flush_acks()
    assert channel.said == [(3, False)]


async def test_a_lost_channel_needs_no_acks() -> None:
    """A lost channel gets no acks: RabbitMQ delivers its messages again."""
    channel = Channel(lost=True)
    acks = acks_on(channel)
    acks.mark_tags_unsettled_up_to(1)
    acks.add_ack(1)
    await acks.flush_acks()
    assert channel.said == []


async def test_a_dead_connection_does_not_keep_a_consumer_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aiormq waits for room among what is to be written, which nobody writes any more."""
    monkeypatch.setattr("mailer.broker.acks._FLUSH_SECONDS", 0.01)

    class Stuck(Channel):
        async def basic_ack(self, delivery_tag: int, multiple: bool = False, wait: bool = True) -> None:
            await asyncio.Event().wait()

    acks = acks_on(Stuck())
    acks.mark_tags_unsettled_up_to(1)
    acks.add_ack(1)
    await asyncio.wait_for(acks.flush_acks(), 10)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@given(st.data())
def test_exactly_what_is_done_is_acknowledged(data: st.DataObject) -> None:
    """Exactly the settled messages are acknowledged, in any order, over any number of turns."""

    async def check() -> None:
        channel, done, back, delivered = Channel(), set[int](), set[int](), 0
        acks = acks_on(channel)
        for _ in range(data.draw(st.integers(1, 8))):
            for _ in range(data.draw(st.integers(0, 6))):
                delivered += 1
                acks.mark_tags_unsettled_up_to(delivered)
            for tag in data.draw(st.permutations(sorted({*range(1, delivered + 1)} - done - back))):
                match data.draw(st.sampled_from(["done", "back", "open", "done"])):
                    case "done":
                        done.add(tag)
                        acks.add_ack(tag)
                    case "back":
                        back.add(tag)
                        acks.remove_unsettled_tag(tag)
                    case _:
                        pass
            if data.draw(st.booleans()):
                await acks.flush_acks()
        await acks.flush_acks()
        assert channel.acked(delivered) - back == done
        singles = [tag for tag, _ in channel.said]
        assert len(singles) == len(set(singles))
        assert not back & set(singles)

    asyncio.run(check())
