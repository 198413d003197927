"""A database whose addresses were hashed by the earlier rule: what was recorded of them still holds."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from mailer.ports.suppressions import NewSuppression
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.address_rehashing import rehash_legacy_addresses
from mailer.rendering.mailbox_spellings import mailbox_in_legacy_canonical_form
from tests.accounts import said
from tests.factories import BRAND, World, open_world, person

STRASSE, STRASZE = "strasse@people.example", "stra\u00dfe@people.example"
MUNICH = "ada@m\u00fcnchen.example"
EVEN_EARLIER = datetime(2020, 1, 1, tzinfo=UTC)


class Before(AddressHasher):
    """A hasher with the earlier rule."""

    def hash_address(self, address: str) -> bytes:
        """Returns 32 bytes."""
        return self._mac(mailbox_in_legacy_canonical_form(address).encode())

    def hash_by_former_spelling_rule(self, address: str) -> None:
        """Returns None: there was no other rule."""


@pytest.fixture
async def before(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The flow as it was before, over the same database."""
    async with AsyncExitStack() as stack:
        with monkeypatch.context() as patched:
            patched.setattr("tests.factories.AddressHasher", Before)
            opened = await stack.enter_async_context(open_world(database_url))
        yield opened


async def optional_mail(world: World, *people: dict[str, object]) -> list[str]:
    """The people who get a newsletter."""
    world.processor.sent.clear()
    accepted = await world.accept([*people])
    await world.handover().hand_over_batches(accepted.batches)
    return world.processor.recipients


async def bring_up_to_date(world: World) -> None:
    """Marks everything recorded until now, as the migration does."""
    await world.pool.execute("UPDATE suppressions SET exact = false")


async def opted_out(world: World, ref: str) -> list[str]:
    """The scopes that somebody has left."""
    scopes: list[str] = await world.pool.fetchval(
        "SELECT opted_out FROM recipients r JOIN standings ON recipient_id = id WHERE ref = $1", ref
    )
    return scopes


async def test_an_opt_out_holds_for_known_people_and_new_ones(before: World, world: World) -> None:
    """Opt-outs hold after the hashes were made anew, for the old account and for a new one."""
    await before.known(1, email=MUNICH)
    await before.standings.record_opt_out(BRAND, await before.id_of("user-1"), "newsletter", "test")
    assert await rehash_legacy_addresses(world.pool, world.hasher) == 1
    assert await rehash_legacy_addresses(world.pool, world.hasher) == 0
    assert await optional_mail(world, person(1, email=MUNICH), person(2, email="Ada@xn--mnchen-3ya.example")) == []


async def test_an_opt_out_of_an_address_that_nobody_has_any_more_holds(before: World, world: World) -> None:
    """The hash of an erased person is found under the earlier rule too. Nothing else of the person is left."""
    await before.known(1, email=STRASZE)
    await before.standings.record_opt_out(BRAND, await before.id_of("user-1"), "*", "test")
    await said(before, "erase")
    assert await rehash_legacy_addresses(world.pool, world.hasher) == 0
    assert await optional_mail(world, person(2, email=STRASZE)) == []
    assert await optional_mail(world, person(3, email="ada@people.example")) == ["ada@people.example"]


async def test_what_a_file_suppressed_holds(before: World, world: World) -> None:
    """An address that was suppressed before anybody had it stays so, and is found by its name."""
    new = NewSuppression("newsletter", "opt_out", "list", "Grace")
    assert await before.suppressions.suppress_addresses(BRAND, BRAND, [(MUNICH, new)]) == 1
    await bring_up_to_date(world)
    assert len(await world.suppressions.all_suppressions_of_address(BRAND, BRAND, MUNICH)) == 1
    assert await optional_mail(world, person(1, email=MUNICH)) == []


async def test_two_mailboxes_that_had_one_hash_are_told_apart(before: World, world: World) -> None:
    """Opt-outs recorded of both mailboxes hold for both. Those recorded from now on are about one of them."""
    await before.known(1, email=STRASSE)
    await before.known(2, email=STRASZE)
    await before.standings.record_opt_out(BRAND, await before.id_of("user-1"), "promotional", "test")
    await bring_up_to_date(world)
    assert await rehash_legacy_addresses(world.pool, world.hasher) == 1
    await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "newsletter", "test")
    left = {
        row["ref"]: row["opted_out"]
        for row in await world.pool.fetch("SELECT ref, opted_out FROM recipients r JOIN standings ON recipient_id = id")
    }
    assert left == {"user-1": ["newsletter", "promotional"], "user-2": ["promotional"]}


async def test_a_dead_mailbox_says_nothing_of_one_with_the_same_hash(before: World, world: World) -> None:
    """A bounce made both addresses dead; then only the one that has its hash to itself stays dead."""
    for number, address in enumerate((STRASSE, STRASZE, MUNICH), 1):
        [id_] = await before.known(number, email=address)
        if address != STRASZE:
            await before.standings.mark_address_dead(BRAND, id_, address, "test")
    await rehash_legacy_addresses(world.pool, world.hasher)
    dead = await world.pool.fetch(
        "SELECT ref FROM recipients r JOIN standings s ON s.recipient_id = r.id WHERE address_dead_at IS NOT NULL"
        " ORDER BY ref"
    )
    assert [row["ref"] for row in dead] == ["user-1", "user-3"]


async def test_what_was_lifted_is_not_brought_back(before: World, world: World) -> None:
    """People who consent after the change get mail, also at their next event."""
    await before.known(1, email=MUNICH)
    await before.standings.record_opt_out(BRAND, await before.id_of("user-1"), "newsletter", "test")
    await rehash_legacy_addresses(world.pool, world.hasher)
    [found] = [
        one
        for one in await world.suppressions.all_suppressions_of_recipient(BRAND, await world.id_of("user-1"))
        if one.lifted_at is None
    ]
    assert await world.suppressions.lift_suppression(found.id, "Grace", "asked for it", found.at)
    await rehash_legacy_addresses(world.pool, world.hasher)
    assert await optional_mail(world, person(1, email=MUNICH)) == ["ada@xn--mnchen-3ya.example"]


async def test_what_is_said_after_the_change_is_about_one_mailbox(before: World, world: World) -> None:
    """An opt-out or erasure of one mailbox from now on stops no mail to another one with which it shared a hash."""
    await before.known(1, email=STRASSE)
    await before.standings.record_opt_out(BRAND, await before.id_of("user-1"), "promotional", "test")
    await bring_up_to_date(world)
    await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "newsletter", "test")
    new = NewSuppression("notification", "opt_out", "list", "Grace")
    await world.suppressions.suppress_addresses(BRAND, BRAND, [(STRASSE, new)])
    assert await optional_mail(world, person(2, email=STRASZE)) == [STRASZE]
    assert await opted_out(world, "user-2") == ["promotional"]
    await said(world, "erase")
    assert await optional_mail(world, person(3, email=STRASZE, collected_at="2020-01-01T00:00:00Z")) == [STRASZE]
