"""Values and headings of exports: dates, countries, languages, opt-outs, names, attributes and formulas."""

from datetime import UTC, date, datetime

import pytest

from mailer.actions.importing.column_mapping import BadValue
from mailer.actions.importing.formula_cells import make_cell_harmless, undo_harmless_cell
from mailer.actions.importing.local_dates import DateOrder, evidence_of_values, parse_local_date, parse_local_moment
from mailer.actions.importing.mapping_proposal import propose_mapping
from mailer.actions.importing.place_names import country_of_text, locale_of_text
from mailer.actions.importing.row_parsing import ImportedRow, MappingIncomplete, RefusedRow, parse_rows
from mailer.actions.importing.table_reading import read_table
from tests.import_files import parsed_text, policy_with_attributes


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


@pytest.mark.parametrize(
    ("heading", "text", "country", "region"),
    [
        ("State", "CA", "US", "US-CA"),
        ("state", "california", "USA", "US-CA"),
        ("Region", "us-ma", "United States", "US-MA"),
        ("region", "US-NY", "", "US-NY"),
        ("Bundesland", "Bayern", "Deutschland", "DE-BY"),
        ("Province", "Québec", "Canada", "CA-QC"),
        ("Region", "FR-971", "FR", "FR-971"),
        # A state of another country than the person's, one that does not exist, and one of an unknown country.
        ("State", "US-CA", "DE", None),
        ("State", "ZZ", "US", None),
        ("State", "CA", "", None),
        ("Region", "Kantō", "JP", None),
    ],
)
def test_the_region_is_read_with_the_country(heading: str, text: str, country: str, region: str | None) -> None:
    """A state becomes the attribute `region`, by which laws differ, if nobody can take it for another one."""
    [row], refused = parsed_text(f"Email,{heading},Country\na@example.org,{text},{country}\n")
    assert row.row.attributes.get("region") == region
    assert not refused
    assert not row.notes


def test_the_region_also_stands_in_the_postal_address() -> None:
    """The column of states fills the letter's address as before."""
    head = "Email,Address1,City,State,Zip,Country"
    [row], _ = parsed_text(f"{head}\na@example.org,1 Main Street,Los Angeles,CA,90001,US\n")
    assert (row.row.attributes, row.row.postal_lines) == (
        {"region": "US-CA"},
        ("1 Main Street", "Los Angeles, CA 90001", "US"),
    )
