"""Clocks of a breach: the deadline at each place, over changes of the clock, with delays, numbers and unknown facts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.policy.breach.clocks import Clock, clocks_of_case, due_to_people
from mailer.policy.breach.facts import BreachFacts, Risk
from mailer.policy.breach.rule_rows import Addressee
from tests.breach_rules import EMAIL, FACTS, FIVE, FOUND, HEALTH, PASSWORD, PLACES, RULES, facts, rules


def ends(said: BreachFacts, people_told_at: datetime | None = None) -> dict[str, str | None]:
    """The deadline of each clock, by its key, in UTC."""
    return {
        clock.key: clock.due_at.strftime("%Y-%m-%dT%H:%M:%S") if clock.due_at else None
        for clock in clocks_of_case(said, RULES, people_told_at)
    }


GDPR = {"gdpr-authority": "2026-12-18T09:30:00", "gdpr-people": None}
UK = {"gb-authority": "2026-12-18T09:30:00", "gb-people": None}
NEW_YORK = {"us-ny-people": "2027-01-15T04:59:59", "us-ny-authorities": "2027-01-15T04:59:59"}
MASSACHUSETTS: dict[str, str | None] = {"us-ma-people": None, "us-ma-authorities": None}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (facts("DE"), GDPR),
        (facts("FR", "DE"), GDPR),
        (facts("DE", risk=Risk.UNKNOWN), GDPR),
        (facts("DE", risk=Risk.SOME), {"gdpr-authority": "2026-12-18T09:30:00"}),
        (facts("DE", risk=Risk.UNLIKELY), {}),
        (facts("DE", is_encrypted=True), {"gdpr-authority": "2026-12-18T09:30:00"}),
        (facts("GB"), UK),
        (facts("US-CA"), {"us-ca-people": "2027-01-15T07:59:59"}),
        (facts("US-CA", data=(EMAIL,)), {}),
        (facts("US-CA", data=()), {"us-ca-people": "2027-01-15T07:59:59"}),
        (facts("US-CA", is_encrypted=True), {}),
        (facts("US-CA", people=500), {"us-ca-people": "2027-01-15T07:59:59"}),
        (
            facts("US-CA", people=501),
            {"us-ca-people": "2027-01-15T07:59:59", "us-ca-attorney-general": "2027-01-30T07:59:59"},
        ),
        (facts("US-MA"), MASSACHUSETTS),
        (facts("US-MA", data=(PASSWORD,)), {}),
        (facts("US-NY"), NEW_YORK),
        (facts("US-NY", people=5001), {**NEW_YORK, "us-ny-credit-agencies": None}),
        (facts("US-NY", people=5000), NEW_YORK),
        (facts("US-NY", sector_laws={"ny-dfs"}), {**NEW_YORK, "us-ny-financial-services": "2026-12-18T09:30:00"}),
        (facts("US-FL", people=499), {"us-fl-people": "2027-01-15T04:59:59"}),
        (
            facts("US-FL", people=500),
            {"us-fl-people": "2027-01-15T04:59:59", "us-fl-legal-affairs": "2027-01-15T04:59:59"},
        ),
        (
            facts("US-CO", people=1001),
            {
                "us-co-people": "2027-01-15T06:59:59",
                "us-co-attorney-general": "2027-01-15T06:59:59",
                "us-credit-agencies": None,
            },
        ),
        (facts(*FIVE), {**GDPR, **UK, **MASSACHUSETTS, **NEW_YORK, "us-ca-people": "2027-01-15T07:59:59"}),
    ],
)
def test_clocks_of_a_place(said: BreachFacts, expected: dict[str, str | None]) -> None:
    """Each law's clocks run for its people, under its conditions, and no others."""
    assert ends(said) == expected


