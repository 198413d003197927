"""Imports what a printer or the post reports of letters: each row is taken or refused by itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from mailer.actions.letter_reports import JudgedReports, RowProblem, judge_letter_reports, read_letter_reports
from mailer.policy.breach.letter_states import LetterNow, LetterReport
from mailer.ports.letters import LetterDesk


@dataclass(frozen=True, slots=True)
class ImportedReports:
    """The result of an import: rows that changed a letter, rows that were known, and rows that were refused."""

    changed: int
    known: int
    problems: tuple[RowProblem, ...]


async def import_letter_reports(
    desk: LetterDesk, brands: Collection[str], content: bytes, by: str, today: date
) -> ImportedReports:
    """Imports a file (see `read_letter_reports`) about letters of brands.

    Raises:
        InputRefused: the file as a whole cannot be read.
    """
    read = read_letter_reports(content)
    judged = JudgedReports((), 0, ())

    def judge(letters: Mapping[int, LetterNow]) -> Sequence[LetterReport]:
        nonlocal judged
        judged = judge_letter_reports(read.rows, letters, today)
        return [one.report for one in judged.changes]

    changed = await desk.apply_reports(brands, {one.report.letter for one in read.rows}, judge, by)
    problems = sorted((*read.problems, *judged.problems), key=lambda one: one.row)
    return ImportedReports(changed, judged.known, tuple(problems))
