"""Takes each rule away in turn and runs its proofs, one of which has to fail; prints what noticed, and the survivors.

A rule that is taken away returns what it returns when it has nothing to say. Python imports `sitecustomize` before all
else, so the rule is gone in the tests and in every process that they start. Its proofs are the tests that name it, or a
promise that it enforces. They are run unharmed first: a proof that fails anyway proves nothing.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mailer.bundled_files import read_texts_of_toml_files
from mailer.cli.policy_check import import_all_rules
from mailer.embedded import postgres
from mailer.policy.jurisdiction import parse_law_by_country
from mailer.policy.policy_library import parse_policies_in_force
from mailer.policy.promise_report import (
    PASSED,
    RecordedTestRun,
    build_promise_report,
    parse_proof_record,
    promises_of_rule,
)
from scripts.mutants import ROOT, counted

PROCESSES = 2
WHY = 100
"""Characters of a killer's words that are shown."""
_FAILED = re.compile(r"^FAILED (\S+?(?:\[.*?\])?)(?: - (.*))?$", re.MULTILINE)
"""A test's id, in which what is given to it may have blanks, and the words of its failure."""
TESTS_FAILED = 1
"""The status with which pytest says that a test failed; others say that it could not be run."""


@dataclass(frozen=True, slots=True)
class Fate:
    """The fate of a rule that was taken away: the first test that failed, or the reason why none did."""

    rule: str
    proofs: int
    killer: str | None
    why: str


class Runner:
    """Runs tests in processes of their own, over one database server."""

    def __init__(self, folder: Path, database_url: str, seconds: float) -> None:
        self._folder = folder
        # pytest cuts what it says to the terminal's width.
        own = {"MAILER_TEST_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT), "COLUMNS": "500"}
        self._env = {**os.environ, **own}
        self._seconds = seconds

    def unharmed(self, names: Sequence[str]) -> RecordedTestRun:
        """Runs marked tests as they are. Ends the script if they cannot be run."""
        file = self._folder / "proofs.json"
        status, said = self._pytest([f"--proofs={file}", *names], self._env, None, "unharmed")
        if status not in (0, TESTS_FAILED):
            sys.exit(f"the proofs cannot be run:\n{said[-4000:]}")
        return parse_proof_record(file.read_text("utf-8"))

    def without(self, rule: str, proofs: Sequence[str]) -> Fate:
        """Runs the proofs of a rule that has been taken away, as far as the first that fails."""
        if not proofs:
            return Fate(rule, 0, None, "no proof")
        folder = self._folder / rule
        folder.mkdir()
        folder.joinpath("sitecustomize.py").write_text(
            f"from mailer.policy import rule_registry\n\nrule_registry.disable_rule_before_import({rule!r})\n", "utf-8"
        )
        env = {**self._env, "PYTHONPATH": f"{folder}:{ROOT}"}
        status, said = self._pytest(["--maxfail=1", *proofs], env, self._seconds, rule)
        failed = _FAILED.search(said)
        if status is None:
            return Fate(rule, len(proofs), None, f"its proofs did not end in {self._seconds:.0f} s")
        if status == TESTS_FAILED and failed:
            return Fate(rule, len(proofs), failed[1], (failed[2] or "")[:WHY])
        why = "its proofs pass without it" if status == 0 else f"pytest could not run (status {status}): {said[-300:]}"
        return Fate(rule, len(proofs), None, why)

    def collected(self) -> RecordedTestRun:
        """Finds every marked test. Ends the script if they cannot be collected."""
        file = self._folder / "collected.json"
        status, said = self._pytest(["--collect-only", f"--proofs={file}"], self._env, None, "collected")
        if status != 0:
            sys.exit(f"the tests cannot be collected:\n{said[-4000:]}")
        return parse_proof_record(file.read_text("utf-8"))

    def _pytest(
        self, arguments: Sequence[str], env: Mapping[str, str], seconds: float | None, name: str
    ) -> tuple[int | None, str]:
        """Runs pytest. Returns its status, None if it was stopped after so many seconds, and its output."""
        command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider"]
        base = f"--basetemp={self._folder / f'{name}-files'}"
        with subprocess.Popen(
            [*command, base, *arguments],
            cwd=ROOT,
            env=dict(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                # Its own session: what the tests have started ends with them.
                os.killpg(process.pid, signal.SIGKILL)
                return None, ""
        return process.returncode, said


def mutate(chosen: Sequence[str], seconds: float) -> list[Fate]:
    """The fates of the rules chosen, or of all of them."""
    rules = import_all_rules()
    if unknown := [name for name in chosen if name not in rules]:
        sys.exit(f"there is no rule {', '.join(unknown)}; there are {', '.join(sorted(rules))}")
    texts = {file.name: file.read_text("utf-8") for file in (ROOT / "policies").glob("*.toml")}
    policies = parse_policies_in_force(
        texts, datetime.now(UTC).date(), parse_law_by_country(read_texts_of_toml_files("jurisdictions"))
    ).values()
    with ExitStack() as services:
        folder = Path(services.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        given = os.environ.get("MAILER_TEST_DATABASE_URL")
        url = given or services.enter_context(postgres.start_postgres(folder / "postgres")).url("postgres")
        runner = Runner(folder, url, seconds)
        collected = runner.collected()
        rows = build_promise_report(policies, rules, collected).rows
        proofs = {name: proofs_of(name, collected, promises_of_rule(name, rows)) for name in sorted(chosen or rules)}
        names = list(dict.fromkeys(chain.from_iterable(proofs.values())))
        passing = set()
        for test in runner.unharmed(names).tests if names else ():
            if test.outcome == PASSED:
                passing.add(test.id)
            else:
                print(f"{test.id} does not pass with all rules in place ({test.outcome}), and proves nothing")

        def fate(name: str) -> Fate:
            found = runner.without(name, [test for test in proofs[name] if test in passing])
            print(f"rule: {name} {'killed' if found.killer else 'SURVIVED'}", file=sys.stderr, flush=True)
            return found

        with ThreadPoolExecutor(PROCESSES) as processes:
            return list(processes.map(fate, proofs))


def proofs_of(rule: str, record: RecordedTestRun, promises: frozenset[str]) -> list[str]:
    """The tests that prove a rule: those that name it, and then those of a promise that it enforces.

    Args:
        rule: its name.
        record: every marked test.
        promises: the ids of those that it enforces.
    """
    concerned = [test for test in record.tests if rule in test.rules or not promises.isdisjoint(test.promises)]
    return [test.id for test in sorted(concerned, key=lambda test: rule not in test.rules)]


def main() -> int:
    """Prints the fates; the status is 1 if a rule survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rule", nargs="*", help="take away only these")
    parser.add_argument("--seconds", type=float, default=600, help="the longest that the proofs of a rule may take")
    options = parser.parse_args()
    fates = mutate(options.rule, options.seconds)
    shown = Table()
    for column in ("rule", "proofs", "killed by", "why"):
        shown.add_column(column, overflow="fold")
    for fate in fates:
        shown.add_row(fate.rule, str(fate.proofs), fate.killer or "SURVIVED", fate.why)
    console = Console(highlight=False, markup=False)
    Console(highlight=False, markup=False, width=max(console.width, 150)).print(shown)
    survivors = [fate.rule for fate in fates if fate.killer is None]
    for name in survivors:
        print(f"SURVIVED rule: {name}")
    print(counted("rule", len(fates), len(survivors)))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
