"""Files that are imported. A file is checked for UTF-8 before its first line is taken; rejected lines go to a file."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TextIO

from mailer.actions.csv_reading import InputRefused
from mailer.actions.recipient_import import ImportCounts
from mailer.actions.suppression_and_consent_import import RejectedLine
from mailer.app import App
from mailer.cli.shared import exit_with_error, out, print_json
from mailer.policy.policy_file import Policy
from mailer.runtime.private_files import open_private_file_descriptor


def count_lines_and_open(file: Path) -> tuple[int, TextIO]:
    """Counts the lines of a file, and opens it. Returns both.

    Raises:
        InputRefused: the file cannot be read as UTF-8.
    """
    try:
        with file.open(encoding="utf-8-sig") as whole:
            lines = sum(1 for _ in whole)
        return lines, file.open(encoding="utf-8-sig", newline="")
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefused(f"cannot be read as UTF-8: {error}") from error


class RejectedLinesFile:
    """The file of rejected lines, unchanged, each with its number and the reason. The first line makes the file.

    The reason is in the column `reason`, or in `rejected` if the lines have a column `reason` already.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._why = "rejected" if "reason" in columns else "reason"
        self._columns = ("line", self._why, *columns)
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def add_line(self, line: RejectedLine) -> None:
        """Writes one rejected line with its number and reason."""
        first = self._file is None
        if self._file is None:
            self._file = open(self.path, "w", newline="", encoding="utf-8", opener=open_private_file_descriptor)  # noqa: SIM115 - see __exit__
        writer = csv.DictWriter(self._file, self._columns, extrasaction="ignore")
        if first:
            writer.writeheader()
        writer.writerow({**line.values, "line": line.line, self._why: line.reason})

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def print_import_result(done: ImportCounts, file: Path, rejected: Path, json: bool) -> None:
    """Prints the result of an import, and the path of the rejected lines.

    Ends the command with status 1 if the file could not be read to its end.
    """
    if json:
        where = str(rejected) if done.rejected else None
        broken = {"broken": str(done.broken)} if done.broken else {}
        print_json({"taken": done.taken, "rejected": done.rejected, "rejected_file": where, **broken})
    else:
        out.print(f"Took {done.taken:,} lines.")
        if done.rejected:
            out.print(f"Rejected {done.rejected:,}; they are in {rejected}, with reasons.")
    if done.broken:
        before = f"of the lines before it {done.taken:,} were taken and {done.rejected:,} rejected"
        exit_with_error(f"{file}: {done.broken}; {before}, and nothing from there on", 1)


def policy_of_brand_or_raise(app: App, brand: str) -> Policy:
    """Returns the policy of a brand.

    Raises:
        InputRefused: there is no such brand.
    """
    if brand not in app.policies:
        raise InputRefused(f"there is no brand {brand}; there are {', '.join(app.policies)}")
    return app.policies[brand]


async def find_policy_and_recipient_id_or_raise(app: App, brand: str, ref: str) -> tuple[Policy, int]:
    """Returns a brand's policy, and the id of the recipient with this ref.

    Raises:
        InputRefused: there is no such brand, or the brand has no recipient with this ref.
    """
    policy = policy_of_brand_or_raise(app, brand)
    recipient_id = await app.standings.find_recipient_id(brand, ref)
    if recipient_id is None:
        raise InputRefused(f"{brand} has no recipient {ref}")
    return policy, recipient_id
