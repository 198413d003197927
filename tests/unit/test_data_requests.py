"""The pure parts of data requests: the deadline, the steps, and the texts of the copy."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.data_requests import (
    DataRequest,
    DataRequestKind,
    DataRequestStep,
    deadline_of_data_request,
    is_copy_available,
    step_of_data_request,
)
from mailer.web.correction_form import country_choices, locale_choices
from mailer.web.languages import LANGUAGES
from mailer.web.personal_data_html import COPY_TEXTS, personal_data_as_html

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
COPY = DataRequest(UUID(int=1), "interpals", 1, "ada", DataRequestKind.COPY, 1, NOW, NOW + timedelta(days=30))


@pytest.mark.promise("peerstream-13")
@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-01-01", "2026-02-01"),
        ("2026-01-31", "2026-02-28"),
        ("2028-01-30", "2028-02-29"),
        ("2026-12-15", "2027-01-15"),
        ("2026-08-31", "2026-09-30"),
    ],
)
def test_the_deadline_is_a_month_later(asked: str, due: str) -> None:
    """The day of the next month with the same number, or its last day (Regulation 1182/71, Art. 3(2)(c))."""
    moment = datetime.fromisoformat(f"{asked}T23:30:00+00:00")
    assert deadline_of_data_request(moment) == datetime.fromisoformat(f"{due}T23:30:00+00:00")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_deadline_is_28_to_31_days_later(asked: datetime) -> None:
    """Whatever the day, it is in the next month."""
    assert timedelta(days=28) <= deadline_of_data_request(asked) - asked <= timedelta(days=31)


def test_the_steps_of_a_request() -> None:
    """Asked, expired, waiting, done and refused follow from what is on record."""
    waiting = replace(COPY, confirmed_at=NOW)
    assert step_of_data_request(COPY, NOW + timedelta(days=7)) is DataRequestStep.ASKED
    assert step_of_data_request(COPY, NOW + timedelta(days=7, seconds=1)) is DataRequestStep.EXPIRED
    assert step_of_data_request(waiting, NOW + timedelta(days=70)) is DataRequestStep.WAITING
    for answer in ("done", "refused"):
        assert step_of_data_request(replace(waiting, answer=answer), NOW) == answer


@pytest.mark.promise("peerstream-08")
def test_no_copy_without_a_confirmation() -> None:
    """A copy is available for seven days from the press on, and for no other kind of request."""
    done = replace(COPY, confirmed_at=NOW, answer="done")
    assert is_copy_available(done, NOW + timedelta(days=7))
    assert not is_copy_available(done, NOW + timedelta(days=7, seconds=1))
    assert not is_copy_available(COPY, NOW)
    assert not is_copy_available(replace(done, answer="refused"), NOW)
    assert not is_copy_available(replace(done, answer=None), NOW)
    assert not is_copy_available(replace(done, wanted=DataRequestKind.ERASURE), NOW)


def test_every_language_has_all_texts_of_the_copy() -> None:
    """The same headings, labels, sentences and words, with the same blanks."""
    assert COPY_TEXTS.keys() == LANGUAGES.keys()
    english = COPY_TEXTS["en"]
    for code, texts in COPY_TEXTS.items():
        assert texts.keys() == english.keys(), code
        for name, text in texts.items():
            pairs = zip(text.items(), english[name].items(), strict=True) if isinstance(text, dict) else ()
            for (key, said), (same_key, same) in pairs:
                assert key == same_key, code
                assert said.strip()
                assert sorted(re.findall(r"{\w+}", said)) == sorted(re.findall(r"{\w+}", same)), (code, key)


def test_countries_and_languages_to_choose_from() -> None:
    """Each country once, by its name in the reader's language; each language of the pages by its own name."""
    choices = dict(country_choices(LANGUAGES["de"]))
    assert choices["DE"] == "Deutschland"
    assert not {"EU", "UN", "ZZ", "001"} & choices.keys()
    assert dict(locale_choices())["ja"] == "日本語"


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_an_archive_without_anything_is_a_page(code: str) -> None:
    """Somebody of whom little is known gets a whole page, with each heading."""
    lists = ("consents", "wishes", "data_requests", "suppressions", "recipients_of_data", "disclosures", "holds")
    more = ("deliveries", "entries", "notices", "postal_addresses", "opens", "clicks", "inbound", "audiences")
    controller = {"name": "Harbor Ltd.", "postal_address": "1 Pier", "authority": None, "seal": None}
    archive = {
        **{name: [] for name in (*lists, *more)},
        **{name: {} for name in ("data", "standing", "also", "links")},
        "basis": {"retention_days": 1095},
        "brand": "harbor",
        "exported_at": NOW.isoformat(),
        "controller": controller,
    }
    page = personal_data_as_html(archive, "Harbor", LANGUAGES[code])
    assert page.count("<h2>") == 4
    assert page.count("<li>") == 16
    assert COPY_TEXTS[code]["sections"]["data"] in page
    assert page.count(COPY_TEXTS[code]["nothing"]) == 1
    assert f"<dd>{LANGUAGES[code].format_number(1095)}</dd>" in page
    assert "Harbor" in page.split("<h1>")[0]
    assert "harbor" not in page
    assert not re.search(r"\d:\d\d:\d\d", page)
