"""`mailer policy list`, `show` and `check` as somebody calls them, and the digests by which a record is known."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailer import bundled_files
from mailer.cli import app
from mailer.cli.policy_check import import_all_rules
from mailer.source_tree_digests import digests_by_source_tree_part

ROOT = Path(__file__).parents[2]


def policy_command(*arguments: str) -> Result:
    """Runs `mailer policy …`."""
    return CliRunner().invoke(app, ["policy", *arguments])


def record_of(file: Path, *tests: Mapping[str, object]) -> str:
    """A record of these tests, of the code and the files at hand; its path."""
    at_hand = digests_by_source_tree_part(
        *map(bundled_files.bundled_folder, ("policies", "templates", "jurisdictions"))
    )
    record = {"when": "2026-06-01", "commit": None, "whole": True, "own": True, "tests": tests, "digests": at_hand}
    file.write_text(json.dumps(record))
    return str(file)


def test_check_shows_every_promise(tmp_path: Path) -> None:
    """Every promise of four policies stands there with its needs and its rules; one without a proof is broken."""
    done = policy_command("check", "--json", "--record", record_of(tmp_path / "record.json"))
    shown: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == 1
    rows = {row["id"]: row for row in shown["promises"]}
    assert {row["brand"] for row in rows.values()} == {"interpals", "paltalk-2006", "paltalk-2002", "peerstream"}
    assert {row["status"] for row in rows.values()} == {"broken"}
    assert all(rule["home"] for row in rows.values() for rule in row["rules"])
    assert rows["paltalk06-03"]["needs"] == ["categories.newsletter.confirmed = true"]
    assert all("has no proof" in fault for fault in shown["faults"])
    assert shown["trials"] == {}
    missing = policy_command("check", "--record", str(tmp_path / "none.json"))
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "none.json is missing, and nothing is proven without it" in missing.stderr
    assert "mailer.testing.proofs" in missing.stderr


def test_check_is_content_with_a_good_record(tmp_path: Path) -> None:
    """Every promise is kept or waits, and the status is 0, if the record has a proof of everything."""
    shown = policy_command("check", "--json", "--record", record_of(tmp_path / "none.json")).stdout
    known = [found["id"] for found in json.loads(shown)["promises"]]
    tests = [
        {"id": "t::a", "promises": known, "rules": [], "outcome": "passed"},
        {"id": "t::b", "promises": [], "rules": list(import_all_rules()), "outcome": "passed"},
    ]
    done = policy_command("check", "--record", record_of(tmp_path / "record.json", *tests))
    assert done.exit_code == 0, done.output
    assert "peerstream, version 2018: 13 kept" in done.stdout
    assert "trial:" not in done.stdout


PROMISE = """
[[promises]]
id = "acme-01"
promise = "Each newsletter says how to leave it."
source = "Newsletters, sentence 1"
needs = { categories = { newsletter = { confirmed = true } } }
rules = ["way-out"]
"""


def test_check_works_on_one_promise_where_mailer_was_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check works without a record: needs hold, rules exist, a trial is made, and the rest is told in words."""
    (tmp_path / "policies").mkdir()
    text = (
        (bundled_files.bundled_folder("policies") / "default.toml").read_text("utf-8").replace('"default"', '"acme"', 1)
    )
    file = tmp_path / "policies" / "acme.toml"
    file.write_text(text + PROMISE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAILER_POLICIES", str(tmp_path / "policies"))
    done = policy_command("check")
    assert done.exit_code == 0, done.output
    assert "acme, version 1: 1 unproven" in done.stdout
    assert re.search(r"acme-01 .* trial: \w+", done.stdout)
    assert re.search(r"nothing is proven here, .* behind 1 of them stand rules that exist", done.stdout)
    for said in (
        "that applications tell the truth of people's countries, ages, products and consents",
        "that somebody reads opt-out@example.org, and does what arrives there",
    ):
        assert said in done.stdout
    assert (
        "no promise of acme rests on purposes, opt_out_mailbox, minimum_cell, retention_days, no_retention"
        in done.stdout
    )
    record = record_of(tmp_path / "record.json", {"id": "t", "promises": ["x-1"], "rules": [], "outcome": "passed"})
    other = policy_command("check", "--record", record)
    assert other.exit_code == 1
    assert re.findall(r"^mailer: (.*)$", other.stderr, re.MULTILINE) == ["1 fault in 1 promise"]
    assert "the record is of another tree, with other policies, and proves nothing" in other.stdout
    file.write_text((text + PROMISE).replace("confirmed = true\n", "confirmed = false\n"))
    turned = policy_command("check")
    assert turned.exit_code == 2
    assert "categories.newsletter.confirmed is false, and acme-01 of version 1 needs true" in turned.stderr


def test_each_part_of_a_tree_has_a_digest(tmp_path: Path) -> None:
    """A file that is changed, added or renamed changes the digest of its part, and of no other; caches do not count."""
    policies, templates, law = tmp_path / "policies", tmp_path / "templates", tmp_path / "law"
    (templates / "acme").mkdir(parents=True)
    policies.mkdir()
    law.mkdir()
    file = templates / "acme" / "body.txt.j2"
    file.write_text("Hello")
    before = digests_by_source_tree_part(policies, templates, law)
    for part, change in (
        ("templates", lambda: file.write_text("Hallo")),
        ("templates", lambda: file.rename(file.with_name("body.html.j2"))),
        ("policies", lambda: (policies / "acme.toml").write_text("x = 1")),
        ("jurisdictions", lambda: (law / "de.toml").write_text("x = 1")),
    ):
        change()
        after = digests_by_source_tree_part(policies, templates, law)
        assert [name for name in before if before[name] != after[name]] == [part]
        before = after
    (templates / "__pycache__").mkdir()
    (templates / "__pycache__" / "x.pyc").write_text("x")
    assert digests_by_source_tree_part(policies, templates, law) == before


def test_list_and_show_say_what_holds() -> None:
    """The list has each brand with its switches; one policy is shown in full, as JSON too."""
    listed = {row["brand"]: row for row in json.loads(policy_command("list", "--json").stdout)}
    text = (bundled_files.bundled_folder("policies") / "interpals.toml").read_text("utf-8")
    assert (listed["interpals"]["promo_basis"], listed["interpals"]["promises"]) == (
        "opt_out",
        text.count("[[promises]]"),
    )
    assert "paltalk-2002" in policy_command("list").stdout
    shown = policy_command("show", "paltalk-2006").stdout
    assert all(text in shown for text in ("relay-us", "paltalk06-01", "opt_in, opt_out", "Holdings", "10"))
    assert json.loads(policy_command("show", "interpals", "--json").stdout)["partners"][0]["id"] == "penpal-shop"
    assert policy_command("show", "nobody").exit_code == 2
