"""`mailer policy list`, `show` and `check` as somebody calls them, and the digests by which a record is known."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailer import resources
from mailer.cli import app
from mailer.cli.checking import every_rule
from mailer.digests import digests_of

ROOT = Path(__file__).parents[2]


def policy_command(*arguments: str) -> Result:
    """Runs `mailer policy …`."""
    return CliRunner().invoke(app, ["policy", *arguments])


def test_check_shows_every_promise(tmp_path: Path) -> None:
    """Every promise of four policies stands there with its rules; without the record that was named, status 1."""
    done = policy_command("check", "--json", "--record", str(tmp_path / "none.json"))
    shown: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == 1
    assert len(shown["promises"]) == 77
    assert {row["brand"] for row in shown["promises"]} == {"interpals", "paltalk-2006", "paltalk-2002", "peerstream"}
    assert {row["status"] for row in shown["promises"]} == {"unproven", "pending"}
    assert all(rule["home"] for row in shown["promises"] for rule in row["rules"])
    assert shown["faults"] == []
    assert "mailer.testing.proofs" in done.stderr
    assert "faults" not in done.stderr


def test_check_says_what_it_cannot_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where mailer was installed there is no record: needs and rules hold, and the rest is said in words."""
    monkeypatch.chdir(tmp_path)
    done = policy_command("check")
    assert done.exit_code == 0, done.output
    assert re.search(r"nothing is proven here, .* behind 62 of them stand rules that exist", done.stdout)
    for said in (
        "that applications tell the truth of people's countries, ages, products and consents",
        "that somebody reads optout@paltalk.example, and does what arrives there",
        "that TRUSTe answers at https://",
    ):
        assert said in done.stdout
    assert "no promise of paltalk-2002 rests on switches.service_scope" in done.stdout


def test_check_is_content_with_a_good_record(tmp_path: Path) -> None:
    """With a proof of everything on record, every promise is kept or waits, and the status is 0."""
    file = tmp_path / "record.json"
    ids = re.findall(
        r'^id = "(.+?)"', "".join(path.read_text() for path in (ROOT / "policies").glob("*.toml")), re.MULTILINE
    )
    known = {found["id"] for found in json.loads(policy_command("check", "--json").stdout)["promises"]}
    tests = [
        {"id": "t::a", "promises": [name for name in ids if name in known], "rules": [], "outcome": "passed"},
        {"id": "t::b", "promises": [], "rules": list(every_rule()), "outcome": "passed"},
    ]
    at_hand = digests_of(resources.folder("policies"), resources.folder("templates"))
    record = {"when": "2026-06-01", "commit": None, "whole": True, "own": True, "tests": tests, "digests": at_hand}
    file.write_text(json.dumps(record))
    done = policy_command("check", "--record", str(file))
    assert done.exit_code == 0, done.output
    assert "peerstream, version 2018: 8 kept, 5 pending" in done.stdout


def test_each_part_of_a_tree_has_a_digest(tmp_path: Path) -> None:
    """A file that is changed, added or renamed changes the digest of its part, and of no other; caches do not count."""
    policies, templates = tmp_path / "policies", tmp_path / "templates"
    (templates / "acme").mkdir(parents=True)
    policies.mkdir()
    file = templates / "acme" / "body.txt.j2"
    file.write_text("Hello")
    before = digests_of(policies, templates)
    for change in (
        lambda: file.write_text("Hallo"),
        lambda: file.rename(file.with_name("body.html.j2")),
        lambda: (policies / "acme.toml").write_text("x = 1"),
    ):
        change()
        after = digests_of(policies, templates)
        changed = [part for part in before if before[part] != after[part]]
        assert changed == (["policies"] if (policies / "acme.toml").exists() else ["templates"])
        before = after
    (templates / "__pycache__").mkdir()
    (templates / "__pycache__" / "x.pyc").write_text("x")
    assert digests_of(policies, templates) == before


def test_list_and_show_say_what_holds() -> None:
    """The list has each brand with its switches; one policy is shown in full, as JSON too."""
    listed = {row["brand"]: row for row in json.loads(policy_command("list", "--json").stdout)}
    assert (listed["interpals"]["promo_basis"], listed["interpals"]["promises"]) == ("opt_out", 25)
    assert "paltalk-2002" in policy_command("list").stdout
    shown = policy_command("show", "paltalk-2006").stdout
    assert all(text in shown for text in ("relay-us", "paltalk06-01", "opt_in, opt_out", "Holdings", "10"))
    assert json.loads(policy_command("show", "interpals", "--json").stdout)["partners"][0]["id"] == "penpal-shop"
    assert policy_command("show", "nobody").exit_code == 2
