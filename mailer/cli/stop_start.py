"""`mailer stop`, `mailer start`, `mailer halts`, `mailer brand`: stops hand-overs, starts them again, lists stops."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.halt_control import start_everything, stop_everything
from mailer.actions.json_for_operators import halt_as_json, halt_in_force_as_json
from mailer.app import App
from mailer.cli.import_file_helpers import policy_of_brand_or_raise
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    remember_acting_person,
    run_with_app,
    system_user_name,
)
from mailer.policy.category import CATEGORIES
from mailer.ports.halts import Halt, HaltsAndMissingEntries, HaltScope

brands = typer.Typer(help="Brands: pause, resume.", no_args_is_help=True)

By = Annotated[
    str,
    typer.Option(
        "--by", metavar="PERSON", help="Who says so; it stands in the ledger.", callback=remember_acting_person
    ),
]
OnlyPromotional = Annotated[bool, typer.Option("--promotional", help="Only the brand's promotional lane.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the ledger.")]
_WENT_BACK = (
    "the database went back: it lacks what this system has had, as after a restore. Mail that went out since is open in"
    " it again. See that the opt-outs are back that it lacks, then say `mailer start --after-restore resume` to go on"
    " with everything, or `--after-restore end` to end the optional mail that may have gone out already"
)
_WAITING = (
    "the database has a new timeline since a failover, and whoever may remember something that it lacks has not said so"
    " yet: {}. Start that process again with its MAILER_DATA; if it is gone for good, say"
    " `mailer start --after-restore resume`"
)


_HALTS_SHOWN = 10_000


class AfterRestoreChoice(StrEnum):
    """The operator's choice after a restore: resume open mail, or end open optional mail."""

    RESUME = "resume"
    END = "end"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(stop)
    app.command()(start)
    app.command()(halts)


def stop(by: By = "", reason: Reason = "", json: AsJson = False) -> None:
    """Stops every hand-over of every worker, within two seconds."""
    who = person_or_system_user(by)
    new = run_with_app(lambda app: stop_everything(app.halts, who, reason))
    if json:
        print_json({"stopped": True, "new": new})
    else:
        out.print("Stopped: after two seconds at most, no message begins." if new else "It stood still already.")


