"""Exports of other systems in the database: what an import writes, counts and never does."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.actions.importing.local_dates import DateOrder
from mailer.actions.importing.mapping_proposal import propose_mapping
from mailer.actions.importing.row_parsing import parse_rows
from mailer.actions.importing.table_reading import Table, read_table
from mailer.actions.privacy_rights import erase_recipient
from mailer.actions.recipient_import import ImportCounts, import_parsed_rows
from mailer.events import Person
from mailer.policy.standing import Standing
from mailer.ports.recipient_import import PersonWithoutEmail, RecipientImportRow
from mailer.postgres.expired_recipient_attributes import delete_expired_attribute_values
from tests.factories import BRAND, World
from tests.import_files import policy_with_attributes, table_of

POLICY = policy_with_attributes(BRAND)
TABLES = ("recipients", "standings", "suppressions", "consents", "audience_members", "recipient_attributes")
NEW = {"01": 5, "02": 3, "03": 3, "04": 2, "05": 2, "06": 3, "07": 2, "08": 3, "09": 3, "10": 3, "11": 3, "12": 3}


async def imported(
    world: World, table: Table, *, dry_run: bool = False, said_at: datetime | None = None
) -> ImportCounts:
    """Imports a file by the proposed mapping, with the day first where it is asked."""
    mapping = propose_mapping(table, POLICY).with_date_order(DateOrder.DAY_FIRST)
    rows = parse_rows(table, mapping, POLICY)
    return await import_parsed_rows(
        world.importer(), rows, lambda _: None, lambda _: None, said_at=said_at, dry_run=dry_run
    )


async def imported_text(world: World, text: str, **options: Any) -> ImportCounts:
    """Imports a file with this text."""
    return await imported(world, read_table(text.encode()), **options)


async def emptied(world: World) -> None:
    """Forgets everybody."""
    await world.pool.execute("TRUNCATE recipients, standings, suppressions, consents, deliveries, mailings CASCADE")


async def stored(world: World) -> Mapping[str, Any]:
    """The rows of all tables that an import writes, and the number of ledger entries."""
    rows = {name: await world.pool.fetch(f"SELECT * FROM {name} ORDER BY 1") for name in TABLES}  # noqa: S608
    return {**rows, "ledger": await world.pool.fetchval("SELECT count(*) FROM ledger")}


async def standing_of(world: World, email: str) -> Standing:
    """The standing of the person with an address."""
    found = await world.pool.fetchval("SELECT id FROM recipients WHERE brand = $1 AND email = $2", BRAND, email)
    standing = await world.standings.get_standing(BRAND, found)
    assert standing is not None
    return standing


def figures(done: ImportCounts) -> tuple[int, int, int, int, int, int]:
    """New, changed, unchanged, opted out, duplicate and refused."""
    return done.new, done.changed, done.unchanged, done.opted_out, done.duplicates, done.rejected


async def test_a_dry_run_counts_as_the_import_does_and_writes_nothing(world: World) -> None:
    """The dry run, the import and a second import of each of the twelve files give the right counts."""
    for name, people in NEW.items():
        await emptied(world)
        table = table_of(name)
        before = await stored(world)
        dry = await imported(world, table, dry_run=True)
        assert await stored(world) == before
        wet = await imported(world, table)
        assert dry == wet, name
        assert (wet.taken, wet.new) == (people, people), name
        again = await imported(world, table)
        assert (again.new, again.changed, again.unchanged) == (0, 0, people), name


async def test_an_import_never_turns_an_opt_out_back(world: World) -> None:
    """Ada has unsubscribed. The older list of subscribers takes her, and she stays opted out."""
    assert figures(await imported(world, table_of("05"))) == (2, 0, 0, 2, 0, 0)
    done = await imported(world, table_of("04"))
    assert (done.taken, done.new, done.opted_out) == (2, 1, 1)
    assert (await standing_of(world, "ada@example.org")).opted_out == {"*"}
    assert (await standing_of(world, "grace@example.org")).opted_out == frozenset()
    assert await world.pool.fetchval("SELECT count(*) FROM recipients WHERE email = 'ada@example.org'") == 1


async def test_a_newer_consent_of_a_file_ends_no_opt_out_either(world: World) -> None:
    """Whoever has left may come back by their own click only, whatever a file says of times and of a confirmation."""
    await imported_text(world, "ref,email\nu1,ada@example.org\n")
    ada = await world.id_of("u1")
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    columns = "ref,email,opted_out,consents,consent_source,consent_version,consent_at,consent_words,consent_proof"
    later = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    for source in ("confirmed", "checkbox"):
        text = f"{columns}\nu1,ada@example.org,,newsletter,{source},2026,{later},Yes,click 17\n"
        await imported_text(world, text)
        assert "newsletter" in (await standing_of(world, "ada@example.org")).opted_out


async def test_a_later_row_replaces_an_earlier_one(world: World) -> None:
    """Row 5 replaces row 4, and it is reported. Two people with one address stay two."""
    done = await imported(world, table_of("11"))
    assert figures(done) == (3, 0, 0, 0, 1, 0)
    assert [(note.row, note.text) for note in done.notes] == [(5, "replaces row 4, which is about the same person")]
    rows = await world.pool.fetch("SELECT ref, name FROM recipients ORDER BY ref")
    assert [tuple(row) for row in rows] == [("d1", "One"), ("d2", "Two"), ("d3", "Three again")]
    plans = await world.pool.fetch(
        "SELECT attributes ->> 'plan' AS plan FROM recipient_attributes ORDER BY recipient_id"
    )
    assert sorted(row["plan"] for row in plans) == ["basic", "plus", "pro"]


async def test_nobody_under_13_and_nobody_without_an_address_gets_mail(world: World) -> None:
    """A child is known as one. Somebody without an address is known, and has a postal address for letters."""
    await imported(world, table_of("03"))
    await imported(world, table_of("12"))
    assert (await standing_of(world, "kid@example.com")).under_13
    accepted = await world.accept({"refs": ["A-3", "p1"]})
    await world.handover().hand_over_batches(accepted.batches)
    states = await world.states(accepted.mailing_id)
    assert states["A-3"] == ("suppressed", "under_13")
    assert states["p1"][0] == "suppressed"
    lines = await world.pool.fetchval(
        "SELECT lines FROM postal_addresses WHERE recipient_id = $1", await world.id_of("p1")
    )
    assert lines == ["Heidestr. 17", "51147 Köln", "Deutschland"]
    reasons = [entry["reason"] for entry in await world.entries(kind="action")]
    assert (reasons.count("under_13"), reasons.count("postal_address")) == (1, 3)


async def test_an_address_that_is_not_in_the_file_stays(world: World) -> None:
    """A file without addresses takes nobody's address away, and brings the rest."""
    await imported_text(world, "ref,email,name\nu1,ada@example.org,Ada\n")
    done = await imported_text(world, "customer,name,street,city\nu1,Ada L.,1 Mill Lane,Ely\n")
    assert (done.new, done.changed) == (0, 1)
    row = await world.pool.fetchrow("SELECT email, name FROM recipients WHERE ref = 'u1'")
    assert tuple(row or ()) == ("ada@example.org", "Ada L.")


