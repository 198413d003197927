"""Audiences by their names: everybody, a list or a segment of a brand, as a query for ids of recipients."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from mailer.database.statements import Connection, Pool, load_statements
from mailer.policy.policy_file import Policy
from mailer.policy.segment_checks import faults_of_condition
from mailer.policy.segment_parsing import SegmentRefused, parse_condition
from mailer.policy.segments import (
    SEGMENT_PREFIX,
    Condition,
    ListCondition,
    MailCondition,
    fault_of_unknown_audience,
    leaves_of_condition,
    split_audience_name,
)
from mailer.postgres.segment_queries import SegmentQuery

_SQL = load_statements("audiences")
EVERYONE = "everyone"


class AudienceUnknown(ValueError):
    """Raised for an audience that the brand does not have, or whose condition cannot be read. The message says so."""


async def audience_query(connection: Connection, brand: str, name: str) -> tuple[str, list[object]]:
    """Returns the query of an audience, for one that has no fault (`find_audience_fault`).

    Args:
        connection: reads the condition of a segment.
        brand: the brand; it is bound as $1.
        name: `everyone`, the name of a list, or `segment:NAME`.

    Returns:
        A SELECT of one column, `recipient_id`, each person once; and its parameters from $1 on.

    Raises:
        AudienceUnknown: the brand has no such segment.
    """
    is_segment, short = split_audience_name(name)
    if is_segment:
        query = SegmentQuery(brand, datetime.now(UTC))
        return query.select(await _read_condition(connection, brand, short)), query.parameters
    return (_SQL["everyone"], [brand]) if name == EVERYONE else (_SQL["list"], [brand, name])


async def find_audience_fault(connection: Connection, policy: Policy, name: str) -> str | None:
    """Returns why the brand of a policy cannot use an audience now, with what to do; None if it can.

    A segment is checked again, since its policy, its lists and its campaigns may have changed since it was saved.
    """
    is_segment, short = split_audience_name(name)
    if not is_segment:
        is_known = name == EVERYONE or await connection.fetchval(_SQL["has_list"], policy.brand, name)
        return None if is_known else fault_of_unknown_audience(policy.brand, name)
    try:
        faults = await faults_of_condition_now(
            connection, policy, await _read_condition(connection, policy.brand, short)
        )
    except AudienceUnknown as error:
        return str(error)
    return f"the segment {short} cannot be used: {'; '.join(faults)}" if faults else None


async def list_authors_of_audiences(
    connection: Pool | Connection, brand: str, names: Sequence[str]
) -> Sequence[tuple[str, str]]:
    """Returns who has made audiences and the lists of their segments: identities as text, with what they did."""
    segments = {short for is_segment, short in map(split_audience_name, names) if is_segment}
    lists = {name for name in names if not split_audience_name(name)[0]}
    for short in sorted(segments):
        with suppress(AudienceUnknown):  # it was deleted since, and its lists are not known any more
            condition = await _read_condition(connection, brand, short)
            lists |= {leaf.name for leaf in leaves_of_condition(condition) if isinstance(leaf, ListCondition)}
    rows = await connection.fetch(_SQL["authors"], brand, sorted(lists), sorted(segments))
    return [(row["by"], row["did"]) for row in rows]


async def faults_of_condition_now(connection: Connection, policy: Policy, condition: Condition) -> list[str]:
    """Returns what the policy and the brand's lists and campaigns say against a condition, a line each."""
    leaves = list(leaves_of_condition(condition))
    lists = {leaf.name for leaf in leaves if isinstance(leaf, ListCondition)}
    mail = {leaf.campaign: leaf.campaign_id for leaf in leaves if isinstance(leaf, MailCondition)}
    faults = faults_of_condition(policy, condition)
    if lists:
        rows = await connection.fetch(_SQL["missing_lists"], policy.brand, sorted(lists))
        faults += [f"list: {policy.brand} has no list {row['name']!r}; import it, or freeze a segment" for row in rows]
    if mail:
        rows = await connection.fetch(_SQL["missing_campaigns"], policy.brand, list(mail), list(mail.values()))
        faults += [f"mail: {policy.brand} has no mail of the campaign {row['name']!r}; check its name" for row in rows]
    return faults


async def _read_condition(connection: Pool | Connection, brand: str, name: str) -> Condition:
    stored = await connection.fetchval(_SQL["condition"], brand, name)
    if stored is None:
        raise AudienceUnknown(fault_of_unknown_audience(brand, f"{SEGMENT_PREFIX}{name}"))
    try:
        return parse_condition(stored)
    except SegmentRefused as error:
        raise AudienceUnknown(f"the segment {name} cannot be used: {error}; save it again") from None
