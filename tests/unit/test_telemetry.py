"""Logs hold no address, not even one in an exception's message."""

import pytest

from mailer.metrics_and_logger import describe_error_without_message


def _fail() -> None:
    try:
        raise KeyError("ann@example.org")
    except KeyError as error:
        raise ValueError("DETAIL: Failing row contains (ann@example.org)") from error


def test_an_exception_is_described_without_its_message() -> None:
    """The types and the frames of an exception and of its cause are shown, their messages are not."""
    with pytest.raises(ValueError, match=r"ann@example\.org") as caught:
        _fail()
    text = describe_error_without_message(caught.value)
    assert "builtins.ValueError" in text
    assert "caused by builtins.KeyError" in text
    assert "in _fail" in text
    assert "example.org" not in text


def test_a_ring_of_causes_is_described_to_an_end() -> None:
    """Two exceptions, each of which is the other's cause, give one line and not an endless one."""
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert describe_error_without_message(first).count("caused by") == 4
