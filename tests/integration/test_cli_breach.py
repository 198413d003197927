"""`mailer breach`: cases from files, with the person of `--by`; duties, decisions, and what is refused."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.factories import BRAND
from tests.integration.test_cli_campaigns import BY, Command
from tests.integration.test_cli_campaigns import command as command

FOUND = (datetime.now(UTC) - timedelta(hours=80)).isoformat(timespec="seconds")
FACTS: dict[str, Any] = {"summary": "A laptop", "found_at": FOUND, "data": ["name"], "people_by_place": {"DE": 5}}
AUTHORITY = "gdpr-authority"


def test_a_case_by_commands(command: Command, tmp_path: Path) -> None:
    """Created, its facts saved on top of a revision, a duty done and taken back, decided, opened and closed."""
    status, out, err = command("breach", "create", "--brand", BRAND, "--name", "Laptop", *BY, "--json")
    assert status == 0, err
    made = json.loads(out)
    assert (made["created_by"], made["stage"]) == ("person:Dana Duty", "facts")
    one, file = made["case"], tmp_path / "facts.json"
    file.write_text(json.dumps(FACTS))
    assert command("breach", "facts", one, str(file), "--revision", "1", "--by", "Eve Early")[0] == 0
    status, _, err = command("breach", "facts", one, str(file), "--revision", "1", *BY)
    assert (status, "Eve Early has saved the facts since" in err) == (1, True)
    shown = json.loads(command("breach", "facts", one)[1])
    assert (shown["revision"], shown["facts"]["summary"]) == (2, "A laptop")
    listed = command("breach", "list")[1]
    assert "Laptop" in listed
    assert "over by 8 h" in listed
    told = ("done", one, AUTHORITY, "--told", "The authority", "--reference", "IN-7", *BY)
    assert command("breach", *told)[0] == 0
    page = command("breach", "show", one)[1]
    assert "The authority" in page
    done = json.loads(command("breach", "show", one, "--json")[1])
    assert [item["done"]["reference"] for item in done["clocks"] if item["clock"] == AUTHORITY] == ["IN-7"]
    assert command("breach", "undone", one, AUTHORITY, "--reason", "another case", *BY)[0] == 0
    for name, state in (("not-notify", "not_notified"), ("reopen", "open"), ("close", "closed")):
        status, out, err = command("breach", name, one, "--reason", "Because.", "--by", "Eve Early", "--json")
        assert (status, json.loads(out)["state"], json.loads(out)["decided_by"]) == (0, state, "person:Eve Early"), err


def test_what_is_refused(command: Command, tmp_path: Path) -> None:
    """Faulty files and options end with status 2 and the remedy; what the case forbids, with 1."""
    file = tmp_path / "facts.json"
    one = json.loads(command("breach", "create", "--brand", BRAND, "--name", "x", *BY, "--json")[1])["case"]
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    for content, says in (
        ("{", "facts.json: "),
        ('{"a": 1, "a": 2}', "facts.json: "),
        ('{"risk": "none"}', "risk: "),
        ('{"people_by_place": {"Germany": 1}}', "people_by_place"),
        (json.dumps({"found_at": ahead}), "found_at: it is ahead"),
        ('{"summary": "' + "x" * 300_000 + '"}', "at most 262,144 octets"),
    ):
        file.write_text(content)
        status, _, err = command("breach", "facts", one, str(file), "--revision", "1", *BY)
        assert (status, says in err) == (2, True), (content[:40], err)
    file.write_text(json.dumps(FACTS))
    for words, status, says in (
        (("facts", one, str(file)), 2, "--revision: name the one"),
        (("facts", one, str(tmp_path / "none.json"), "--revision", "1"), 2, "cannot be read"),
        (("create", "--brand", "nobody", "--name", "x"), 2, "nobody"),
        (("create", "--brand", BRAND, "--name", " "), 2, "--name: "),
        (("done", one, AUTHORITY, "--told", "x"), 2, "there are none: say when the breach was found"),
        (("done", one, AUTHORITY, "--told", "x", "--at", "noon"), 2, "--at: "),
        (("undone", one, AUTHORITY, "--reason", "x"), 1, "is not marked as done"),
        (("close", one, "--reason", " "), 2, "--reason: say why"),
        (("show", "0" * 32), 1, "mailer breach list"),
        (("reopen", "0" * 32, "--reason", "x"), 1, "mailer breach list"),
    ):
        ended, _, err = command("breach", *words)
        assert (ended, says in " ".join(err.split())) == (status, True), (words, err)
