"""An upgrade amid mailings: work that the release before has begun ends as it should."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from mailer import bundled_files
from mailer.postgres.migrations import apply_migrations
from tests.conftest import Server
from tests.factories import World, open_world, person

LAST_BEFORE = "20261123000006"
"""The last migration of the release before."""
SINCE, OF_OPENS = "20261128", "20261128000005"
"""Later migrations, all but that one, change nothing that is looked at here; today's flow needs their columns."""
SENT, DUPLICATE = ("handed_over", ""), ("suppressed", "duplicate_address")


@pytest.fixture
def old_url(postgres_server: Server, tmp_path: Path) -> Iterator[str]:
    """A database with the tables of the release before."""
    for file in bundled_files.bundled_folder("migrations").glob("*.sql"):
        number = file.name.split("_")[0]
        if number <= LAST_BEFORE or (number > SINCE and number != OF_OPENS):
            shutil.copy(file, tmp_path)
    yield from migrated(postgres_server, tmp_path)


def migrated(server: Server, folder: Path) -> Iterator[str]:
    """A database with some of the migrations, as long as it is looked at."""
    url = server.url(f"mailer_test_{uuid4().hex[:12]}")
    apply_migrations(url, folder)
    yield url
    server.sql(f"DROP DATABASE {url.rpartition('/')[2].partition('?')[0]} WITH (FORCE)")


@pytest.fixture
async def before(old_url: str) -> AsyncIterator[World]:
    """The flow over the tables of the release before."""
    async with open_world(old_url) as opened:
        yield opened


async def in_flight(world: World, category: str, *names: str | None, sent: int = 0) -> UUID:
    """A mailing to accounts of one address, as the release before has expanded it, and begun it with the first ones."""
    people = [person(n, email="family@people.example", name=name) for n, name in enumerate(names, 1)]
    people.append(person(100))
    accepted = await world.accept(people, category)
    # Each of them named the one before it, and the first one nobody.
    await world.pool.execute(
        """
        UPDATE deliveries d SET copy_of = k.before
        FROM (SELECT mailing_id, recipient_id, lag(recipient_id) OVER (PARTITION BY mailing_id ORDER BY recipient_id)
                  AS before FROM deliveries WHERE copy_of IS NOT NULL) k
        WHERE d.mailing_id = k.mailing_id AND d.recipient_id = k.recipient_id
        """
    )
    for number in range(1, sent + 1):
        await world.pool.execute(
            "UPDATE deliveries SET state = 'handed_over', batch = NULL WHERE mailing_id = $1 AND recipient_id = $2",
            accepted.mailing_id,
            await world.id_of(f"user-{number}"),
        )
    return accepted.mailing_id


async def ended(url: str, mailing_id: UUID) -> tuple[list[str], list[tuple[str, str]]]:
    """The people to whom today's release sends the rest after its migrations, and the states of the accounts."""
    apply_migrations(url, bundled_files.bundled_folder("migrations"))
    async with open_world(url) as world:
        await world.timekeeper().run_all_steps_once()
        batches = [row["id"] for row in await world.pool.fetch("SELECT id FROM batches ORDER BY id")]
        for batch in batches:
            await world.handover().hand_over_batches([batch])
        states = await world.states(mailing_id)
        assert states.pop("user-100") == SENT
        return world.processor.recipients, [states[ref] for ref in sorted(states)]


@pytest.mark.parametrize("category", ["newsletter", "policy_change"])
async def test_accounts_of_one_address_get_one_copy(old_url: str, before: World, category: str) -> None:
    """One of three accounts with one address gets the copy, if none had it before the upgrade."""
    mailing_id = await in_flight(before, category, None, None, None)
    sent, states = await ended(old_url, mailing_id)
    assert sent == ["family@people.example", "user-100@people.example"]
    assert sorted(states) == [SENT, DUPLICATE, DUPLICATE]


@pytest.mark.parametrize("category", ["newsletter", "policy_change"])
async def test_what_had_gone_to_an_address_is_not_sent_again(old_url: str, before: World, category: str) -> None:
    """The other accounts get no copy, if one of three had it before the upgrade."""
    mailing_id = await in_flight(before, category, None, None, None, sent=1)
    sent, states = await ended(old_url, mailing_id)
    assert sent == ["user-100@people.example"]
    assert states == [SENT, DUPLICATE, DUPLICATE]


