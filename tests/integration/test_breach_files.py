"""Files of people for breach cases: who is known, who becomes known for the case alone, and what comes back."""

import pytest

from mailer.ports.breach_files import MAX_BREACH_FILE_OCTETS, BreachFileRefused, FileProgress
from mailer.postgres.audiences import audience_query
from mailer.postgres.breach_file_queue import PostgresBreachChunk
from tests.breach_checks import BreachChecks, phase_draft
from tests.factories import BRAND, World


@pytest.fixture
def checks(world: World) -> BreachChecks:
    """The checks of the test's world."""
    return BreachChecks(world)


async def people_of(world: World, file_id: object) -> set[str]:
    """The refs of the people whom a file names."""
    rows = await world.pool.fetch(
        "SELECT r.ref FROM breach_file_people f JOIN recipients r ON r.id = f.recipient_id WHERE f.file_id = $1",
        file_id,
    )
    return {row["ref"] for row in rows}


async def test_rows_find_people_by_ref_or_by_address(checks: BreachChecks, world: World) -> None:
    """Any spelling of headings and addresses; all accounts of an address; a repeated row counts as such."""
    await world.known(1)
    await world.known(2, 3, email="Same@People.example")
    case = await checks.new_case()
    content = "Kundennummer;E-Mail;Land\r\nuser-1;;DE\r\n;same@people.example;US\r\nuser-2;;\r\n"
    file = await checks.read(await checks.upload(case, content.encode("cp1252")))
    assert (file.state, file.problem) == ("done", "")
    assert file.counts == {"known": 2, "case_only": 0, "duplicate": 1, "people": 3, "nobody": 0, "refused": 0}
    assert await people_of(world, file.id) == {"user-1", "user-2", "user-3"}


async def test_who_is_unknown_is_known_for_this_case_alone(checks: BreachChecks, world: World) -> None:
    """An address and a postal address become recipients who get breach notices, and belong to no other audience."""
    await world.known(1)
    case = await checks.new_case()
    content = (
        "email,name,street,postcode,city,country\n"
        "new@people.example,Nova,,,,DE\n"
        ",Post Only,Weg 1,10115,Berlin,Germany\n"
    )
    file = await checks.read(await checks.upload(case, content))
    assert (file.counts["case_only"], file.counts["people"]) == (2, 2)
    await checks.save(case, phase_draft(audience={"source": "file", "file": file.id}))
    manifest = await checks.check(case)
    assert sorted((await checks.lines(manifest.id)).values()) == [("letter", "no_address"), ("mail", "mail")]
    assert {place for _, _, place in (await checks.texts(manifest.id)).values()} == {"DE"}
    everyone = await checks.check(await checks.new_case())
    assert set(await checks.lines(everyone.id)) == {"user-1"}, "they belong to their case alone"
    async with world.pool.acquire() as connection:
        query, parameters = await audience_query(connection, BRAND, "everyone")
        assert [row[0] for row in await connection.fetch(query, *parameters)] == [await world.id_of("user-1")]
    rows = await world.pool.fetch(
        "SELECT s.deactivated_at, s.restricted_at FROM breach_only_people b JOIN standings s USING (recipient_id)"
    )
    assert all(row["deactivated_at"] and row["restricted_at"] for row in rows)
    assert len(rows) == 2


async def test_a_file_of_another_case_knows_its_own_people(checks: BreachChecks, world: World) -> None:
    """The same stranger in two cases is two recipients, so that each case ends with its own."""
    content = "email\nnew@people.example\n"
    first = await checks.read(await checks.upload(await checks.new_case(), content))
    again = await checks.read(await checks.upload(await checks.new_case(), content))
    assert (first.counts["case_only"], again.counts["case_only"]) == (1, 1)
    assert await world.pool.fetchval("SELECT count(*) FROM breach_only_people") == 2


