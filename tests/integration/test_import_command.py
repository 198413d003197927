"""`mailer recipients import` with exports of other systems: questions, mappings, dry runs and refused rows."""

import json
import shutil

from tests.import_files import FOLDER
from tests.processes import Stack

IMPORT = ("recipients", "import")
AT = ("--brand", "interpals")


async def test_an_open_question_is_answered_by_an_option_or_a_mapping(small_stack: Stack) -> None:
    """Without an answer nothing is imported. A dry run writes nothing. A printed mapping can be changed and used."""
    file = "09-ambiguous-dates.csv"
    shutil.copy(FOLDER / file, small_stack.folder / file)
    asked = await small_stack.run(*IMPORT, file, *AT)
    assert asked.status == 2
    assert "the dates of 'joined': 03/04/2024 can be read with the day or the month first; say which" in asked.err
    dry = await small_stack.done(*IMPORT, file, *AT, "--dates", "month-first", "--dry-run", "--json")
    assert (dry.json["new"], dry.json["dry_run"], dry.json["encoding"]) == (3, True, "UTF-8")
    assert await small_stack.value("SELECT count(*) FROM recipients") == 0
    mapping = (await small_stack.done(*IMPORT, file, *AT, "--print-map")).json
    [joined] = [column for column in mapping["columns"] if column["heading"] == "joined"]
    joined["date_order"] = "day_first"
    (small_stack.folder / "map.json").write_text(json.dumps(mapping))
    done = await small_stack.done(*IMPORT, file, *AT, "--map", "map.json", "--source", "sign-up", "--list", "spring")
    assert done.out.startswith("Took 3 people: 3 new, 0 changed, 0 unchanged; 0 of them opted out.\n")
    first = await small_stack.value("SELECT min(collected_at)::date::text FROM recipients WHERE source = 'sign-up'")
    assert first == "2024-04-03"
    assert await small_stack.value("SELECT count(*) FROM audience_members WHERE audience = 'spring'") == 3


async def test_refused_rows_come_back_as_a_file(small_stack: Stack) -> None:
    """The file of refused rows can be mended and imported. A file of which nobody is taken ends with status 1."""
    file = "01-excel-german.csv"
    shutil.copy(FOLDER / file, small_stack.folder / file)
    done = await small_stack.done(*IMPORT, file, *AT, "--bad-values", "refuse")
    assert "Took 4 people" in done.out
    assert "row 5 refused: email: not an e-mail address" in done.out
    assert "row 6 refused: collected_at: is no date of the calendar" in done.out
    rejected = small_stack.folder / "01-excel-german.rejected.csv"
    text = rejected.read_text("utf-8-sig")
    assert text.startswith("Kundennr;E-Mail;Vorname;Nachname;Land;Sprache;Kunde seit;Abo;letzte Bestellung;row;reason")
    same = await small_stack.run(
        *IMPORT, rejected.name, *AT, "--bad-values", "refuse", "--dates", "day-first", "--json"
    )
    assert (same.status, same.json["taken"], same.json["rejected"]) == (1, 0, 2)
    assert "nobody was taken; 2 rows were refused" in same.err
    rejected.write_text(
        text.replace("kein-at-zeichen.example", "ute@example.de").replace("31.02", "28.02"), "utf-8-sig"
    )
    mended = await small_stack.done(*IMPORT, rejected.name, *AT, "--dates", "day-first", "--json")
    assert (mended.json["new"], mended.json["rejected"], mended.json["rejected_file"]) == (2, 0, None)


async def test_a_wrong_file_or_mapping_is_refused_in_words(small_stack: Stack) -> None:
    """A workbook, a file of another preset, and a mapping that is none end with status 2 and say what to do."""
    (small_stack.folder / "people.xlsx").write_bytes(b"PK\x03\x04" + b"x" * 100)
    (small_stack.folder / "people.csv").write_text("email,name\na@example.org,A\n")
    (small_stack.folder / "map.json").write_text('{"columns": [{"heading": "email", "field": "shoe"}]}')
    for arguments, reason in (
        (("people.xlsx",), "is a spreadsheet; save it as CSV"),
        (("people.csv", "--map", "brevo"), "is no export of brevo"),
        (("people.csv", "--map", "map.json"), "is no mapping: columns.0.field"),
        (("people.csv", "--map", "nowhere.json"), "is no preset (mailchimp, brevo, listmonk), and no file"),
        (("people.csv", "--source", "moon"), "there is no 'moon'"),
        (("people.csv", "--list", "No List"), "audiences.0"),
    ):
        done = await small_stack.run(*IMPORT, *arguments, *AT)
        assert (done.status, reason in done.err) == (2, True), done.err
