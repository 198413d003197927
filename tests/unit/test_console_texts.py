"""Texts that the console makes out of those of others."""

import pytest

from mailer.web.console.console_pages import refusal_as_sentence


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (
            "reason: is missing; say why this person is looked up",
            "Reason is missing; say why this person is looked up.",
        ),
        ("reason: say why, in at most 300 characters", "Reason: say why, in at most 300 characters."),
        ("email: not an e-mail address: It has no @-sign.", "Email: not an e-mail address: It has no @-sign."),
        ("email: It has no @-sign.; name: has a line break", "Email: It has no @-sign; name: has a line break."),
        ("the mailing is over.: publish it anew", "The mailing is over: publish it anew."),
    ],
)
def test_a_refusal_is_one_sentence(refusal: str, sentence: str) -> None:
    """It begins with a capital, ends with one full stop, and no full stop stands before other marks."""
    assert refusal_as_sentence(refusal) == sentence
