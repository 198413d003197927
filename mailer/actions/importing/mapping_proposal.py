"""Proposes the mapping of a file's columns from their headings, and from values where headings are not enough."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, Literal

from mailer.actions.csv_reading import CsvUnreadableFromLine, InputRefused
from mailer.actions.importing.column_mapping import BadValue, ColumnMapping, MappedColumn
from mailer.actions.importing.import_fields import (
    DATES,
    OWN_COLUMNS,
    SEVERAL,
    ImportField,
    attribute_name_of_heading,
    field_of_heading,
    heading_key,
    is_column_of_refused_rows,
    is_customer_since,
    is_never_taken,
    protecting_headings,
)
from mailer.actions.importing.local_dates import DateEvidence, DateOrder, evidence_of_values
from mailer.actions.importing.table_reading import Table
from mailer.actions.importing.value_parsing import is_leaving
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import FIRST_NAME, TIME_ZONE, AttributeType, attribute_types_of_policy

Preset = Literal["own", "mailchimp", "brevo", "listmonk"]
PRESETS: Final[Mapping[str, Preset]] = {"mailchimp": "mailchimp", "brevo": "brevo", "listmonk": "listmonk"}
"""The systems whose exports are known, by name."""
_F = ImportField
_SIGNS: Final[Mapping[Preset, frozenset[str]]] = {
    "mailchimp": frozenset({"leid", "euid"}),
    "brevo": frozenset({"blacklisted", "addedtime"}),
    "listmonk": frozenset({"uuid", "attributes", "status"}),
}
"""The columns by which an export of a system is recognized."""
_FROM_IP: Final = frozenset({"region", "timezone"})
"""Columns of Mailchimp that it derives from an IP address."""
_WEAK_REFS: Final = frozenset({"id", "uuid", "contactid", "subscriberid", "recordid", "accountid"})
"""Headings of numbers that another system has given. They could be the refs of somebody else here."""
_ZONES: Final = frozenset({"timezone", "zeitzone", "fuseauhoraire", "zonahoraria", "fusoorario", "tz", "tijdzone"})
_GIVEN_OR_WHOLE: Final = frozenset({"nombre", "nome", "first", "名"})
_FAMILY_OR_WHOLE: Final = frozenset({"nom", "last", "姓"})
"""Headings that are a first or last name beside the other one, and the whole name alone."""
_ALIKE: Final = 0.85
_ADDRESS_SHARE: Final = 0.5


@dataclass
class _Guess:
    """A column while it is guessed."""

    heading: str
    place: int
    field: ImportField | None = None
    attribute: str | None = None
    order: DateOrder | None = None
    why: str = ""
    question: str = ""

    @property
    def key(self) -> str:
        return heading_key(self.heading)

    @property
    def is_own(self) -> bool:
        return self.heading in OWN_COLUMNS

    def leave_out(self, why: str) -> None:
        self.field, self.why = None, why

    def to_column(self, is_own_file: bool) -> MappedColumn:
        is_strict = is_own_file or (self.field is _F.COLLECTED_AT and not is_customer_since(self.heading))
        is_taken = self.field or self.attribute
        return MappedColumn(
            heading=self.heading,
            field=self.field,
            attribute=self.attribute,
            date_order=self.order,
            bad_values=BadValue.REFUSE if is_strict and self.field else BadValue.LEAVE_OUT,
            why_left_out="" if is_taken else self.why[:200],
            question=self.question,
        )


def propose_mapping(table: Table, policy: Policy, preset: Preset | None = None) -> ColumnMapping:
    """Proposes what each column of a file fills. Open questions are in `ColumnMapping.open_questions`.

    Args:
        table: the file.
        policy: the policy of the brand; its attributes are proposed by name.
        preset: the system that exported the file; None: it is recognized by its columns.

    Raises:
        InputRefused: a column stands twice, nothing identifies the people, or the file is no export of the preset.
    """
    guesses = [_Guess(heading, place) for place, heading in enumerate(table.headings)]
    found = preset or _recognize_preset(guesses)
    signs = _SIGNS.get(found, frozenset()) if found else frozenset[str]()
    if signs and signs.isdisjoint(guess.key for guess in guesses):
        raise InputRefused(f"is no export of {found}: it has none of the columns {', '.join(sorted(signs))}")
    for guess in guesses:
        _guess_by_heading(guess, policy, found)
    _keep_each_field_once(guesses)
    _settle_names(guesses)
    _look_at_values(table, policy, guesses)
    if not any(guess.field is _F.EMAIL for guess in guesses):
        _take_weak_ref(guesses)
    if not any(guess.field in (_F.EMAIL, _F.REF) for guess in guesses):
        raise InputRefused(
            "the header line lacks ref and email: one of them says who somebody is; rename such a column, or map it"
        )
    is_own = all(guess.is_own for guess in guesses if guess.field or guess.attribute)
    return ColumnMapping(
        preset="own" if is_own else found,
        columns=tuple(guess.to_column(is_own) for guess in guesses),
        source=None if is_own or any(guess.field is _F.SOURCE for guess in guesses) else "import",
    )


def _recognize_preset(guesses: Sequence[_Guess]) -> Preset | None:
    keys = {guess.key for guess in guesses}
    return next((name for name, signs in _SIGNS.items() if signs <= keys), None)


def _guess_by_heading(guess: _Guess, policy: Policy, preset: Preset | None) -> None:
    types = attribute_types_of_policy(policy.attributes)
    name = attribute_name_of_heading(guess.heading)
    if is_never_taken(guess.heading):
        guess.leave_out("such data are never taken")
    elif is_column_of_refused_rows(guess.heading):
        guess.leave_out("it tells why a row was refused before")
    elif preset == "mailchimp" and guess.key in _FROM_IP:
        guess.leave_out("Mailchimp derives it from an IP address")
    else:
        guess.field = field_of_heading(guess.heading)
        guess.attribute = TIME_ZONE if guess.key in _ZONES else name if name in types else None
        if guess.field is _F.FIRST_NAME:
            guess.attribute = FIRST_NAME
        if guess.field is _F.REGION:
            guess.attribute = None  # it is read with the country of its row
        if guess.field is _F.SOURCE and not guess.is_own:
            guess.leave_out("sources of other systems mean something else here; name one source for the file")
        elif not guess.field and not guess.attribute:
            guess.why = f"the policy declares no attribute {name or guess.heading}"
            guess.question = _question_if_like_protecting(guess)


def _question_if_like_protecting(guess: _Guess) -> str:
    """Returns a question if a heading is a misspelled one of a column that keeps mail from people."""
    known = protecting_headings()
    if alike := get_close_matches(guess.key, known, 1, _ALIKE):
        return (
            f"the column {guess.heading!r} looks like {known[alike[0]].value!r}, which keeps mail from people: "
            "correct its heading, or map it or leave it out in the mapping"
        )
    return ""


def _keep_each_field_once(guesses: Sequence[_Guess]) -> None:
    """Leaves out all but the best column for each field. Refuses a heading that stands twice."""
    for name in {guess.field for guess in guesses if guess.field} - SEVERAL:
        several = sorted((guess for guess in guesses if guess.field is name), key=_rank)
        best, *others = several
        for other in others:
            if other.key == best.key or other.heading.startswith(f"{best.heading} ("):
                _refuse_duplicate(best)
            other.leave_out(f"{best.heading!r} fills {best.field} already")
    seen: set[str] = set()
    for guess in guesses:
        if guess.attribute in seen:
            guess.attribute = None
        seen.update({guess.attribute} if guess.attribute else ())
    headings = {guess.heading for guess in guesses}
    for guess in guesses:
        if (guess.field or guess.attribute) and f"{guess.heading} (2)" in headings:
            _refuse_duplicate(guess)


def _refuse_duplicate(guess: _Guess) -> None:
    raise InputRefused(f"the header line names {guess.heading} twice; which one counts cannot be told: remove one")


def _rank(guess: _Guess) -> tuple[bool, bool, bool, int]:
    """Returns the rank of a column among those for one field; the lowest is the best."""
    is_external = guess.key in ("extid", "externalid")
    return not guess.is_own, guess.key in _WEAK_REFS, not is_external, guess.place


def _settle_names(guesses: Sequence[_Guess]) -> None:
    """Takes `Nom` and `Nombre` as the whole name if they stand alone, and a number of another system as no ref."""
    fields = {guess.field for guess in guesses}
    for guess in guesses:
        alone = (guess.field is _F.FIRST_NAME and guess.key in _GIVEN_OR_WHOLE and _F.LAST_NAME not in fields) or (
            guess.field is _F.LAST_NAME and guess.key in _FAMILY_OR_WHOLE and _F.FIRST_NAME not in fields
        )
        if alone and _F.NAME not in fields:
            guess.field, guess.attribute = _F.NAME, None
        if guess.field is _F.REF and guess.key in _WEAK_REFS:
            guess.leave_out("it may be a number of another system; map it to ref if it is your own key of people")


def _take_weak_ref(guesses: Sequence[_Guess]) -> None:
    if not any(guess.field is _F.REF for guess in guesses):
        for guess in guesses:
            if guess.key in _WEAK_REFS and guess.field is None:
                guess.field, guess.why = _F.REF, ""
                return


def _look_at_values(table: Table, policy: Policy, guesses: Sequence[_Guess]) -> None:
    """Reads the values of the columns whose headings leave something open. Times in our own files are of RFC 3339."""
    types = attribute_types_of_policy(policy.attributes)
    is_own = all(guess.is_own for guess in guesses if guess.field)
    dated = [guess for guess in guesses if _may_have_dates(guess, types) and not (is_own and guess.is_own)]
    worded = [guess for guess in guesses if guess.field in (_F.STATUS, _F.SUBSCRIBED)]
    searched = list(guesses) if not any(guess.field is _F.EMAIL for guess in guesses) else []
    wanted = {guess.place: guess for guess in (*dated, *worded, *searched)}
    if not wanted:
        return
    tallies = {place: _Tally(guess.field) for place, guess in wanted.items()}
    for cells in _cells_as_far_as_readable(table):
        for place, tally in tallies.items():
            if place < len(cells) and (text := cells[place].strip()):
                tally.add(text)
    for guess in dated:
        _settle_date_order(guess, tallies[guess.place].evidence)
    for guess in worded:
        _settle_words(guess, tallies[guess.place])
    if searched:
        _settle_email(guesses, tallies)


_NOTHING_SEEN: Final = DateEvidence()


@dataclass
class _Tally:
    """The facts about the values of a column: dates, addresses, and words about mail."""

    field: ImportField | None = None
    evidence: DateEvidence = _NOTHING_SEEN
    addresses: int = 0
    other_word: str = ""
    leaving: int = 0

    def add(self, text: str) -> None:
        one = evidence_of_values((text[:60],))
        known = self.evidence
        self.evidence = replace(
            known,
            values=known.values + 1,
            dates=known.dates + one.dates,
            day_first=known.day_first + one.day_first,
            month_first=known.month_first + one.month_first,
            either=known.either + one.either,
            example=known.example or one.example,
        )
        self.addresses += "@" in text and "." in text.rpartition("@")[2]
        if self.field in (_F.STATUS, _F.SUBSCRIBED):
            self._add_word(text)

    def _add_word(self, text: str) -> None:
        try:
            self.leaving += is_leaving(self.field or _F.STATUS, text, None)
        except ValueError:
            self.other_word = self.other_word or text[:60]


def _settle_date_order(guess: _Guess, evidence: DateEvidence) -> None:
    guess.order = evidence.order
    if guess.order is DateOrder.ASK:
        both = "some prove that the day stands first, others that the month does"
        open_ = f"{evidence.example} can be read with the day or the month first"
        fact = both if evidence.day_first and evidence.month_first else open_
        guess.question = f"the dates of {guess.heading!r}: {fact}; say which"


def _settle_words(guess: _Guess, tally: _Tally) -> None:
    """Leaves a column out if it is not about mail: a `Status` can be anything. Asks if some of its words are."""
    if not tally.other_word:
        return
    if tally.leaving:
        guess.question = (
            f"the column {guess.heading!r} says of {tally.leaving:,} rows that they get no mail, and of others "
            f"{tally.other_word!r}: map it or leave it out in the mapping, or correct these values"
        )
    else:
        guess.leave_out(f"it has {tally.other_word!r}, which says nothing about mail")


def _settle_email(guesses: Sequence[_Guess], tallies: Mapping[int, _Tally]) -> None:
    """Takes the column that holds mostly e-mail addresses, whatever its heading is."""
    best = max(guesses, key=lambda guess: tallies[guess.place].addresses)
    tally = tallies[best.place]
    if (
        tally.addresses
        and tally.addresses >= _ADDRESS_SHARE * tally.evidence.values
        and not is_never_taken(best.heading)
    ):
        best.field, best.attribute, best.why, best.question = _F.EMAIL, None, "", ""


def _may_have_dates(guess: _Guess, types: Mapping[str, AttributeType]) -> bool:
    return guess.field in DATES or types.get(guess.attribute or "") is AttributeType.DATE


def _cells_as_far_as_readable(table: Table) -> Iterator[tuple[str, ...]]:
    try:
        for row in table.rows():
            if row.fault is None:
                yield row.cells
    except CsvUnreadableFromLine:
        return
