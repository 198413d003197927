"""The desk's pure parts: reminders, times in words on days when clocks change, stages, and the form of facts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mailer.policy.breach.clock_wording import deadline_in_words, time_in_zone, time_left_in_words
from mailer.policy.breach.facts import BreachFacts, DataKind
from mailer.policy.breach.facts_checks import refusal_of_facts
from mailer.policy.breach.facts_wording import compare_facts
from mailer.policy.breach.reminders import ReminderMoment, reminder_at, reminders_of_clock
from mailer.policy.breach.stages import BreachStage, missing_facts, stage_of_case
from mailer.web.console.breach_facts_form import (
    STEPS,
    build_facts,
    parse_people_by_place,
    read_typed_facts,
    typed_facts,
)

START = datetime(2025, 3, 1, 10, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
KNOWN = BreachFacts(
    summary="A laptop was stolen",
    found_at=START,
    data=frozenset({DataKind.EMAIL_ADDRESS}),
    people_by_place={"DE": 1200, "US-CA": 40},
)


def names(hours: float) -> list[str]:
    """The reminders of a clock of so many hours."""
    return [one.moment.value for one in reminders_of_clock(START, START + timedelta(hours=hours))]


def test_reminders_come_in_order_and_only_after_half_of_the_time() -> None:
    """A clock of three days has five; one of four hours none one day before; one of an hour no last hour."""
    assert names(72) == ["begun", "half", "one_day", "one_hour", "missed"]
    assert names(48) == ["begun", "half", "one_hour", "missed"], "half is one day before: it is told once"
    assert names(4) == ["begun", "half", "one_hour", "missed"]
    assert names(1) == ["begun", "half", "missed"]
    assert [one.moment.value for one in reminders_of_clock(START, None)] == ["begun"]
    for hours in (1, 4, 24, 48, 72, 720):
        times = [one.at for one in reminders_of_clock(START, START + timedelta(hours=hours))]
        assert times == sorted(set(times))


def test_only_the_last_moment_is_told_after_an_outage() -> None:
    """Somebody who enters the breach late is told that the deadline is over, not five things."""
    due = START + timedelta(hours=72)
    asked = {-1: None, 0: "begun", 36: "half", 47: "half", 48: "one_day", 71: "one_hour", 72: "missed", 999: "missed"}
    for hours, moment in asked.items():
        assert reminder_at(START, due, START + timedelta(hours=hours)) == moment, hours
    assert reminder_at(START, START, START) is ReminderMoment.MISSED
    assert reminder_at(START, None, START + timedelta(days=400)) is ReminderMoment.BEGUN


def test_times_say_which_of_two_hours_they_mean() -> None:
    """Clocks of the night of 26 October 2025: those in Berlin show 02:30 twice; the offset tells both apart."""
    first = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    assert time_in_zone(first, BERLIN) == "26 Oct 2025, 02:30 (Europe/Berlin, UTC+02:00)"
    assert time_in_zone(first + timedelta(hours=1), BERLIN) == "26 Oct 2025, 02:30 (Europe/Berlin, UTC+01:00)"
    newfoundland = time_in_zone(first, ZoneInfo("America/St_Johns"))
    assert newfoundland == "25 Oct 2025, 22:00 (America/St_Johns, UTC-02:30)"
    assert deadline_in_words(first, ZoneInfo("UTC")) == "26 Oct 2025, 00:30 UTC"
    assert deadline_in_words(first, BERLIN).startswith("26 Oct 2025, 00:30 UTC; 26 Oct 2025, 02:30 (")


def test_72_hours_over_a_change_of_clocks_are_72_hours() -> None:
    """Found at 03:00 in Berlin two days before clocks go forward: the end is at 04:00 there."""
    local = {"summary": "", "began_on": "", "ended_on": "", "found_at": "2025-03-27T03:00", "zone": "Europe/Berlin"}
    facts, faults = build_facts(local, "when", BreachFacts())
    assert faults == []
    assert facts is not None
    assert facts.found_at == datetime(2025, 3, 27, 2, tzinfo=UTC)
    end = facts.found_at + timedelta(hours=72)
    assert time_in_zone(end, BERLIN) == "30 Mar 2025, 04:00 (Europe/Berlin, UTC+02:00)"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (3 * 1440 + 125, "3 days 2 h left"),
        (1440, "1 day left"),
        (61, "1 h 1 min left"),
        (5, "5 min left"),
        (-1, "over by 1 min"),
        (-2880, "over by 2 days"),
    ],
)
def test_time_left(minutes: int, words: str) -> None:
    """Days, hours and minutes are written so that nobody has to count."""
    assert time_left_in_words(START + timedelta(minutes=minutes), START) == words


def test_stages() -> None:
    """A case goes from facts to texts once the least is known, and back for no reason later."""
    assert missing_facts(BreachFacts()) == ["summary", "found_at", "data", "people_by_place"]
    assert stage_of_case("open", BreachFacts(), ["draft"]) is BreachStage.FACTS
    assert stage_of_case("open", KNOWN, ["draft"]) is BreachStage.TEXTS
    assert stage_of_case("open", KNOWN, ["checking"]) is BreachStage.TEXTS
    assert stage_of_case("open", KNOWN, ["checked"]) is BreachStage.CHECKED
    assert stage_of_case("open", KNOWN, ["awaiting_release"]) is BreachStage.AWAITING_RELEASE
    assert stage_of_case("open", KNOWN, ["released"]) is BreachStage.TELLING
    assert stage_of_case("open", KNOWN, ["released", "cancelled"]) is BreachStage.TELLING
    assert stage_of_case("open", BreachFacts(), ["released", "draft"]) is BreachStage.TEXTS
    assert stage_of_case("closed", KNOWN, ["released"]) is BreachStage.CLOSED
    assert stage_of_case("not_notified", KNOWN, ["draft"]) is BreachStage.NOT_NOTIFIED


def test_each_fact_has_one_step() -> None:
    """No fact is forgotten by the form, and none is in two steps."""
    assert sorted(name for fields in STEPS.values() for name in fields) == sorted(BreachFacts.model_fields)


def test_a_step_reads_back_what_it_shows() -> None:
    """Saving each step without a change changes nothing."""
    full = KNOWN.model_copy(
        update={
            "began_on": date(2025, 2, 27),
            "law_enforcement": "BKA, 7/26",
            "law_enforcement_delay_until": date(2025, 4, 1),
            "effects": "Ein\nAbsatz",
            "notice_cost": 250_000,
            "is_encrypted": True,
            "mail_trouble": "theirs",
            "sector_laws": frozenset({"hipaa"}),
        }
    )
    for step in STEPS:
        shown = typed_facts(full, step, BERLIN)
        form = {name: value if isinstance(value, list) else [value] for name, value in shown.items()}
        facts, faults = build_facts(read_typed_facts(form, step), step, full)
        assert (facts, faults) == (full, []), step


def test_saving_an_unchanged_step_moves_no_clock() -> None:
    """The second of two equal hours, and seconds, stay as they are; a time that was typed anew is the first one."""
    second = datetime(2025, 10, 26, 1, 30, 17, tzinfo=UTC)
    facts = KNOWN.model_copy(update={"found_at": second})
    shown = typed_facts(facts, "when", BERLIN)
    assert shown["found_at"] == "2025-10-26T02:30"
    same, _ = build_facts(shown, "when", facts)
    assert same == facts
    anew, _ = build_facts(shown, "when", KNOWN)
    assert anew is not None
    assert anew.found_at == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)


def test_people_by_place() -> None:
    """Numbers as people write them are understood; what could mean two things is refused."""
    text = "de 1.200\nUS-CA: 40,000\r\n\nGB=7\nFR 1 000 000\nAT\t5".replace("\r\n", "\n")
    assert parse_people_by_place(text) == {"DE": 1200, "US-CA": 40_000, "GB": 7, "FR": 1_000_000, "AT": 5}
    for wrong in ("Germany 5", "DE", "5", "DE 1.5", "DE -5", "DE 5\nDE 6", "DE ٣", "DE 1,2,3", "DE 9999999999999"):
        with pytest.raises(ValueError, match=r".") as refusal:
            parse_people_by_place(wrong)
        assert len(str(refusal.value)) > 20, "it says what to do"


@pytest.mark.parametrize(
    ("step", "typed", "field"),
    [
        ("when", {"summary": "x" * 301}, "summary"),
        ("when", {"summary": "a\x07b"}, "summary"),
        ("when", {"found_at": "tomorrow"}, "found_at"),
        ("when", {"found_at": "2025-03-01T10:00", "zone": "Mars/Base"}, "found_at"),
        ("when", {"found_at": "2199-03-01T10:00"}, "found_at"),
        ("when", {"found_at": "0001-01-01T00:00"}, "found_at"),
        ("when", {"began_on": "2025-02-30"}, "began_on"),
        ("when", {"began_on": "2025-02-20", "ended_on": "2025-02-19"}, "ended_on"),
        ("data", {"data": ["everything"]}, "data"),
        ("data", {"risk": "none"}, "risk"),
        ("people", {"people_by_place": "DE many"}, "people_by_place"),
        ("people", {"sector_laws": ["No Law"]}, "sector_laws"),
        ("mail", {"mail_trouble": "somebody's"}, "mail_trouble"),
        ("measures", {"effects": "x" * 5001}, "effects"),
        ("measures", {"notice_cost": "much"}, "notice_cost"),
        ("authorities", {"law_enforcement_delay_until": "2025-04-01"}, "law_enforcement"),
    ],
)
def test_faults_name_their_field(step: str, typed: dict[str, object], field: str) -> None:
    """Each is found beside its field, in words."""
    shown = {**typed_facts(BreachFacts(), step, ZoneInfo("UTC")), **typed}
    facts, faults = build_facts(shown, step, BreachFacts())
    assert facts is None
    assert [one.field for one in faults] == [field]
    assert faults[0].text.endswith(".")


def test_nothing_that_happened_is_ahead() -> None:
    """A clock cannot begin tomorrow; a day that has begun somewhere is not ahead."""
    assert refusal_of_facts(KNOWN, START) is None
    assert refusal_of_facts(KNOWN, START - timedelta(minutes=5)) is None
    ahead = refusal_of_facts(KNOWN, START - timedelta(minutes=6))
    assert ahead is not None
    assert ahead.startswith("found_at: ")
    days = BreachFacts(began_on=date(2025, 3, 2))
    assert refusal_of_facts(days, START) is None
    assert refusal_of_facts(days, START - timedelta(days=1)) is not None


def test_differences_of_facts_are_words() -> None:
    """The history says what was and what is, by fact."""
    changed = KNOWN.model_copy(update={"people_by_place": {"DE": 1300}, "is_encrypted": True, "data": frozenset()})
    found = {one.field: (one.before, one.after) for one in compare_facts(KNOWN, changed)}
    assert found == {
        "data": ("email address", ""),
        "is_encrypted": ("no", "yes"),
        "people_by_place": ("DE 1,200, US-CA 40", "DE 1,300"),
    }
