"""Logs hold no address, not even one in an exception's message."""

import json
import logging

import pytest

from mailer.telemetry import describe, log, set_up_logs


def _fail() -> None:
    try:
        raise KeyError("ann@example.org")
    except KeyError as error:
        raise ValueError("DETAIL: Failing row contains (ann@example.org)") from error


def test_an_exception_is_described_without_its_message() -> None:
    """The types and the frames of an exception and of its cause are shown, their messages are not."""
    with pytest.raises(ValueError, match=r"ann@example\.org") as caught:
        _fail()
    text = describe(caught.value)
    assert "builtins.ValueError" in text
    assert "caused by builtins.KeyError" in text
    assert "in _fail" in text
    assert "example.org" not in text


@pytest.mark.parametrize("library", [False, True])
def test_log_lines_hold_no_exception_message(capsys: pytest.CaptureFixture[str], library: bool) -> None:
    """What is logged of an exception, by us or by a library, is one JSON line without its message."""
    set_up_logs(json=True)
    try:
        _fail()
    except ValueError:
        (logging.getLogger("library") if library else log).exception("it failed")
    [line] = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry["event"] == "it failed"
    assert entry["level"] == "error"
    assert "ValueError" in entry["error"]
    assert "example.org" not in line
