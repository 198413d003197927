"""The manifest of a breach phase: sums, hash, places, languages, channels, pace and differences."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mailer.events import EventRefused
from mailer.input_types import AudienceName
from mailer.pipeline.breach_manifest_builder import (
    BreachPersonJudge,
    has_electronic_consent,
    is_electronic_consent_promised,
    strictest_channel,
)
from mailer.policy.breach.draft import BreachAudience, BreachPace
from mailer.policy.breach.manifest import (
    BreachChannel,
    BreachLine,
    BreachManifestHash,
    BreachSum,
    BreachTotals,
    FrozenCheck,
    fields_of_line,
    hash_of_breach_manifest,
    people_by,
)
from mailer.policy.breach.manifest_differences import SumDifference, compare_manifests
from mailer.policy.breach.pace_plan import PacePlanner, is_over_before, plan_days
from mailer.policy.breach.places import place_of_person
from mailer.policy.campaign_draft import AudienceName as DraftAudienceName
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Divert, Mailing, Send, Suppress
from mailer.policy.standing import Standing
from mailer.ports.breach_manifests import BreachAudienceMember, BreachManifest
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.breach_locales import locale_of_notice
from tests.breach_checks import FOUND_AT, breach_facts, phase_draft
from tests.factories import BRAND, make_event, policies

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FROZEN = FrozenCheck(
    {"summary": "Käse"}, {"variants": {}}, [{"id": "eu"}], {"eu": ManifestTemplate("v1", "source ü")}, "2006"
)
LINES = [
    BreachLine(3, BreachChannel.MAIL, "mail", "eu", "de", "DE", NOW),
    BreachLine(9, BreachChannel.LETTER, "under_13", "us-ca", "en", "US-CA", None),
    BreachLine(12, BreachChannel.NONE, "erased", "elsewhere", "en", "", None),
]


def test_the_hash_is_made_of_the_documented_octets() -> None:
    """Anyone can make it of the stored JSON and the rows of the CSV file, with plain Python alone."""
    head = {
        "draft": {"variants": {}},
        "facts": {"summary": "Käse"},
        "policy": "2006",
        "rules": [{"id": "eu"}],
        "templates": {"eu": ["v1", sha256("source ü".encode()).hexdigest()]},
    }
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(fields_of_line, LINES))
    octets = json.dumps(head, sort_keys=True, separators=(",", ":")) + "\n" + text.getvalue().removesuffix("\n")
    assert hash_of_breach_manifest(FROZEN, LINES) == sha256(octets.encode("ascii")).digest()
    assert text.getvalue().splitlines()[0] == "3,mail,mail,eu,de,DE,2026-11-30T12:00:00+00:00"


@pytest.mark.parametrize(
    "changed",
    [
        FROZEN._replace(facts={"summary": "Kase"}),
        FROZEN._replace(draft={"variants": {"eu": {}}}),
        FROZEN._replace(rules=[]),
        FROZEN._replace(templates={"eu": ManifestTemplate("v1", "other source")}),
        FROZEN._replace(policy_version="2007"),
    ],
)
def test_each_frozen_value_changes_the_hash(changed: FrozenCheck) -> None:
    """Nothing can be exchanged after the check without another hash."""
    assert hash_of_breach_manifest(changed, LINES) != hash_of_breach_manifest(FROZEN, LINES)


@pytest.mark.parametrize(
    "change",
    [
        {"channel": BreachChannel.MAIL},
        {"reason": "mail"},
        {"variant": "us-ma"},
        {"locale": "de"},
        {"place": "US-MA"},
        {"due_at": NOW},
        {"recipient_id": 10},
    ],
)
def test_each_field_of_a_line_changes_the_hash(change: dict[str, Any]) -> None:
    """A person who is moved to another channel, text or time is seen."""
    others = [LINES[0], LINES[1]._replace(**change), LINES[2]]
    assert hash_of_breach_manifest(FROZEN, others) != hash_of_breach_manifest(FROZEN, LINES)


def test_a_removed_person_changes_the_hash() -> None:
    """Whoever is left out afterwards is missed."""
    assert hash_of_breach_manifest(FROZEN, LINES[:2]) != hash_of_breach_manifest(FROZEN, LINES)


def test_the_size_of_portions_does_not_change_the_hash() -> None:
    """The same lines make the same hash, however they were read."""
    digest = BreachManifestHash(FROZEN)
    for line in LINES:
        digest.add_lines([line])
    assert digest.digest() == hash_of_breach_manifest(FROZEN, LINES)


@pytest.mark.parametrize("number", [3, 2])
def test_a_person_stands_in_a_manifest_once(number: int) -> None:
    """A second line of somebody, or one out of order, is an error of the builder."""
    with pytest.raises(ValueError, match="each once"):
        hash_of_breach_manifest(FROZEN, [LINES[0], LINES[0]._replace(recipient_id=number)])


def test_sums_are_by_channel_reason_variant_and_place() -> None:
    """The most people come first, and all figures add up."""
    totals = BreachTotals()
    totals.add_lines([*LINES, LINES[2]._replace(recipient_id=13)])
    assert totals.sums()[0] == BreachSum(BreachChannel.NONE, "erased", "elsewhere", "", 2)
    assert sum(one.people for one in totals.sums()) == 4
    assert people_by(totals.sums(), "channel") == {("none",): 2, ("letter",): 1, ("mail",): 1}


@pytest.mark.parametrize(
    ("country", "region", "place"),
    [
        ("US", "US-CA", "US-CA"),
        (None, "US-CA", "US-CA"),
        ("DE\nUS", "US-CA", "DE"),
        ("US\nDE", "US-CA", "US-CA"),
        ("US", "California", "US"),
        ("US", "", "US"),
        (None, "", ""),
    ],
)
def test_a_place_is_a_part_of_the_newest_country(country: str | None, region: str, place: str) -> None:
    """A region that is not in the country, or no code, does not count."""
    assert place_of_person(country, region) == place


@pytest.mark.parametrize(
    ("wanted", "place", "spoken", "locale"),
    [
        ("de-AT", "AT", ("de", "en"), "de"),
        (None, "AT", ("de", "en"), "de"),
        ("pl", "AT", ("de", "en"), "de"),
        (None, "US-CA", ("de", "en-US"), "en-US"),
        (None, "", ("de", "en"), "en"),
        ("pl", "JP", ("de", "fr"), "de"),
        ("zh-TW", "TW", ("zh-Hans", "zh-Hant"), "zh-Hant"),
    ],
)
def test_a_notice_is_in_a_language_that_the_variant_has(
    wanted: str | None, place: str, spoken: tuple[str, ...], locale: str
) -> None:
    """The person's language counts first, then one of the place, then the brand's; one of them always is found."""
    assert locale_of_notice(wanted, place, "en", spoken) == locale


MAILED, WRITTEN, NOBODY = (BreachChannel.MAIL, "mail"), (BreachChannel.LETTER, "under_13"), (BreachChannel.NONE, "x")


@pytest.mark.parametrize(
    ("decision", "chosen", "has_postal", "channel"),
    [
        (Send("send", "1", CATEGORIES["breach"]), MAILED, False, MAILED),
        (Send("send", "1", CATEGORIES["breach"]), WRITTEN, True, WRITTEN),
        (Suppress("under_13", "under-13", "1"), WRITTEN, True, WRITTEN),
        (Suppress("under_13", "under-13", "1"), MAILED, True, (BreachChannel.NONE, "under_13")),
        (Suppress("erased", "erased", "1"), WRITTEN, True, (BreachChannel.NONE, "erased")),
        (Divert("written_notice", "address_dead", "x", "1"), MAILED, True, (BreachChannel.LETTER, "address_dead")),
        (Divert("written_notice", "address_dead", "x", "1"), MAILED, False, (BreachChannel.NONE, "address_dead")),
        (Divert("written_notice", "address_dead", "x", "1"), NOBODY, True, NOBODY),
    ],
)
def test_mail_goes_only_where_both_rules_allow_it(
    decision: Any, chosen: tuple[BreachChannel, str], has_postal: bool, channel: tuple[BreachChannel, str]
) -> None:
    """Neither the rules of mail nor those of breaches can lift what the others forbid."""
    assert strictest_channel(decision, chosen, has_postal_address=has_postal) == channel


def test_unknown_terms_are_no_electronic_consent() -> None:
    """Consent to mail is known of who refused it, or who came under terms that promise it; else nobody knows."""
    policy = policies()["interpals"]
    assert is_electronic_consent_promised(policy)
    assert not is_electronic_consent_promised(policies()["paltalk-2006"])
    known = Standing(1, 1, "a@b.example", source="sign-up", collected_under=policy.version)
    for change, consent in (
        ({}, True),
        ({"electronic_refused": True}, False),
        ({"collected_under": "lost"}, None),
        ({"source": None}, None),
    ):
        changed: dict[str, Any] = change
        assert has_electronic_consent(replace(known, **changed), policy, is_promised=True) is consent
    assert has_electronic_consent(known, policy, is_promised=False) is None


def judge_with(**facts: Any) -> BreachPersonJudge:
    """A judge of people of a phase with variants for Europe and California."""
    draft, pace = phase_draft({"eu": ["DE", "FR"], "us-ca": ["US-CA"]}), BreachPace()
    known = breach_facts(**facts)
    manifest = BreachManifest(
        uuid7(), uuid7(), 1, BRAND, 1, 1, "building", FROZEN, known, draft, (), (), None, 0, None, "", "person:Ann",
        NOW, *[None] * 9,
    )  # fmt: skip
    policy = policies()[BRAND]
    mailing = Mailing(CATEGORIES["breach"], "security_notice", id=uuid7())
    return BreachPersonJudge(manifest, policy, mailing, PacePlanner(pace, NOW, 0, 100), NOW)


members = st.builds(
    BreachAudienceMember,
    st.builds(
        Standing,
        st.just(1),
        st.just(1),
        st.sampled_from(["ada@people.example", None]),
        opted_out=st.sampled_from([frozenset(), frozenset({"*"})]),
        source=st.sampled_from([None, "sign-up", "invitation"]),
        country=st.sampled_from([None, "US", "DE", "BR"]),
        deactivated=st.booleans(),
        erased=st.booleans(),
        erased_before=st.booleans(),
        restricted=st.booleans(),
        under_13=st.booleans(),
        address_dead=st.booleans(),
        electronic_refused=st.booleans(),
    ),
    st.sampled_from([None, "de", "ja", "en-GB"]),
    st.sampled_from(["", "DE", "US", "US-CA", "BR"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(members, max_size=30), st.sampled_from(["no", "ours", "theirs"]))
def test_everyone_has_one_line_and_the_sums_add_up(people: list[BreachAudienceMember], trouble: str) -> None:
    """Whatever people are like: a line each, a channel and a reason each, and mail only where mail may go."""
    judge, totals = judge_with(mail_trouble=trouble), BreachTotals()
    numbered = [
        one._replace(standing=replace(one.standing, recipient_id=number)) for number, one in enumerate(people, 1)
    ]
    lines = [judge.judge_person(one) for one in numbered]
    totals.add_lines(lines)
    assert [line.recipient_id for line in lines] == list(range(1, len(people) + 1))
    assert sum(one.people for one in totals.sums()) == len(people)
    hash_of_breach_manifest(FROZEN, lines)
    mailing, policy = Mailing(CATEGORIES["breach"], "security_notice"), policies()[BRAND]
    for member, line in zip(numbered, lines, strict=True):
        assert line.reason
        assert line.locale in ("de", "en")
        assert line.variant == {"DE": "eu", "US-CA": "us-ca"}.get(line.place, "elsewhere")
        if line.channel is BreachChannel.MAIL:
            assert trouble != "ours"
            assert not (trouble == "theirs" and member.is_compromised)
            assert isinstance(decide(mailing, member.standing, policy, NOW), Send)
        if line.channel is BreachChannel.LETTER:
            assert member.has_postal_address
            assert not member.standing.erased


@pytest.mark.parametrize("name", ["breach-manifest:0190a000-0000-7000-8000-000000000000:eu", "breach-manifest:eu"])
def test_no_event_list_or_draft_names_the_people_of_a_manifest(name: str) -> None:
    """Only a release makes a mailing to them: the form of an audience's name has no such colon."""
    for known in (AudienceName, DraftAudienceName):
        with pytest.raises(ValidationError):
            TypeAdapter[str](known).validate_python(name)
    with pytest.raises(ValidationError):
        BreachAudience.model_validate({"source": "audience", "audience": name})
    with pytest.raises(EventRefused):
        make_event({"audience": name}, "breach")


