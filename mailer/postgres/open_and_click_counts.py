"""Counts of opens and clicks in PostgreSQL, hour by hour. The rows show no order and no time within an hour.

A row for each fetch would show both: its place in the table and its transaction (`ctid`, `xmin`) could be compared with
ledger rows, which have a time. So the fetches of an hour are counted in memory. When the hour is over, the counts are
written in one transaction, in the order of their keys.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements, standing_from_row
from mailer.policy.policy_file import Policy
from mailer.policy.tracking import is_open_counted_anonymously
from mailer.ports.open_and_click_counts import (
    MailedRecipientStanding,
    PixelOrLinkFetchToCount,
    WrittenOpenAndClickCounts,
)
from mailer.postgres.open_and_click_tally import Fetch, OpenAndClickTallyByMailing
from mailer.postgres.open_and_click_tally_encryption import TallyEncryption

_SQL = load_statements("opens")
_WRITE = {
    f"{kind}_{what}": _SQL[f"{kind}_{what}"].replace("{consenting}", _SQL["consenting"].replace("{persons}", persons))
    for kind in ("fetches", "once", "persons")
    for what, persons in (("opens", "$3"), ("clicks", "$4"))
}
"""The statements that write the rows of an hour, by their names."""
STEP = 3600
"""The seconds of an hour. Stored opens and clicks show no time within such a step."""
_LOOKED_AT = 2000
"""The most deliveries of a mailing that are searched for mailboxes with a pixel, each time its counts are written."""


@dataclass(slots=True)
class _FinishedHourCounts:
    """Hours that are over, until we know that they are in the database.

    Attributes:
        hours: this process's counts by hour. id: marks them in the database; it is there if they are.
        fetches: the anonymous counts that the last attempt wrote.
    """

    hours: Mapping[int, OpenAndClickTallyByMailing]
    id: UUID = field(default_factory=uuid4)
    fetches: Counter[Fetch] = field(default_factory=Counter)


class PostgresOpenAndClickCounts:
    """Implements `ports.open_and_click_counts.OpenAndClickCounter`.

    Args:
        pool: the connections.
        policies: the policies by brand. Mailings of a brand without a policy are not counted.
        keys: the secrets of links, the newest first. They encrypt the counts that an ending process leaves.
        clock: returns the seconds since the epoch.
    """

    def __init__(
        self, pool: Pool, policies: Mapping[str, Policy], keys: Sequence[str], clock: Callable[[], float] = time.time
    ) -> None:
        self._pool = pool
        self._policies = policies
        self._seal = TallyEncryption(keys)
        self._clock = clock
        self._hours: dict[int, OpenAndClickTallyByMailing] = {}
        self._due: _FinishedHourCounts | None = None

    def count_open(self, trace: PixelOrLinkFetchToCount) -> None:
        """See the port."""
        self._get_or_create_tally_of_hour(self._current_hour_since_epoch()).add_pixel_or_link_fetch(trace)

    def count_click(self, trace: PixelOrLinkFetchToCount, link: str) -> None:
        """See the port."""
        self._get_or_create_tally_of_hour(self._current_hour_since_epoch()).add_pixel_or_link_fetch(trace, link)

    async def find_standing_of_mailed_recipient(
        self, mailing_id: UUID, recipient_id: int
    ) -> MailedRecipientStanding | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["reader"], mailing_id, recipient_id)
        return MailedRecipientStanding(row["brand"], standing_from_row(row)) if row else None

    def seconds_to_next_hour(self) -> float:
        """See the port."""
        return STEP - self._clock() % STEP

    async def write_counts_of_finished_hours(self) -> WrittenOpenAndClickCounts:
        """See the port."""
        opens, clicks, is_first = Counter[bool](), Counter[bool](), True
        while (
            is_first
            or self._due
            or min(self._hours, default=self._current_hour_since_epoch()) < self._current_hour_since_epoch()
        ):
            is_first = False
            if self._due is None:
                past = sorted(hour for hour in self._hours if hour < self._current_hour_since_epoch())
                self._due = _FinishedHourCounts({hour: self._hours.pop(hour) for hour in past})
            await self._write_counts_of_hours(self._due)
            for (_, link, machine), n in self._due.fetches.items():
                (opens if link is None else clicks)[machine] += n
            self._due = None
        return WrittenOpenAndClickCounts(opens, clicks)

    async def save_counts_for_next_process(self) -> None:
        """See the port. The length of the row does not show if anything was opened."""
        current, due = self._current_hour_since_epoch(), self._due
        hours = [*({current: OpenAndClickTallyByMailing()} | self._hours).items()]
        self._hours, self._due = {}, None
        async with self._pool.acquire() as connection, connection.transaction():
            if due and await _mark_written_if_new(connection, due):
                hours += due.hours.items()
            await connection.execute(_SQL["park"], [self._seal.encrypt_tally(hour, tally) for hour, tally in hours])

    async def _write_counts_of_hours(self, due: _FinishedHourCounts) -> None:
        """Writes hours and parked hours, unless they are written already. Parks counts that wait for their mailing.

        All of this is one transaction: a killed process loses nothing.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if not await _mark_written_if_new(connection, due):
                return
            current, waiting, due.fetches = self._current_hour_since_epoch(), OpenAndClickTallyByMailing(), Counter()
            hours, parked = await self._unpark_counts_and_merge_with_finished_hours(connection, due, current)
            for hour in sorted(hours):
                written, waits = await self._write_counts_of_hour(connection, _day_of_hour(hour), hours[hour])
                waiting.merge_tally(waits)
                due.fetches.update(written.fetches)
            await connection.execute(_SQL["park"], [*parked, self._seal.encrypt_tally(current, waiting)])

    async def _unpark_counts_and_merge_with_finished_hours(
        self, connection: Connection, due: _FinishedHourCounts, current: int
    ) -> tuple[dict[int, OpenAndClickTallyByMailing], list[bytes]]:
        """Deletes the parked rows. Returns the hours to write, merged with `due`, and the rows of unfinished hours."""
        hours, sealed = defaultdict[int, OpenAndClickTallyByMailing](OpenAndClickTallyByMailing), list[bytes]()
        for hour, tally in due.hours.items():
            hours[hour].merge_tally(tally)
        for row in await connection.fetch(_SQL["unpark"]):
            if (found := self._seal.decrypt_tally(row["body"])) is None:
                continue
            if found[0] < current:
                hours[found[0]].merge_tally(found[1])
            else:
                sealed.append(row["body"])
        return hours, sealed

    def _current_hour_since_epoch(self) -> int:
        return int(self._clock() // STEP)

    def _get_or_create_tally_of_hour(self, hour: int) -> OpenAndClickTallyByMailing:
        tally = self._hours.get(hour)
        if tally is None:
            tally = self._hours[hour] = OpenAndClickTallyByMailing()
        return tally

    async def _write_counts_of_hour(
        self, connection: Connection, day: date, tally: OpenAndClickTallyByMailing
    ) -> tuple[OpenAndClickTallyByMailing, OpenAndClickTallyByMailing]:
        """Writes an hour. Returns the anonymous counts that it wrote, and those that wait until a mailing counts."""
        cells, waiting = await self._countable_and_waiting_mailings(connection, tally.mailings_fetched_anonymously)
        nobodys = tally.anonymous_counts_of_mailings(cells).with_rarely_clicked_links_pooled(cells.__getitem__)
        fetches = [(mailing_id, link, machine, n) for (mailing_id, link, machine), n in nobodys.fetches.items()]
        await _insert_counts(connection, "fetches", day, fetches)
        await _insert_counts(connection, "once", day, nobodys.once)
        await _insert_counts(connection, "persons", day, tally.persons)
        return nobodys, tally.anonymous_counts_of_mailings(waiting)

    async def _countable_and_waiting_mailings(
        self, connection: Connection, mailings: Collection[UUID]
    ) -> tuple[dict[UUID, int], set[UUID]]:
        """Returns the minimum cell of each mailing that may be counted, and the mailings that may be counted later."""
        cells, waiting = dict[UUID, int](), set[UUID]()
        for row in await connection.fetch(_SQL["mailings"], mailings):
            mailing_id, policy = row["id"], self._policies.get(row["brand"])
            if policy is None:
                continue
            if row["handed"] >= policy.minimum_cell and await _has_pixel_in_enough_mailboxes(
                connection, mailing_id, policy
            ):
                cells[mailing_id] = policy.minimum_cell
            elif not row["finished"]:
                waiting.add(mailing_id)
        return cells, waiting


async def _mark_written_if_new(connection: Connection, due: _FinishedHourCounts) -> bool:
    """Marks hours as written. Returns False if they were marked before.

    The answer to an earlier commit may have been lost. If that commit is still going on, the statement waits for it.
    """
    return await connection.fetchval(_SQL["mark"], due.id) is not None


async def _has_pixel_in_enough_mailboxes(connection: Connection, mailing_id: UUID, policy: Policy) -> bool:
    """Returns True if enough mailboxes got an anonymous pixel of a mailing.

    The number may fall later: mailboxes turn out not to exist, and people are erased.
    """
    rows = await connection.fetch(_SQL["handed"], mailing_id, _LOOKED_AT)
    return len({row["mailbox"] for row in rows if _has_delivery_anonymous_pixel(row, policy)}) >= policy.minimum_cell


def _has_delivery_anonymous_pixel(row: asyncpg.Record, policy: Policy) -> bool:
    """Returns True if a delivery's mail had an anonymous pixel, judged by the person's current standing."""
    category = policy.categories.get(row["category"])
    if category is None or category.mandatory:
        return False
    standing = standing_from_row(row)
    return is_open_counted_anonymously(
        policy.strictest_switches_for_person(standing.collected_under, standing.country), standing
    )


async def _insert_counts(connection: Connection, kind: str, day: date, rows: Iterable[tuple[Any, ...]]) -> None:
    """Writes rows in the order of their keys, opens and clicks separately.

    This hides the order of the fetches. All processes use the same order, so they cannot deadlock.
    """
    found = list(rows)
    opens = sorted((row[0], *row[2:]) for row in found if row[1] is None)
    clicks = sorted(row for row in found if row[1] is not None)
    for name, ordered in ((f"{kind}_opens", opens), (f"{kind}_clicks", clicks)):
        if ordered:
            await connection.execute(_WRITE[name], day, *zip(*ordered, strict=True))


def _day_of_hour(hour: int) -> date:
    return datetime.fromtimestamp(hour * STEP, UTC).date()
