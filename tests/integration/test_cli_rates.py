"""`mailer rate`, as it is typed."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailer import cli
from tests.processes import SECRETS

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """Runs a command in this process. Returns its exit status, its output and its errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAILER_DATABASE_URL", database_url)
    for name, secret in SECRETS.items():
        monkeypatch.setenv(f"MAILER_{name}", secret)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mailer", "rate", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return run


def test_limits_are_set_listed_and_cleared(typed: Typed) -> None:
    """Each kind of limit can be set, changed and cleared; the list has all of them, as JSON and as a table."""
    today = datetime.now(UTC).date()
    for words in (
        ("set", "processor", "relay", "100/second"),
        ("set", "domain", "GMail.com", "30/second"),
        ("set", "domain", "gmail.com", "20/second", "--by", "Dana"),
        ("set", "domain", "gmail.com", "900/minute", "--by", "Dana"),
        ("set", "domain", "bücher.example", "5/hour"),
        ("set", "brand", "paltalk-2006", "50000/day"),
        ("warm-up", "processor", "relay", "--from", f"{today - timedelta(days=1)}", "50,100,500"),
    ):
        assert typed(*words)[0] == 0, words
    limits = {(one["key"], one["per"]): one for one in json.loads(typed("list", "--json")[1])}
    assert {name: one["n"] for name, one in limits.items()} == {
        ("relay", "second"): 100,
        ("relay", "day"): 100,
        ("gmail.com", "second"): 20,
        ("gmail.com", "minute"): 900,
        ("xn--bcher-kva.example", "hour"): 5,
        ("paltalk-2006", "day"): 50000,
    }
    assert limits["relay", "day"]["plan"] == [50, 100, 500]
    assert limits["gmail.com", "second"]["by"] == "Dana"
    assert "50,100,500 from" in typed("list")[1]
    assert typed("clear", "domain", "gmail.com", "--per", "minute")[1] == "Cleared 1 of domain gmail.com.\n"
    assert typed("clear", "processor", "relay")[1] == "Cleared 2 of processor relay.\n"
    assert len(json.loads(typed("list", "--json")[1])) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("set", "processor", "relay", "100"), "100 is no rate; write how many in what time, such as 100/second"),
        (("set", "processor", "relay", "1/week"), "week is no period; write one of second, minute, hour, day"),
        (("set", "processor", "relay", "0/day"), "0 is no limit; write a whole number from 1 on"),
        (("set", "planet", "mars", "1/day"), "'planet' is not one of"),
        (("set", "domain", "a b", "1/day"), "a b is no domain; write what stands behind the @"),
        (("set", "brand", "acme", "1/day"), "there is no brand acme; there are"),
        (("set", "mailing", "one", "1/day"), "there is no mailing and no event one; `mailer mailing list` shows"),
        (("set", "mailing", "0192f0c1-0000-7000-8000-000000000000", "1/day"), "there is no mailing 0192f0c1-0000"),
        (("set", "brand", "interpals", "1/day", "--by", " "), "--by needs the name of a person"),
        (("warm-up", "processor", "relay", "--from", "soon", "1,2"), "--from: soon is no day"),
        (("warm-up", "processor", "relay", "--from", "2026-12-01", "9,2"), "9,2 falls; a warm-up rises"),
        (("clear", "processor", "relay"), "processor relay has no such limit; `mailer rate list` shows all"),
    ],
)
def test_errors_say_what_to_write(typed: Typed, words: tuple[str, ...], message: str) -> None:
    """Bad input ends with status 2 and one line that says what to write instead."""
    status, printed, error = typed(*words)
    assert (status, printed) == (2, "")
    assert message in error
    assert error.count("\n") == 1
