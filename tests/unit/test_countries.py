"""Countries from outside: ISO 3166-1 in any case, the names that people write, and nothing else."""

import re
from contextlib import suppress
from importlib import resources
from itertools import product
from string import ascii_uppercase

import pytest

from mailer.events import EventRefused, Person
from mailer.policy.country_codes import COUNTRIES, country_code
from mailer.policy.policy_file import PolicyError, parse_policy
from tests.factories import make_event, person
from tests.unit.test_policies_page import DEFAULT

ALIASES = {
    **{"UK": "GB", "EL": "GR", "XI": "GB", "XK": "XK", "IC": "ES", "EA": "ES", "FX": "FR", "CP": "FR"},
    **{"AC": "SH", "TA": "SH", "DG": "IO"},
}
"""The codes of two letters that are taken and that ISO 3166-1 has not assigned."""


def assigned() -> set[str]:
    """The codes of ISO 3166-1, as the tz database lists them."""
    text = resources.files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text("utf-8")
    return {line[:2] for line in text.splitlines() if not line.startswith("#")}


def test_of_all_pairs_of_letters_those_of_iso_3166_are_countries() -> None:
    """Each of the 676 pairs is itself, a known alias, or refused; in any case."""
    countries, taken = assigned(), dict[str, str]()
    for letters in product(ascii_uppercase, repeat=2):
        code = "".join(letters)
        for text in (code, code.lower(), code.title()):
            with suppress(ValueError):
                taken[text] = country_code(text)
    assert {text: code for text, code in taken.items() if text.upper() not in ALIASES} == {
        text: text.upper() for code in countries for text in (code, code.lower(), code.title())
    }
    assert {text: code for text, code in taken.items() if text in ALIASES} == ALIASES
    assert assigned() | {"XK"} == COUNTRIES
    assert len(countries) == 249


@pytest.mark.parametrize(
    ("text", "code"), [("DEU", "DE"), ("gbr", "GB"), ("USA", "US"), ("XKX", "XK"), ("ZAF", "ZA"), ("che", "CH")]
)
def test_three_letters_are_taken(text: str, code: str) -> None:
    """Alpha-3 codes are read as their alpha-2 ones."""
    assert Person(ref="a", email="a@b.example", country=text).country == code


NONE = [
    "EU",
    "XX",
    "ZZ",
    "AP",
    "U.K.",
    "\uff24\uff25",
    "de ",
    " de",
    "",
    "1",
    "49",
    "ßß",
    "ﬁ",
    "\u0131t",
    "\u017fe",
    "D\u0301E",
    "Germany",
    "GB-NIR",
]
"""No countries, though some have capital letters that are one."""


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_country_is_refused_with_words(text: str) -> None:
    """An event says of which person the country is wrong, and what to write."""
    with pytest.raises(EventRefused) as refused:
        make_event([person(1), person(2, country=text)])
    [problem] = refused.value.problems
    assert re.fullmatch(
        r"to\.people\.1\.country: is no country; write the two letters of ISO 3166-1, such as DE, or leave it out",
        problem,
    )


def test_a_policys_countries_are_read_as_a_persons() -> None:
    """A floor of UK is one of GB, and so is a processor's country. A repeated country and a bad one are refused."""
    floors = parse_policy(DEFAULT + '\n[jurisdictions.UK]\ntracking = "off"\n', "p.toml").jurisdictions
    assert floors["GB"].tracking == "off"
    with pytest.raises(PolicyError, match=r'jurisdictions\.GB is "GB", and stands twice; remove one'):
        parse_policy(DEFAULT + "\n[jurisdictions.UK]\n[jurisdictions.GB]\n", "p.toml")
    with pytest.raises(PolicyError, match=r'jurisdictions\.EU is "EU"; write the two letters of ISO 3166-1'):
        parse_policy(DEFAULT + "\n[jurisdictions.EU]\n", "p.toml")
