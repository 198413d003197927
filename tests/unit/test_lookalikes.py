"""Texts in one of Unicode's forms: the form is the right one, and no text takes long."""

import unicodedata
from collections import Counter
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import EventRefused, validate_event
from mailer.policy.text_folding_for_comparison import fold_text_for_comparison, has_too_many_combining_marks, normalized
from mailer.rendering.autolinks import has_autolink
from tests.factories import person, plain_event

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
ABOVE, BELOW = "\u0301", "\u0316"
"""Marks on a letter, of which the one below comes first in every form."""


@pytest.mark.parametrize("form", get_args(Form))
@given(text=st.text(max_size=25))
def test_a_text_has_the_form_of_unicode(form: Form, text: str) -> None:
    """A text changes only if more than 30 marks stand in a row."""
    assert normalized(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", get_args(Form))
@pytest.mark.parametrize("pair", [ABOVE + BELOW, "\u0344" + BELOW, "\uff9e" + BELOW, "\u0f73", "\u1dce" + ABOVE])
def test_few_marks_are_put_in_order_together(form: Form, pair: str) -> None:
    """Each of them is compared with all before it, so the longest run in order says how long that takes."""
    text = "x" + 1000 * pair
    found = normalized(form, text)
    assert _longest_run_in_order(found) <= 3 * 31
    assert Counter(unicodedata.normalize("NFKD", found)) == Counter(unicodedata.normalize("NFKD", text))


def test_nothing_else_is_changed_by_many_signs() -> None:
    """No word is hidden by them from those who look for it, and names that are equal stay so."""
    for text in (
        "evil.com\u034fabc " + 40 * "\u2192",
        "x" + 29 * "\u2192" + "\u2282\u0338",
        40 * "\U0001f389" + "e" + ABOVE,
    ):
        assert normalized("NFKC", text) == unicodedata.normalize("NFKC", text)
    assert has_autolink("evil.com\u034fabc " + 40 * "\u2192")
    assert normalized("NFKC", 40 * ABOVE + "\uff0ecom") == 40 * ABOVE + ".com"
    assert fold_text_for_comparison("s" + 40 * ABOVE + "\u0430le") == "sale"


@pytest.mark.parametrize(
    ("marks", "many"), [(30 * ABOVE, False), (31 * ABOVE, True), (15 * "\u034f" + 16 * ABOVE, False)]
)
def test_more_marks_than_a_language_has_are_many(marks: str, many: bool) -> None:
    """Marks count while they stand behind one another. Any other character ends the row."""
    assert has_too_many_combining_marks("e" + marks) == many


@pytest.mark.parametrize("mark", ["\u0897", "\U0001e4ef", "\U00011f41", "\u1ad0", "\U0001e6e3"])
def test_marks_that_python_does_not_know_yet_are_marks(mark: str) -> None:
    """PostgreSQL may have a newer Unicode: 16,000 of them, which Python 3.11 takes for nothing, take it a second."""
    assert not has_too_many_combining_marks("e" + 30 * mark)
    assert has_too_many_combining_marks("e" + 31 * mark)


@given(st.text(alphabet="a\u00fc \u2192\uff9e" + ABOVE + BELOW, max_size=200), st.integers(0, 40), st.integers(0, 40))
def test_many_marks_are_found_wherever_they_stand(before: str, signs: int, marks: int) -> None:
    """A long row of marks is found anywhere. The search looks at every 31st place first."""
    text = before + signs * "\u2192" + marks * ABOVE + "a" + before
    longest = run = 0
    for char in text:
        run = run + 1 if char in ("\uff9e", ABOVE, BELOW) else 0
        longest = max(longest, run)
    assert has_too_many_combining_marks(text) == (longest > 30)


@pytest.mark.parametrize("place", ["context", "name", "reason"])
def test_no_event_has_many_marks(place: str) -> None:
    """PostgreSQL reads the newest mailings in a form of Unicode for an erasure: 32,000 marks take it seconds."""
    said = "e" + 16 * (BELOW + ABOVE)
    event = plain_event(
        [person(1, name=said if place == "name" else "Ada")], reason=said if place == "reason" else None
    )
    event["context"] |= {"headline": said} if place == "context" else {}
    with pytest.raises(EventRefused, match=f"{place}.* has more than 30 marks on one letter"):
        validate_event(event)


def _longest_run_in_order(text: str) -> int:
    longest = run = 0
    classes = [unicodedata.combining(mark) for mark in text]
    for before, after in zip([0, *classes], classes, strict=False):
        run = run + 1 if before <= after and after else 0
        longest = max(longest, run)
    return longest
