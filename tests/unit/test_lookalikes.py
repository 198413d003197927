"""Texts in one of Unicode's forms: the form is the right one, and no text takes long."""

import unicodedata
from collections import Counter
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.lookalikes import folded, normalized

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
ABOVE, BELOW = "\u0301", "\u0316"
"""Marks on a letter, of which the one below comes first in every form."""


@pytest.mark.parametrize("form", get_args(Form))
@given(text=st.text(max_size=25))
def test_a_text_has_the_form_of_unicode(form: Form, text: str) -> None:
    """Unless more than 30 marks stand in it."""
    assert normalized(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", get_args(Form))
@pytest.mark.parametrize("pair", [ABOVE + BELOW, "\u0344" + BELOW, "\uff9e" + BELOW, "\u0f73", "\u1dce" + ABOVE])
def test_few_marks_are_put_in_order_together(form: Form, pair: str) -> None:
    """Each of them is compared with all before it, so the longest run in order says how long that takes."""
    text = "x" + 1000 * pair
    found = normalized(form, text)
    assert _longest_run_in_order(found) <= 3 * 31
    assert Counter(unicodedata.normalize("NFKD", found)) == Counter(unicodedata.normalize("NFKD", text))


def test_what_ends_a_run_of_marks_is_not_seen() -> None:
    """No word is hidden by it from those who look for it."""
    assert normalized("NFKC", 40 * ABOVE + "\uff0ecom") == 40 * ABOVE + ".com"
    assert folded("s" + 40 * ABOVE + "\u0430le") == "sale"


def _longest_run_in_order(text: str) -> int:
    longest = run = 0
    classes = [unicodedata.combining(mark) for mark in text]
    for before, after in zip([0, *classes], classes, strict=False):
        run = run + 1 if before <= after and after else 0
        longest = max(longest, run)
    return longest
