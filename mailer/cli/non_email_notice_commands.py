"""Commands `mailer notices`: people whom no mail reached, and who must be told by letter or on another channel."""

import json as json_module
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from mailer.actions.non_email_notice_work import finish_notices, reopen_or_give_up_returned_notices
from mailer.actions.non_email_notice_work import mark_notices_taken as take_some
from mailer.app import App
from mailer.cli.mailing_lookup import find_mailing_id_or_raise
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_facts,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.pipeline.non_email_notice_text import render_notice_text
from mailer.policy.category import CATEGORIES
from mailer.ports.halts import MailingControlRefused
from mailer.ports.non_email_notices import (
    WAITING,
    NonEmailNotice,
    NonEmailNoticeFilter,
    NonEmailNoticeState,
    NoticeAddressee,
    NoticeChangeRefused,
)
from mailer.postgres.non_email_notices import PostgresNonEmailNotices
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.renderer_cache import MailingRendererCache, UnknownTemplate
from mailer.rendering.template_library import RenderError
from mailer.rendering.way_to_leave_faults import NoVisibleWayToLeave
from mailer.runtime.private_files import open_private_file_descriptor

app = typer.Typer(help="Notices that no mail tells: list, show, export, take, done, return.", no_args_is_help=True)

_T = TypeVar("_T")

Ids = Annotated[list[int], typer.Argument(metavar="ID…", min=1, max=2**63 - 1, help="By `mailer notices list`.")]
Brand = Annotated[str | None, typer.Option(help="Only this brand's.")]
Channel = Annotated[str | None, typer.Option(help="Only this channel's, such as written_notice or telephone.")]
Mailing = Annotated[str | None, typer.Option(metavar="ID", help="Only of this mailing, by its or its event's id.")]
States = Annotated[
    list[NonEmailNoticeState],
    typer.Option("--state", help="Only in this state, as often as needed; open and taken without it."),
]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, oldest first.")]
After = Annotated[int, typer.Option(metavar="ID", min=0, max=2**63 - 1, help="Those behind this number.")]

_NOTHING: list[NonEmailNoticeState] = []


@app.command("list")
def list_(
    brand: Brand = None,
    channel: Channel = None,
    mailing: Mailing = None,
    state: States = _NOTHING,
    limit: Limit = 100,
    after: After = 0,
    json: AsJson = False,
) -> None:
    """Shows who waits, oldest first: by number, and without any data of theirs."""
    found = _run_or_exit(lambda app: _list_matching_notices(app, brand, channel, mailing, state, limit, after))
    if json:
        print_json([asdict(notice) for notice in found])
        return
    print_table(
        ("id", "mailing", "recipient", "brand", "category", "channel", "reason", "state", "since", "by", "address"),
        [
            (
                notice.id,
                notice.mailing_id,
                notice.recipient_id,
                notice.brand,
                notice.category,
                notice.channel,
                notice.reason,
                notice.state,
                format_utc_time(notice.since),
                notice.changed_by,
                "on record" if notice.has_address else "none",
            )
            for notice in found
        ],
    )


@app.command()
def show(
    id_: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)], by: By = "", json: AsJson = False
) -> None:
    """Shows whom a notice is for, and its words for this person. That you read it stands in the ledger."""
    who = person_or_system_user(by)

    async def act(app: App) -> dict[str, Any]:
        notices = PostgresNonEmailNotices(app.pool, app.writers)
        found = await notices.get_notices_with_ids([id_])
        if not found:
            raise NoticeChangeRefused(f"there is no notice {id_}; `mailer notices list` shows them")
        [told] = await _notices_with_addressees_and_texts(app, notices, found, who)
        return told

    told = _run_or_exit(act)
    if json:
        print_json(told)
        return
    text = told.pop("text")
    print_facts({name.replace("_", " "): _format_value(value) for name, value in told.items()})
    if text is not None:
        out.print("")
        for line in text.splitlines():
            out.print(line)


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Where to; without it, to stdout.")] = None,
    brand: Brand = None,
    channel: Channel = None,
    mailing: Mailing = None,
    state: States = _NOTHING,
    limit: Limit = 10_000,
    after: After = 0,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Writes notices with addresses and words for whoever prints or calls, one JSON object a line. It is on record."""
    who = person_or_system_user(by)

    async def act(app: App) -> list[dict[str, Any]]:
        found = await _list_matching_notices(app, brand, channel, mailing, state, limit, after)
        return await _notices_with_addressees_and_texts(app, PostgresNonEmailNotices(app.pool, app.writers), found, who)

    found = _run_or_exit(act)
    if file is None:
        for told in found:
            print_json(told)
        return
    lines = [json_module.dumps(told, ensure_ascii=False, default=str) + "\n" for told in found]
    try:
        with open(file, "x", encoding="utf-8", opener=open_private_file_descriptor) as opened:
            opened.writelines(lines)
    except OSError as error:
        exit_with_error(f"{file}: {error}", 1)
    if json:
        print_json({"file": str(file), "notices": len(lines)})
    else:
        out.print(f"Wrote {len(lines):,} notices to {file}.")


@app.command()
def take(ids: Ids, by: By = "", json: AsJson = False) -> None:
    """Takes open notices: you work them, and nobody else does."""
    who = person_or_system_user(by)
    _print_changed_notices(
        "taken", _run_or_exit(lambda app: take_some(PostgresNonEmailNotices(app.pool, app.writers), ids, who)), json
    )


@app.command()
def done(
    ids: Ids,
    reference: Annotated[str, typer.Option(help="What shows it: a tracking number, a call's number.")],
    day: Annotated[str | None, typer.Option(metavar="DAY", help="When, such as 2026-12-24; today without it.")] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Records that letters were posted, or people reached."""
    who, today = person_or_system_user(by), datetime.now(UTC).date()
    try:
        when = date.fromisoformat(day) if day else today
    except ValueError:
        exit_with_error(f"--day: {day!r} is no day; write it as 2026-12-24", 2)
    _print_changed_notices(
        "done",
        _run_or_exit(
            lambda app: finish_notices(PostgresNonEmailNotices(app.pool, app.writers), ids, who, reference, when, today)
        ),
        json,
    )


