import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.category import CATEGORIES
from mailer.ports.pending_requests import RequestedAct
from mailer.web.address_masking import mask_address
from mailer.web.languages import LANGUAGES, choose_language_by_accept_language
from mailer.web.machine_detection import is_machine
from mailer.web.mail_choices import group_scopes_and_acts
from mailer.web.personal_data_html import _nonempty_values


def _blanks(text: object) -> list[str]:
    return sorted(re.findall(r"{\w+}", str(text)))


def test_every_language_says_everything() -> None:
    """All languages have the same texts with the same blanks, and a name for each optional category."""
    english = LANGUAGES["en"].texts
    optional = {category.name for category in CATEGORIES.values() if category.is_optional}
    for language in LANGUAGES.values():
        assert language.texts.keys() == english.keys(), language.code
        assert language.texts["kinds"].keys() == optional, language.code
        assert language.texts["wishes"].keys() == set(RequestedAct), language.code
        assert language.texts["sources"].keys() == english["sources"].keys(), language.code
        for name, text in language.texts.items():
            if name == "dir":
                continue
            for key, said in text.items() if isinstance(text, dict) else [(name, text)]:
                same = english[name][key] if isinstance(text, dict) else english[name]
                assert type(said) is type(same), (language.code, name, key)
                assert _blanks(said) == _blanks(same), (language.code, name, key)
                assert all(part.strip() for part in ([said] if isinstance(said, str) else said)), (name, key)


def test_a_copy_of_personal_data_shows_a_number_that_is_0() -> None:
    """The copy leaves out empty values. The number 0 is a value."""
    values = {"opens": 0, "rate": 0.0, "name": "", "erased": False, "consents": [], "more": {}, "country": None, "a": 1}
    assert _nonempty_values(values) == {"opens": 0, "rate": 0.0, "a": 1}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada@example.org", "a…@e….org"),
        ("ada@mail.example.co.uk", "a…@m….uk"),
        ("a@localhost", "a…@l…"),
        ('"a@b"@example.org', '"…@e….org'),
        ("ö@bücher.example", "ö…@b….example"),
    ],
)
def test_an_address_is_shown_masked(address: str, shown: str) -> None:
    """One character of each part and the top-level domain: enough to tell one's own addresses apart."""
    assert mask_address(address) == shown


def test_acts_stand_in_groups() -> None:
    """Kinds of mail come first, then each act in one group only; no group is empty, and each has a title everywhere."""
    acts = [act.value for act in RequestedAct if act is not RequestedAct.CLOSED]
    groups = group_scopes_and_acts(["newsletter", *acts, "tracking"])
    assert [name for name, _ in groups] == ["mail", "frequency", "offers", "breach_notices"]
    assert dict(groups)["mail"] == ["newsletter", "shown"]
    assert sorted(name for _, found in groups for name in found) == sorted(["newsletter", *acts, "tracking"])
    assert group_scopes_and_acts(["newsletter"]) == [("mail", ["newsletter"])]
    assert all(language.texts["want_groups"].keys() == dict(groups).keys() for language in LANGUAGES.values())


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("en", "November 1, 2026, 2:05\u202fPM UTC"),
        ("en-GB", "1 November 2026, 14:05 UTC"),
        ("de", "1. November 2026, 14:05 UTC"),
        ("es", "1 de noviembre de 2026, 14:05 UTC"),
        ("fr", "1 novembre 2026, 14:05 UTC"),
        ("ar", "1 نوفمبر 2026، 2:05 م UTC"),
        ("ja", "2026年11月1日 14:05 UTC"),
    ],
)
def test_a_moment_is_written_by_the_readers_locale(tag: str, written: str) -> None:
    """Day and minute in UTC, whatever the zone of the moment; neither seconds nor ISO 8601."""
    moment = datetime(2026, 11, 1, 16, 5, 59, tzinfo=timezone(timedelta(hours=2)))
    assert choose_language_by_accept_language(tag).format_moment(moment) == written


@given(st.emails())
def test_a_masked_address_tells_two_characters_and_the_top_level(address: str) -> None:
    """A masked address shows two characters and the top-level domain, and nothing else, for any address."""
    local, _, domain = address.rpartition("@")
    assert mask_address(address) == f"{local[0]}…@{domain[0]}….{domain.rpartition('.')[2]}"


@pytest.mark.parametrize(
    ("accepted", "fallback", "code"),
    [
        ("", "en", "en"),
        ("", "de-AT", "de"),
        ("de", "en", "de"),
        ("ar-EG", "en", "ar"),
        ("it, ar;q=0.3, de;q=0.7", "en", "de"),
        ("it-CH, *;q=0.5", "ar", "ar"),
        ("fr-CH", "en", "fr"),
        ("es-419, en;q=0.8", "en", "es"),
        ("ja-JP", "en", "ja"),
        ("de;q=0, en;q=0.1", "ar", "en"),
        ("DE-at ; q=0.9", "en", "de"),
        ("de;q=nonsense", "en", "en"),
        (";;;,,q=,=", "xx", "en"),
    ],
)
def test_the_best_language_is_chosen(accepted: str, fallback: str, code: str) -> None:
    """Weights count, regions don't, and what can't be read or had falls back (RFC 9110 12.5.4)."""
    assert choose_language_by_accept_language(accepted, fallback).code == code


PEOPLE = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.1.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
    "Mozilla/5.0 (Linux; Android 14; CUBOT X90) AppleWebKit/537.36 Chrome/139.0.0.0 Mobile Safari/537.36",
]

MACHINES = [
    "",
    "  ",
    "Mozilla/5.0",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/139.0.0.0 Safari/537.36",
    "BarracudaCentral URL scanner",
    "curl/8.5.0",
    "Wget/1.21",
    "python-requests/2.32",
    "Go-http-client/2.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
]


@pytest.mark.parametrize("agent", PEOPLE)
def test_peoples_mail_programs_are_people(agent: str) -> None:
    """Mail programs and browsers are no machines, until they say that they only prefetch."""
    assert not is_machine({"user-agent": agent})
    assert is_machine({"user-agent": agent, "purpose": "prefetch"})
    assert is_machine({"user-agent": agent, "sec-purpose": "prefetch;prerender"})


@pytest.mark.parametrize("agent", MACHINES)
def test_proxies_and_scanners_are_machines(agent: str) -> None:
    """Image proxies, scanners, programs and those who say nothing of themselves are machines."""
    assert is_machine({"user-agent": agent})


def test_no_user_agent_is_a_machine() -> None:
    """A request without a user agent comes from a machine, not from a mail program."""
    assert is_machine({})
