"""The condition of a database, judged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer.doctor.database import (
    CLOCK_LIMIT,
    CLOCK_WARNING,
    judge_clock_difference,
    judge_database_at_process_start,
    judge_partitions_and_seals,
    reason_not_to_use_database,
)
from mailer.doctor.finding import Finding, FindingLevel, worst_level
from mailer.ports.database_condition import DatabaseSizePartitionsAndSeals, DatabaseVersionsAndSettings

NOW = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
OURS = frozenset({"20261121000001", "20261127000010"})
SOUND = DatabaseVersionsAndSettings(
    version=160_004,
    release="16.4",
    database="mailer",
    collation="2.36",
    collation_now="2.36",
    stale_collations=(),
    triggers=True,
    durable=True,
    migrations=OURS,
)
STOCK = DatabaseSizePartitionsAndSeals(
    size=1 << 30, folder=None, partitions="202703", sealed_at=NOW - timedelta(minutes=1), unsealed=False
)


def only(findings: list[Finding], check: str) -> Finding:
    """The one finding of a check."""
    [found] = [finding for finding in findings if finding.check == check]
    return found


def test_a_sound_database() -> None:
    """Nothing is said against it."""
    findings = [*judge_database_at_process_start(SOUND, OURS), *judge_partitions_and_seals(STOCK, NOW)]
    assert worst_level(findings) is FindingLevel.OK
    assert reason_not_to_use_database(findings) is None


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (replace(SOUND, version=150_012, release="15.12"), "PostgreSQL 15.12 is too old: mailer needs 16 or newer"),
        (replace(SOUND, migrations=None), "run `mailer migrate`: it has no tables yet"),
        (replace(SOUND, migrations=frozenset({"20261121000001"})), "run `mailer migrate`: it lacks 20261127000010"),
        (replace(SOUND, triggers=False), "session_replication_role"),
    ],
)
def test_what_nobody_works_on(condition: DatabaseVersionsAndSettings, said: str) -> None:
    """The process says why, and what to do."""
    problems = reason_not_to_use_database(judge_database_at_process_start(condition, OURS))
    assert problems is not None
    assert said in problems


def test_a_newer_database_is_worked_on() -> None:
    """Migrations go before the processes of a new release, while those of the old one still run."""
    findings = judge_database_at_process_start(replace(SOUND, migrations=OURS | {"20270101000001"}), OURS)
    assert only(findings, "migrations").level is FindingLevel.WARNING
    assert reason_not_to_use_database(findings) is None


def test_another_collation_version_is_a_problem_that_mail_flows_with() -> None:
    """The problem names both versions and the statements that repair it."""
    findings = judge_database_at_process_start(
        replace(SOUND, collation_now="2.41", stale_collations=('public."de-x-icu"',)), OURS
    )
    found = only(findings, "collation")
    assert found.level is FindingLevel.PROBLEM
    for said in (
        "2.36, now 2.41",
        "REINDEX DATABASE mailer",
        "ALTER DATABASE mailer REFRESH COLLATION VERSION",
        'ALTER COLLATION public."de-x-icu" REFRESH VERSION',
    ):
        assert said in found.text
    assert reason_not_to_use_database(findings) is None


def test_a_collation_without_a_version_is_sound() -> None:
    """The C collation never changes."""
    findings = judge_database_at_process_start(replace(SOUND, collation=None, collation_now=None), OURS)
    assert only(findings, "collation").level is FindingLevel.OK


def test_a_server_that_does_not_wait_for_its_disk() -> None:
    """A crash of it loses opt-outs that were answered."""
    assert (
        only(judge_database_at_process_start(replace(SOUND, durable=False), OURS), "durability").level
        is FindingLevel.PROBLEM
    )


@pytest.mark.parametrize(
    ("ahead", "level", "said"),
    [
        (0.4, FindingLevel.OK, "0.4 seconds ahead"),
        (-CLOCK_WARNING, FindingLevel.WARNING, "30.0 seconds behind"),
        (CLOCK_LIMIT - 1, FindingLevel.WARNING, "NTP"),
        (CLOCK_LIMIT, FindingLevel.PROBLEM, "wait"),
        (-86_400.0, FindingLevel.PROBLEM, "86,400.0 seconds behind"),
    ],
)
def test_two_clocks(ahead: float, level: FindingLevel, said: str) -> None:
    """A small difference of clocks is no problem. A large one stops the work."""
    found = judge_clock_difference(ahead)
    assert found.level is level
    assert said in found.text


@pytest.mark.parametrize(
    ("partitions", "level"),
    [
        ("202701", FindingLevel.OK),
        ("202612", FindingLevel.WARNING),
        ("202611", FindingLevel.PROBLEM),
        ("", FindingLevel.PROBLEM),
    ],
)
def test_partitions_ahead(partitions: str, level: FindingLevel) -> None:
    """The next month's partition must exist before the month begins."""
    assert only(judge_partitions_and_seals(replace(STOCK, partitions=partitions), NOW), "partitions").level is level


@pytest.mark.parametrize(("sealed_at", "said"), [(NOW - timedelta(hours=2), "120 minutes old"), (None, "missing")])
def test_an_old_seal(sealed_at: datetime | None, said: str) -> None:
    """Mail went out since: the timekeeper does not run."""
    found = only(judge_partitions_and_seals(replace(STOCK, sealed_at=sealed_at, unsealed=True), NOW), "seals")
    assert found.level is FindingLevel.WARNING
    assert said in found.text
