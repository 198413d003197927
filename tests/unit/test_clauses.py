"""The run over the decision's clauses: which mutants there are, and that one falls to its test."""

import subprocess
import sys

from scripts.mutants import ROOT
from scripts.mutate_clauses import mutants_of

SOURCE = """
def speaks(a, b, c):
    if a and not b:
        return None
    return 1 if c < 2 else 0

ASKED = {"one": (lambda category: category.invites, rules.one)}
"""


def test_each_clause_is_taken_out_once() -> None:
    """Operands, negations, guards, boundaries, branches, and of which categories a rule is asked, are mutants."""
    made = {mutant.name: mutant.source for mutant in mutants_of("mailer.policy.some", SOURCE)}
    changed = {
        "some.speaks: `a and (not b)` without a": "if not b:",
        "some.speaks: `a and (not b)` without not b": "if a:",
        "some.speaks: `not b` without not": "if a and b:",
        "some.speaks: `if a and (not b):` without if a and (not b)": "if False:",
        "some.speaks: `c < 2` as c <= 2": "return 1 if c <= 2 else 0",
        "some.speaks: `1 if c < 2 else 0` always its first branch": "return 1\n",
        "some.speaks: `1 if c < 2 else 0` always its second branch": "return 0\n",
        "some.ASKED: `(lambda category: category.invites, rules.one)` asked of all": "(_all_categories, rules.one)",
    }
    assert made.keys() == changed.keys()
    for name, part in changed.items():
        assert part in made[name]


def test_a_clause_falls_to_its_test() -> None:
    """The run over one clause ends well, for a test misses it; one over none is refused."""
    for only, status, said in (
        ("rules.child_under_13", 0, "rules: 2 mutants, 2 killed, 0 survivors, 0 spared"),
        ("no such clause", 1, "no mutant has 'no such clause' in its name"),
    ):
        command = [sys.executable, "-m", "scripts.mutate_clauses", "--only", only]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        assert said in done.stdout + done.stderr
