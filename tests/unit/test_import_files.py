"""Exports as people have them: the twelve cases, and others of their kinds."""

import csv
from datetime import UTC, date, datetime
from io import StringIO

import pytest

from mailer.actions.csv_reading import CsvUnreadableFromLine, InputRefused
from mailer.actions.importing.column_mapping import BadValue, ColumnMapping, ImportedConsent
from mailer.actions.importing.formula_cells import make_cell_harmless, undo_harmless_cell
from mailer.actions.importing.import_fields import ImportField
from mailer.actions.importing.local_dates import DateOrder, evidence_of_values, parse_local_date, parse_local_moment
from mailer.actions.importing.mapping_proposal import propose_mapping
from mailer.actions.importing.place_names import country_of_text, locale_of_text
from mailer.actions.importing.refused_rows import RefusedRowsWriter
from mailer.actions.importing.row_parsing import ImportedRow, MappingIncomplete, RefusedRow, parse_rows
from mailer.actions.importing.seen_people import SeenPeople
from mailer.actions.importing.table_reading import MAX_COLUMNS, open_table, read_table
from mailer.actions.recipient_import import refusal_of_other_controllers_import
from mailer.ports.consents import CONFIRMED
from mailer.ports.recipient_import import RecipientImportRow
from tests.import_files import FOLDER, parsed, parsed_text, policy_with_attributes, table_of

TAKEN = {"01": 5, "02": 3, "03": 3, "04": 2, "05": 2, "06": 3, "07": 2, "08": 3, "09": 3, "10": 3, "11": 4, "12": 3}
"""The rows that each file has to give, once its questions are answered."""
REFUSED = {"01": [(5, "email: not an e-mail address")], "10": [(5, "collected_at: is no date of the calendar")]}


def people(rows: list[ImportedRow]) -> dict[str, RecipientImportRow]:
    """The rows by the name of their person."""
    return {row.row.person.name or "": row.row for row in rows}


@pytest.mark.parametrize("name", TAKEN)
def test_each_file_gives_its_people(name: str) -> None:
    """Each of the twelve files gives the people that it has, and refuses rows by the number of the spreadsheet."""
    taken, refused = parsed(table_of(name))
    assert len(taken) == TAKEN[name]
    found = [(row.number, row.reason) for row in refused]
    assert [number for number, _ in found] == [number for number, _ in REFUSED.get(name, [])]
    for (_, reason), (_, begin) in zip(found, REFUSED.get(name, []), strict=True):
        assert reason.startswith(begin)


def test_german_excel() -> None:
    """Names of countries and languages, local dates, spaces around an address, an IDN and attributes are read."""
    table = table_of("01")
    assert (table.encoding, table.delimiter) == ("Windows-1252", ";")
    taken, _ = parsed(table)
    found = people(taken)
    assert found["Jürgen Groß"].person.model_dump(include={"ref", "email", "country", "locale"}) == {
        "ref": "1002",
        "email": "juergen@bücher.example",
        "country": "AT",
        "locale": "de",
    }
    assert found["Petra Weiß"].person.email == "petra@example.de"
    assert found["Anna Müller"].attributes == {"first_name": "Anna", "abo": "Plus", "letzte_bestellung": "2026-10-03"}
    assert found["Sven Åkesson"].person.country == "SE"
    [noted] = [row for row in taken if row.notes]
    assert (noted.number, noted.notes) == (6, ("Kunde seit: is no date of the calendar; taken without it",))


def test_a_bad_value_refuses_its_row_if_so_chosen() -> None:
    """31.02.2022 costs the row where the mapping says so."""
    table = table_of("01")
    mapping = propose_mapping(table, policy_with_attributes()).with_bad_values(BadValue.REFUSE)
    taken, refused = parsed(table, mapping)
    assert (len(taken), [row.number for row in refused]) == (4, [5, 6])


def test_french_and_codes() -> None:
    """A comma in a quoted name stays; countries and languages are known by names of several languages and by codes."""
    found = people(parsed(table_of("02"))[0])
    assert [(row.person.country, row.person.locale) for row in found.values()] == [
        ("FR", "fr"),
        ("FR", "fr"),
        ("BE", "fr-BE"),
    ]
    assert "Dupont, Jean-Marc" in found


