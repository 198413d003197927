"""Languages: tags in their one form, and which language stands in for which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mailer.account_event_types import validate_account
from mailer.events import Person
from mailer.input_types import Locale, parse_locale
from mailer.rendering.languages import (
    best_locale_in_same_language,
    date_locale_for_reader,
    has_same_language_and_script,
    is_known_locale,
    is_left_to_right,
    locale_and_fallbacks,
)
from mailer.web.languages import choose_language_by_accept_language

CODES = [
    *("en", "en-GB", "en-US", "en-AU", "de", "de-AT", "ar", "ar-EG", "es", "es-419", "es-MX", "pt", "pt-BR", "pt-PT"),
    *("zh", "zh-TW", "zh-HK", "zh-Hant", "zh-Hans", "zh-Hant-HK", "zh-CN", "sr", "sr-Latn", "sr-ME", "nb", "nn", "no"),
    *("he", "iw", "id", "in", "pa", "pa-PK", "uz-AF", "fil", "tl", "gsw-CH", "yue"),
]
TAGS = st.builds(
    lambda language, script, region: [language, *script, *region],
    st.sampled_from(["en", "zh", "ar", "gsw"]),
    st.sampled_from([[], ["Hant"], ["Latn"]]),
    st.sampled_from([[], ["GB"], ["TW"], ["419"]]),
)


@given(TAGS, st.data())
def test_a_tag_is_read_in_any_case_and_with_either_hyphen(subtags: list[str], data: st.DataObject) -> None:
    """Each door reads a tag in any case of letters, and with either mark between the subtags."""
    code = "-".join(subtags)
    written = subtags[0] + "".join(data.draw(st.sampled_from("-_")) + subtag for subtag in subtags[1:])
    upper = data.draw(st.lists(st.booleans(), min_size=len(written), max_size=len(written)))
    written = "".join(char.upper() if up else char.lower() for char, up in zip(written, upper, strict=True))
    assert parse_locale(written) == parse_locale(code) == code
    assert Person(ref="u1", email="a@people.example", locale=written).locale == code
    rectified = {"v": 1, "id": "1", "brand": "b", "ref": "u1", "account": "rectify", "locale": written}
    assert validate_account(rectified).locale == code  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    ["", "e", "english", "en-", "-en", "en--GB", "en_GB.UTF-8", "en GB", "de-1996", "x-klingon", "e\u017f", "\u212aab"],
)
def test_what_is_no_tag(text: str) -> None:
    """A tag without a language, or with more than script and region, is refused with what to write; no letter folds."""
    with pytest.raises(ValidationError, match="is no language tag; write a language"):
        TypeAdapter(Locale).validate_python(text)


@pytest.mark.parametrize(
    ("wanted", "spoken", "found"),
    [
        ("zh-TW", ("en", "zh", "zh-Hant"), "zh-Hant"),
        ("zh-HK", ("zh", "zh-TW"), "zh-TW"),
        ("zh-Hant", ("zh-CN", "zh-TW"), "zh-TW"),
        ("zh-TW", ("en", "zh"), "zh"),
        ("zh-CN", ("zh-Hant", "zh-Hans"), "zh-Hans"),
        ("zh", ("zh-Hant", "zh-Hans-CN"), "zh-Hans-CN"),
        ("sr-ME", ("sr", "sr-Latn"), "sr-Latn"),
        ("en-GB", ("de", "en"), "en"),
        ("en-GB", ("de", "en-US"), "en-US"),
        ("en-AU", ("en-US", "en-GB"), "en-GB"),
        ("en", ("en-GB", "en-US"), "en-US"),
        ("es-MX", ("es", "es-419"), "es-419"),
        ("pt-AO", ("pt-BR", "pt-PT"), "pt-PT"),
        ("pt", ("pt-PT", "pt-BR"), "pt-BR"),
        ("iw-IL", ("ar", "he"), "he"),
        ("no", ("sv", "nb"), "nb"),
        ("nn", ("nb", "nn-NO"), "nn-NO"),
        ("fr", ("en", "de"), None),
        ("xx", ("en", "de"), None),
        (None, ("en",), None),
    ],
)
def test_what_stands_in_for_a_locale(wanted: str | None, spoken: tuple[str, ...], found: str | None) -> None:
    """The reader's language in the reader's script, as near to their region as there is; never another language."""
    assert best_locale_in_same_language(wanted, spoken) == found


@given(st.sampled_from(CODES), st.lists(st.sampled_from(CODES), unique=True))
def test_the_nearest_is_found_whatever_there_is(wanted: str, spoken: list[str]) -> None:
    """A spoken language is found in any order, itself first, and no other script as long as theirs is there."""
    found = best_locale_in_same_language(wanted, tuple(spoken))
    assert found == best_locale_in_same_language(wanted, tuple(sorted(spoken)))
    if wanted in spoken:
        assert found == wanted
    if any(has_same_language_and_script(code, wanted) for code in spoken):
        assert found is not None
        assert has_same_language_and_script(found, wanted)
    if found is None:
        assert wanted.partition("-")[0] not in {code.partition("-")[0] for code in spoken}


@given(st.sampled_from(CODES), st.sampled_from(CODES))
def test_dates_are_in_the_language_of_their_text(reader: str, text: str) -> None:
    """A reader's own words for dates never bring another language or script into a text."""
    assert has_same_language_and_script(date_locale_for_reader(reader, text), text)
    assert (
        date_locale_for_reader(None, text) == date_locale_for_reader("en" if text[:2] != "en" else "de", text) == text
    )


