"""Consents by the law where somebody lives: which of them count, and which are confirmed or given again first."""

from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from mailer.policy.consent_validity import (
    NO_TERMS,
    ConsentValidityTerms,
    format_consent_days,
    legal_flaw_of_consent,
    strictest_validity_terms,
)
from mailer.policy.jurisdiction import LawByCountry, parse_law_by_country
from mailer.policy.standing import Standing
from tests.factories import law
from tests.unit.test_decision import ADA, NOW, PARTNER, TODAY, decided, reason, revised
from tests.unit.test_jurisdictions import GOOD, LAX, STRICTEST
from tests.unit.test_jurisdictions import LAW as FLOORS

CONFIRMED, RENEWED = {"DE", "AT"}, {"KR"}
"""The countries whose law wants a consent confirmed, and given again every two years; one unknown wants both."""
LONG_AGO = date(2024, 11, 20)
"""A day more than two years before `NOW`."""
LATELY = date(2024, 11, 21)
"""The first day of these two years."""
SCOPES = {"newsletter": "newsletter", "promotional": "promotional", "partner": f"partner/{PARTNER}"}


def asking(country: str | None, scope: str, given_on: date, confirmed_on: date | None) -> Standing:
    """Somebody who has asked for something on a day, and confirmed it on another."""
    days = format_consent_days([scope], given_on, confirmed_on)
    return replace(ADA, country=country, consents=frozenset({scope}), consent_days=days)


@pytest.mark.rule("confirmed-consent", "consent-term")
@pytest.mark.parametrize("country", [*sorted(FLOORS), "AR", "XK", None, "US\nDE", "KR\nUS", "DE\nKR"])
def test_a_consent_counts_as_the_law_lets_it(country: str | None) -> None:
    """An unconfirmed or old consent of a category, topic or partner's mail counts by the law of each country."""
    places = (country or "nowhere").split("\n")
    unreviewed = not set(places) <= FLOORS.keys()
    confirms, renews = unreviewed or not CONFIRMED.isdisjoint(places), unreviewed or not RENEWED.isdisjoint(places)
    for (category, scope), given_on, confirmed_on in product(
        SCOPES.items(), (LONG_AGO, LATELY, TODAY), (None, LONG_AGO, LATELY)
    ):
        said = asking(country, scope, max(given_on, confirmed_on or given_on), confirmed_on)
        flaw = None
        if confirms and confirmed_on is None:
            flaw = "consent_not_confirmed"
        elif renews and (confirmed_on if confirms else max(given_on, confirmed_on or given_on)) == LONG_AGO:
            flaw = "consent_too_old"
        asked_first = any(FLOORS.get(place, STRICTEST)[0] == "opt_in" for place in places)
        assert reason(decided(category, said, LAX)) == (flaw if asked_first else None), (
            category,
            given_on,
            confirmed_on,
        )


@pytest.mark.parametrize("days", [None, "", "newsletters\t2026-11-01\t2026-11-01", "other\t2026-11-01\t2026-11-01"])
def test_a_consent_of_which_nobody_knows_the_day_counts_where_none_is_asked(days: str | None) -> None:
    """A consent without a known day counts as unconfirmed, and as old as can be."""
    assert (
        legal_flaw_of_consent(ConsentValidityTerms(confirmed=True), days, "newsletter", NOW) == "consent_not_confirmed"
    )
    assert legal_flaw_of_consent(ConsentValidityTerms(months=1200), days, "newsletter", NOW) == "consent_too_old"
    assert legal_flaw_of_consent(NO_TERMS, days, "newsletter", NOW) is None


def test_a_topic_or_a_purpose_is_confirmed_for_itself() -> None:
    """A confirmed topic confirms no category, and an unconfirmed purpose is no fresh consent."""
    topics = asking("DE", "newsletter/chess", TODAY, TODAY)
    both = replace(topics, consents=frozenset({"newsletter", "newsletter/chess"}))
    assert reason(decided("newsletter", both, LAX, topic="chess")) is None
    assert reason(decided("newsletter", both, LAX, topic="music")) == "other_topics_only"
    assert (
        reason(decided("newsletter", replace(both, consents=frozenset({"newsletter"})), LAX)) == "consent_not_confirmed"
    )
    purpose = replace(asking("DE", "newsletter", TODAY, TODAY), collected_under="2020")
    newer = LAX.with_earlier_versions({"2020": revised(LAX, version="2020", purposes=("rights",))})
    for days, why in ((None, "consent_not_confirmed"), (TODAY, None)):
        asked = replace(purpose, consents=frozenset({"newsletter", "purpose/newsletter"}))
        confirmed = f"{purpose.consent_days}\n{format_consent_days(['purpose/newsletter'], TODAY, days)}"
        assert reason(decided("newsletter", replace(asked, consent_days=confirmed), newer)) == why


@pytest.mark.parametrize(
    ("each", "found"),
    [
        ((), NO_TERMS),
        ((ConsentValidityTerms(), ConsentValidityTerms(months=24)), ConsentValidityTerms(months=24)),
        (
            (ConsentValidityTerms(months=36), ConsentValidityTerms(confirmed=True, months=24)),
            ConsentValidityTerms(confirmed=True, months=24),
        ),
        (
            (ConsentValidityTerms(confirmed=True), ConsentValidityTerms(months=6)),
            ConsentValidityTerms(confirmed=True, months=6),
        ),
    ],
)
def test_of_several_terms_the_strictest_hold(
    each: tuple[ConsentValidityTerms, ...], found: ConsentValidityTerms
) -> None:
    """A confirmation that one law wants, and the fewest months of any."""
    assert strictest_validity_terms(each) == strictest_validity_terms(reversed(each)) == found


def test_terms_are_rows_of_a_file() -> None:
    """A file of one's own sets the terms. Wrong values are refused. No file is laxer for unreviewed countries."""
    row = '\n[{}]\nvalue = {}\nsource = "a law, Art. 4"\nchecked = 2026-11-28\nsure = "unsure"\n'
    own = parse_law_by_country({"aq": GOOD + row.format("confirmed", "true") + row.format("renewal", 6)})
    assert (
        own.consent_validity_terms("AQ")
        == ConsentValidityTerms(confirmed=True, months=6)
        == own.consent_validity_terms(None)
        == own.consent_validity_terms("AR")
    )
    assert parse_law_by_country({"aq": GOOD}).consent_validity_terms("AQ") is NO_TERMS
    assert (
        LawByCountry().consent_validity_terms("AQ")
        == ConsentValidityTerms(confirmed=True, months=24)
        == law().consent_validity_terms("AQ\nUS")
    )
    for key, value in (("confirmed", "false"), ("renewal", "0"), ("renewal", '"24"')):
        with pytest.raises(ValueError, match=f"aq:.*: {key}.value is"):
            parse_law_by_country({"aq": GOOD + row.format(key, value)})