def test_a_child_by_the_birthday() -> None:
    """A child is known as one. The day of birth is kept nowhere."""
    taken, _ = parsed(table_of("03"))
    assert [(row.row.person.country, row.row.under_13) for row in taken] == [("JP", False), ("EG", False), ("US", True)]
    assert taken[2].row.attributes == {}


@pytest.mark.parametrize(
    ("born", "is_child"), [("2013-12-01", True), ("2013-11-30", False), ("2013-11-29", False), ("00.00.0000", False)]
)
def test_the_thirteenth_birthday(born: str, is_child: bool) -> None:
    """Somebody is a child until the day before the thirteenth birthday."""
    table = read_table(f"Email,Birthday\na@example.org,{born}\n".encode())
    policy = policy_with_attributes()
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    [row] = parse_rows(table, propose_mapping(table, policy), policy, now=now)
    assert isinstance(row, ImportedRow)
    assert row.row.under_13 is is_child


@pytest.mark.parametrize("born", ["soon", "1.1.0001", "31.02.2010", "2199-01-01", "07/15"])
def test_a_birthday_that_cannot_be_read_refuses_its_row(born: str) -> None:
    """Nobody is taken as grown up because a day of birth cannot be read."""
    _, refused = parsed_text(f"Email,Geburtstag\na@example.org,{born}\nb@example.org,24.12.1980\n")
    assert [row.number for row in refused] == [2]
    assert refused[0].reason.startswith("birthday: ")


def test_mailchimp() -> None:
    """Times of consent, tags and the country are taken; addresses of machines and places are not."""
    table = table_of("04")
    policy = policy_with_attributes()
    mapping = propose_mapping(table, policy)
    assert mapping.preset == "mailchimp"
    left = {column.heading for column in mapping.columns if not column.field and not column.attribute}
    assert {"OPTIN_IP", "CONFIRM_IP", "LATITUDE", "LONGITUDE", "REGION"} <= left
    words = ImportedConsent(scopes=("newsletter",), words="Yes, send me the newsletter.", version="form 2021")
    rows = parse_rows(table, mapping.model_copy(update={"consent": words}), policy)
    ada, grace = (row.row for row in rows if isinstance(row, ImportedRow))
    assert (ada.person.country, ada.audiences, ada.is_ref_from_email) == ("GB", ("vip", "london"), True)
    [confirmed], [given] = ada.consents, grace.consents
    assert (confirmed.source, confirmed.at) == (CONFIRMED, datetime(2023, 2, 1, 10, 15, tzinfo=UTC))
    assert confirmed.proof == "export:mailchimp at 2023-02-01T10:15:00+00:00"
    assert (given.source, given.at, given.proof) == ("form", datetime(2022, 12, 24, 8, tzinfo=UTC), None)
    assert "203.0.113" not in repr((ada, grace))
    assert "51.5" not in repr((ada, grace))


def test_a_time_of_consent_alone_is_no_consent() -> None:
    """Without the words that were shown, nothing is recorded as a consent."""
    taken, _ = parsed(table_of("04"))
    assert [row.row.consents for row in taken] == [(), ()]


def test_a_consent_that_is_not_confirmed_is_left_out_where_the_policy_wants_it_confirmed() -> None:
    """The person is taken without the consent, and it is reported."""
    table = table_of("04")
    policy = policy_with_attributes("paltalk-2006")
    words = ImportedConsent(scopes=("newsletter",), words="Yes, send me the newsletter.", version="form 2021")
    mapping = propose_mapping(table, policy).model_copy(update={"consent": words})
    ada, grace = (row for row in parse_rows(table, mapping, policy) if isinstance(row, ImportedRow))
    assert len(ada.row.consents) == 1
    assert (grace.row.consents, len(grace.notes)) == ((), 1)
    assert "confirmed subscriptions" in grace.notes[0]


def test_opt_outs_of_exports() -> None:
    """Mailchimp's time, Brevo's yes and listmonk's status are opt-outs of everything optional."""
    assert [row.row.opted_out for row in parsed(table_of("05"))[0]] == [("*",), ("*",)]
    assert [row.row.opted_out for row in parsed(table_of("06"))[0]] == [(), ("*",), ()]
    assert [row.row.opted_out for row in parsed(table_of("07"))[0]] == [(), ("*",)]
    assert [row.row.opted_out for row in parsed(table_of("10"), dates=DateOrder.MONTH_FIRST)[0]] == [(), (), ("*",)]


