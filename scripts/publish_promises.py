"""Writes docs/promises.md: every promise with its rules and its proofs. With `-` it is printed instead.

The proofs are those that pytest collects; that they pass is for `make test-all` to show, and for `mailer policy check`.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from mailer.bundled_files import read_texts_of_toml_files
from mailer.cli.policy_check import import_all_rules
from mailer.policy.jurisdiction import parse_law_by_country
from mailer.policy.policy_file import Policy
from mailer.policy.policy_library import parse_policies_in_force
from mailer.policy.promise_report import (
    PromiseRow,
    RecordedTestRun,
    build_promise_report,
    parse_proof_record,
    promises_of_rule,
)
from mailer.policy.rule_registry import Rule

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "promises.md"
_MARK = re.compile(r"pytest\.mark\.(?:promise|rule)\b")

HEAD = """\
# The promises

What the four policies in `policies/` promise, what that needs the rest of the file to say, which rules enforce it, and
which tests prove it. `make promises` writes this page; `mailer policy check` says whether the proofs passed in the last
run of all tests. A promise that waits for something is not kept yet, and is never shown as kept. What a policy may say
is in [policies.md](policies.md).
"""


def collected() -> RecordedTestRun:
    """Every marked test there is; files without a mark are not read, which takes a fifth of the time."""
    marked = [str(file) for file in sorted(ROOT.glob("tests/**/test_*.py")) if _MARK.search(file.read_text("utf-8"))]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "proofs.json")
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"--proofs={file}", *marked]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"the tests cannot be collected:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return parse_proof_record(file.read_text("utf-8"))


def page(policies: Iterable[Policy], rules: dict[str, Rule], record: RecordedTestRun) -> str:
    """The whole page."""
    rows = build_promise_report(policies, rules, record).rows
    parts = [HEAD]
    for policy in policies:
        parts.append(f"\n## {policy.brand}\n\n{policy.name}, version {policy.version}.\n\n")
        parts.append("| promise | in our words | needs | rules | proofs |\n|---|---|---|---|---|\n")
        parts.extend(_promise(row) for row in rows if row.brand == policy.brand)
    parts.append("\n## The rules\n\n")
    parts.append("| rule | what it demands | source | promises | in |\n|---|---|---|---|---|\n")
    parts.extend(_rule(rule, promises_of_rule(name, rows)) for name, rule in sorted(rules.items()))
    return "".join(parts)


def _promise(row: PromiseRow) -> str:
    promise = row.promise
    proofs = f"waits for {promise.waits_for}" if promise.waits_for else "<br>".join(_links(row))
    needs = "<br>".join(f"`{words}`" for words in promise.needs.needs_in_words)
    return _line(promise.id, promise.promise, needs, ", ".join(f"`{name}`" for name in promise.rules), proofs)


def _links(row: PromiseRow) -> Iterator[str]:
    for proof in row.proofs:
        file, _, name = proof.test.partition("::")
        yield f"[{name}](../{file})"


def _rule(rule: Rule, promises: Iterable[str]) -> str:
    module = rule.home.partition(":")[0]
    file = f"{module.replace('.', '/')}.py"
    return _line(f"`{rule.name}`", rule.says, rule.source, ", ".join(sorted(promises)), f"[{module}](../{file})")


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def main() -> None:
    """Writes or prints it."""
    texts = {file.name: file.read_text("utf-8") for file in (ROOT / "policies").glob("*.toml")}
    policies = parse_policies_in_force(
        texts, datetime.now(UTC).date(), parse_law_by_country(read_texts_of_toml_files("jurisdictions"))
    )
    text = page(list(policies.values()), dict(import_all_rules()), collected())
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(text)
    else:
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