def test_sector_laws_add_clocks() -> None:
    """NIS2, DORA, HIPAA and the FTC's rule hold only for a business under them."""
    eu = ends(facts("DE", sector_laws={"nis2", "dora"}))
    assert {key: due for key, due in eu.items() if key not in GDPR} == {
        "nis2-early-warning": "2026-12-16T09:30:00",
        "nis2-notification": "2026-12-18T09:30:00",
        "nis2-final-report": "2027-01-18T22:59:59",
        "nis2-recipients": None,
        "dora-initial": "2026-12-16T09:30:00",
        "dora-intermediate": "2026-12-19T09:30:00",
        "dora-final": "2027-01-19T22:59:59",
        "dora-clients": None,
    }
    us = ends(facts("US-CA", people=501, data=(HEALTH,), sector_laws={"hipaa", "ftc-safeguards"}))
    assert set(us) == {
        *("hipaa-people", "hipaa-media", "hipaa-secretary", "ftc-safeguards"),
        *("us-ca-people", "us-ca-attorney-general"),
    }
    fewer = ends(facts("US-CA", "US-NY", people=250, data=(HEALTH,), sector_laws={"hipaa", "ftc-safeguards"}))
    assert {"hipaa-secretary", "ftc-safeguards"} <= set(fewer), "people of all states count together"
    assert "hipaa-media" not in fewer, "more than 500 residents of one state"


def test_no_clock_runs_before_the_finding() -> None:
    """A case whose time of finding nobody has said has no clocks."""
    assert clocks_of_case(facts("DE", found_at=None), RULES) == ()
    assert due_to_people("US-CA", facts("US-CA", found_at=None), RULES) is None


@pytest.mark.parametrize("place", ["BR", "US", "US-NV", "CH", "JP"])
def test_the_strictest_clock_runs_where_nobody_knows_the_law(place: str) -> None:
    """People of a place without rows are told within the shortest period of all."""
    [people] = [clock for clock in clocks_of_case(facts(place), RULES) if clock.to_whom is Addressee.PEOPLE]
    assert people.is_strictest
    assert people.due_at is not None
    assert people.due_at < FOUND + timedelta(days=31)
    assert people.whom == "people"
    assert people.because.startswith("Elsewhere: tell people by ")


def test_a_country_without_any_row_has_the_shortest_clock_to_an_authority() -> None:
    """Its authority is told within 72 hours; that of a country with rows only by its own ones."""
    assert ends(facts("BR"))["gdpr-authority:strictest"] == "2026-12-18T09:30:00"
    assert "gdpr-authority:strictest" not in ends(facts("US-NV"))
    too_few = facts("BR", people=10**6, data=(EMAIL,), risk=Risk.UNLIKELY, sector_laws={"ftc-safeguards"})
    assert ends(too_few) == {}, "a number of people elsewhere is no number for this law"


def test_a_case_without_places_has_the_strictest_clocks() -> None:
    """At first nobody knows whose data they were: the clocks of an unknown place run."""
    clocks = clocks_of_case(facts(), RULES)
    assert [clock.key for clock in clocks] == ["gdpr-authority:strictest", "us-ca-people:strictest"]
    assert all(clock.place == "" for clock in clocks)


def test_the_day_ends_first_in_one_of_several_zones() -> None:
    """A rule without a zone ends with the day in the zone of the country in which it ends first."""
    said = facts("US-NV", found_at=datetime(2026, 12, 15, 4, 30, tzinfo=UTC))
    [clock] = [clock for clock in clocks_of_case(said, RULES) if clock.to_whom is Addressee.PEOPLE]
    # New York's 14 December has 30 minutes left to run; elsewhere in the country it has hours.
    assert clock.due_at == datetime(2027, 1, 14, 4, 59, 59, tzinfo=UTC)
    assert "13 January 2027 in America/New_York, 30 days after 14 December 2026" in clock.because