def test_brevo_asks_and_knows_people_without_an_address() -> None:
    """The key is that of the brand. Somebody without an address is known."""
    table = table_of("06")
    mapping = propose_mapping(table, policy_with_attributes())
    assert [column.heading for column in mapping.open_questions] == ["ADDED_TIME"]
    rita = people(parsed(table)[0])["Rita Ohnemail"]
    assert (rita.person.ref, rita.person.email) == ("u-79", None)
    assert rita.person.collected_at == datetime(2023, 11, 7, tzinfo=UTC)


def test_listmonk_attributes_are_those_that_the_policy_declares() -> None:
    """A name that the policy does not declare is left out, and it is reported."""
    lee = parsed(table_of("07"))[0][0]
    assert lee.row.attributes == {"plan": "pro"}
    assert lee.notes == ("attributes: the policy declares no attribute city; taken without it",)


def test_line_breaks_in_names_become_spaces() -> None:
    """The numbers of the rows below are those of a spreadsheet."""
    taken, _ = parsed(table_of("08"))
    assert [(row.number, row.row.person.name) for row in taken] == [(2, "First Person"), (3, "Second"), (4, "Third")]


def test_the_order_of_dates_is_asked_and_never_guessed() -> None:
    """Nothing is imported before somebody has said whether the day or the month stands first."""
    table = table_of("09")
    policy = policy_with_attributes()
    mapping = propose_mapping(table, policy)
    with pytest.raises(MappingIncomplete, match="03/04/2024 can be read with the day or the month first"):
        parse_rows(table, mapping, policy)
    for order, month in ((DateOrder.DAY_FIRST, 4), (DateOrder.MONTH_FIRST, 3)):
        first = parsed(table, dates=order)[0][0].row.person.collected_at
        assert first is not None
        assert first.month == month


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["03/04/2024", "12/31/2023"], DateOrder.MONTH_FIRST),
        (["03.04.2024", "31.12.2023"], DateOrder.DAY_FIRST),
        (["03.04.2024", "05.06.2023"], DateOrder.ASK),
        (["13/01/2024", "01/13/2024"], DateOrder.ASK),
        (["2024-03-04", "2024/12/31", "3. März 2024"], DateOrder.YEAR_FIRST),
        (["04/04/2024"], DateOrder.YEAR_FIRST),
        (["", "unknown"], DateOrder.YEAR_FIRST),
        (["2024-03-04", "03/04/2024"], DateOrder.ASK),
    ],
)
def test_the_order_that_values_prove(values: list[str], order: DateOrder) -> None:
    """A value above 12 proves the order. Contradictions and values that fit both are asked about."""
    assert evidence_of_values(values).order is order


@pytest.mark.parametrize(
    ("text", "order", "found"),
    [
        ("17.04.2019", DateOrder.DAY_FIRST, date(2019, 4, 17)),
        ("04-17-2019", DateOrder.MONTH_FIRST, date(2019, 4, 17)),
        ("1990/07/15", DateOrder.MONTH_FIRST, date(1990, 7, 15)),
        ("3 avril 2024", DateOrder.YEAR_FIRST, date(2024, 4, 3)),
        ("April 3rd, 2024", DateOrder.YEAR_FIRST, date(2024, 4, 3)),
        ("3 de abril de 2024", DateOrder.YEAR_FIRST, date(2024, 4, 3)),
        ("2024年4月3日", DateOrder.YEAR_FIRST, date(2024, 4, 3)),
        ("12-Apr-2024 09:30", DateOrder.YEAR_FIRST, date(2024, 4, 12)),
        ("0000-00-00 00:00:00", DateOrder.YEAR_FIRST, None),
        *((text, DateOrder.DAY_FIRST, "is no") for text in ("30.02.2024", "31/04/2024", "45385", "2024", "tomorrow")),
        *((text, DateOrder.DAY_FIRST, "is not between") for text in ("01.01.0001", "0001-01-01", "01.01.9999")),
        ("03/04/24", DateOrder.DAY_FIRST, "has a year without four digits"),
        ("03/04/2024", DateOrder.YEAR_FIRST, "is no date"),
    ],
)
def test_local_dates(text: str, order: DateOrder, found: date | str | None) -> None:
    """Dates are read as people write them, or refused with the reason."""
    if isinstance(found, str):
        with pytest.raises(ValueError, match=found):
            parse_local_date(text, order)
    else:
        assert parse_local_date(text, order) == found


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024-04-03 10:11:12", 10),
        ("3.4.2024 22:15", 22),
        ("3/4/2024 10:15 PM", 22),
        ("3/4/2024 12:15 AM", 0),
        ("2024-04-03T10:00:00+02:00", 8),
        ("2024-04-03", 0),
    ],
)
def test_times_of_the_day(text: str, hour: int) -> None:
    """A time without a zone is in UTC."""
    found = parse_local_moment(text, DateOrder.DAY_FIRST)
    assert found is not None
    assert (found.day, found.hour, found.tzinfo) == (3, hour, UTC)