@app.command("return")
def record_returned_letters(
    ids: Ids,
    reason: Annotated[str, typer.Option(help="Why, such as the code of a letter that came back.")],
    final: Annotated[bool, typer.Option("--final", help="Give up; without it, they are open again.")] = False,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Records that letters came back, or people were not reached: open again, or given up."""
    who = person_or_system_user(by)
    returned = _run_or_exit(
        lambda app: reopen_or_give_up_returned_notices(
            PostgresNonEmailNotices(app.pool, app.writers), ids, who, reason, is_final=final
        )
    )
    _print_changed_notices("returned" if final else "open", returned, json)


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    try:
        return run_with_app(act)
    except (MailingControlRefused, NoticeChangeRefused) as error:
        exit_with_error(str(error), 2)


def _print_changed_notices(state: str, changed: Sequence[NonEmailNotice], json: bool) -> None:
    if json:
        print_json({"state": state, "notices": [notice.id for notice in changed]})
    else:
        out.print(f"{', '.join(str(notice.id) for notice in changed)}: {state}.")


async def _list_matching_notices(
    app: App,
    brand: str | None,
    channel: str | None,
    mailing: str | None,
    states: Sequence[NonEmailNoticeState],
    limit: int,
    after: int,
) -> Sequence[NonEmailNotice]:
    of = await find_mailing_id_or_raise(app, mailing) if mailing else None
    selected = NonEmailNoticeFilter(brand, channel, of, tuple(states) or WAITING, after)
    return await PostgresNonEmailNotices(app.pool, app.writers).list_notices(selected, limit)


async def _notices_with_addressees_and_texts(
    app: App, notices: PostgresNonEmailNotices, found: Sequence[NonEmailNotice], by: str
) -> list[dict[str, Any]]:
    """Returns the notices with their addressees and texts. The ledger records that `by` read them."""
    whom = {
        one.notice: one for one in await notices.read_addressees_and_log_access([notice.id for notice in found], by)
    }
    letters = await _render_texts_by_notice_id(app, [notice for notice in found if notice.id in whom])
    return [_full_notice_as_json(notice, whom.get(notice.id), letters.get(notice.id, {})) for notice in found]


async def _render_texts_by_notice_id(app: App, found: Sequence[NonEmailNotice]) -> dict[int, dict[str, str | None]]:
    """Returns subject and text of each notice, or the problem that prevents them, by the notice's id."""
    letters: dict[int, dict[str, str | None]] = {}
    renderers = MailingRendererCache(app.policies, app.templates, app.links, None)
    for of in dict.fromkeys(notice.mailing_id for notice in found):
        here = {notice.recipient_id: notice for notice in found if notice.mailing_id == of}
        letters |= await _render_notice_texts_of_mailing(app, renderers, of, here)
    return letters


async def _render_notice_texts_of_mailing(
    app: App, renderers: MailingRendererCache, of: UUID, here: dict[int, NonEmailNotice]
) -> dict[int, dict[str, str | None]]:
    letters: dict[int, dict[str, str | None]] = {}
    told = (await app.mailings.read_facts_of_mailings([of]))[of]
    try:
        source = (
            None
            if renderers.is_template_version_deployed(told)
            else await app.mailings.read_template_source_by_version(told.template_version)
        )
        renderer = renderers.make_and_cache_renderer(told, source)
    except UnknownTemplate as error:
        return {notice.id: {"problem": str(error)} for notice in here.values()}
    for row in await app.deliveries.read_mailing_deliveries_of_recipients(of, list(here)):
        notice = here[row.recipient_id]
        try:
            category = CATEGORIES.get(notice.category, renderer.category)
            letter = render_notice_text(renderer, row, category, int(datetime.now(UTC).timestamp()))
            letters[notice.id] = {"subject": letter.subject, "text": letter.text}
        except (RenderError, HeaderRefused, NoVisibleWayToLeave) as error:
            letters[notice.id] = {"problem": f"its words cannot be made: {error}"}
    return letters


def _full_notice_as_json(
    notice: NonEmailNotice, whom: NoticeAddressee | None, letter: dict[str, str | None]
) -> dict[str, Any]:
    return {
        **asdict(notice),
        "ref": whom.ref if whom else None,
        "name": whom.name if whom else None,
        "country": whom.country if whom else None,
        "postal_address": list(whom.lines) if whom and whom.lines else None,
        "mailing_state": whom.mailing_state if whom else None,
        "electronic_refused": whom.electronic_refused if whom else None,
        "problem": letter.get("problem"),
        "subject": letter.get("subject"),
        "text": letter.get("text"),
    }


def _format_value(value: Any) -> Any:
    match value:
        case datetime():
            return format_utc_time(value)
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value)
        case _:
            return value
