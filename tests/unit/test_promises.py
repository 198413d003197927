import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mailer import bundled_files
from mailer.policy.policy_file import Policy, parse_policy
from mailer.policy.promise_report import (
    PromiseStatus,
    ProofCase,
    RecordedTestRun,
    build_promise_report,
    parse_proof_record,
)
from mailer.policy.rule_registry import Rule
from mailer.source_tree_digests import digests_by_source_tree_part
from tests.processes import Done
from tests.spawning import MAILER, begin

ROOT = Path(__file__).parents[2]
PYTEST = ROOT / "tests" / "run_pytest.py"
HEAD = (
    bundled_files.bundled_folder("policies").joinpath("interpals.toml").read_text("utf-8").partition("[[promises]]")[0]
)


def policy(*promises: str) -> Policy:
    """A policy with promises of its own, as TOML without id and words."""
    tables = (
        f'[[promises]]\nid = "p-{number}"\npromise = "x"\nsource = "y"\n{said}\n'
        for number, said in enumerate(promises)
    )
    return parse_policy(HEAD + "".join(tables), "p.toml")


def rules(*names: str) -> dict[str, Rule]:
    """A registry."""
    return {name: Rule(name, "a law", "Demands.", "room:function") for name in names}


def ran(*tests: ProofCase, whole: bool = True) -> RecordedTestRun:
    """A run of these tests."""
    return RecordedTestRun("2026-06-01T00:00:00+00:00", "abc", whole, tests)


def proves(promise: str, outcome: str = "passed", test: str = "tests/a.py::test_a") -> ProofCase:
    """A test of a promise."""
    return ProofCase(test, (promise,), (), outcome)


def test_a_promise_with_a_rule_and_a_proof_is_kept() -> None:
    """Nothing is wrong with it."""
    found = build_promise_report([policy('rules = ["a"]')], rules("a"), ran(proves("p-0")))
    assert [(row.promise_status, [proof.test for proof in row.proofs]) for row in found.rows] == [
        (PromiseStatus.KEPT, ["tests/a.py::test_a"])
    ]
    assert found.all_faults == ()


@pytest.mark.parametrize(
    ("said", "registered", "tests", "fault"),
    [
        ("", [], [proves("p-0")], "p-0: has no rule; name in `rules`"),
        ('rules = ["a"]', [], [proves("p-0")], "p-0: names the rule a, which nobody registers; register it"),
        ('rules = ["a"]', ["a"], [ProofCase("t::b", (), ("a",), "passed")], "p-0: has no proof; mark a test"),
        (
            'rules = ["a"]',
            ["a"],
            [proves("p-0"), proves("p-0", "failed", "t::b")],
            "p-0: its proof t::b has not passed",
        ),
        ('rules = ["a"]', ["a"], [proves("p-0"), proves("p-0", "not run", "t::b")], "(not run)"),
        (
            'rules = ["a"]',
            ["a"],
            [proves("p-0"), proves("p-1")],
            "proves p-1, which no policy promises; mend the marker",
        ),
        (
            'rules = ["a"]',
            ["a"],
            [proves("p-0"), ProofCase("t::b", (), ("c",), "passed")],
            "proves the rule c, which nobody",
        ),
        ('rules = ["a"]', ["a", "b"], [proves("p-0")], "the rule b has no proof; name it in a proven promise, or mark"),
        ('waits_for = "better weather"', [], [], 'p-0: waits for "better weather"; write inbound mail or pages'),
    ],
)
def test_what_is_wrong_is_told(said: str, registered: list[str], tests: list[ProofCase], fault: str) -> None:
    """Each way of not keeping a promise is one fault, with what to do about it."""
    found = build_promise_report([policy(said)], rules(*registered), ran(*tests))
    assert len(found.all_faults) == 1
    assert fault in found.all_faults[0]
    assert ";" in found.all_faults[0]


def test_all_cases_of_a_test_must_pass() -> None:
    """A test of several cases is one proof, and one case that fails is a proof that fails."""
    cases = [proves("p-0", outcome, f"t::a[{number}]") for number, outcome in enumerate(("passed", "failed", "passed"))]
    (row,) = build_promise_report([policy('rules = ["a"]')], rules("a"), ran(*cases)).rows
    assert row.promise_status is PromiseStatus.BROKEN
    assert [(proof.test, proof.outcome) for proof in row.proofs] == [("t::a", "failed")]


def test_what_waits_is_never_kept() -> None:
    """A pending promise stays pending, also with a rule and a test that passes."""
    waiting = policy('rules = ["a"]\nwaits_for = "pages: the console"')
    found = build_promise_report([waiting], rules("a"), ran(proves("p-0")))
    assert [row.promise_status for row in found.rows] == [PromiseStatus.PENDING]
    assert found.all_faults == ()