def test_spread_mail_has_a_time_in_its_hours() -> None:
    """A hundred people over ten hours: evenly, and engaged people first where the pace says so."""
    pace = BreachPace(over_hours=10, is_engaged_first=True)
    planner = PacePlanner(pace, NOW, 20, 80)
    first = [planner.next_due_time(is_engaged=True) for _ in range(20)]
    later = [planner.next_due_time(is_engaged=False) for _ in range(80)]
    times = [time for time in (*first, *later) if time]
    assert times == sorted(times)
    assert (times[0], times[20], times[-1]) == (NOW, NOW + timedelta(hours=2), NOW + timedelta(hours=9, minutes=50))


def test_mail_without_hours_has_no_time() -> None:
    """It goes as fast as it can."""
    assert PacePlanner(BreachPace(), NOW, 0, 5).next_due_time(is_engaged=False) is None


def test_the_plan_of_days_adds_up() -> None:
    """Mail from noon on over two days reaches three days of UTC, by the hours of each."""
    zone = ZoneInfo("UTC")
    days = plan_days(BreachPace(over_hours=48), 1000, NOW, zone)
    assert [(day.day.day, day.people) for day in days] == [(30, 250), (1, 500), (2, 250)]
    assert [day.people for day in plan_days(BreachPace(), 7, NOW, zone)] == [7]
    assert plan_days(BreachPace(), 0, NOW, zone) == []
    assert is_over_before(BreachPace(over_hours=48), NOW, FOUND_AT + timedelta(days=30))
    assert not is_over_before(BreachPace(over_hours=72), NOW, FOUND_AT + timedelta(hours=72))


def test_differences_name_what_changed_and_who_moved() -> None:
    """Another text and another reason are told; equal figures are not."""
    before = [
        BreachSum(BreachChannel.MAIL, "mail", "eu", "DE", 5),
        BreachSum(BreachChannel.NONE, "erased", "eu", "", 1),
    ]
    after = [BreachSum(BreachChannel.MAIL, "mail", "eu", "DE", 3), BreachSum(BreachChannel.MAIL, "mail", "eu", "FR", 1)]
    changed = FROZEN._replace(draft={"variants": {"eu": 1}}, policy_version="2007")
    assert compare_manifests(FROZEN, before, changed, after) == [
        SumDifference("variants"),
        SumDifference("policy"),
        SumDifference("people", "mail", "mail", 5, 4),
        SumDifference("people", "none", "erased", 1, 0),
    ]
    assert compare_manifests(FROZEN, before, FROZEN, before) == []