async def test_people_without_a_ref_are_found_by_their_address(world: World) -> None:
    """Whoever has the address already is meant. Somebody new gets a ref that does not tell the address."""
    await imported_text(world, "ref,email\nuser-17,ada@example.org\n")
    done = await imported_text(world, "Mail;Listen\nADA@EXAMPLE.ORG;vip\nbob@example.org;vip\n")
    assert (done.new, done.changed) == (1, 1)
    refs = [row["ref"] for row in await world.pool.fetch("SELECT ref FROM recipients ORDER BY id")]
    assert refs[0] == "user-17"
    assert refs[1] == world.hasher.ref_of_address(BRAND, "bob@example.org")
    assert "bob" not in refs[1]
    members = await world.pool.fetch("SELECT recipient_id FROM audience_members WHERE audience = 'vip'")
    assert len(members) == 2


async def test_lists_alone_join_people(world: World) -> None:
    """A file of refs and lists changes nothing but the lists."""
    await imported_text(world, "ref,email,name\nu1,ada@example.org,Ada\n")
    before = dict(await world.pool.fetchrow("SELECT * FROM recipients") or {})
    done = await imported_text(world, "ref,audiences\nu1,spring;vip\n")
    assert (done.new, done.changed) == (0, 1)
    after = dict(await world.pool.fetchrow("SELECT * FROM recipients") or {})
    assert {key: value for key, value in after.items() if key != "observed_at"} == {
        key: value for key, value in before.items() if key != "observed_at"
    }
    rows = await world.pool.fetch("SELECT audience FROM audience_members ORDER BY 1")
    assert [row["audience"] for row in rows] == ["spring", "vip"]


