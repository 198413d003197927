"""An upgrade from the release with one flag `paid`, and service mail that non-payers got as a notification."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mailer import bundled_files
from mailer.postgres.migrations import apply_migrations
from tests.conftest import Server
from tests.factories import BRAND, World, make_event, new_mailing, open_world, person, templates
from tests.letters import leads_out, read

LAST_BEFORE = "20261128000018"
"""The last migration of the release before."""
OTHER = "paltalk-2006"
NOW = datetime(2026, 11, 27, tzinfo=UTC)
PEOPLE: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, object]]] = {
    "pays": ((), (), {"paid": True}),
    "pays, and left": (("*",), ("*",), {"paid": True}),
    "left notifications": (("notification",), ("notification", "updates"), {}),
    "complained of a topic": (("notification/chess",), ("notification/chess", "updates/chess"), {}),
    "left all": (("*",), ("*",), {}),
    "left letters": (("newsletter",), ("newsletter",), {"objected_at": NOW, "deactivated_at": NOW, "channel": "sms"}),
    "took it back": ((), (), {"restricted_at": NOW, "electronic_refused_at": NOW}),
    "consented": ((), (), {"consents": ["newsletter", "notification"], "erased_before_at": NOW - timedelta(days=9)}),
}
"""People by ref: the scopes left before, the scopes left afterwards, and all else that was so."""


@pytest.fixture
def old_url(postgres_server: Server, tmp_path: Path) -> Iterator[str]:
    """A database with the tables of the release before."""
    for file in bundled_files.bundled_folder("migrations").glob("*.sql"):
        if file.name.split("_")[0] <= LAST_BEFORE:
            shutil.copy(file, tmp_path)
    url = postgres_server.url(f"mailer_test_{uuid4().hex[:12]}")
    apply_migrations(url, tmp_path)
    yield url
    postgres_server.sql(f"DROP DATABASE {url.rpartition('/')[2].partition('?')[0]} WITH (FORCE)")


@pytest.fixture
async def before(old_url: str) -> AsyncIterator[World]:
    """The rooms over them; of the tables, only those of before can be used."""
    async with open_world(old_url) as opened:
        yield opened


async def add_row(world: World, table: str, **values: object) -> int:
    """Writes a row as the release before did; its id, where it has one."""
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    returns = "recipient_id" if table == "standings" else "id"
    return int(
        await world.pool.fetchval(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places}) RETURNING {returns}",  # noqa: S608 - from here
            *values.values(),
        )
    )


async def add_person(world: World, ref: str) -> None:
    """One of the people, with the suppressions and consents on which their standing rests."""
    left, _, said = PEOPLE[ref]
    name = ref.replace(" ", "-").replace(",", "")
    email = f"{name}@people.example"
    where = {"address_key": world.hasher.key_id, "address_hash": world.hasher.hash_address(email)}
    known = {"brand": BRAND, "ref": name, "controller": BRAND, "source": "sign-up", "country": "US"}
    id_ = await add_row(world, "recipients", **known, email=email, **where, observed_at=NOW)
    standing = {"source": "sign-up", "country": "US", "address_hash": where["address_hash"], "opted_out": list(left)}
    await add_row(world, "standings", recipient_id=id_, version=3, **standing, **said)
    stop = {"controller": BRAND, **where, "brand": BRAND, "source": "page", "at": NOW}
    for scope in left:
        await add_row(world, "suppressions", **stop, scope=scope, reason="complaint" if "/" in scope else "opt_out")
    if ref == "took it back":
        lifted = {"lifted_at": NOW, "lifted_by": "Dana", "lift_reason": "a mistake"}
        await add_row(world, "suppressions", **stop, scope="notification", reason="opt_out", **lifted)
    if "objected_at" in said:
        await add_row(world, "suppressions", **{**stop, "brand": None}, scope="*", reason="objection")
    consents: Any = said.get("consents", ())
    for scope in consents:
        given = {"recipient_id": id_, "brand": BRAND, "controller": BRAND, "scope": scope, "given": True}
        proof = {"source": "confirmed", "version": "1", "words": "Yes, write to me.", "actor": "recipient", "at": NOW}
        await add_row(world, "consents", **given, **proof)


async def test_standings_consents_and_opt_outs_are_kept(old_url: str, before: World) -> None:
    """A payer has every product. A person who left or complained of notifications has left updates. The rest stays."""
    for ref in PEOPLE:
        await add_person(before, ref)
    unknown = before.hasher.hash_address("nobody@people.example")
    nobody = {"controller": BRAND, "address_key": before.hasher.key_id, "address_hash": unknown}
    await add_row(before, "suppressions", **nobody, brand=OTHER, scope="notification", reason="opt_out", source="list")
    for name, categories in (("shop", ["service", "newsletter"]), ("news", ["newsletter"])):
        await before.pool.execute(
            "INSERT INTO publishers (kind, name, brands, categories, actions, reads, digest)"
            " VALUES ('key', $1::text, '{interpals}', $2, '{}', '{}', sha256(convert_to($1, 'UTF8')))",
            name,
            categories,
        )
    consents = await before.pool.fetch("SELECT recipient_id, scope, given, words, counts FROM consents ORDER BY id")
    kept = "objected_at, deactivated_at, restricted_at, electronic_refused_at, erased_before_at, channel, consents"
    flags = await before.pool.fetch(f"SELECT {kept} FROM standings ORDER BY recipient_id")  # noqa: S608 - of this file
    apply_migrations(old_url, bundled_files.bundled_folder("migrations"))
    async with open_world(old_url) as world:
        rows = await world.pool.fetch("SELECT s.* FROM standings s ORDER BY recipient_id")
        for row, (ref, (_, left, said)) in zip(rows, PEOPLE.items(), strict=True):
            assert (ref, tuple(row["opted_out"])) == (ref, left)
            assert (ref, row["products"], row["paid"]) == (ref, ["*"] if "paid" in said else [], "paid" in said)
            assert (ref, row["version"] > 3) == (ref, len(left) == 2), "what is held by a worker is decided anew"
        assert await world.pool.fetch(f"SELECT {kept} FROM standings ORDER BY recipient_id") == flags  # noqa: S608
        again = await world.pool.fetch("SELECT recipient_id, scope, given, words, counts FROM consents ORDER BY id")
        assert again == consents
        stops = await world.pool.fetch(
            "SELECT brand, scope, reason FROM suppressions WHERE address_hash = $1 ORDER BY id", unknown
        )
        assert [tuple(stop) for stop in stops] == [
            (OTHER, "notification", "opt_out"),
            (OTHER, "updates", "opt_out"),
        ], "whoever comes later with the address has left, too"
        granted = await world.pool.fetch("SELECT name, categories FROM publishers WHERE name IN ('shop', 'news')")
        rights = {row["name"]: row["categories"] for row in granted}
        assert set(rights["shop"]) == {"service", "newsletter", "account"}
        assert rights["news"] == ["newsletter"]
        refs = [row["ref"] for row in await world.pool.fetch("SELECT ref FROM recipients")]
        accepted = await world.accept({"refs": refs}, "service")
        await world.handover().hand_over_batches(accepted.batches)
        states = await world.states(accepted.mailing_id)
        assert states["pays"] == states["pays-and-left"] == states["complained-of-a-topic"] == ("handed_over", "")
        assert states["left-notifications"] == states["left-all"] == ("suppressed", "opted_out")


async def test_a_mailing_of_before_ends_as_it_began(world: World) -> None:
    """A welcome mail that was accepted as service mail keeps its words. Non-payers get it as updates, with a link."""
    event = make_event([person(1)], "service").model_copy(update={"template": "welcome"})
    maintenance = templates().find_template(BRAND, "maintenance")
    assert maintenance is not None
    event = event.model_copy(update={"context": dict(maintenance.example)})
    old = json.dumps(json.loads(maintenance.source) | {"purpose": "service_notice"})
    [accepted] = await world.mailings.accept_mailings(
        [replace(new_mailing(event), template_version="old", template_source=old)]
    )
    await world.handover().hand_over_batches(accepted.batches)
    [mail] = [read(outgoing) for outgoing in world.processor.sent]
    assert leads_out(mail) == ["updates"] * 3