@pytest.mark.parametrize(
    ("found", "place", "due"),
    [
        # 23:30 in California is the next day in UTC: the period counts from the local day.
        ("2026-06-11T06:30:00", "US-CA", "2026-07-11T06:59:59"),
        ("2026-06-11T07:30:00", "US-CA", "2026-07-12T06:59:59"),
        # The clocks go forward on 8 March 2026, and back on 1 November.
        ("2026-02-20T20:00:00", "US-CA", "2026-03-23T06:59:59"),
        ("2026-10-20T20:00:00", "US-CA", "2026-11-20T07:59:59"),
        ("2026-02-20T20:00:00", "US-NY", "2026-03-23T03:59:59"),
        # In Cuba the clocks go forward at midnight: the last day of the period ends where the next begins, at 1:00.
        ("2026-02-05T17:00:00", "CU", "2026-03-08T04:59:59"),
    ],
)
def test_days_end_by_the_local_clock(found: str, place: str, due: str) -> None:
    """Days begin and end in the zone of the place, also over changes of the clock."""
    said = facts(place, found_at=datetime.fromisoformat(f"{found}+00:00"))
    deadline = due_to_people(place, said, RULES)
    assert deadline is not None
    assert deadline == datetime.fromisoformat(f"{due}+00:00")


def test_hours_do_not_know_summer_time() -> None:
    """72 hours are 72 hours when the clocks change in between, whatever the zone in which the finding was said."""
    found = datetime(2026, 3, 27, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    [authority, _] = clocks_of_case(facts("DE", found_at=found), RULES)
    assert authority.due_at == datetime(2026, 3, 30, 11, tzinfo=UTC)
    assert authority.starts_at.tzinfo is UTC


def test_months_end_with_their_last_day() -> None:
    """A month after the 31st is the last day of a shorter month, also over the end of a year."""
    months = rules(
        months={
            **{"kind": "clock", "name": "A", "law": "l", "places": ["GB"], "zone": "Europe/London", "source": "s"},
            **{"checked": date(2026, 1, 1), "sure": "primary", "to": "people", "whom": "all", "months": 1},
        }
    )
    for found, due in (("2027-01-31", "2027-02-28"), ("2027-12-31", "2028-01-31"), ("2028-01-30", "2028-02-29")):
        said = facts("GB", found_at=datetime.fromisoformat(f"{found}T12:00:00+00:00"))
        clock = next(clock for clock in clocks_of_case(said, months) if clock.rule == "months")
        assert clock.due_at == datetime.fromisoformat(f"{due}T23:59:59+00:00")


def test_an_agency_moves_only_the_clocks_that_wait_for_it() -> None:
    """Law enforcement moves California's clocks, and neither an earlier end nor the GDPR's."""
    late = facts("DE", "US-CA", people=501, law_enforcement_delay_until=date(2027, 2, 1), law_enforcement="FBI, no. 7")
    moved = ends(late)
    assert moved["gdpr-authority"] == "2026-12-18T09:30:00"
    assert moved["us-ca-people"] == "2027-02-03T07:59:59", "the first day after the wait"
    assert moved["us-ca-attorney-general"] == "2027-02-18T07:59:59"
    [people] = [clock for clock in clocks_of_case(late, RULES) if clock.rule == "us-ca-people"]
    assert people.because.endswith("FBI, no. 7 has asked to wait until 1 February 2027")
    early = facts("US-CA", law_enforcement_delay_until=date(2026, 12, 20), law_enforcement="FBI, no. 7")
    assert ends(early) == {"us-ca-people": "2027-01-15T07:59:59"}


def test_a_clock_after_the_people_begins_when_they_were_told() -> None:
    """15 days run from the day of telling, if that is earlier than the deadline for it, and from the deadline else."""
    said = facts("US-CA", people=501)
    told = datetime(2026, 12, 17, 20, tzinfo=UTC)
    assert ends(said, told)["us-ca-attorney-general"] == "2027-01-02T07:59:59"
    late = datetime(2027, 3, 1, 20, tzinfo=UTC)
    assert ends(said, late)["us-ca-attorney-general"] == "2027-01-30T07:59:59"
    assert ends(said, told)["us-ca-people"] == "2027-01-15T07:59:59"


def test_sentences_say_what_is_due_when_and_why() -> None:
    """The sentence has the place, those who are told, both days, the period and the article."""
    said = {clock.rule: clock.because for clock in clocks_of_case(facts("US-CA", "DE", "US-MA", people=501), RULES)}
    assert said["us-ca-people"] == (
        "California: tell residents by 14 January 2027, 30 days after 15 December 2026, Civ. Code 1798.82(a)"
    )
    assert said["gdpr-authority"] == (
        "European Union: notify the supervisory authority by 18 December 2026, 09:30 UTC, 72 hours after"
        " 15 December 2026, 09:30 UTC, GDPR Art. 33(1)"
    )
    assert said["us-ma-people"] == (
        "Massachusetts: tell residents without undue delay after 15 December 2026, G.L. c. 93H § 3(b)"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("found_at", "0001-01-01T00:00:00+00:00"),
        ("found_at", "9999-12-31T23:59:59+00:00"),
        ("law_enforcement_delay_until", "9999-12-31"),
        ("began_on", "0001-01-01"),
    ],
)
def test_days_from_which_nothing_can_be_counted_are_refused(key: str, value: str) -> None:
    """A slip of the pen in a year is told to the writer, and breaks no page with clocks."""
    with pytest.raises(ValueError, match=key):
        BreachFacts.model_validate({key: value, "law_enforcement": "FBI"})


