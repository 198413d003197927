"""The demo's examples: people and events that the shipped policies and templates take."""

import csv
import runpy
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from mailer import bundled_files
from mailer.actions.importing.row_parsing import RefusedRow
from mailer.actions.importing.table_reading import read_table
from mailer.actions.recipient_import import ImportCounts, import_recipients
from mailer.embedded.demo import ADA, BEN, BRANDS, GONE, QUIET
from mailer.events import Audience, MessageEvent, People, Refs, parse_event
from mailer.ports.recipient_import import RecipientImportRow, WrittenRows
from mailer.rendering.event_checks import check_event_and_get_template
from tests.factories import policies, templates

EXAMPLES = bundled_files.bundled_folder("examples")
RECIPIENTS = EXAMPLES / "recipients.csv"
EVENTS = sorted((EXAMPLES / "events").glob("*.json"))
RESERVED = (".example", ".test", "example.com", "example.net", "example.org")
"""Domains that can never be anybody's (RFC 2606, RFC 6761)."""


class Importer:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[RecipientImportRow] = []

    async def import_rows_in_one_transaction(
        self, rows: Sequence[RecipientImportRow], said_at: datetime | None = None, *, dry_run: bool = False
    ) -> WrittenRows:
        """See the port."""
        self.rows += rows
        return WrittenRows()


def events() -> Iterator[MessageEvent]:
    """The examples, as they are published."""
    return (parse_event(file.read_bytes()) for file in EVENTS)


async def imported(brand: str) -> tuple[ImportCounts, list[RecipientImportRow], list[RefusedRow]]:
    """The example recipients, imported for a brand."""
    importer = Importer()
    rejected: list[RefusedRow] = []
    table = read_table(RECIPIENTS.read_bytes())
    done = await import_recipients(importer, policies()[brand], table, rejected.append, lambda n: None)
    return done, importer.rows, rejected


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_every_example_event_is_admitted(file: Path) -> None:
    """The shipped templates and policies take it: its category is the template's, and no value is missing."""
    event = parse_event(file.read_bytes())
    template = check_event_and_get_template(event, policies(), templates())
    assert (template.brand, template.category) == (event.brand, event.category)


def test_the_events_are_of_each_brand_and_category_once() -> None:
    """Two brands, four categories, and every way to say whom an event is for."""
    assert Counter((event.brand, event.category) for event in events()) == Counter(
        (brand, category) for brand in BRANDS for category in ("service", "breach", "newsletter", "promotional")
    )
    assert {type(event.to).__name__ for event in events()} == {"Audience", "People", "Refs"}


@pytest.mark.parametrize("brand", BRANDS)
async def test_the_recipients_import(brand: str) -> None:
    """A thousand are taken for either brand, and each bad line is rejected for a reason of its own."""
    done, rows, rejected = await imported(brand)
    assert (done.taken, done.rejected) == (1_000, 14)
    assert len(rows) == 1_000
    assert len({line.reason for line in rejected}) == 14


async def test_the_recipients_are_of_all_kinds() -> None:
    """The example has many languages and countries, people who left or closed their account, and a shared address."""
    _, rows, _ = await imported(BRANDS[0])
    people = [row.person for row in rows]
    assert {"en", "en-GB", "de", "ar", "fr", "zh-Hant-TW"} <= {person.locale for person in people}
    assert len({person.country for person in people}) >= 15
    assert {scope for row in rows for scope in row.opted_out} == {"newsletter", "promotional", "*"}
    assert sum(row.deactivated for row in rows) >= 20
    addresses = Counter((person.email or "").lower() for person in people)
    assert [n for n in addresses.values() if n > 1] == [2]
    assert sum(address.startswith("nobody@") for address in addresses) == 1


async def test_whoever_the_events_speak_of_is_there() -> None:
    """Named audiences have members, refs are known; the demo's actors are as it says."""
    _, rows, _ = await imported(BRANDS[0])
    audiences = {name for row in rows for name in row.audiences} | {"everyone"}
    refs = {row.person.ref for row in rows}
    for event in events():
        match event.to:
            case Audience(audience=name):
                assert name in audiences
            case Refs(refs=named):
                assert refs.issuperset(named)
            case People():
                pass
    actors = {row.person.email: (row.opted_out, row.deactivated) for row in rows}
    assert actors[ADA] == actors[BEN] == ((), False)
    assert (actors[QUIET], actors[GONE]) == ((("*",), False), ((), True))


async def test_breach_notices_have_somebody_whom_only_they_reach() -> None:
    """Each goes to somebody who opted out, a closed account and an address that is refused, as the demo says."""
    _, rows, _ = await imported(BRANDS[0])
    for event in (event for event in events() if event.category == "breach"):
        named = event.to.refs if isinstance(event.to, Refs) else ()
        audience = event.to.audience if isinstance(event.to, Audience) else ""
        told = [row for row in rows if row.person.ref in named or audience in row.audiences]
        assert any(row.opted_out for row in told)
        assert any(row.deactivated for row in told)
        assert any((row.person.email or "").startswith("nobody@") for row in told)


async def test_no_address_can_be_anybodys() -> None:
    """Every domain is reserved for examples, in the file and in the events."""
    _, rows, _ = await imported(BRANDS[0])
    people = [row.person for row in rows]
    people += [person for event in events() if isinstance(event.to, People) for person in event.to.people]
    assert [person.email for person in people if not (person.email or "").lower().endswith(RESERVED)] == []


def test_the_file_is_what_its_script_makes() -> None:
    """The committed file is the script's, byte for byte, in every Python."""
    made: str = runpy.run_path(str(EXAMPLES / "make_recipients.py"))["content"]()
    assert RECIPIENTS.read_bytes() == made.encode()
    assert len(list(csv.reader(made.splitlines()))) > 1_000


async def test_no_event_brings_somebody_new() -> None:
    """Events are taken in side by side, so a person who is new in one would now and then be part of `everyone`."""
    _, rows, _ = await imported(BRANDS[0])
    known = {row.person.ref: row.person.email for row in rows}
    brought = [person for event in events() if isinstance(event.to, People) for person in event.to.people]
    named = [ref for event in events() if isinstance(event.to, Refs) for ref in event.to.refs]
    assert brought
    assert {person.ref: person.email for person in brought}.items() <= known.items()
    assert set(named) <= known.keys()