@pytest.mark.parametrize("text", ["2024-04-03 25:00", "2024-04-03 10:61", "2024-04-03 13:00 PM"])
def test_times_that_are_none(text: str) -> None:
    """A time of the day that no clock shows is refused."""
    with pytest.raises(ValueError, match=r"must be in|is none"):
        parse_local_moment(text, DateOrder.DAY_FIRST)


def test_people_without_an_address_have_letters() -> None:
    """The lines stand as the post of the country has them."""
    found = people(parsed(table_of("12"))[0])
    assert found["Erika Mustermann"].postal_lines == ("Heidestr. 17", "51147 Köln", "Deutschland")
    assert found["佐藤 花子"].person.country == "JP"
    assert found["Jane Roe"].postal_lines == ("742 Evergreen Terrace", "Springfield, OR 97403", "USA")
    assert {row.person.email for row in found.values()} == {None}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, "GB") for text in ("UK", "uk", "Großbritannien", "Royaume-Uni", "Reino Unido", "England", "GBR")),
        *((text, "DE") for text in ("Deutschland", "GERMANY", "Allemagne", "Alemania", "Germania", "ドイツ", "de")),
        *((text, "AT") for text in ("Österreich", "Oesterreich", "ÖSTERREICH", "Österreich (AT)")),
        *((text, "US") for text in ("USA", "U.S.A.", "United States of America", "Vereinigte Staaten", "États-Unis")),
        *((text, "BA") for text in ("Bosnia and Herzegovina", "Bosnien und Herzegowina", "Bosnia & Herzegovina")),
        *((text, "JP") for text in ("日本", "Japon", "Japan")),
        ("مصر", "EG"),
        ("Türkei", "TR"),
        ("Côte d'Ivoire", "CI"),
        ("Czech Republic", "CZ"),
        *((text, None) for text in ("Europe", "EU", "Atlantis", "", "-", "Königreich", "xx")),
    ],
)
def test_names_of_countries(text: str, code: str | None) -> None:
    """Countries are known by their codes and by their names in many languages. A union is none."""
    assert country_of_text(text) == code


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        *((text, "de") for text in ("Deutsch", "german", "Allemand", "alemán", "DE")),
        ("français", "fr"),
        ("English (United Kingdom)", "en-GB"),
        ("de_AT", "de-AT"),
        ("日本語", "ja"),
        ("العربية", "ar"),
        ("Brazilian Portuguese", "pt-BR"),
        *((text, None) for text in ("gibberish", "GB", "xx", "")),
    ],
)
def test_names_of_languages(text: str, tag: str | None) -> None:
    """Languages are known by tags and by names."""
    assert locale_of_text(text) == tag


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16 with a byte order mark"),
        ("utf-16-le", "UTF-16 (little-endian)"),
        ("utf-16-be", "UTF-16 (big-endian)"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_separators(codec: str, label: str, delimiter: str, end: str) -> None:
    """Each encoding is read with each separator and each line end, and is named."""
    rows = (("E-Mail", "Name", "Land"), ("a@example.org", "Zoë Müller", "Österreich"), ("b@example.org", "B, C", ""))
    lines = [delimiter.join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    table = read_table((end.join(lines) + end).encode(codec))
    assert (table.encoding, table.delimiter, table.headings) == (label, delimiter, rows[0])
    assert [row.cells for row in table.rows()] == [*rows[1:]]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "cp932", "utf-8"])
