"""Facts of breaches and rules for tests, with strategies that make any of them."""

from datetime import UTC, date, datetime
from typing import Any, Final

from hypothesis import strategies as st

from mailer.policy.breach.channels import PersonToTell
from mailer.policy.breach.facts import BreachFacts, DataKind, Risk
from mailer.policy.breach.rule_set import BreachRules, BreachTerms, breach_rules_of_terms

FOUND: Final = datetime(2026, 12, 15, 9, 30, tzinfo=UTC)
RULES: Final = breach_rules_of_terms(BreachTerms())
SSN, PASSWORD, MAILBOX, EMAIL, HEALTH = (
    DataKind.SOCIAL_SECURITY_NUMBER,
    DataKind.PASSWORD,
    DataKind.MAILBOX_CREDENTIALS,
    DataKind.EMAIL_ADDRESS,
    DataKind.HEALTH,
)
FIVE: Final = ("DE", "GB", "US-CA", "US-MA", "US-NY")
"""Places in five jurisdictions."""


def facts(*places: str, people: int = 10, data: tuple[DataKind, ...] = (SSN,), **changes: Any) -> BreachFacts:
    """Facts with a high risk, with as many people at each place."""
    said = {"found_at": FOUND, "risk": Risk.HIGH, "data": frozenset(data), **changes}
    return BreachFacts.model_validate({"people_by_place": dict.fromkeys(places, people), **said})


def rules(**rows: dict[str, Any]) -> BreachRules:
    """The rules with rows of a policy; an underscore in a row's name stands for a hyphen."""
    said = {name.replace("_", "-"): row for name, row in rows.items()}
    return breach_rules_of_terms(BreachTerms.model_validate({"rules": said}))


PLACES: Final = st.sampled_from([*FIVE, "FR", "US", "US-TX", "US-FL", "US-NV", "BR", "CH", "PR", "JP"])
FACTS: Final = st.builds(
    BreachFacts,
    found_at=st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2029, 1, 1), timezones=st.just(UTC)),
    data=st.frozensets(st.sampled_from(DataKind), max_size=4),
    is_encrypted=st.booleans(),
    is_our_fault=st.booleans(),
    risk=st.sampled_from(Risk),
    people_by_place=st.dictionaries(
        PLACES, st.sampled_from([0, 1, 250, 499, 500, 501, 1001, 6000, 600_000]), max_size=5
    ),
    sector_laws=st.frozensets(
        st.sampled_from(["hipaa", "nis2", "dora", "ftc-safeguards", "ny-dfs", "unheard-of"]), max_size=2
    ),
    mail_trouble=st.sampled_from(["no", "ours", "theirs"]),
    law_enforcement_delay_until=st.none() | st.dates(min_value=date(2026, 1, 1), max_value=date(2028, 1, 1)),
    law_enforcement=st.just("the police"),
    notice_cost=st.none() | st.sampled_from([0, 250_000, 250_001]),
)
"""All facts."""
PEOPLE: Final = st.builds(
    PersonToTell,
    place=PLACES | st.just(""),
    has_address=st.booleans(),
    is_address_dead=st.booleans(),
    has_refused_electronic=st.booleans(),
    has_electronic_consent=st.none() | st.booleans(),
    is_under_13=st.booleans(),
    is_mailbox_compromised=st.booleans(),
    has_postal_address=st.booleans(),
)
"""All states of a person."""
