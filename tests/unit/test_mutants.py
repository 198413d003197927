"""The run over the registry: a rule that is taken away is missed by its proof, or is called a survivor."""

import os
import subprocess
import sys
from pathlib import Path

from mailer.policy.promise_report import PASSED, ProofCase, RecordedTestRun
from scripts.mutants import ROOT
from scripts.mutate_rules import Fate, Runner, proofs_of

FENCE = "tests/unit/test_decision.py::test_the_staging_fence"


def test_a_rule_falls_to_its_proof(tmp_path: Path) -> None:
    """A proof that needs the rule fails without it, and is named with what it said."""
    fate = Runner(tmp_path, "", 60).without("staging", [FENCE])
    assert fate.killer is not None
    assert fate.killer.startswith(FENCE)
    assert "Error" in fate.why


def test_a_killer_has_its_whole_name(tmp_path: Path) -> None:
    """A test's id holds its arguments, in which there may be blanks and brackets."""
    test = "tests/unit/test_template_partners.py::test_a_partner_is_named_in_no_template"
    fate = Runner(tmp_path, "", 60).without("partner-unwritten", [test])
    assert fate.killer == f"{test}[news/body.html.j2-<p>{{{{-<p>At penpal-shop {{{{]"


def test_a_rule_that_nothing_misses_survives(tmp_path: Path) -> None:
    """A missing proof, one that passes without the rule, and one that cannot run kill no mutant."""
    runner = Runner(tmp_path, "", 60)
    assert runner.without("under-13", [FENCE]) == Fate("under-13", 1, None, "its proofs pass without it")
    assert runner.without("erased", []) == Fate("erased", 0, None, "no proof")
    fate = runner.without("restricted", ["tests/unit/test_decision.py::test_of_no_such_name"])
    assert fate.killer is None
    assert fate.why.startswith("pytest could not run (status 4)")


def test_a_proof_that_never_ends_is_stopped(tmp_path: Path) -> None:
    """A rule whose proofs outlast their time survives, and says so."""
    fate = Runner(tmp_path, "", 0.01).without("staging", [FENCE])
    assert (fate.killer, fate.why) == (None, "its proofs did not end in 0 s")


def test_a_rule_is_gone_in_every_process(tmp_path: Path) -> None:
    """Processes that a test starts inherit it: Python takes the rule away before anything else is imported."""
    runner = Runner(tmp_path, "", 60)
    runner.without("staging", [FENCE])
    env = {**os.environ, "PYTHONPATH": f"{tmp_path / 'staging'}:{ROOT}"}
    code = "from mailer.policy import rules; print(rules.suppress_outside_staging_fence(None))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\n"


def test_who_names_a_rule_is_asked_first() -> None:
    """The tests that name a rule run before those of a promise that it enforces, and no others run."""
    said = {"a": ((), ()), "b": (("brand-1",), ()), "c": ((), ("staging",)), "d": (("brand-2",), ("opt-out",))}
    cases = tuple(ProofCase(name, promises, rules, PASSED) for name, (promises, rules) in said.items())
    record = RecordedTestRun("2026-11-28T12:00:00Z", None, True, cases)
    assert proofs_of("staging", record, frozenset({"brand-1"})) == ["c", "b"]
