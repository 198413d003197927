"""`mailer mailing`: shows the state of mailings; approves, pauses, resumes, reschedules, ends and cancels them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.doubtful_deliveries import end_doubtful_deliveries_of_mailing
from mailer.actions.mailing_control import list_mailings_across_pages, resume_mailing_and_held_deliveries
from mailer.app import App
from mailer.cli import mailing_approve, mailing_progress, mailing_reschedule
from mailer.cli.import_file_helpers import policy_of_brand_or_raise
from mailer.cli.mailing_lookup import find_mailing_id_or_raise, find_mailings_by_id_or_event
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
from mailer.cli.stop_start import By, Reason, person_or_system_user, print_pause_result, print_resumed
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailings import MailingFilter, MailingListState, MailingStatus
from mailer.ports.privacy_rights import MailingCoverage
from mailer.postgres.mailing_coverage import read_mailing_coverage
from mailer.rendering.localized_texts import describe_missing_languages_of_context
from mailer.rendering.template_library import compile_stored_source

app = typer.Typer(
    help="Mailings: list, show, approve, reschedule, pause, resume, cancel, end, coverage.", no_args_is_help=True
)

mailing_approve.register(app)
mailing_reschedule.register(app)

_SHOWN = 50
_T = TypeVar("_T")

Identifier = Annotated[str, typer.Argument(metavar="ID", help="Its own id, or its event's.")]


def mailing_status_as_json(status: MailingStatus) -> dict[str, Any]:
    """Returns a mailing's status as JSON."""
    return {
        "id": str(status.id),
        "brand": status.brand,
        "event": status.event_id,
        "category": status.category,
        "template": status.template,
        "campaign": status.campaign,
        "publisher": status.publisher,
        "state": status.state,
        "halted": list(status.halted),
        "progress": mailing_progress.progress_as_json(status),
        "audience": status.audience_size,
        "created_at": status.created_at.isoformat(),
        "send_at": status.send_at.isoformat() if status.send_at else None,
        "rescheduled_by": status.rescheduled_by,
        "released_by": status.released_by,
        "finished_at": status.finished_at.isoformat() if status.finished_at else None,
        "counts": [{"state": state, "reason": reason, "n": n} for (state, reason), n in status.counts.items()],
        "opens": status.opens,
        "machine_opens": status.machine_opens,
        "unique_opens": status.unique_opens,
        "clicks": status.clicks,
        "machine_clicks": status.machine_clicks,
        "unique_clicks": status.unique_clicks,
    }


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, newest first.")] = 20,
    brand: Annotated[str | None, typer.Option(help="Only this brand's; they come without opens and clicks.")] = None,
    state: Annotated[MailingListState | None, typer.Option(help="Only those in this state, as with --brand.")] = None,
    before: Annotated[UUID | None, typer.Option(metavar="ID", help="Only older ones than this mailing.")] = None,
    json: AsJson = False,
) -> None:
    """Shows the newest mailings, or those that match."""

    async def act(app: App) -> Sequence[MailingStatus]:
        if brand is None and state is None and before is None:
            return await app.mailings.statuses_of_newest_mailings(limit)
        brands = frozenset(app.policies) if brand is None else frozenset({policy_of_brand_or_raise(app, brand).brand})
        return await list_mailings_across_pages(app.mailing_directory, MailingFilter(brands, state, before), limit)

    try:
        mailings = run_with_app(act)
    except InputRefused as error:
        exit_with_error(str(error), 2)
    if json:
        print_json([mailing_status_as_json(status) for status in mailings])
        return
    print_table(
        ("mailing", "brand", "event", "category", "state", "audience", "handed over", "suppressed", "failed"),
        [
            (
                status.id,
                status.brand,
                status.event_id,
                status.category,
                status.state,
                status.audience_size,
                status.count_in_state("handed_over"),
                status.count_in_state("suppressed"),
                status.count_in_state("failed"),
            )
            for status in mailings
        ],
    )


@app.command()
def show(
    identifier: Identifier,
    follow: Annotated[bool, typer.Option("--follow", help="Shows how it goes on, until it is finished.")] = False,
    json: AsJson = False,
) -> None:
    """Shows a mailing, by its own id or by its event's: counts by state and reason."""

    async def act(app: App) -> list[tuple[MailingStatus, list[str], list[str]]]:
        found = await find_mailings_by_id_or_event(app, identifier)
        if follow and not json:
            found = [
                await mailing_progress.follow_progress(one, partial(app.mailings.mailing_status, one.id))
                for one in found
            ]
        return [
            (
                one,
                [str(reason) for reason in await app.mailing_wait_explainer.explain_waits(one, datetime.now(UTC))],
                await _mailing_texts_lacking_a_language(app, one),
            )
            for one in found
        ]

    found = run_with_app(act)
    if not found:
        exit_with_error(f"there is no mailing and no event {identifier}; `mailer mailing list` shows what there is", 1)
    if json:
        shown = [
            mailing_status_as_json(status) | {"waiting": waiting, "lacks": lacks} for status, waiting, lacks in found
        ]
        print_json(shown[0] if len(shown) == 1 else shown)
        return
    for status, waiting, lacks in found:
        _print_mailing(status, waiting, lacks)


@app.command()
def pause(identifier: Identifier, by: By = "", reason: Reason = "", json: AsJson = False) -> None:
    """Lets nothing more of a mailing begin, from two seconds on; `resume` goes on where it stopped."""
    who = person_or_system_user(by)
    print_pause_result(
        identifier,
        _change_mailing_or_exit(identifier, lambda app, id_: app.halts.pause_mailing(id_, who, reason)),
        json,
    )


