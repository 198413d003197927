"""Looks in the database for the mailings that tell people of new versions of a policy."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import asyncpg
import uvloop

from mailer.app import yield_database_url_running_server_if_embedded
from mailer.database.connections import ATTENDED, open_pool
from mailer.database.statements import Pool
from mailer.embedded import PrivateServiceUnavailable
from mailer.ledger.writers import LedgerWriters
from mailer.policy.policy_file import Policy
from mailer.policy.version_changes import VersionChange
from mailer.policy.version_notice_check import (
    NoticeFinding,
    NoticeMailingProgress,
    build_unchecked_finding,
    examine_notice,
)
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.mailing_coverage import count_accounts_by_delivery_state
from mailer.postgres.mailings import PostgresMailings
from mailer.settings import Settings


def examine_policy_version_notices(
    changes: Sequence[VersionChange], policies: Mapping[str, Policy], current: Settings
) -> list[NoticeFinding]:
    """Examines each mailing that a notice of a version names. A notice that it cannot examine becomes a finding, too.

    Args:
        changes: the changes of all brands' policies.
        policies: the policies by brand.
        current: the settings, which name the database. An embedded database is used only if it exists already.
    """
    named = [change for change in changes if change.notice is not None]
    mailed = [change for change in named if change.notice and change.notice.kind == "mailing"]
    pages = [
        build_unchecked_finding(change, "it stands on the web, and no check reads it")
        for change in named
        if change not in mailed
    ]
    if not mailed:
        return pages
    if current.is_database_embedded and not (current.data / "postgres").is_dir():
        why = "no database is given; set MAILER_DATABASE_URL"
        return pages + [build_unchecked_finding(change, why) for change in mailed]
    try:
        return pages + uvloop.run(_examine_notices_in_database(mailed, policies, current))
    except ValueError:  # its message may quote a password
        why = "MAILER_DATABASE_URL cannot be read"
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidCatalogNameError):
        why = "the database is not up to date; run `mailer migrate`"
    except (DatabaseUnavailable, PrivateServiceUnavailable, OSError, asyncpg.PostgresError) as error:
        why = str(error) or type(error).__name__
    return pages + [build_unchecked_finding(change, why) for change in mailed]


async def _examine_notices_in_database(
    changes: Sequence[VersionChange], policies: Mapping[str, Policy], current: Settings
) -> list[NoticeFinding]:
    today = datetime.now(UTC).date()
    with yield_database_url_running_server_if_embedded(current) as url:
        pool = await open_pool(url, 1, ATTENDED)
        try:
            mailings = PostgresMailings(
                pool, LedgerWriters(current.ledger_key), AddressHasher(current.address_key), policies
            )
            return [
                examine_notice(change, await _read_notice_mailing(change, mailings, pool), today) for change in changes
            ]
        finally:
            await pool.close()


async def _read_notice_mailing(
    change: VersionChange, mailings: PostgresMailings, pool: Pool
) -> NoticeMailingProgress | None:
    """Reads state and reach of the mailing that a notice names, or None if the brand has no such mailing."""
    status = await mailings.find_mailing_status_of_event(change.brand, change.notice.reference if change.notice else "")
    if status is None:
        return None
    began: date | None = status.began_at.astimezone(UTC).date() if status.began_at else None
    return NoticeMailingProgress(
        status.category, status.state, began, await count_accounts_by_delivery_state(pool, status.id)
    )
