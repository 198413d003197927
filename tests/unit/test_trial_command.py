"""`mailer policy try`: its report, its status, and what it refuses."""

import json
import re
import sys
from pathlib import Path

import pytest

from mailer import bundled_files, cli
from mailer.trial.trial_run import FAILS, HOLDS


def own_policy(folder: Path, patch: pytest.MonkeyPatch, *rules: str) -> None:
    """A policy that somebody wrote: the model for new brands, with a promise for each of some rules."""
    text = (bundled_files.bundled_folder("policies") / "default.toml").read_text("utf-8")
    text = text.replace('brand = "default"', 'brand = "acme"')
    for rule in rules:
        text += f'\n[[promises]]\nid = "acme-{rule}"\npromise = "as it says"\nsource = "2"\nrules = ["{rule}"]\n'
    (folder / "acme.toml").write_text(text, "utf-8")
    (folder / "templates").mkdir()
    patch.setenv("MAILER_POLICIES", str(folder))
    patch.setenv("MAILER_TEMPLATES", str(folder / "templates"))


def run(*words: str) -> int:
    """A command, in this process; its exit status."""
    with pytest.raises(SystemExit) as ended:
        sys.exit(cli.app(["policy", "try", *words], standalone_mode=False) or 0)
    return int(str(ended.value.code))


def test_the_command_tells_an_officer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy of one's own is tried without templates; a promise of nothing that the trial knows is not counted."""
    own_policy(tmp_path, monkeypatch, "opt-out", "way-out", "hand-over-record", "own-rule")
    assert run("acme") == 0
    said = capsys.readouterr()
    assert re.search(r"acme-opt-out +as it says +holds, tried on [\d,]+ people, \d+ mailings\n", said.out)
    assert re.search(r"acme-hand-over-record +as it says +not tried\n +Not tried: it is about what is stored", said.out)
    assert "Not tried: the trial has no statement of the rule own-rule." in said.out
    assert "3 hold, 0 fail, 2 not tried." in said.out
    assert said.err == ""


def test_the_command_fails_by_a_promise_that_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is 1, and the report names the first person or thing that breaks the promise."""
    own_policy(tmp_path, monkeypatch, "processor-known", "opt-out")
    report = tmp_path / "report.json"
    assert run("acme", "--json", "--to", str(report)) == 1
    assert "mailer: 1 promise of acme fails, first acme-processor-known" in capsys.readouterr().err
    told = json.loads(report.read_text("utf-8"))
    first, second, floor = told["promises"]
    assert (first["result"], second["result"], floor["result"]) == (FAILS, HOLDS, HOLDS)
    assert "lists no processor" in first["failure"]


def test_a_brand_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt brand gets those that there are."""
    assert run("palltalk") == 2
    assert "there is no policy of palltalk; there are interpals, " in capsys.readouterr().err
