"""A pytest plugin that records which tests prove which promises, and whether they passed.

mailer uses it, and so can every project that has a policy: `pytest_plugins = ["mailer.testing.proofs"]` in the
`conftest.py` of the project.

A test under `@pytest.mark.promise("interpals-07", …)` is a proof of each promise that it names; one under
`@pytest.mark.rule("staging", …)` proves rules that stand behind no promise. A run of the whole suite writes
`.cache/promises.json`, which `mailer policy check` reads. The file has digests of mailer's code, and of the policies,
templates and jurisdictions that were tested; it proves nothing about others. A run of a part of the suite (a path,
`-k`, `-m`, `--lf`) does not write that file. `--proofs=FILE` writes a record for any run, which says if it is of a part
only. In a parallel run (`-n`) each process of pytest-xdist collects all tests and passes its notes to the process that
started it; that process writes the file.
"""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailer.settings import read_settings
from mailer.source_tree_digests import digests_by_source_tree_part

RECORD = Path(".cache", "promises.json")
"""The file of the record, relative to the project's folder."""

NOT_RUN = "not run"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option `--proofs`."""
    parser.addoption("--proofs", type=Path, metavar="FILE", help="write the record of proofs here, for any run")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers `promise` and `rule`, and the recorder."""
    config.addinivalue_line("markers", "promise(*ids): the test proves these promises, and looks at the outside")
    config.addinivalue_line("markers", "rule(*names): the test proves these rules, which no promise names")
    config.pluginmanager.register(ProofRecorder(config), "proofs-recorder")


class ProofRecorder:
    """Records the outcome of each marked test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._left_out = False
        self._complete = False
        self._marked: dict[str, dict[str, list[str]]] = {}
        self._outcomes: dict[str, str] = {}
        self._digests: dict[str, str] = {}

    def pytest_sessionstart(self) -> None:
        """Stores digests of the tested code and files. The session imports the code as it is at its start."""
        if not hasattr(self._config, "workerinput"):
            settings = read_settings()
            self._digests = digests_by_source_tree_part(settings.policies, settings.templates, settings.jurisdictions)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Notes that tests were deselected, so that the run is of a part only."""
        self._left_out = self._left_out or bool(items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notes that a module could not be imported, so that its tests are left out."""
        self._left_out = self._left_out or report.failed

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Stores the promises and rules that each test proves."""
        for item in session.items:
            named = {"promises": _names_in_markers(item, "promise"), "rules": _names_in_markers(item, "rule")}
            if any(named.values()):
                self._marked[item.nodeid] = named
        self._complete = not self._left_out

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Takes over the notes of a pytest-xdist process.

        All processes have the same notes; one that crashed has none.
        """
        if taken := getattr(node, "workeroutput", {}).get("proofs"):
            self._marked, self._complete = taken

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Stores the outcome of a test. It passed if its call, setup and teardown all passed."""
        outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        if report.when == "call" or outcome != "passed":
            self._outcomes[report.nodeid] = outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the record as a whole file. A pytest-xdist process passes its notes on instead."""
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["proofs"] = (self._marked, self._complete)
            return
        whole = self._complete and _is_whole_suite(self._config) and not self._config.option.collectonly
        file = self._config.getoption("--proofs") or (self._config.rootpath / RECORD if whole else None)
        if file is None:
            return
        record = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": _find_git_commit(self._config.rootpath),
            "whole": whole,
            "own": _is_mailer_project(self._config.rootpath),
            "digests": self._digests,
            "tests": [
                {"id": test, **named, "outcome": self._outcomes.get(test, NOT_RUN)}
                for test, named in self._marked.items()
            ],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f"{file.name}.{os.getpid()}")
        aside.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        aside.replace(file)


def _is_whole_suite(config: pytest.Config) -> bool:
    """Tells whether the whole suite was asked for: without a path, or with exactly the folders of `testpaths`.

    Without `testpaths`, the whole suite is the root folder of the project.
    """
    asked = [config.invocation_params.dir / path for path in config.args]
    whole = [config.rootpath / path for path in config.getini("testpaths")]
    return asked == (whole or [config.rootpath])


def _is_mailer_project(folder: Path) -> bool:
    """Tells whether the folder is the project of mailer itself, whose tests prove each rule."""
    module = folder / "mailer" / "testing" / "proofs.py"
    return module.exists() and module.samefile(__file__)


def _names_in_markers(item: pytest.Item, marker: str) -> list[str]:
    """Returns the names in a test's markers of one kind, each once."""
    named: list[str] = []
    for mark in item.iter_markers(marker):
        if not mark.args or mark.kwargs or not all(isinstance(name, str) for name in mark.args):
            raise pytest.UsageError(f"{item.nodeid}: write names, as in {marker}('…', '…')")
        named.extend(mark.args)
    return list(dict.fromkeys(named))


def _find_git_commit(folder: Path) -> str | None:
    """Returns the Git commit that was tested, or None if there is no Git or no commit."""
    if not shutil.which("git"):
        return None
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
        cwd=folder,
        env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None