@pytest.mark.parametrize(("category", "other"), [("newsletter", DUPLICATE), ("policy_change", SENT)])
async def test_mandatory_mail_with_words_of_its_own_still_goes(
    old_url: str, before: World, category: str, other: tuple[str, str]
) -> None:
    """Two accounts are greeted by their names, and one had its copy: the other one still gets mandatory mail."""
    mailing_id = await in_flight(before, category, "Ann", "Bert", sent=1)
    _, states = await ended(old_url, mailing_id)
    assert states == [SENT, other]


async def test_opens_lose_the_order_and_the_time_that_they_had(old_url: str, before: World) -> None:
    """The rows of single fetches become one a day. Counts of few people are deleted, and rare links become one."""
    many, few = UUID(int=1), UUID(int=2)
    for mailing_id, handed in ((many, 25), (few, 19)):
        await before.pool.execute("INSERT INTO counters VALUES ($1, 'handed_over', '', $2)", mailing_id, handed)
        for n in range(24):
            link = "https://shop.example/large" if n < 20 else f"https://shop.example/{n % 2}"
            day = "current_date" if n % 3 else "current_date - 1"
            for row in (
                f"opens VALUES ($1, {day}, {n % 4 == 0}, 1)",
                f"clicks VALUES ($1, '{link}', {day}, false, 1)",
                f"unique_opens VALUES ($1, sha256('{n}'), {day})",
                f"unique_clicks VALUES ($1, sha256('{n}'), '{link}', {day})",
            ):
                await before.pool.execute(f"INSERT INTO {row}", mailing_id)
    apply_migrations(old_url, bundled_files.bundled_folder("migrations"))
    async with open_world(old_url) as world:
        assert [
            tuple(row) for row in await world.pool.fetch("SELECT machine, sum(n) FROM opens GROUP BY 1 ORDER BY 1")
        ] == [
            (False, 18),
            (True, 6),
        ]
        assert [
            tuple(row) for row in await world.pool.fetch("SELECT link, sum(n) FROM clicks GROUP BY 1 ORDER BY 1")
        ] == [
            ("", 4),
            ("https://shop.example/large", 20),
        ]
        for table, rows in (("opens", 4), ("clicks", 4), ("unique_opens", 24), ("unique_clicks", 24)):
            found = await world.pool.fetch(f"SELECT xmin::text, mailing_id FROM {table}")  # noqa: S608 - a name from here
            assert (len(found), {row["mailing_id"] for row in found}) == (rows, {many}), table
            assert len({row["xmin"] for row in found}) == 1, table
            if table.startswith("unique"):
                nonces = [row[0] for row in await world.pool.fetch(f"SELECT nonce FROM {table} ORDER BY ctid")]  # noqa: S608
                assert nonces == sorted(nonces)


@pytest.fixture
def uncoded_url(postgres_server: Server, tmp_path: Path) -> Iterator[str]:
    """A database in which a country may be any two letters."""
    for file in bundled_files.bundled_folder("migrations").glob("*.sql"):
        if not file.name.endswith("_countries.sql"):
            shutil.copy(file, tmp_path)
    yield from migrated(postgres_server, tmp_path)


async def test_countries_become_codes(uncoded_url: str) -> None:
    """Aliases become codes in data and standings, which are decided on anew; consents and opt-outs stay."""
    async with open_world(uncoded_url) as before:
        stored = {1: "UK", 2: "EL", 3: "EU", 4: "DE"}
        for number, code in stored.items():
            [whose] = await before.known(number, country="US")
            await before.pool.execute("UPDATE recipients SET country = $1 WHERE id = $2", code, whose)
            await before.pool.execute(
                "UPDATE standings SET country = $1, opted_out = '{newsletter}', consents = '{promotional}'"
                " WHERE recipient_id = $2",
                code,
                whose,
            )
    apply_migrations(uncoded_url, bundled_files.bundled_folder("migrations"))
    async with open_world(uncoded_url) as world:
        rows = await world.pool.fetch(
            "SELECT r.country, s.country, s.opted_out, s.consents, s.version FROM recipients r"
            " JOIN standings s ON s.recipient_id = r.id ORDER BY r.ref"
        )
    left, given = ["newsletter"], ["promotional"]
    assert [tuple(row) for row in rows] == [
        ("GB", "GB", left, given, 2),
        ("GR", "GR", left, given, 2),
        ("EU", "EU", left, given, 1),
        ("DE", "DE", left, given, 1),
    ]
