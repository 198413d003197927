"""`mailer inbound classify`: files, standard input, and input that is none."""

import io
import json
import sys
from pathlib import Path

import pytest

from mailer import cli
from scripts.inbound_mistakes import LABELS

SAMPLE = LABELS.parent / "written/dsn/postfix_unknown.eml"


def run(*words: str) -> int:
    """Runs the command and returns its status."""
    with pytest.raises(SystemExit) as ended:
        sys.exit(cli.app(["inbound", "classify", *words], standalone_mode=False) or 0)
    return int(ended.value.code or 0)


def test_a_message_is_printed_as_json_and_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON has the recipient with status and class; the lines say the same."""
    assert run(str(SAMPLE), "--json", "--to", "b+x@bounces.example.com") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "bounce"
    assert found["recipients"][0]["address"] == "ada@example.org"
    assert found["recipients"][0]["class"] == "hard"
    assert found["candidates"][0] == {"source": "envelope_recipient", "value": "b+x@bounces.example.com"}
    assert run(str(SAMPLE)) == 0
    assert "ada@example.org · failed · 5.1.1 · hard" in capsys.readouterr().out


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A hyphen reads the message from standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SAMPLE.read_bytes())))
    assert run("-", "--json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "bounce"


def test_input_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing, empty or unreadable file is bad input: status 2 and one line."""
    empty = tmp_path / "empty.eml"
    empty.write_bytes(b"\n \n")
    for file in (str(tmp_path / "none.eml"), str(empty), str(tmp_path), "a\0b"):
        assert run(file) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1


def test_octets_that_are_no_message_are_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Octets without a header are a result and no error."""
    file = tmp_path / "octets"
    file.write_bytes(bytes(range(256)))
    assert run(str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "unreadable"


def test_a_terminal_obeys_no_stranger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escapes and lines in a diagnostic, an address or a returned field are printed as codes, or not at all."""
    hostile = tmp_path / "hostile.eml"
    text = SAMPLE.read_text().replace("User unknown", "User \x1b]0;owned\x07 \x9b31m\u202eunknown\u2028kind  reply")
    hostile.write_text(text.replace("Feedback-ID: ", "Feedback-ID: \x1b[31m\u202e"))
    for words in ((str(hostile),), (str(hostile), "--json"), (str(hostile), "--to", "b+\x1b[31m@example.com")):
        assert run(*words) == 0
        said = capsys.readouterr().out
        assert "hard" in said
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u2028"} & set(said)