@app.command()
def resume(identifier: Identifier, by: By = "", json: AsJson = False) -> None:
    """Lets a paused mailing go on, and tries what of it is held: by a bug, for its doubt (one copy), for our set-up."""
    who = person_or_system_user(by)

    lifted, tried = _change_mailing_or_exit(
        identifier, lambda app, id_: resume_mailing_and_held_deliveries(app.halts, app.held, id_, who)
    )
    print_resumed(identifier, lifted, json, tried)


@app.command("end")
def end_deliveries_in_doubt(identifier: Identifier, by: By = "", json: AsJson = False) -> None:
    """Ends what of a mailing is held since it may have arrived: no further copy; breach notices are written instead."""
    who = person_or_system_user(by)
    ended = _change_mailing_or_exit(
        identifier, lambda app, id_: end_doubtful_deliveries_of_mailing(app.held, app.deliveries, id_, who)
    )
    if json:
        print_json({"ended": identifier, "deliveries": ended})
    else:
        out.print(f"{ended:,} deliveries of {identifier} ended.")


@app.command()
def cancel(identifier: Identifier, by: By = "", reason: Reason = "", json: AsJson = False) -> None:
    """Ends a mailing for good: deliveries that have not gone out are cancelled."""
    who = person_or_system_user(by)
    new = _change_mailing_or_exit(identifier, lambda app, id_: app.halts.cancel_mailing(id_, who, reason))
    if json:
        print_json({"cancelled": identifier, "new": new})
    else:
        out.print(f"{identifier} is cancelled." if new else f"{identifier} was cancelled already.")


def _change_mailing_or_exit(identifier: str, change: Callable[[App, UUID], Awaitable[_T]]) -> _T:
    async def act(app: App) -> _T:
        return await change(app, await find_mailing_id_or_raise(app, identifier))

    try:
        return run_with_app(act)
    except MailingControlRefused as error:
        exit_with_error(str(error), 2)


@app.command()
def coverage(identifier: Identifier, json: AsJson = False) -> None:
    """Shows which of all accounts of the brand a mailing has reached, and which not (for notices to everyone)."""

    async def act(app: App) -> MailingCoverage | None:
        found = await find_mailings_by_id_or_event(app, identifier)
        return await read_mailing_coverage(app.pool, found[0].id) if len(found) == 1 else None

    reached = run_with_app(act)
    if reached is None:
        exit_with_error(f"{identifier} names no mailing, or several; `mailer mailing list` shows their ids", 1)
    counts = [
        {"state": state, "reason": reason, "accounts": n} for (state, reason), n in sorted(reached.counts.items())
    ]
    if json:
        unreached = [{"ref": ref, "state": state, "reason": reason} for ref, state, reason in reached.unreached]
        print_json({"accounts": reached.accounts, "counts": counts, "not_reached": unreached})
        return
    print_facts({"accounts": reached.accounts, "not reached": len(reached.unreached)})
    print_table(("state", "reason", "accounts"), [tuple(count.values()) for count in counts])
    print_table(
        ("ref", "state", "reason"), reached.unreached[:_SHOWN], "Not reached" if reached.unreached else "Everyone"
    )
    if len(reached.unreached) > _SHOWN:
        out.print(f"… and {len(reached.unreached) - _SHOWN:,} more: --json names all.")


async def _mailing_texts_lacking_a_language(app: App, status: MailingStatus) -> list[str]:
    """Returns the texts of a mailing that lack a language of its template, with the language that is sent instead."""
    facts = (await app.mailings.read_facts_of_mailings([status.id])).get(status.id)
    policy = app.policies.get(status.brand)
    if facts is None or policy is None or not any(isinstance(value, dict) for value in facts.context.values()):
        return []
    source = await app.mailings.read_template_source_by_version(facts.template_version)
    return (
        list(
            describe_missing_languages_of_context(compile_stored_source(policy, facts.template, source), facts.context)
        )
        if source
        else []
    )


def _print_missing_languages(lacks: Sequence[str]) -> None:
    for line in lacks:
        out.print(f"note: {line}")


def _open_or_click_counts_in_words(by_people: int | None, unique: int | None, by_machines: int | None) -> str:
    people, once, machines = ("too few to show" if n is None else f"{n:,}" for n in (by_people, unique, by_machines))
    return f"{people} by people ({once} unique where that may be known), {machines} by machines; counted by the hour"


def _print_mailing(status: MailingStatus, waiting: Sequence[str], lacks: Sequence[str]) -> None:
    print_facts(
        {
            "mailing": status.id,
            "brand": status.brand,
            "event": status.event_id,
            "category": status.category,
            "template": status.template,
            "campaign": status.campaign,
            "publisher": status.publisher,
            "state": status.state,
            "halted by": ", ".join(status.halted) or None,
            "audience": status.audience_size,
            "created": format_utc_time(status.created_at),
            "begins": format_utc_time(status.send_at) or None,
            "rescheduled by": status.rescheduled_by,
            "released by": status.released_by,
            "finished": format_utc_time(status.finished_at) or None,
            "opens": _open_or_click_counts_in_words(status.opens, status.unique_opens, status.machine_opens),
            "clicks": _open_or_click_counts_in_words(status.clicks, status.unique_clicks, status.machine_clicks),
        }
    )
    for line in waiting:
        out.print(f"waiting: {line}")
    _print_missing_languages(lacks)
    mailing_progress.show_progress(status)
    print_table(("state", "reason", "deliveries"), [(state, reason, n) for (state, reason), n in status.counts.items()])
