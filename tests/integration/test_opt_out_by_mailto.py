"""Opt-outs by the mailto of List-Unsubscribe: for one person and one category, whoever writes."""

from collections.abc import AsyncIterator
from urllib.parse import unquote, urlsplit

import pytest

from tests.factories import BRAND, World
from tests.inbound import DOMAIN, Reception, handed_over, letter, mailto_of, open_reception

BOB = "user-2@people.example"


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world."""
    async with open_reception(world) as opened:
        yield opened


@pytest.mark.parametrize("place", ["address", "subject"])
async def test_the_mailto_of_a_mail_leaves_its_category_whoever_writes(reception: Reception, place: str) -> None:
    """A stranger's unproven mail with the token is obeyed for its person, and for what its link leaves."""
    world = reception.world
    await handed_over(world, 2)
    is_bobs = world.processor.sent[-1].recipient == BOB
    address, subject = mailto_of(world)
    to, about = (address, "") if place == "address" else (f"opt-out@{DOMAIN}", f"AW: {subject.upper()}")
    for _ in range(2):
        reply = await reception.send(to, letter("", about, "stranger@elsewhere.example"), "stranger@elsewhere.example")
        assert reply.startswith("250")
    await reception.handle_stored()
    assert await reception.effects() == [("reply", "opt_out")]
    again, _ = await handed_over(world, 2)
    states = await world.states(again)
    left, stays = ("user-2", "user-1") if is_bobs else ("user-1", "user-2")
    assert (states[left], states[stays][0]) == (("suppressed", "opted_out"), "handed_over")
    other, _ = await handed_over(world, 2, "promotional")
    assert {state for state, _ in (await world.states(other)).values()} == {"handed_over"}
    [entry] = [entry for entry in await world.entries(kind="action") if entry["reason"] == "opt_out"]
    assert (entry["category"], entry["rule"]) == ("newsletter", "action:mail")


async def test_a_token_of_somebody_else_opts_its_own_person_out(reception: Reception) -> None:
    """Bob writes from his own proven address with the token of Ada's mail: hers stops, and his does not."""
    world = reception.world
    await handed_over(world, 1)
    address, subject = mailto_of(world)
    reception.proven.add(BOB)
    await reception.send(address, letter("Unsubscribe me.", subject, BOB), BOB)
    await reception.handle_stored()
    again, _ = await handed_over(world, 2)
    assert (await world.states(again))["user-1"] == ("suppressed", "opted_out")
    assert (await world.states(again))["user-2"][0] == "handed_over"


async def test_words_beside_a_token_are_read_by_a_person(reception: Reception) -> None:
    """The list is left at once; what else the mail asks for waits."""
    world = reception.world
    await handed_over(world)
    address, subject = mailto_of(world)
    await reception.send(address, letter("Please delete my account and all my data, too.", subject))
    await reception.handle_stored()
    assert await reception.effects() == [("reply", "waits")]
    again, _ = await handed_over(world)
    assert await world.states(again) == {"user-1": ("suppressed", "opted_out")}


async def test_an_automatic_mail_of_a_program_with_a_token_is_obeyed(reception: Reception) -> None:
    """Some programs mark the mail that they write for a person as automatic."""
    world = reception.world
    await handed_over(world)
    address, subject = mailto_of(world)
    content = b"Auto-Submitted: auto-generated\r\n" + letter("This is an automatically generated message.", subject)
    await reception.send(address, content)
    await reception.handle_stored()
    again, _ = await handed_over(world)
    assert await world.states(again) == {"user-1": ("suppressed", "opted_out")}


async def test_a_token_of_somebody_who_is_gone_harms_nothing(reception: Reception) -> None:
    """Nobody has the number of the token any more: the mail is handled, and acts on nobody."""
    world = reception.world
    mailing, _ = await handed_over(world)
    policy = world.policies[BRAND]
    uri = world.links.opt_out_mail.mailto(policy, policy.get_category("newsletter"), mailing, 999_999) or ""
    await reception.send(unquote(urlsplit(uri).path), letter("", "unsubscribe"))
    await reception.handle_stored()
    assert await reception.effects() == [("reply", "none")]
    assert [entry for entry in await world.entries(kind="action") if entry["reason"] == "opt_out"] == []


async def test_words_beside_the_token_of_somebody_who_is_gone_are_read(reception: Reception) -> None:
    """Whoever was erased may have signed up again, and asks for something beside an old mail's token."""
    world = reception.world
    mailing, _ = await handed_over(world)
    policy = world.policies[BRAND]
    uri = world.links.opt_out_mail.mailto(policy, policy.get_category("newsletter"), mailing, 999_999) or ""
    words = "Please delete my account and all my data, too."
    await reception.send(unquote(urlsplit(uri).path), letter(words, "unsubscribe"))
    await reception.handle_stored()
    assert await reception.effects() == [("reply", "waits")]