def test_japanese_without_a_mark(codec: str) -> None:
    """Kana tell Shift-JIS from Windows-1252, and separators tell UTF-16."""
    text = "メールアドレス,氏名,国\nhanako@example.jp,さとう ハナコ,日本\n"
    [row], _ = parsed_text(text.encode(codec))
    assert (row.row.person.name, row.row.person.country) == ("さとう ハナコ", "JP")


def test_a_file_in_two_encodings() -> None:
    """Only the rows with bytes of another encoding are refused. The others are no mojibake."""
    content = "email,name\na@example.org,Müller\nb@example.org,Größe\n".encode() + "c@example.org,Weiß\n".encode(
        "cp1252"
    )
    taken, [refused] = parsed_text(content)
    assert [row.row.person.name for row in taken] == ["Müller", "Größe"]
    assert (refused.number, refused.reason) == (
        4,
        "has a byte of another encoding than the rest of the file; write it anew",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04" + b"x" * 100, "is a spreadsheet; save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "is a spreadsheet; save it as CSV"),
        (b"\x1f\x8b\x08" + b"x" * 50, "is compressed; unpack it"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"", "is empty"),
        (b"\n\n  \n", "is empty"),
        (bytes(range(256)) * 40, "is no text|cannot be told"),
        (b"\xff\xfea\x00\x00\xd8\n\x00", "has bytes that are none"),
        (b",,,\n1,2,3\n", "has no headings"),
        (",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)).encode(), "at most 300"),
        (b'"email\na@example.org\n', "the header line cannot be read"),
        (b"name,colour\nAda,red\n", "lacks ref and email"),
        (b"email,name,email\na@example.org,A,b@example.org\n", "names email twice"),
        (b"E-Mail,name,e-mail\na@example.org,A,b@example.org\n", "names E-Mail twice"),
    ],
)
def test_files_that_are_refused(content: bytes, reason: str) -> None:
    """A file that is no table of people is refused in words that say what to do."""
    with pytest.raises(InputRefused, match=reason):
        propose_mapping(read_table(content), policy_with_attributes())


def test_headings_alone() -> None:
    """A file without rows has no people."""
    assert parsed_text("email,name\n") == ([], [])


def test_a_cell_of_ten_megabytes() -> None:
    """A huge cell costs its row, the others are taken, and nothing huge is kept."""
    content = f"email,name\na@example.org,A\nb@example.org,{'x' * 10_000_000}\nc@example.org,C\n"
    taken, [refused] = parsed_text(content)
    assert [row.number for row in taken] == [2, 4]
    assert refused.number == 3
    assert sum(map(len, refused.cells)) < 2_000_000


def test_cells_longer_than_a_spreadsheet_has() -> None:
    """A cell of more than 32,767 characters costs its row."""
    _, [refused] = parsed_text(f"email,notes\na@example.org,{'x' * 32_768}\n")
    assert "32,767 characters" in refused.reason


def test_a_quote_that_is_never_closed_names_its_line() -> None:
    """The rows before it are read."""
    table = read_table(b'email,name\na@example.org,A\nb@example.org,"B\nc@example.org,C\n')
    rows = table.rows()
    assert next(rows).number == 2
    with pytest.raises(CsvUnreadableFromLine, match="line 3: a quote is opened in this line"):
        list(rows)


def test_blank_rows_and_spare_separators() -> None:
    """Rows of separators only are no people; a separator too many at the end of a row does no harm."""
    taken, refused = parsed_text("email;name;;\n;;;\na@example.org;A;;\n\n  ; ;;\nb@example.org;B;;;;\nc;C;;;more\n")
    assert [row.number for row in taken] == [3, 6]
    assert [row.number for row in refused] == [7]


def test_the_hint_of_excel() -> None:
    """`sep=;` in the first line is no row of the spreadsheet."""
    taken, _ = parsed_text('sep=|\nE-Mail|Name\na@example.org|"A; B, C"\n')
    assert [(row.number, row.row.person.name) for row in taken] == [(2, "A; B, C")]