def test_without_a_record_nothing_is_kept_and_nothing_is_broken() -> None:
    """A check without a record sees which rules exist. A rule that does not exist is still a fault."""
    found = build_promise_report([policy('rules = ["a"]', 'rules = ["b"]', 'waits_for = "pages"')], rules("a"), None)
    assert [row.promise_status for row in found.rows] == [
        PromiseStatus.UNPROVEN,
        PromiseStatus.BROKEN,
        PromiseStatus.PENDING,
    ]
    assert found.all_faults == (
        "p-1: names the rule b, which nobody registers; register it with @rule, or mend its name",
    )


def test_others_tests_need_not_prove_the_rules() -> None:
    """A brand's own suite proves its promises; each rule has its proof in mailer's."""
    proven = replace(ran(proves("p-0")), own=False)
    found = build_promise_report([policy('rules = ["a"]')], rules("a", "b"), proven)
    assert ([row.promise_status for row in found.rows], found.all_faults) == ([PromiseStatus.KEPT], ())
    unproven = build_promise_report([policy('rules = ["a"]', 'rules = ["b"]')], rules("a", "b"), proven)
    assert [row.promise_status for row in unproven.rows] == [PromiseStatus.KEPT, PromiseStatus.BROKEN]


def test_only_a_whole_run_counts() -> None:
    """The check says to run all tests, if the record is of a part of them."""
    faults = build_promise_report([policy('rules = ["a"]')], rules("a"), ran(proves("p-0"), whole=False)).all_faults
    assert any("record" in fault and "run all of them" in fault for fault in faults)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"when": 1, "commit": 1, "whole": 1, "tests": [1]}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    """The error for a file that is no record names the command that writes one."""
    with pytest.raises(ValueError, match=r"mailer\.testing\.proofs"):
        parse_proof_record(text)


SUITE = """
import pytest

@pytest.mark.promise("p-0")
@pytest.mark.parametrize("x", [1, 2])
def test_cases(x): assert x == 1

@pytest.fixture
def breaks():
    yield
    raise RuntimeError

@pytest.mark.promise("p-1", "p-2")
def test_teardown(breaks): pass

@pytest.mark.promise("p-3")
@pytest.mark.skip
def test_skipped(): pass

@pytest.mark.promise("p-4")
@pytest.mark.xfail(strict=False)
def test_xfail(): assert False

@pytest.mark.rule("a-rule")
def test_rule(): pass

def test_other(): pass
"""
"""No tests of ours: the recorder is tried on it. What was skipped or expected to fail must not count as proof."""


class Suite:
    """A suite of its own, run by a pytest of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # to import the others takes longer
        self.record = folder / ".cache" / "promises.json"
        (folder / "tests").mkdir()
        (folder / "pytest.ini").write_text("[pytest]\ntestpaths = tests\naddopts = --strict-markers\n")
        (folder / "tests" / "conftest.py").write_text('pytest_plugins = ["mailer.testing.proofs"]\n')
        (folder / "tests" / "test_suite.py").write_text(SUITE)

    async def run(self, *arguments: str) -> None:
        """Runs it."""
        await self.command(sys.executable, str(PYTEST), "-p", "no:cacheprovider", "-p", "xdist", *arguments)

    async def command(self, *command: str) -> Done:
        """Runs a program in the suite's folder."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = await begin(command, self.env, self.folder, (given.fileno(), out.fileno(), err.fileno()))
            status = await process.wait()
            for file in (out, err):
                file.seek(0)
            return Done(status, out.read().decode(), err.read().decode())

    def outcomes(self, file: Path) -> dict[str, str]:
        """The outcomes on record."""
        return {test.id.partition("::")[2]: test.outcome for test in parse_proof_record(file.read_text()).tests}


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """A suite in a folder of its own."""
    return Suite(tmp_path)


@pytest.mark.parametrize("processes", [0, 2])
async def test_a_whole_run_writes_the_record(suite: Suite, processes: int) -> None:
    """Each marked test stands there with what it names and what became of it; a passed call alone is no pass."""
    await suite.run("-n", str(processes))
    record = parse_proof_record(suite.record.read_text())
    assert record.whole
    assert not record.own
    assert (
        record.parts_changed_since_test_run(
            digests_by_source_tree_part(*map(bundled_files.bundled_folder, ("policies", "templates", "jurisdictions")))
        )
        == ()
    )
    assert suite.outcomes(suite.record) == {
        "test_cases[1]": "passed",
        "test_cases[2]": "failed",
        "test_teardown": "failed",
        "test_skipped": "skipped",
        "test_xfail": "xfailed",
        "test_rule": "passed",
    }
    named = {test.id.partition("::")[2]: (test.promises, test.rules) for test in record.tests}
    assert named["test_teardown"] == (("p-1", "p-2"), ())
    assert named["test_rule"] == ((), ("a-rule",))


@pytest.mark.parametrize("arguments", [[], ["."], ["--rootdir=."]])
async def test_a_project_need_not_name_its_tests(suite: Suite, arguments: Sequence[str]) -> None:
    """All that pytest finds from the project's folder is whole where no settings say which folders hold the tests."""
    (suite.folder / "pytest.ini").unlink()
    await suite.run(*arguments)
    assert parse_proof_record(suite.record.read_text()).whole


