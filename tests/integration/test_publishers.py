"""Publishers as rows, and API keys."""

import pytest

from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.publisher_rights import Publisher, RightsOfOnePublisher
from mailer.postgres.publishers import PostgresPublishers
from tests.chains import faults
from tests.factories import World
from tests.publishers import everything, issue_key

SHOP = Identity(IdentityKind.KEY, "shop")
NEWS = RightsOfOnePublisher(frozenset({"interpals"}), frozenset({"newsletter"}))
LEAVES = RightsOfOnePublisher(frozenset({"peerstream"}), actions=frozenset({"opt_out"}))


async def test_a_key_is_known_by_its_digest_only(world: World) -> None:
    """A key names its holder with their rights, is shown once, and cannot be read from the database."""
    key = await issue_key(world.pool, "shop", "interpals", "paltalk-2006")
    assert await world.publishers.find_publisher_by_api_key(key) == Publisher(
        SHOP, everything("interpals", "paltalk-2006")
    )
    assert len(key) > 40
    assert key not in str([dict(row) for row in await world.pool.fetch("SELECT * FROM publishers")])


@pytest.mark.parametrize("wrong", ["", "mk_", "mk_\0", "\xff", "x" * 100_000])
async def test_what_is_no_key(world: World, wrong: str) -> None:
    """A text that is no key names nobody."""
    key = await issue_key(world.pool, "shop", "interpals")
    for candidate in (wrong, key + wrong + "x", key[:-1], key.upper()):
        assert await world.publishers.find_publisher_by_api_key(candidate) is None


async def test_a_revoked_key_ends_at_once(world: World) -> None:
    """A revoked key names nobody for ever. The name can get a new key, with only the rights that are granted then."""
    key = await issue_key(world.pool, "shop", "interpals")
    assert await world.publishers.revoke_all_rights(SHOP)
    assert await world.publishers.find_publisher_by_api_key(key) is None
    assert SHOP not in await world.publishers.unrevoked_publishers_by_identity()
    assert not await world.publishers.revoke_all_rights(SHOP)
    assert not await world.publishers.revoke_all_rights(Identity(IdentityKind.BROKER, "another"))
    new = await world.publishers.grant_rights_and_missing_key(SHOP, NEWS)
    assert new not in (None, key)
    assert await world.publishers.find_publisher_by_api_key(key) is None
    assert await world.publishers.find_publisher_by_api_key(new or "") == Publisher(SHOP, NEWS)


async def test_every_key_differs(world: World) -> None:
    """Each holder has a key of their own."""
    assert len({await issue_key(world.pool, f"client-{n}") for n in range(10)}) == 10


async def test_rights_are_added_to_what_there_is(world: World) -> None:
    """The key stays the same, and is not shown again."""
    key = await world.publishers.grant_rights_and_missing_key(SHOP, NEWS)
    assert key is not None
    assert await world.publishers.grant_rights_and_missing_key(SHOP, LEAVES) is None
    both = RightsOfOnePublisher(NEWS.brands | LEAVES.brands, NEWS.categories, LEAVES.actions)
    assert await world.publishers.find_publisher_by_api_key(key) == Publisher(SHOP, both)
    [known] = [one for one in await world.publishers.list_publishers() if one.publisher.identity == SHOP]
    assert (known.publisher.rights, known.revoked_at) == (both, None)


@pytest.mark.parametrize("kind", [IdentityKind.BROKER, IdentityKind.ROLE, IdentityKind.PERSON])
async def test_a_name_of_each_kind_has_rights_of_its_own(world: World, kind: IdentityKind) -> None:
    """Publishers of other kinds have no key. A key of the same name is another publisher."""
    await issue_key(world.pool, "harbour")
    identity = Identity(kind, "harbour")
    assert await world.publishers.get_publisher(identity) is None
    assert await world.publishers.grant_rights_and_missing_key(identity, NEWS) is None
    known = await world.publishers.get_publisher(identity)
    assert known is not None
    assert known.publisher == Publisher(identity, NEWS)
    assert (await world.publishers.unrevoked_publishers_by_identity())[identity] == Publisher(identity, NEWS)


async def test_a_publisher_of_a_kind_that_nothing_vouches_for_is_no_row(world: World) -> None:
    """The table refuses mailer itself, a key without its digest, and a kind that does not exist."""
    for kind in ("mailer", "key", "queue"):
        with pytest.raises(Exception, match="violates check constraint"):
            await world.pool.execute(
                "INSERT INTO publishers (kind, name, brands, categories, actions, reads)"
                " VALUES ($1, 'x', '{}', '{}', '{}', '{}')",
                kind,
            )


async def test_another_process_sees_the_same(world: World) -> None:
    """Another process sees the same publishers, since they are rows and not memory."""
    await world.publishers.grant_rights_and_missing_key(SHOP, NEWS)
    assert (await PostgresPublishers(world.pool, world.writers).unrevoked_publishers_by_identity())[SHOP].rights == NEWS


@pytest.mark.parametrize("kind", [IdentityKind.KEY, IdentityKind.BROKER, IdentityKind.ROLE, IdentityKind.PERSON])
async def test_each_change_stands_in_the_ledger(world: World, kind: IdentityKind) -> None:
    """The ledger's chain names the person, the publisher and the rights of each change. A refused one has no entry."""
    identity = Identity(kind, "harbour")
    dana = PostgresPublishers(world.pool, world.writers.writers_with_actor("person:dana"))
    await dana.grant_rights_and_missing_key(identity, NEWS)
    await dana.grant_rights_and_missing_key(Identity(kind, "another"), LEAVES)
    await PostgresPublishers(world.pool, world.writers.writers_with_actor("person:eve")).grant_rights_and_missing_key(
        identity, LEAVES
    )
    assert [await dana.revoke_all_rights(identity) for _ in range(2)] == [True, False]
    said = [(one.what, one.rights, one.actor) for one in await world.publishers.read_rights_changes(identity)]
    assert said == [
        ("granted", ["brand:interpals", "category:newsletter"], "person:dana"),
        ("granted", ["brand:peerstream", "action:opt_out"], "person:eve"),
        ("revoked", (), "person:dana"),
    ]
    assert [entry["rule"] for entry in await world.entries(kind="control")].count(f"publisher:{identity}") == 3
    await world.pool.execute("UPDATE ledger SET fields = '{brand:peerstream}' WHERE reason = 'revoked'")
    assert [what for _, _, what in await faults(world)] == ["changed or reordered"]
