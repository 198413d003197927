"""The terms on which a consent counts, by the law of a person's country: confirmed by mail, and not too old.

A standing has the days of its consents as text, one consent a line: the scope, the day of the newest consent, and the
day of the newest confirmed one, with tabs between. A consent without a line counts only if the law has no terms.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from mailer.policy.rule_registry import rule

UNCONFIRMED: Final = "consent_not_confirmed"
TOO_OLD: Final = "consent_too_old"


@dataclass(frozen=True, slots=True)
class ConsentValidityTerms:
    """The terms of a law.

    Attributes:
        confirmed: a consent to mail counts once a link in a mail has confirmed it.
        months: it counts for so long; None: until it is withdrawn.
    """

    confirmed: bool = False
    months: int | None = None


NO_TERMS: Final = ConsentValidityTerms()
UNREVIEWED_TERMS: Final = ConsentValidityTerms(confirmed=True, months=24)
"""The terms for a country whose law is not reviewed. Stricter terms in the files hold there, too."""


def strictest_validity_terms(each: Iterable[ConsentValidityTerms]) -> ConsentValidityTerms:
    """Makes the terms that are as strict as each of these."""
    terms = tuple(each)
    months = min((one.months for one in terms if one.months is not None), default=None)
    found = ConsentValidityTerms(any(one.confirmed for one in terms), months)
    return NO_TERMS if found == NO_TERMS else found


def legal_flaw_of_consent(
    terms: ConsentValidityTerms, consent_days: str | None, scope: str, now: datetime
) -> str | None:
    """Returns the reason why a consent does not count by the law; None if it counts.

    Args:
        terms: of the law.
        consent_days: the days of the person's consents, as a standing has them.
        scope: of the consent.
        now: an aware time.
    """
    if terms is NO_TERMS:
        return None
    return _cached_legal_flaw_of_consent(terms.confirmed, terms.months, consent_days, scope, now.date())


@lru_cache(maxsize=10_000)
def _cached_legal_flaw_of_consent(
    confirmed: bool, months: int | None, consent_days: str | None, scope: str, today: date
) -> str | None:
    """Returns the same as `legal_flaw_of_consent`, cached: most people of a mailing consented on one of few days."""
    terms = ConsentValidityTerms(confirmed, months)
    given_on, confirmed_on = _given_and_confirmed_days(consent_days, scope)
    return reason_if_unconfirmed(terms, confirmed_on) or reason_if_outdated(
        terms, confirmed_on if confirmed else given_on, today
    )


@rule("confirmed-consent", "GDPR Art. 7(1); UWG (DE) § 7(2) no. 2; TKG (AT) § 174(3); jurisdictions/*.toml")
def reason_if_unconfirmed(terms: ConsentValidityTerms, confirmed_on: str) -> str | None:
    """A consent that no link in a mail has confirmed does not count where the law wants that proof."""
    return UNCONFIRMED if terms.confirmed and not confirmed_on else None


@rule("consent-term", "Network Act (KR) Art. 50(8); jurisdictions/*.toml")
def reason_if_outdated(terms: ConsentValidityTerms, day: str, today: date) -> str | None:
    """A consent older than the law allows does not count until it is given again."""
    if terms.months is None or day >= _iso_date_months_before(today, terms.months):
        return None
    return TOO_OLD


def format_consent_days(scopes: Iterable[str], given_on: date, confirmed_on: date | None = None) -> str | None:
    """Writes a standing's `consent_days` for consents of the same days; None where there is none."""
    return "\n".join(f"{scope}\t{given_on}\t{confirmed_on or ''}" for scope in sorted(scopes)) or None


def _given_and_confirmed_days(consent_days: str | None, scope: str) -> tuple[str, str]:
    """Returns the days on which a consent was given and confirmed (ISO 8601); empty texts if they are not known."""
    start = f"{scope}\t"
    for line in (consent_days or "").split("\n"):
        if line.startswith(start):
            given_on, _, confirmed_on = line[len(start) :].partition("\t")
            return given_on, confirmed_on
    return "", ""


@lru_cache(maxsize=100)
def _iso_date_months_before(day: date, months: int) -> str:
    """Returns the day some months before another day (ISO 8601). Days after the 28th count as the 28th."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, 28)).isoformat()