def test_the_last_possible_days_have_clocks() -> None:
    """The limits leave room for all periods."""
    last = datetime(2199, 12, 31, tzinfo=UTC)
    said = facts(*FIVE, "BR", found_at=last, law_enforcement_delay_until=last.date(), law_enforcement="FBI")
    assert len(clocks_of_case(said, RULES)) > len(FIVE)


def test_clocks_are_in_order() -> None:
    """The first deadline comes first, and those without one last."""
    clocks = clocks_of_case(facts(*FIVE, people=6000), RULES)
    with_end = [clock.due_at for clock in clocks if clock.due_at is not None]
    assert with_end == sorted(with_end)
    assert all(clock.due_at is None for clock in clocks[len(with_end) :])


@settings(max_examples=60, deadline=None)
@given(said=FACTS, place=PLACES, people=st.sampled_from([0, 1, 501, 6000]))
def test_another_place_makes_no_clock_vanish(said: BreachFacts, place: str, people: int) -> None:
    """A place more adds clocks, or moves one to an earlier time, and never takes one away."""
    if not said.people_by_place:
        return
    more = said.model_copy(update={"people_by_place": {place: people, **said.people_by_place}})
    before, after = _by_key(clocks_of_case(said, RULES)), _by_key(clocks_of_case(more, RULES))
    for key, clock in before.items():
        assert key in after
        assert (after[key].due_at is None) == (clock.due_at is None)
        assert clock.due_at is None or (after[key].due_at or clock.due_at) <= clock.due_at


@settings(max_examples=60, deadline=None)
@given(said=FACTS, place=PLACES)
def test_an_unknown_place_is_never_laxer(said: BreachFacts, place: str) -> None:
    """People of an unknown place are told no later than those of any place, whatever the facts."""
    known, unknown = due_to_people(place, said, RULES), due_to_people("", said, RULES)
    assert known is None or (unknown is not None and unknown <= known)


@settings(max_examples=60, deadline=None)
@given(said=FACTS)
def test_clocks_end_after_they_began_and_have_rules_and_words(said: BreachFacts) -> None:
    """Each clock has a rule that exists, an end after its begin, and a sentence; keys are unique."""
    clocks = clocks_of_case(said, RULES)
    assert len({clock.key for clock in clocks}) == len(clocks)
    for clock in clocks:
        assert clock.due_at is None or clock.due_at > clock.starts_at
        assert RULES.by_id[clock.rule].law in clock.because


def _by_key(clocks: tuple[Clock, ...]) -> dict[str, Clock]:
    return {clock.key: clock for clock in clocks}
