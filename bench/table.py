"""`python -m bench table`: messages a second, processor time and memory, of this pipeline and of its peers."""

import argparse
import os
import signal
import sys
from pathlib import Path

from bench.speed.machine import Failed, Measured
from bench.speed.page import page, profile_of
from bench.speed.room import AUDIENCES, open_room
from bench.speed.rows import ROWS, Row
from bench.speed.surroundings import surroundings

ROUNDS = 5
QUICK = 4
"""The factor by which a round is shorter with --quick."""


def main() -> int:
    """Measures, prints the table, and returns the exit status: 1 if messages were lost."""
    asked = _arguments()
    rows = [row for row in ROWS if not asked.rows or row.key in asked.rows.split(",")]
    measured: dict[str, list[Measured]] = {row.key: [] for row in rows}
    failures = []
    with open_room(asked.profile) as room:
        for number in range(asked.rounds):
            for row in rows:
                try:
                    once = row.round(room, _size(row, asked.quick))
                except Failed as failure:
                    failures.append(row.label)
                    print(f"round {number + 1}: {row.key} failed: {failure}", file=sys.stderr)
                    continue
                measured[row.key].append(once)
                print(f"round {number + 1}: {row.key}: {once.rate:,.0f}/s, {once.seconds:.1f} s", file=sys.stderr)
        text = page(rows, measured, surroundings(room))
    print(text)
    if out := os.environ.get("BENCH_OUT"):
        Path(out).write_text(text)
    for row in rows if asked.profile else ():
        print(profile_of(row.key))
    for label in dict.fromkeys(failures):
        print(f"failed: {label}", file=sys.stderr)
    return 1 if failures else 0


def _size(row: Row, quick: bool) -> int:
    """The size of a round. A size of an audience, of which only some exist, is rounded to the nearest one."""
    size = row.size // QUICK if quick else row.size
    return min(AUDIENCES, key=lambda known: abs(known - size)) if size <= AUDIENCES[-1] else size


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench table", description=__doc__)
    parser.add_argument("--rows", default="", help=f"with commas between: {', '.join(row.key for row in ROWS)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="shorter rounds")
    parser.add_argument("--profile", action="store_true", help="py-spy looks at the first worker of each row")
    return parser.parse_args(sys.argv[1:])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    sys.exit(main())
