"""Segments and lists as staff and applications read them: in plain words, and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from mailer.policy.policy_file import Policy
from mailer.policy.segment_checks import faults_of_condition
from mailer.policy.segment_parsing import SegmentRefused, parse_condition
from mailer.policy.segments import Condition
from mailer.ports.audience_lists import AudienceList
from mailer.ports.segments import Segment
from mailer.rendering.segment_sentences import sentence_of_condition

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def read_stored_condition(segment: Segment) -> Condition | None:
    """Returns the condition of a segment; None if it cannot be read any more."""
    try:
        return parse_condition(segment.condition)
    except SegmentRefused:
        return None


def sentence_of_segment(policy: Policy, segment: Segment) -> tuple[str, tuple[str, ...]]:
    """Returns whom a segment chooses in plain words, and what the policy says against it now, a line each."""
    try:
        condition = parse_condition(segment.condition)
    except SegmentRefused as error:
        return "", error.problems
    return sentence_of_condition(condition), tuple(faults_of_condition(policy, condition))


def segment_as_json(policy: Policy, segment: Segment) -> Mapping[str, Any]:
    """Returns a segment as plain values of JSON, with its sentence and its faults."""
    sentence, faults = sentence_of_segment(policy, segment)
    return {**_plain(asdict(segment)), "sentence": sentence, "faults": list(faults)}


def list_as_json(one: AudienceList) -> Mapping[str, Any]:
    """Returns a list as plain values of JSON."""
    return _plain(asdict(one))


def count_in_words(people: int | None, counted_at: datetime | None, now: datetime) -> str:
    """Returns a count with its age: “12,345 people, counted 3 minutes ago”."""
    if people is None or counted_at is None:
        return "not counted yet"
    noun = "person" if people == 1 else "people"
    return f"{people:,} {noun}, counted {_age_in_words(max(0, int((now - counted_at).total_seconds())))}"


def _age_in_words(seconds: int) -> str:
    for unit, length in _UNITS:
        if count := seconds // length:
            return f"{count:,} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
