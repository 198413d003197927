"""Campaigns that have been mailed, for the tests of advertisers' reports."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from mailer.policy.consent_validity import format_consent_days
from mailer.processors.capture.folder import CaptureFolder
from tests.factories import World, person
from tests.processes import Stack, free_port, settings_for


def members(start: int, **countries: int) -> list[dict[str, Any]]:
    """This many people of each country, numbered from `start`. `XX` is a country that nobody knows."""
    found: list[dict[str, Any]] = []
    for country, size in countries.items():
        place = {"country": None} if country == "XX" else {"country": country, "locale": country.lower()}
        found += [person(start + len(found) + n, source="sign-up", **place) for n in range(size)]
    return found


async def mailed(world: World, people: list[dict[str, Any]], **values: Any) -> UUID:
    """A newsletter to people who have asked for it, by a link in a mail, that was handed over and is finished."""
    accepted = await world.accept(people, **values)
    asked, today = ["newsletter", "promotional"], datetime.now(UTC).date()
    await world.pool.execute(
        "UPDATE standings SET consents = consents || $1::text[], consented = $2",
        asked,
        format_consent_days(asked, today, confirmed_on=today),
    )
    await world.handover().hand_over_batches(accepted.batches)
    await world.upkeep.finish_completed_mailings()
    return accepted.mailing_id


async def fetched(world: World, table: str, mailing_id: UUID, n: int) -> None:
    """Adds this many opens or clicks of a mailing, and as many by machines."""
    columns, link = (
        ("mailing_id, day, machine, n", "") if table == "opens" else ("mailing_id, link, day, machine, n", "'a', ")
    )
    for machine in ("false", "true"):
        await world.pool.execute(
            f"INSERT INTO {table} AS t ({columns}) VALUES ($1, {link}current_date, {machine}, $2)"  # noqa: S608 - of our own
            f" ON CONFLICT ON CONSTRAINT {table}_pkey DO UPDATE SET n = t.n + EXCLUDED.n",
            mailing_id,
            n,
        )


def commands(folder: Path, database_url: str) -> Stack:
    """Commands over the world's database, none of which mails; the world signs the ledger with a key of its own."""
    return Stack(
        folder, database_url, CaptureFolder(folder), settings_for(folder, database_url, free_port(), "memory://")
    )
