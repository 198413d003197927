"""Exports as people have them: the twelve cases, their mappings, and their refused rows."""

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest

from mailer.actions.csv_reading import InputRefused
from mailer.actions.importing.column_mapping import BadValue, ColumnMapping, ImportedConsent
from mailer.actions.importing.import_fields import ImportField
from mailer.actions.importing.local_dates import DateOrder
from mailer.actions.importing.mapping_proposal import propose_mapping
from mailer.actions.importing.refused_rows import RefusedRowsWriter
from mailer.actions.importing.row_parsing import ImportedRow, MappingIncomplete, parse_rows
from mailer.actions.importing.table_reading import read_table
from mailer.actions.recipient_import import refusal_of_other_controllers_import
from mailer.ports.consents import CONFIRMED
from mailer.ports.recipient_import import RecipientImportRow
from tests.import_files import parsed, parsed_text, policy_with_attributes, table_of

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


def test_people_without_an_address_have_letters() -> None:
    """The lines stand as the post of the country has them."""
    found = people(parsed(table_of("12"))[0])
    assert found["Erika Mustermann"].postal_lines == ("Heidestr. 17", "51147 Köln", "Deutschland")
    assert found["佐藤 花子"].person.country == "JP"
    assert found["Jane Roe"].postal_lines == ("742 Evergreen Terrace", "Springfield, OR 97403", "USA")
    assert {row.person.email for row in found.values()} == {None}


def test_a_ref_of_an_address_is_one_for_all_its_spellings() -> None:
    """Within a file, two spellings of one mailbox are one person."""
    taken, _ = parsed_text("email\na@Example.org\na@EXAMPLE.ORG\nb@example.org\n")
    refs = [row.row.person.ref for row in taken]
    assert refs[0] == refs[1] != refs[2]
    assert "example" not in refs[0]


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
