"""Files of people as other systems export them, and what an import of each has to do (`tests/cases/import`)."""

from pathlib import Path
from typing import Final

from mailer.actions.importing.column_mapping import ColumnMapping
from mailer.actions.importing.local_dates import DateOrder
from mailer.actions.importing.mapping_proposal import propose_mapping
from mailer.actions.importing.row_parsing import ImportedRow, RefusedRow, parse_rows
from mailer.actions.importing.table_reading import Table, read_table
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import AttributeType, RecipientAttribute
from tests.factories import policies

FOLDER: Final = Path(__file__).parent / "cases" / "import"
ATTRIBUTES: Final = {
    "abo": AttributeType.TEXT,
    "letzte_bestellung": AttributeType.DATE,
    "plan": AttributeType.TEXT,
    "points": AttributeType.NUMBER,
    "member": AttributeType.YES_NO,
}


def policy_with_attributes(brand: str = "interpals") -> Policy:
    """A policy that declares the attributes of the files."""
    declared = {
        name: RecipientAttribute(type=kind, purpose="newsletter", retention_days=30, may_choose_audience=True)
        for name, kind in ATTRIBUTES.items()
    }
    return policies()[brand].model_copy(update={"attributes": declared})


def table_of(name: str) -> Table:
    """One of the files, by the beginning of its name."""
    [path] = FOLDER.glob(f"{name}*")
    return read_table(path.read_bytes())


def parsed(
    table: Table, mapping: ColumnMapping | None = None, dates: DateOrder = DateOrder.DAY_FIRST
) -> tuple[list[ImportedRow], list[RefusedRow]]:
    """The rows of a file by the proposed mapping, with one answer to all open questions."""
    policy = policy_with_attributes()
    mapping = mapping or propose_mapping(table, policy).with_date_order(dates)
    rows = list(parse_rows(table, mapping, policy))
    return [row for row in rows if isinstance(row, ImportedRow)], [row for row in rows if isinstance(row, RefusedRow)]


def parsed_text(text: str | bytes) -> tuple[list[ImportedRow], list[RefusedRow]]:
    """The rows of a file with this content."""
    return parsed(read_table(text if isinstance(text, bytes) else text.encode()))