@pytest.mark.parametrize(
    ("reader", "text", "words"),
    [
        ("en-GB", "en", "en-GB"),
        ("de-AT", "de", "de-AT"),
        ("en", "en-GB", "en-GB"),
        ("en-GB", "de", "de"),
        ("sr-ME", "sr", "sr"),
        ("zh-TW", "zh-Hant", "zh-TW"),
    ],
)
def test_whose_words_a_date_is_in(reader: str, text: str, words: str) -> None:
    """The reader's, where they name a region and read this very language."""
    assert date_locale_for_reader(reader, text) == words


def test_fallbacks_are_tried_in_order() -> None:
    """The subtags go one by one, past the script that is likely, then come those of the default."""
    assert list(locale_and_fallbacks("zh-Hant-TW", "en-US")) == ["zh-Hant-TW", "zh-Hant", "zh", "en-US", "en"]
    assert list(locale_and_fallbacks("zh-TW", "en")) == ["zh-TW", "zh-Hant", "zh", "en"]
    assert list(locale_and_fallbacks("zh-CN", "sr-ME")) == ["zh-CN", "zh", "sr-ME", "sr-Latn", "sr"]


def test_what_is_a_locale() -> None:
    """A code is known by its language, script and territory, whether or not anybody has data for all three together."""
    assert all(map(is_known_locale, ["en", "ar-DE", "zh-Hant-TW", "es-419", "gsw-CH"]))
    assert not any(map(is_known_locale, ["xx", "en-XQ", "qqq", "de-Abcd"]))


@pytest.mark.parametrize(
    ("code", "rightwards"),
    [("en", True), ("ar", False), ("ar-DE", False), ("he", False), ("pa", True), ("pa-PK", False), ("ku-Arab", False)],
)
def test_the_direction_is_that_of_the_script(code: str, rightwards: bool) -> None:
    """The likely script of a code says whether it is written from left to right."""
    assert is_left_to_right(code) is rightwards


@pytest.mark.parametrize("accepted", ["DE-at", "de_AT", "de-Latn-AT;q=0.9, it"])
def test_pages_take_a_tag_in_any_form(accepted: str) -> None:
    """The language of a page is found by the first subtag alone."""
    assert choose_language_by_accept_language(accepted).code == "de"
