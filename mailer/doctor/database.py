"""Findings about the condition of the database."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from mailer.doctor.finding import Finding, FindingLevel, ok_finding, problem_finding, warning_finding
from mailer.ports.database_condition import OLDEST, DatabaseSizePartitionsAndSeals, DatabaseVersionsAndSettings

_BARS = frozenset({"PostgreSQL", "migrations", "triggers"})
"""Checks that must pass before a process works. The problems of other checks are reported, and mail is still sent."""
CLOCK_WARNING = 30.0
"""Seconds between two clocks from which on a warning is given."""
CLOCK_LIMIT = 300.0
"""Seconds between two clocks from which on a process does not work: its times would be in the wrong order."""


def judge_database_at_process_start(
    condition: DatabaseVersionsAndSettings, migrations: Collection[str]
) -> list[Finding]:
    """Returns the findings about a database before a process starts to work on it.

    Args:
        condition: the condition of the database.
        migrations: the versions of the migrations in this release.
    """
    return [
        _judge_postgresql_version(condition),
        _judge_migrations(condition, migrations),
        _judge_trigger_firing(condition),
        _judge_durability(condition),
        judge_collation(condition),
    ]


def reason_not_to_use_database(findings: Iterable[Finding]) -> str | None:
    """Returns the problems that keep a process from working, on one line, or None."""
    kept = [finding.text for finding in findings if finding.level is FindingLevel.PROBLEM and finding.check in _BARS]
    return "; ".join(kept) or None


def judge_partitions_and_seals(stock: DatabaseSizePartitionsAndSeals, now: datetime) -> list[Finding]:
    """Returns the findings about partitions and seals, which the timekeeper makes."""
    return [_judge_partitions(stock, now), _judge_if_newest_mailing_is_sealed(stock, now)]


def judge_clock_difference(ahead: float) -> Finding:
    """Returns the finding about the clocks. `ahead`: the seconds by which ours is ahead of the server's."""
    seconds = f"{abs(ahead):,.1f} seconds {'ahead of' if ahead > 0 else 'behind'} the database server's"
    if abs(ahead) < CLOCK_WARNING:
        return ok_finding("clock", f"this machine's clock is {seconds}")
    text = f"this machine's clock is {seconds}: set both by NTP"
    if abs(ahead) < CLOCK_LIMIT:
        return warning_finding("clock", text)
    return problem_finding(
        "clock", f"{text}; worker and timekeeper wait until they differ by less than {CLOCK_LIMIT:.0f} s"
    )


def judge_collation(condition: DatabaseVersionsAndSettings) -> Finding:
    """Returns the finding about the collation versions of the sorted indexes (PostgreSQL: ALTER DATABASE, Notes)."""
    stale = list(condition.stale_collations)
    mend = []
    if condition.collation != condition.collation_now:
        stale.insert(0, f"that of the database, {condition.collation}, now {condition.collation_now}")
        mend.append(f"ALTER DATABASE {condition.database} REFRESH COLLATION VERSION")
    if not stale:
        return ok_finding("collation", f"version {condition.collation or 'none'}, as the indexes were built")
    mend += [f"ALTER COLLATION {name} REFRESH VERSION" for name in condition.stale_collations]
    return problem_finding(
        "collation",
        f"the server's operating system sorts text otherwise than when the indexes were built ({'; '.join(stale)}):"
        f" unique texts may stand twice and rows not be found; REINDEX DATABASE {condition.database}, then"
        f" {', '.join(mend)}",
    )


def _judge_postgresql_version(condition: DatabaseVersionsAndSettings) -> Finding:
    if condition.version < OLDEST * 10_000:
        text = f"PostgreSQL {condition.release} is too old: mailer needs {OLDEST} or newer"
        return problem_finding("PostgreSQL", text)
    return ok_finding("PostgreSQL", f"version {condition.release}")


def _judge_migrations(condition: DatabaseVersionsAndSettings, ours: Collection[str]) -> Finding:
    if condition.migrations is None:
        return problem_finding(
            "migrations", "the database is not up to date; run `mailer migrate`: it has no tables yet"
        )
    missing = sorted(set(ours) - condition.migrations)
    if missing:
        text = f"the database is not up to date; run `mailer migrate`: it lacks {', '.join(missing)}"
        return problem_finding("migrations", text)
    newer = sorted(condition.migrations - set(ours))
    if newer:
        return warning_finding("migrations", f"the database is newer than this release of mailer: {', '.join(newer)}")
    return ok_finding("migrations", f"{len(ours)} applied, the newest {max(ours)}")


def _judge_trigger_firing(condition: DatabaseVersionsAndSettings) -> Finding:
    if not condition.triggers:
        text = "triggers do not fire in our sessions: set session_replication_role to origin for this role and database"
        return problem_finding("triggers", text)
    return ok_finding("triggers", "they fire")


def _judge_durability(condition: DatabaseVersionsAndSettings) -> Finding:
    if not condition.durable:
        return problem_finding(
            "durability", "fsync or full_page_writes is off: a crash of the server loses answered opt-outs"
        )
    return ok_finding("durability", "the server waits for its disk")


def _judge_partitions(stock: DatabaseSizePartitionsAndSeals, now: datetime) -> Finding:
    wanted = (now.replace(day=1) + timedelta(days=32)).strftime("%Y%m")
    if stock.partitions < now.strftime("%Y%m"):
        return problem_finding(
            "partitions", "there is none for this month, so nothing is taken in; run `mailer timekeeper`"
        )
    if stock.partitions < wanted:
        return warning_finding("partitions", "there is none for the next month; does `mailer timekeeper` run?")
    return ok_finding("partitions", f"up to {stock.partitions[:4]}-{stock.partitions[4:]}")


def _judge_if_newest_mailing_is_sealed(stock: DatabaseSizePartitionsAndSeals, now: datetime) -> Finding:
    if stock.unsealed:
        age = f"{(now - stock.sealed_at) // timedelta(minutes=1)} minutes old" if stock.sealed_at else "missing"
        return warning_finding(
            "seals", f"the ledger's newest seal is {age}, and mail went out since; run `mailer timekeeper`"
        )
    return ok_finding("seals", "the ledger is sealed")