@pytest.mark.parametrize(
    "heading",
    [
        *("Mail", "E-Mail", "e-mail address", "E-MAIL-ADRESSE", "Adresse e-mail", "Courriel", "Correo electrónico"),
        *("Indirizzo email", "メールアドレス", "البريد الإلكتروني", " email ", "Kontakt (privat)", "Spalte 1"),
    ],
)
def test_headings_of_addresses(heading: str) -> None:
    """A column of addresses is found by its heading in any language, else by its values."""
    taken, _ = parsed_text(f"{heading};Ort\na@example.org;Köln\nb@example.org;Bonn\n")
    assert [row.row.person.email for row in taken] == ["a@example.org", "b@example.org"]


def test_first_and_last_names() -> None:
    """First and last names make a name, and the first name is kept to greet with."""
    for head in ("Vorname,Nachname", "First Name,Last Name", "Prénom,Nom", "Nombre,Apellidos", "名,姓"):
        [row], _ = parsed_text(f"email,{head}\na@example.org,Ada,Lovelace\n")
        assert (row.row.person.name, row.row.attributes) == ("Ada Lovelace", {"first_name": "Ada"})
    for head in ("Nom", "Nombre", "Nome", "Name", "氏名"):
        [row], _ = parsed_text(f"email,{head}\na@example.org,Ada Lovelace\n")
        assert (row.row.person.name, row.row.attributes) == ("Ada Lovelace", {})


@pytest.mark.parametrize(
    "heading", ["unsubscribed", "Abgemeldet", "désabonné", "Dado de baja", "BLACKLISTED", "opted out"]
)
@pytest.mark.parametrize(
    ("value", "left"),
    [
        *(
            (value, True)
            for value in ("yes", "Ja", "oui", "SÍ", "1", "TRUE", "WAHR", "x", "2024-03-03 12:00:00", "はい")
        ),
        *((value, False) for value in ("no", "Nein", "non", "No", "0", "FALSCH", "", "null", "いいえ", "0000-00-00")),
    ],
)
def test_unsubscribed_in_any_language(heading: str, value: str, left: bool) -> None:
    """Yes and a time are an opt-out of everything optional; no is none."""
    [row], _ = parsed_text(f"email,{heading}\na@example.org,{value}\n")
    assert row.row.opted_out == (("*",) if left else ())


@pytest.mark.parametrize("value", ["perhaps", "vielleicht", "yes and no", "13/13/2024", "y e s ?"])
def test_an_opt_out_that_cannot_be_read_refuses_its_row(value: str) -> None:
    """Nobody is taken without what may have been an opt-out, whatever is chosen for bad values."""
    table = read_table(f"email,unsubscribed\na@example.org,{value}\n".encode())
    policy = policy_with_attributes()
    mapping = propose_mapping(table, policy).with_date_order(DateOrder.DAY_FIRST).with_bad_values(BadValue.LEAVE_OUT)
    [row] = parse_rows(table, mapping, policy)
    assert isinstance(row, RefusedRow)
    assert row.reason.startswith("unsubscribed: ")


def test_subscribed_no_is_an_opt_out_and_yes_is_no_consent() -> None:
    """The opposite column is understood, too."""
    taken, _ = parsed_text("email,Newsletter\na@example.org,ja\nb@example.org,nein\n")
    assert [(row.row.opted_out, row.row.consents) for row in taken] == [((), ()), (("*",), ())]


def test_a_status_that_is_not_about_mail_is_left_out() -> None:
    """A column `Status` of a shop refuses nobody. One that mixes both is asked about."""
    taken, _ = parsed_text("email,Status\na@example.org,Gold\nb@example.org,Silver\n")
    assert [row.row.opted_out for row in taken] == [(), ()]
    with pytest.raises(MappingIncomplete, match="that they get no mail, and of others 'Gold'"):
        parsed_text("email,Status\na@example.org,Gold\nb@example.org,unsubscribed\n")


@pytest.mark.parametrize("heading", ["opted_ot", "unsubscribd", "Blaklisted", "restriced", "birthdy"])
def test_a_misspelled_column_that_keeps_mail_from_people_is_asked_about(heading: str) -> None:
    """A slip of the pen in a heading never loses opt-outs in silence."""
    with pytest.raises(MappingIncomplete, match="which keeps mail from people"):
        parsed_text(f"email,{heading}\na@example.org,yes\n")