async def test_a_sign_up_after_the_case_is_a_new_account(checks: BreachChecks, world: World) -> None:
    """Silence of a file about somebody takes nothing away from an account that they open later."""
    await checks.read(await checks.upload(await checks.new_case(), "email\nuser-1@people.example\n"))
    await world.known(1, email="user-1@people.example", source="sign-up", policy_version="2006")
    standings = await world.pool.fetch(
        "SELECT source, collected_under, deactivated_at, opted_out FROM standings WHERE recipient_id = $1",
        await world.id_of("user-1"),
    )
    assert [tuple(row) for row in standings] == [("sign-up", "2006", None, [])]


async def test_a_file_changes_nobodys_own_data_but_adds_a_postal_address(checks: BreachChecks, world: World) -> None:
    """Name and address stay as the application has them. The place of the file counts where it is more exact."""
    await world.known(1, name="Ada")
    content = "ref,email,name,country,state,street,zip,city\nuser-1,other@people.example,Eve,US,ca,Elm 1,90001,LA\n"
    case = await checks.new_case(phase_draft({"us-ca": ["US-CA"]}))
    file = await checks.read(await checks.upload(case, content))
    rows = await world.pool.fetch("SELECT email, name, country FROM recipients WHERE ref = 'user-1'")
    assert [tuple(row) for row in rows] == [("user-1@people.example", "Ada", "US")]
    assert await world.pool.fetchval("SELECT lines FROM postal_addresses") == ["Elm 1", "LA, ca 90001", "US"]
    await checks.save(case, phase_draft({"us-ca": ["US-CA"]}, audience={"source": "file", "file": file.id}))
    manifest = await checks.check(case)
    assert (await checks.texts(manifest.id))["user-1"] == ("us-ca", "en", "US-CA")


async def test_erased_people_are_told_and_not_revived(checks: BreachChecks, world: World) -> None:
    """A breach may concern data from before an erasure: the notice goes out, and the erased account stays empty."""
    await world.known(1)
    erased = await world.id_of("user-1")
    await checks.erase("user-1")
    case = await checks.new_case()
    file = await checks.read(await checks.upload(case, "ref,email,country\nuser-1,user-1@people.example,DE\n"))
    assert file.counts["case_only"] == 1
    assert await world.pool.fetchval("SELECT email FROM recipients WHERE id = $1", erased) is None
    await checks.save(case, phase_draft(audience={"source": "file", "file": file.id}))
    assert list((await checks.lines((await checks.check(case)).id)).values()) == [("mail", "mail")]
    only = await checks.read(await checks.upload(case, "ref\nuser-1\n"))
    await checks.save(case, phase_draft(audience={"source": "file", "file": only.id}))
    assert list((await checks.lines((await checks.check(case)).id)).values()) == [("none", "erased")]


async def test_rows_that_match_nobody_come_back(checks: BreachChecks, world: World) -> None:
    """None is dropped silently: a reference that nobody has, a bad address, a row about nobody; each has its reason."""
    await world.known(1)
    content = "ref,email,country\nuser-1,,DE\nghost,,DE\n,no address,DE\n,,DE\nuser-1,,Atlantis\n"
    file = await checks.read(await checks.upload(await checks.new_case(), content))
    assert file.counts == {"known": 1, "case_only": 0, "duplicate": 1, "people": 1, "nobody": 1, "refused": 2}
    refused = (await checks.refused(file.id)).splitlines()
    assert refused[0] == "ref,email,country,row,reason"
    assert [line.split(",")[3] for line in refused[1:]] == ["3", "4", "5"]
    assert "nobody has this reference" in refused[1]
    assert any(number == 6 and "country" in reason and not bad for number, bad, reason in file.reasons)
    entries = await world.pool.fetch("SELECT reason FROM ledger WHERE reason LIKE 'breach_file%'")
    assert {row["reason"] for row in entries} == {
        "breach_file_uploaded",
        "breach_file_read",
        "breach_file_refused_rows_read",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x00\x01\x02\x03" * 40, ""),
        (b"colour,size\nred,1\n", "no heading that says who somebody is"),
        (b"email,E-Mail\na@b.example,c@d.example\n", "two columns for email"),
        (b'email\n"a@b.example\n', "quote"),
        (b"PK\x03\x04" + b"\x00" * 200, ""),
        (b"\n\n\n", ""),
    ],
)
async def test_what_is_no_file_of_people_fails_with_a_reason(checks: BreachChecks, content: bytes, words: str) -> None:
    """A picture, a workbook, and a table about something else end with words, and no person."""
    file = await checks.read(await checks.upload(await checks.new_case(), content))
    assert file.state == "failed"
    assert file.problem
    assert words in file.problem
    assert not file.counts.get("people")


