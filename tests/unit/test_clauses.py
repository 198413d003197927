"""The run over the decision's clauses: which mutants there are, and that one falls to its test."""

import subprocess
import sys

import pytest

from scripts.mutants import ROOT, path_of, tell
from scripts.mutate_clauses import MODULES, SPARED, mutants_of

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
        "some.ASKED: `(lambda category: category.invites, rules.one)` asked of all": (
            "(_is_true_for_every_category, rules.one)"
        ),
    }
    assert made.keys() == changed.keys()
    for name, part in changed.items():
        assert part in made[name]


RUN = """
import sys
from dataclasses import replace
from scripts.mutants import path_of, tell
from scripts.mutate_clauses import TESTS, mutants_of
made = mutants_of("mailer.policy.rules", path_of("mailer.policy.rules").read_text("utf-8"))
sys.exit(tell([replace(mutant, tests=TESTS[:1]) for mutant in made], {}, "under_13 else None` always its first"))
"""


def test_a_clause_falls_to_its_test() -> None:
    """The run over one clause ends well: the likeliest of its tests misses it."""
    done = subprocess.run([sys.executable, "-c", RUN], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "rules: 1 mutants, 1 killed, 0 survivors, 0 spared\n"), done.stderr


def test_a_run_over_nothing_is_refused() -> None:
    """A run over nothing is refused, since it would prove nothing."""
    with pytest.raises(SystemExit, match="no mutant has 'no such clause' in its name"):
        tell(mutants_of("mailer.policy.some", SOURCE), {}, "no such clause")


def test_who_is_spared_is_a_mutant() -> None:
    """A name that no mutant has would spare nothing, and its mutant would survive."""
    made = [m.name for module in MODULES for m in mutants_of(module, path_of(module).read_text("utf-8"))]
    assert sorted(set(SPARED) - set(made)) == []
    assert {"asked of all"} <= {name.rpartition("` ")[2] for name in made}
