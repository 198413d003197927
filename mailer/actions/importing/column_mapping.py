"""The mapping of a file's columns to fields: a value that guessing proposes and a person can change."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mailer.actions.importing.import_fields import SEVERAL, ImportField
from mailer.actions.importing.local_dates import DateOrder
from mailer.actions.importing.table_reading import MAX_COLUMNS, MAX_HEADING
from mailer.input_types import Country, Locale, Name, Scope, Slug, Words
from mailer.policy.recipient_attributes import AttributeName

MAX_MAPPING_BYTES: Final = 256 * 1024
"""The largest mapping as JSON."""


class BadValue(StrEnum):
    """The treatment of a value that cannot be read, in a column that a person can be known without."""

    LEAVE_OUT = "leave_out"
    """Take the person without the value, and report it."""
    REFUSE = "refuse"
    """Refuse the row."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MappedColumn(_Part):
    """A column of the file and what it fills. Without field and attribute it is left out.

    Attributes:
        heading: as the file has it; see `Table.headings`.
        field: the field that it fills, if any. attribute: the attribute of the policy that it fills, if any.
        date_order: the order of its dates; None if it has none, or only times of RFC 3339 as our own columns do.
        bad_values: what to do with a value that cannot be read. Columns that keep mail from people always refuse.
        why_left_out: the reason, if guessing left it out.
        question: the question about it that is open, in words; empty if none is.
    """

    heading: Annotated[str, Field(min_length=1, max_length=MAX_HEADING + 10)]
    field: ImportField | None = None
    attribute: AttributeName | None = None
    date_order: DateOrder | None = None
    bad_values: BadValue = BadValue.LEAVE_OUT
    why_left_out: Annotated[str, Field(max_length=200)] = ""
    question: Annotated[str, Field(max_length=500)] = ""


class ImportedConsent(_Part):
    """The consent that the file's times of consent stand for. Without it they are no consents.

    Attributes:
        scopes: the mail that people asked for. words: the text that they agreed to. version: the name of its version.
        source: the act, such as `form`.
    """

    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=20)]
    words: Words
    version: Name
    source: Name = "form"


class ColumnMapping(_Part):
    """The meaning of each column of a file, and what holds for all rows.

    Attributes:
        preset: the system that exported the file, if it was recognized.
        columns: each column of the file, in any order. A column that is not named is left out.
        default_country, default_locale: for rows that name none.
        source: the source of addresses (`[sources]` of the policy), for rows that name none.
        policy_version: the version of the privacy policy under which they were collected, for rows that name none.
        audiences: the lists that all people of the file join.
        consent: what times of consent stand for.
    """

    preset: Literal["own", "mailchimp", "brevo", "listmonk"] | None = None
    columns: Annotated[tuple[MappedColumn, ...], Field(min_length=1, max_length=MAX_COLUMNS)]
    default_country: Country | None = None
    default_locale: Locale | None = None
    source: Name | None = None
    policy_version: Name | None = None
    audiences: Annotated[tuple[Slug, ...], Field(max_length=20)] = ()
    consent: ImportedConsent | None = None

    @model_validator(mode="after")
    def _check_each_once(self) -> "ColumnMapping":
        headings = [column.heading for column in self.columns]
        if len(set(headings)) < len(headings):
            raise ValueError("columns: a heading is named twice")
        fields = [column.field.value for column in self.columns if column.field and column.field not in SEVERAL]
        attributes = [column.attribute for column in self.columns if column.attribute]
        for names in (fields, attributes):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"columns: {twice[0]} is filled by two columns; leave one of them out")
        return self

    @property
    def open_questions(self) -> tuple[MappedColumn, ...]:
        """The columns about which a person has to say something before the file can be imported."""
        return tuple(
            column
            for column in self.columns
            if column.date_order is DateOrder.ASK or (column.question and column.date_order is None)
        )

    def with_date_order(self, order: DateOrder) -> "ColumnMapping":
        """Returns the mapping with an answer to all open questions about the order of dates."""
        columns = [
            column.model_copy(update={"date_order": order, "question": ""})
            if column.date_order is DateOrder.ASK
            else column
            for column in self.columns
        ]
        return self.model_copy(update={"columns": tuple(columns)})

    def with_bad_values(self, bad_values: BadValue) -> "ColumnMapping":
        """Returns the mapping with one rule for values that cannot be read, in all columns."""
        columns = [column.model_copy(update={"bad_values": bad_values}) for column in self.columns]
        return self.model_copy(update={"columns": tuple(columns)})