def test_numbers_of_other_systems_are_no_refs() -> None:
    """A number of Brevo's is not that of somebody of ours. It counts only if nothing else says who somebody is."""
    for heading in ("CONTACT ID", "id", "uuid"):
        [row], _ = parsed_text(f"{heading},email\n1,a@example.org\n")
        assert row.row.is_ref_from_email
    [row], _ = parsed_text("id,name\n1,Ada\n")
    assert row.row.person.ref == "1"


def test_a_ref_of_an_address_is_one_for_all_its_spellings() -> None:
    """Within a file, two spellings of one mailbox are one person."""
    taken, _ = parsed_text("email\na@Example.org\na@EXAMPLE.ORG\nb@example.org\n")
    refs = [row.row.person.ref for row in taken]
    assert refs[0] == refs[1] != refs[2]
    assert "example" not in refs[0]


def test_attributes_of_all_types() -> None:
    """Numbers with a decimal comma, yes in a language and local dates are stored in one form."""
    head = "E-Mail;Points;Member;letzte Bestellung;Abo;Zeitzone"
    taken, _ = parsed_text(
        f"{head}\na@example.org;1.234,50;ja;24.12.2025;Gold;Europe/Berlin\n"
        "b@example.org;3,5;no;;;\nc@example.org;1,234;perhaps;32.12.2025;;Berlin\n"
    )
    assert taken[0].row.attributes == {
        "points": 1234.5,
        "member": True,
        "letzte_bestellung": "2025-12-24",
        "abo": "Gold",
        "time_zone": "Europe/Berlin",
    }
    assert taken[1].row.attributes == {"points": 3.5, "member": False}
    assert taken[2].row.attributes == {}
    assert len(taken[2].notes) == 4


def test_a_large_attribute_document_is_refused() -> None:
    """JSON that is too large, nested, or none is left out with a note."""
    for cell in ('{""plan"": [1]}', "{", "[]", '{""plan"": ""a"", ""plan"": ""b""}'):
        [row], _ = parsed_text(f'uuid,email,attributes,status\n1,a@example.org,"{cell}",enabled\n')
        assert (row.row.attributes, len(row.notes)) == ({}, 1)


@pytest.mark.parametrize("cell", ["=1+1", "+49 170", "-2", "@SUM(A1)", "\tx", "\rx", "'=1", "\uff1d1", "  =1", "''-x"])
def test_cells_of_refused_rows_begin_no_formula(cell: str) -> None:
    """A cell that a spreadsheet would take for a formula gets an apostrophe, which the next import takes off."""
    harmless = make_cell_harmless(cell)
    assert harmless == f"'{cell}"
    assert undo_harmless_cell(harmless.strip()) == cell
    for plain in ("Ada", "", "a=b", "O'Neill", "'s-Hertogenbosch", "1-2"):
        assert make_cell_harmless(plain) == plain
        assert undo_harmless_cell(plain) == plain


def test_refused_rows_can_be_mended_and_sent_again() -> None:
    """The file of refused rows has the file's own columns and the reasons. Mended, it is an import like the first."""
    head = "E-Mail;=Vorname;notes;notes;Land"
    table = read_table(f'{head}\nbad;+Ada;1;2;Österreich\na@example.org;B;;;\n@x;"C;D";;;\n'.encode("cp1252"))
    _, refused = parsed(table)
    assert [row.number for row in refused] == [2, 4]
    file = StringIO(newline="")
    writer = RefusedRowsWriter(file, table)
    for row in refused:
        writer.write_row(row)
    rows = list(csv.reader(StringIO(file.getvalue(), newline=""), delimiter=";"))
    assert rows[0] == ["E-Mail", "'=Vorname", "notes", "notes (2)", "Land", "row", "reason"]
    assert rows[1][:5] == ["bad", "'+Ada", "1", "2", "Österreich"]
    assert rows[2][0] == "'@x"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    mended = file.getvalue().replace("bad;", "ada@example.org;").replace("'@x;", "c@example.org;")
    again, none = parsed(read_table(mended.encode("utf-8-sig")))
    assert none == []
    assert [(row.row.person.email, row.row.person.country) for row in again] == [
        ("ada@example.org", "AT"),
        ("c@example.org", None),
    ]