async def test_a_run_in_a_folder_of_the_project_is_of_a_part(suite: Suite) -> None:
    """Tests beside that folder are not run, so nothing is recorded."""
    (suite.folder / "pytest.ini").write_text("[pytest]\n")
    (suite.folder / "tests" / "inner").mkdir()
    (suite.folder / "tests" / "inner" / "test_one.py").write_text("def test_one(): pass\n")
    await suite.run("tests/inner")
    await suite.run("--rootdir=.", "tests/inner")
    assert not suite.record.exists()


async def test_the_documented_project_proves_its_promise(suite: Suite) -> None:
    """The promise of docs/policies.md is kept by the proof that stands there, and broken by one that fails."""
    page = (ROOT / "docs" / "policies.md").read_text("utf-8").partition("## Proving promises")[2]
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    promise = next(text for kind, text in blocks if kind == "toml")
    plugin, proof = (text for kind, text in blocks if kind == "python")
    (suite.folder / "pytest.ini").unlink()
    shutil.rmtree(suite.folder / "tests")
    tests = suite.folder / "tests"
    tests.mkdir()
    known = ["--domain", "acme.example", "--controller", "Acme Ltd.", "--address", "1 Quay, Hamburg"]
    assert (await suite.command(*MAILER, "init", "acme", *known)).status == 0
    policy = suite.folder / "policies" / "acme.toml"
    policy.write_text(f"{policy.read_text('utf-8').partition('[[promises]]')[0]}\n{promise}", "utf-8")
    (suite.folder / "conftest.py").write_text(plugin, "utf-8")
    (tests / "test_promises.py").write_text(proof, "utf-8")
    suite.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    await suite.run()

    async def checked() -> tuple[int, list[str]]:
        done = await suite.command(*MAILER, "policy", "check", "--json")
        return done.status, [one["status"] for one in done.json["promises"]]

    assert await checked() == (0, ["kept"])
    (tests / "test_promises.py").write_text(proof.replace("/u/", "/away/"), "utf-8")
    await suite.run()
    assert await checked() == (1, ["broken"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "rule"],
        ["tests/test_suite.py"],
        ["--deselect=tests/test_suite.py::test_rule"],
        ["--collect-only"],
        ["-n2", "-k", "rule"],
    ],
)
async def test_a_run_of_a_part_leaves_the_record_alone(suite: Suite, arguments: Sequence[str]) -> None:
    """A run of a part leaves the record alone. If asked for a record, it writes one that says it is of a part."""
    await suite.run(*arguments)
    assert not suite.record.exists()
    aside = suite.folder / "aside.json"
    await suite.run(*arguments, f"--proofs={aside}")
    assert not suite.record.exists()
    assert not parse_proof_record(aside.read_text()).whole


async def test_what_a_stopped_run_left_out_has_not_run(suite: Suite) -> None:
    """A run that ends early takes down what it did not get to."""
    await suite.run("-x", "tests")
    assert suite.outcomes(suite.record)["test_rule"] == "not run"


async def test_a_file_that_cannot_be_imported_makes_no_whole_run(suite: Suite) -> None:
    """A run without the proofs of a broken file records nothing."""
    (suite.folder / "tests" / "test_broken.py").write_text("import nothing_of_this_name")
    await suite.run("--continue-on-collection-errors")
    assert not suite.record.exists()


async def test_a_marker_without_names_is_a_mistake(suite: Suite) -> None:
    """A test that proves nothing in particular is refused."""
    (suite.folder / "tests" / "test_bare.py").write_text(
        "import pytest\n\n@pytest.mark.promise\ndef test_bare(): pass\n"
    )
    await suite.run()
    assert not suite.record.exists()


@pytest.mark.parametrize("part", ["code", "policies", "templates", "jurisdictions"])
def test_a_record_of_another_tree_proves_nothing(part: str) -> None:
    """A record of other code or other files is called so, and no promise is kept by it."""
    at_hand = dict.fromkeys(("code", "policies", "templates", "jurisdictions"), "1")
    record = replace(ran(proves("p-0"), proves("of-others")), digests=at_hand | {part: "2"})
    found = build_promise_report([policy('rules = ["a"]')], rules("a", "b"), record, at_hand)
    assert [row.promise_status for row in found.rows] == [PromiseStatus.UNPROVEN]
    assert found.all_faults == (f"the record is of another tree, with other {part}, and proves nothing: run all tests",)
    whole = replace(ran(proves("p-0")), digests=at_hand)
    assert [
        row.promise_status for row in build_promise_report([policy('rules = ["a"]')], rules("a"), whole, at_hand).rows
    ] == [PromiseStatus.KEPT]


def test_the_published_table_is_the_one_that_the_command_writes() -> None:
    """docs/promises.md is what `make promises` prints: nobody edits it by hand, and nobody forgets it."""
    command = [sys.executable, "-m", "scripts.publish_promises", "-"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "docs" / "promises.md").read_text("utf-8"), "run `make promises`"