async def test_uploads_have_limits(checks: BreachChecks) -> None:
    """A file that is too large is refused before it is stored, and a closed case takes none."""
    case = await checks.new_case()
    with pytest.raises(BreachFileRefused, match="split it"):
        await checks.files.add_file(case.id, "x.csv", b"", MAX_BREACH_FILE_OCTETS + 1, [])
    await checks.cases.decide_state(case.id, "closed", "over", "person:Ann")
    with pytest.raises(BreachFileRefused, match="not open"):
        await checks.upload(case, "email\na@b.example\n")


async def test_a_hundred_thousand_rows_are_read(checks: BreachChecks, world: World) -> None:
    """References and addresses, many times 10,000, with those that nobody has."""
    await world.known(1, 2, 3)
    rows = "".join(f",stranger{n}@people.example,DE\n" for n in range(2_000))
    known = "".join(f"user-{n % 3 + 1},,DE\n" for n in range(97_990))
    ghosts = "".join(f"ghost-{n},,DE\n" for n in range(10))
    file = await checks.read(await checks.upload(await checks.new_case(), f"ref,email,country\n{known}{rows}{ghosts}"))
    assert (file.state, file.rows_done) == ("done", 100_000), file.problem
    assert file.counts == {
        "known": 3,
        "case_only": 2_000,
        "duplicate": 97_987,
        "people": 2_003,
        "nobody": 10,
        "refused": 0,
    }


async def test_a_reader_that_dies_leaves_whole_chunks(
    checks: BreachChecks, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process goes on after the last chunk that was stored, and each row is counted once."""
    monkeypatch.setattr("mailer.pipeline.breach_file_reading.CHUNK", 10)
    content = "email\n" + "".join(f"p{n}@people.example\n" for n in range(35))
    file_id = await checks.upload(await checks.new_case(), content)
    stored = 0
    real = PostgresBreachChunk.finish

    async def dies_in_third_chunk(self: PostgresBreachChunk, progress: FileProgress) -> None:
        nonlocal stored
        stored += 1
        await real(self, progress)
        if stored == 3:
            raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(PostgresBreachChunk, "finish", dies_in_third_chunk)
        with pytest.raises(ConnectionResetError):
            await checks.read(file_id)
    halfway = await checks.file(file_id)
    assert (halfway.state, halfway.rows_done) == ("running", 20)
    done = await checks.read(file_id)
    assert (done.state, done.rows_done, done.counts["people"]) == ("done", 35, 35)
    assert await world.pool.fetchval("SELECT count(*) FROM breach_file_people WHERE file_id = $1", file_id) == 35


async def test_nothing_of_a_case_keeps_who_was_erased(checks: BreachChecks, world: World) -> None:
    """Place and language that a file said go at the erasure; the number goes when the record of the erasure ends."""
    case = await checks.new_case()
    file = await checks.read(await checks.upload(case, "email,country,language\nnew@people.example,DE,de\n"))
    [ref] = await people_of(world, file.id)
    await checks.erase(ref)
    said = await world.pool.fetch("SELECT place, locale FROM breach_file_people")
    assert [tuple(row) for row in said] == [("", None)]
    await world.pool.execute("UPDATE stubs SET expires_at = now()")
    await world.timekeeper().run_all_steps_once()
    for table in ("stubs", "breach_file_people", "breach_only_people", "recipients"):
        assert await world.pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608 - of the tests
