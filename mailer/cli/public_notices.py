"""`mailer public-notices`: notices of a data breach on a brand's public page, released by a second person."""

import tomllib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from mailer.actions.public_notices import (
    PublicNoticeRefused,
    parse_name_of_acting_person,
    parse_public_notice,
    release_public_notice,
)
from mailer.app import App
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.policy.public_notices import PublicNotice, is_notice_visible
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.public_notices import PostgresPublicNotices

app = typer.Typer(help="Notices of a data breach on a brand's public page.", no_args_is_help=True)

MAX_FILE = 1024 * 1024
"""The largest file of a notice, in octets."""
_T = TypeVar("_T")
Id = Annotated[str, typer.Argument(metavar="ID", help="By `mailer public-notices list`.")]


@app.command()
def draft(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML: first_day, last_day, and a table a language.")],
    brand: Annotated[str, typer.Option(help="On whose page it stands.")],
    by: By = "",
) -> None:
    """Stores a notice that nobody sees before a second person releases it."""
    who, read = person_or_system_user(by), _read_file_or_exit(file)

    async def act(app: App) -> PublicNotice:
        policy = app.policies.get(brand)
        if policy is None or "breach" not in policy.categories:
            raise PublicNoticeRefused(f"--brand: {brand} is no brand that tells of breaches; see `mailer policy list`")
        notice = parse_public_notice(uuid7(), brand, read, parse_name_of_acting_person(who), datetime.now(UTC).date())
        await PostgresPublicNotices(app.pool, app.writers).add_draft(notice)
        return notice

    notice = _run_or_exit(act)
    out.print(
        f"Drafted {notice.id}; a second person releases it: mailer public-notices release {notice.id} --by PERSON"
    )


@app.command("list")
def list_(brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None, json: AsJson = False) -> None:
    """Shows the notices with their days, who drafted and released them, and when their public address had them."""
    found = run_with_app(lambda app: PostgresPublicNotices(app.pool, app.writers).list_notices(brand))
    if json:
        print_json([_as_json(notice) for notice in found])
        return
    rows = [tuple("" if value is None else str(value) for value in _as_json(notice).values()) for notice in found]
    print_table(tuple(_as_json(found[0])) if found else ("id",), rows)


@app.command()
def release(id_: Id, by: By = "") -> None:
    """Puts a notice on the brand's page from its first day on. Whoever drafted it cannot release it."""
    who = person_or_system_user(by)

    async def act(app: App) -> None:
        notices, today = PostgresPublicNotices(app.pool, app.writers), datetime.now(UTC).date()
        await release_public_notice(notices, _parse_id(id_), who, today)

    _run_or_exit(act)
    out.print("Released.")


@app.command()
def withdraw(id_: Id, by: By = "") -> None:
    """Takes a notice off the page before its last day, such as one with an error."""
    who = person_or_system_user(by)

    async def act(app: App) -> bool:
        return await PostgresPublicNotices(app.pool, app.writers).withdraw(
            _parse_id(id_), parse_name_of_acting_person(who)
        )

    if not _run_or_exit(act):
        exit_with_error(f"{id_}: is no released notice", 2)
    out.print("Withdrawn.")


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    try:
        return run_with_app(act)
    except PublicNoticeRefused as error:
        exit_with_error(str(error), 2)


def _read_file_or_exit(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            exit_with_error(f"{file}: has more than {MAX_FILE:,} octets", 2)
        return tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        exit_with_error(f"{file}: {error.strerror}", 2)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        exit_with_error(f"{file}: is no TOML in UTF-8: {error}", 2)


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise PublicNoticeRefused(f"{text} is no id of a notice; `mailer public-notices list` has them") from None


def _as_json(notice: PublicNotice) -> dict[str, Any]:
    def when(at: datetime | None) -> str | None:
        return format_utc_time(at) if at else None

    is_up = is_notice_visible(notice, datetime.now(UTC).date())
    return {
        "id": str(notice.id),
        "brand": notice.brand,
        "state": "withdrawn"
        if notice.withdrawn_at
        else "up"
        if is_up
        else "released"
        if notice.released_at
        else "draft",
        "first_day": notice.first_day.isoformat(),
        "last_day": notice.last_day.isoformat(),
        "languages": " ".join(notice.texts),
        "drafted_by": notice.drafted_by,
        "released_by": notice.released_by,
        "first_seen": when(notice.seen_first_at),
        "last_seen": when(notice.seen_last_at),
        "missed_since": when(notice.missed_at),
    }
