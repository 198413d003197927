"""`mailer campaign`: drafts from files, with the person of `--by`, and the revision that a change began with."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailer import cli
from tests.factories import BRAND, open_world
from tests.processes import SECRETS

BY = ("--by", "Dana Duty")
TEXT = {"subject": "Hi", "blocks": [{"type": "text", "markdown": "one\ntwo"}]}
DRAFT: dict[str, Any] = {"category": "newsletter", "purpose": "newsletter", "variants": {"a": {"en": TEXT}}}
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command in this process. Returns its status, output and errors."""

    async def prepare() -> None:
        async with open_world(database_url):
            pass

    asyncio.run(prepare())
    for name, value in {**SECRETS, "DATABASE_URL": database_url, "DATA": str(tmp_path)}.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mailer", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return run


def test_a_campaign_by_commands(command: Command, tmp_path: Path) -> None:
    """It is created from a file, saved on top of its revision, shown, compared, copied and archived."""
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(DRAFT))
    status, out, err = command("campaign", "create", str(file), "--brand", BRAND, "--name", "Autumn", *BY, "--json")
    assert status == 0, err
    made = json.loads(out)
    assert (made["created_by"], made["revision"]) == ("person:Dana Duty", 1)
    one = made["campaign"]
    file.write_text(json.dumps({**made["draft"], "audience": "members"}))
    assert command("campaign", "save", one, str(file), "--revision", "1", "--by", "Eve Early")[0] == 0
    status, _, err = command("campaign", "save", one, str(file), "--revision", "1", *BY)
    assert (status, "Eve Early has saved revision 2 meanwhile" in err) == (1, True)
    assert "To the list members." in command("campaign", "show", one)[1]
    assert [item["revision"] for item in json.loads(command("campaign", "history", one, "--json")[1])] == [2, 1]
    assert command("campaign", "history", one, "--revision", "1")[1].splitlines() == [
        *("audience", "- everyone", "+ members"),
    ]
    assert command("campaign", "duplicate", one, "--name", "Copy", *BY)[0] == 0
    assert command("campaign", "archive", one, *BY)[0] == 0
    assert command("campaign", "save", one, str(file), "--revision", "2", *BY)[0] == 1
    listed = json.loads(command("campaign", "list", "--json")[1])
    assert [item["name"] for item in listed] == ["Copy"]
    assert "Autumn" in command("campaign", "list", "--state", "archived", "--brand", BRAND)[1]
    assert command("campaign", "archive", one, "--undo", *BY)[0] == 0


def test_bad_drafts_are_refused_with_their_place(command: Command, tmp_path: Path) -> None:
    """No draft, a wrong key and a category that is not a campaign's end with status 2 and say so."""
    file = tmp_path / "draft.json"
    for content, words in (
        ("{", "JSON"),
        (json.dumps({**DRAFT, "script": "x"}), "script"),
        (json.dumps({**DRAFT, "category": "breach"}), "category: a campaign of interpals may be"),
        (json.dumps({**DRAFT, "purpose": "x"}), "purpose: the policy of interpals has"),
        ('{"category": "a", "category": "b"}', "category"),
        (" " * 1_000_000, "at most 900,000"),
    ):
        file.write_text(content)
        status, _, err = command("campaign", "create", str(file), "--brand", BRAND, "--name", "x")
        assert status == 2, content[:50]
        assert words in err
    assert command("campaign", "create", str(tmp_path / "none"), "--brand", BRAND, "--name", "x")[0] == 2
    file.write_text(json.dumps(DRAFT))
    assert command("campaign", "create", str(file), "--brand", BRAND, "--name", " ")[0] == 2
    assert command("campaign", "create", str(file), "--brand", "nobody", "--name", "x")[0] == 2
    assert command("campaign", "show", "01a22881-3838-723d-b2ac-a6014c1659bd")[0] == 1


def test_a_lint_tells_faults_and_changes_nothing(command: Command, tmp_path: Path) -> None:
    """Errors are told with their place and remedy, and end with status 1; a good draft ends with 0."""
    file = tmp_path / "draft.json"
    bad = {**TEXT, "subject": "Re: news", "blocks": [*TEXT["blocks"], {"type": "button", "label": "Go", "href": "#"}]}
    file.write_text(json.dumps({**DRAFT, "variants": {"a": {"en": bad}}}))
    made = json.loads(command("campaign", "create", str(file), "--brand", BRAND, "--name", "Lint", *BY, "--json")[1])
    status, out, _ = command("campaign", "lint", made["campaign"], "--json")
    found = json.loads(out)["findings"]
    assert status == 1
    assert {one["severity"] for one in found} >= {"error", "warning"}
    assert "subject-false-reply" in {one["name"] for one in found}
    assert set(found[0]) == {"name", "severity", "variant", "locale", "block", "text", "remedy"}
    status, out, _ = command("campaign", "lint", made["campaign"])
    assert 'error: subject-false-reply (variant a, en): The subject begins with "Re:".' in out
    file.write_text(json.dumps({**made["draft"], "variants": {"a": {"en": TEXT}}}))
    assert command("campaign", "save", made["campaign"], str(file), "--revision", "1", *BY)[0] == 0
    assert command("campaign", "lint", made["campaign"])[0] == 0
    shown = json.loads(command("campaign", "show", made["campaign"], "--json")[1])
    assert (shown["revision"], shown["state"]) == (2, "draft")
    status, _, err = command("campaign", "lint", "0192f0c1-0000-7000-8000-000000000000")
    assert (status, "there is no such campaign" in err) == (2, True)