def test_all_reasons_of_a_row_at_once() -> None:
    """A row with three faults names three."""
    _, [refused] = parsed_text("E-Mail,unsubscribed,Geburtstag\nnobody,maybe,soon\n")
    assert [reason.partition(":")[0] for reason in refused.reasons] == ["unsubscribed", "birthday", "email"]


def test_a_mapping_that_does_not_fit_is_refused() -> None:
    """A mapping names columns and attributes that exist, each field once, and says who people are."""
    table, policy = read_table(b"a,b\n1,2\n"), policy_with_attributes()
    column = {"heading": "a", "field": "ref"}
    for columns, reason in (
        ([{"heading": "z", "field": "ref"}], "the file does not have"),
        ([column, {"heading": "b", "attribute": "shoe_size"}], "declares no attribute shoe_size"),
        ([{"heading": "a", "field": "name"}], "neither for ref nor for email"),
    ):
        with pytest.raises(InputRefused, match=reason):
            parse_rows(table, ColumnMapping.model_validate({"columns": columns}), policy)
    with pytest.raises(InputRefused, match="there is no 'moon'"):
        parse_rows(table, ColumnMapping.model_validate({"columns": [column], "source": "moon"}), policy)
    with pytest.raises(ValueError, match="filled by two columns"):
        ColumnMapping.model_validate({"columns": [column, {"heading": "b", "field": "ref"}]})


def test_a_mapping_survives_json() -> None:
    """A mapping can be stored, changed by a person, and read again."""
    mapping = propose_mapping(table_of("06"), policy_with_attributes())
    again = ColumnMapping.model_validate_json(mapping.model_dump_json())
    assert again == mapping
    assert again.with_date_order(DateOrder.DAY_FIRST).open_questions == ()


def test_defaults_hold_for_rows_that_say_nothing() -> None:
    """Country, language, source and lists of the mapping are those of rows without their own."""
    table, policy = read_table(b"email,country\na@example.org,\nb@example.org,FR\n"), policy_with_attributes()
    changed = {"default_country": "DE", "default_locale": "de", "source": "sign-up", "audiences": ("spring",)}
    mapping = propose_mapping(table, policy).model_copy(update=changed)
    first, second = (row.row for row in parse_rows(table, mapping, policy) if isinstance(row, ImportedRow))
    assert (first.person.country, second.person.country) == ("DE", "FR")
    assert {(row.person.locale, row.person.source, row.audiences) for row in (first, second)} == {
        ("de", "sign-up", ("spring",))
    }


def test_addresses_of_another_system_have_the_strict_source() -> None:
    """Nobody becomes a customer of ours by an export that does not say how the address came."""
    for name in ("01", "04", "06", "07", "10", "12"):
        assert {row.row.person.source for row in parsed(table_of(name))[0]} == {"import"}


def test_a_file_on_disk_is_read_line_by_line() -> None:
    """The command reads the file itself; both ways give the same table."""
    for path in sorted(FOLDER.iterdir()):
        on_disk, in_memory = open_table(path), read_table(path.read_bytes())
        assert list(on_disk.rows()) == list(in_memory.rows())
    with pytest.raises(InputRefused, match="cannot be read: No such file"):
        open_table(FOLDER / "none.csv")


def test_people_are_remembered_in_little_memory() -> None:
    """A file that names 50,000 people twice finds each again."""
    seen = SeenPeople()
    assert {seen.put(f"user-{number}", number) for number in range(1, 50_001)} == {None}
    assert all(seen.put(f"user-{number}", number + 50_000) == number for number in range(1, 50_001))
    assert seen.put("user-7", 1) == 50_007


def test_fields_of_our_own_files_keep_their_words() -> None:
    """A file in our own columns is mapped as it always was, with times of RFC 3339 only."""
    mapping = propose_mapping(read_table(b"ref,email,collected_at,opted_out\n"), policy_with_attributes())
    assert (mapping.preset, mapping.source) == ("own", None)
    assert [column.field for column in mapping.columns] == [
        ImportField.REF,
        ImportField.EMAIL,
        ImportField.COLLECTED_AT,
        ImportField.OPTED_OUT,
    ]
    assert {column.date_order for column in mapping.columns} == {None}
    assert refusal_of_other_controllers_import(None, None) is None