async def attributes_of(world: World, ref: str) -> Any:
    """The attributes of somebody; None if there are none."""
    return await world.pool.fetchval(
        "SELECT attributes FROM recipient_attributes a JOIN recipients r ON r.id = a.recipient_id WHERE r.ref = $1", ref
    )


async def test_attributes_are_merged_by_name_and_the_newer_wins(world: World) -> None:
    """A file that names one attribute leaves the others. An older file does not overwrite a newer value."""
    now = datetime.now(UTC)
    await imported_text(world, "ref,email,plan,points\nu1,a@example.org,basic,3\n", said_at=now - timedelta(days=5))
    await imported_text(world, "ref,email,plan\nu1,a@example.org,pro\n", said_at=now - timedelta(days=1))
    assert await attributes_of(world, "u1") == {"plan": "pro", "points": 3}
    await imported_text(world, "ref,email,plan,points\nu1,a@example.org,old,4\n", said_at=now - timedelta(days=3))
    assert await attributes_of(world, "u1") == {"plan": "pro", "points": 4}


async def test_values_that_nobody_says_again_are_deleted(world: World) -> None:
    """Each value has its own time. The timekeeper deletes old ones, and those that the policy dropped."""
    now = datetime.now(UTC)
    await imported_text(world, "ref,email,plan,points\nu1,a@example.org,pro,3\n", said_at=now - timedelta(days=40))
    await imported_text(world, "ref,email,points,Vorname\nu1,a@example.org,4,Ada\n")
    await imported_text(world, "ref,email,plan\nu2,b@example.org,pro\n")
    kept: dict[str, int | None] = {"plan": 30, "points": 30, "first_name": None}
    after = await delete_expired_attribute_values(world.pool, {BRAND: kept}, 0, 1)
    assert after == await world.id_of("u1")
    assert await attributes_of(world, "u1") == {"points": 4, "first_name": "Ada"}
    assert await delete_expired_attribute_values(world.pool, {BRAND: {"points": 30}}, after, 10) > after
    assert await attributes_of(world, "u2") == {}
    assert await delete_expired_attribute_values(world.pool, {BRAND: kept}, await world.id_of("u2"), 10) == 0


async def test_a_file_from_before_an_erasure_brings_nobody_back(world: World) -> None:
    """Neither the person nor attributes, a postal address or lists of theirs are there afterwards."""
    text = (
        "Kundennr;E-Mail;Vorname;Straße;PLZ;Ort;Plan\nu1;ada@example.org;Xarbash;Gasse 1;10115;Berlin;pro\n"
        "u2;;Xarbash;Gasse 1;10115;Berlin;pro\n"
    )
    uploaded = datetime.now(UTC)
    await imported_text(world, text, said_at=uploaded)
    for ref in ("u1", "u2"):
        await erase_recipient(world.rights, POLICY, await world.id_of(ref), "letter")
    done = await imported_text(world, text, said_at=uploaded)
    assert (done.new, done.changed) == (0, 0)
    for table in ("recipients", "recipient_attributes", "postal_addresses"):
        rows = await world.pool.fetch(f"SELECT * FROM {table}")  # noqa: S608
        assert not any("Xarbash" in repr(row) or "Gasse" in repr(row) or "ada@" in repr(row) for row in rows), table
    assert await world.pool.fetchval("SELECT count(*) FROM postal_addresses") == 0


async def test_too_many_attributes_stop_nobody_else(world: World) -> None:
    """Values that would make a person's attributes too large are left as they were, and the other rows are taken."""
    await world.known(1)
    full = RecipientImportRow(
        Person(ref="user-1", email="user-1@people.example"), attributes={f"text_{n}": "x" * 500 for n in range(40)}
    )
    small = RecipientImportRow(PersonWithoutEmail(ref="user-2"), attributes={"plan": "pro"})
    await world.importer().import_rows_in_one_transaction([small, full])
    assert await attributes_of(world, "user-2") == {"plan": "pro"}


async def test_a_row_for_each_chunk_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person in two chunks of a file is counted once, and the later row wins."""
    monkeypatch.setattr("mailer.actions.recipient_import.CHUNK", 1)
    done = await imported(world, table_of("11"))
    assert figures(done) == (3, 0, 0, 0, 1, 0)
    assert await world.pool.fetchval("SELECT name FROM recipients WHERE ref = 'd3'") == "Three again"
