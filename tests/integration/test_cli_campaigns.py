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