def start(
    after_restore: Annotated[
        AfterRestoreChoice | None,
        typer.Option("--after-restore", help="The database went back: resume everything, or end open optional mail."),
    ] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Goes on after `mailer stop`, or after a restore."""
    who = person_or_system_user(by)

    async def act(app: App) -> tuple[bool, tuple[UUID, int] | None, HaltsAndMissingEntries]:
        await app.control.query_halts_and_recover()  # also compares with the lineage that this machine remembers
        begun = await _begin_new_database_lineage(app, after_restore, who) if after_restore else None
        started = await start_everything(app.halts, who)
        return started.is_new, begun, await app.halts.read_halts_and_missing_ledger_entries((), (), ())

    started, begun, answer = run_with_app(act)
    left = answer.halts
    if any(halt.scope is HaltScope.EVERYTHING for halt in left):
        exit_with_error(_WENT_BACK, 1)
    if answer.waiting:
        exit_with_error(_WAITING.format(", ".join(answer.waiting)), 1)
    if json:
        lineage, ended = begun or (None, 0)
        print_json(
            {
                "started": started or begun is not None,
                "lineage": lineage,
                "ended": ended,
                "halts": [halt_as_json(halt) for halt in left],
            }
        )
        return
    out.print("Started." if started or begun else "Nothing was stopped.")
    if begun and begun[1]:
        out.print(f"{begun[1]} mailings of optional mail end where they are.")
    print_halts_if_any(left)


def halts(json: AsJson = False) -> None:
    """Shows what stands still now, since when, by whom and why."""
    found = run_with_app(lambda app: app.halts.list_halts_in_force(_HALTS_SHOWN))
    if json:
        print_json([halt_in_force_as_json(one) for one in found])
        return
    names = ("scope", "key", "brand", "event", "at", "by", "reason")
    rows = [halt_in_force_as_json(one) | {"at": format_utc_time(one.halt.at)} for one in found]
    titles = ("what", "which", "brand", "event", "since", "by", "reason")
    print_table(titles, [[str(row[name] or "") for name in names] for row in rows])


async def _begin_new_database_lineage(app: App, after_restore: AfterRestoreChoice, by: str) -> tuple[UUID, int]:
    optional = [category for category in CATEGORIES.values() if category.is_optional]
    begun = await app.halts.begin_lineage_and_lift_restore_halt(
        by, optional if after_restore is AfterRestoreChoice.END else None
    )
    await app.control.query_halts_and_recover()  # this machine then remembers the new lineage
    return begun


@brands.command("pause")
def pause_mail_of_brand(
    brand: str, promotional: OnlyPromotional = False, by: By = "", reason: Reason = "", json: AsJson = False
) -> None:
    """Stops every hand-over of a brand, or of its promotions, within two seconds."""
    halt_brand_or_processor(_scope_of_brand(promotional), brand, by, reason, json)


@brands.command("resume")
def resume_mail_of_brand(brand: str, promotional: OnlyPromotional = False, by: By = "", json: AsJson = False) -> None:
    """Lets a brand's mail, or its promotions, go on."""
    lift_halt_of_brand_or_processor(_scope_of_brand(promotional), brand, by, json)


def _scope_of_brand(promotional: bool) -> HaltScope:
    return HaltScope.PROMOTIONAL if promotional else HaltScope.BRAND


def halt_brand_or_processor(scope: HaltScope, key: str, by: str, reason: str, json: bool) -> None:
    """Pauses a brand or a processor."""

    async def act(app: App) -> bool:
        if scope in (HaltScope.BRAND, HaltScope.PROMOTIONAL):
            policy_of_brand_or_raise(app, key)
        return await app.halts.add_halt(Halt(scope, key, person_or_system_user(by), reason))

    try:
        print_pause_result(key, run_with_app(act), json)
    except InputRefused as error:
        exit_with_error(str(error), 2)


def lift_halt_of_brand_or_processor(scope: HaltScope, key: str, by: str, json: bool) -> None:
    """Resumes a brand or a processor."""
    print_resumed(key, run_with_app(lambda app: app.halts.lift_halt(scope, key, person_or_system_user(by))), json)


def print_pause_result(key: str, new: bool, json: bool) -> None:
    """Prints that something is paused."""
    if json:
        print_json({"paused": key, "new": new})
    else:
        out.print(f"{key} is paused." if new else f"{key} was paused already.")


def print_resumed(key: str, lifted: bool, json: bool, released: int = 0) -> None:
    """Prints that something goes on, and how many held deliveries are tried again."""
    if json:
        print_json({"resumed": key, "new": lifted, "tried_again": released})
        return
    out.print(f"{key} goes on." if lifted else f"{key} was not paused.")
    if released:
        out.print(f"{released:,} deliveries that were held are tried again.")


def person_or_system_user(by: str) -> str:
    """Returns the person of `--by`, or the user of this system.

    A bad name ends the command.
    """
    if not by:
        return system_user_name()
    require_person_name(by)
    return by


def require_person_name(by: str) -> None:
    """Ends the command if `--by` is no name of a person."""
    if not by.strip() or not by.isprintable():
        exit_with_error("--by needs the name of a person: it stands in the ledger", 2)


def print_halts_if_any(halts: tuple[Halt, ...]) -> None:
    """Prints a table of halts, if there are any."""
    if halts:
        rows = [(halt.scope.value, halt.key, format_utc_time(halt.at), halt.by, halt.reason) for halt in halts]
        print_table(("what", "which", "since", "by", "reason"), rows, "Stand still")
