"""Days in texts, and the measures of how texts read."""

from datetime import date

import pytest

from mailer.rendering.dates_in_text import find_days_in_text
from mailer.rendering.readability import measure_readability
from mailer.rendering.text_direction import keep_latin_in_order

DAY = date(2026, 3, 9)


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        *(
            ("en", said)
            for said in ("9 March 2026", "March 9, 2026", "Mar. 9th, 2026", "the 9th of March 2026", "2026-3-9")
        ),
        *(("de", said) for said in ("9. März 2026", "09.03.2026", "2026-03-09")),
        *(("es", said) for said in ("9 de marzo de 2026", "9/3/2026")),
        *(("fr", said) for said in ("9 mars 2026", "le 9 mars, 2026")),
        *(("ar", said) for said in ("9 مارس 2026", "\u0669 مارس \u0662\u0660\u0662\u0666")),
        *(("ja", said) for said in ("2026年3月9日", "2026年03月09日")),
        ("xx", "2026-03-09"),
    ],
)
def test_day_is_found(locale: str, said: str) -> None:
    """Each usual spelling is the day."""
    assert DAY in set(find_days_in_text(f"x {said} y", locale))


@pytest.mark.parametrize(
    "said", ["9 March", "30 February 2026", "12026-03-09", "call 555-03-20261", "version 1.9.3.2026"]
)
def test_other_numbers_are_no_day(said: str) -> None:
    """A day without its year, and one that no calendar has, are none."""
    assert set(find_days_in_text(said, "en")) == set()


def test_sentences_are_measured() -> None:
    """Words per sentence, the longest one, and the reading ease of English; items of lists are sentences."""
    measured = measure_readability("One two three. One two three four five!\n- one", "en")
    assert measured is not None
    assert (measured.unit, measured.total, measured.longest) == ("words", 9, 5)
    assert measured.average == pytest.approx(3)
    assert measured.longest_sentence == "One two three four five!"
    assert measured.flesch is not None
    hard = measure_readability("Organisational remediation necessitates comprehensive investigations.", "en")
    assert hard is not None
    assert hard.flesch is not None
    assert hard.flesch < 0 < 80 < measured.flesch
    assert measure_readability("Eins zwei.", "de").flesch is None  # type: ignore[union-attr]
    assert measure_readability("123 -- !", "en") is None


def test_japanese_is_measured_in_characters() -> None:
    """A language without spaces has no words to count."""
    measured = measure_readability("今日は雨です。明日は晴れるでしょう。", "ja")
    assert measured is not None
    assert (measured.unit, measured.total, measured.longest) == ("characters", 16, 10)
    assert measured.flesch is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("الهوية: 1-877-438-4338، 600 Road NW", "الهوية: \u200e1-877-438-4338\u200e، \u200e600 Road NW\u200e"),
        (
            "رسالة إلى 1 Example Plaza, NY 11201, United States.",
            "رسالة إلى \u200e1 Example Plaza, NY 11201, United States\u200e.",
        ),
        ("+1 (800) 555", "\u200e+1 (800) 555\u200e"),
        ("في 10 ديسمبر 2026", "في 10 ديسمبر 2026"),
        ("بلا أرقام", "بلا أرقام"),
    ],
)
def test_telephone_numbers_keep_their_order_in_arabic(text: str, kept: str) -> None:
    """Marks stand around numbers with hyphens and around Latin words; days have none."""
    assert keep_latin_in_order(text) == kept
