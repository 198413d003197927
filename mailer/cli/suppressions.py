"""`mailer suppressions`: adds, lifts, lists, explains, imports and exports suppressions of addresses."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.people_look_up import MAX_PAGE, LookUpRefused
from mailer.actions.recipient_import import ImportCounts
from mailer.actions.suppression import (
    OBJECTION,
    SuppressionRefused,
    lift_suppression,
    object_to_marketing,
    suppress_recipient,
)
from mailer.actions.suppression_and_consent_import import SUPPRESSION_COLUMNS, import_suppression_file
from mailer.actions.suppression_queries import (
    list_suppressions,
    list_suppressions_of_address_and_log_access,
    list_suppressions_of_ref_and_log_access,
)
from mailer.app import App
from mailer.cli.import_file_helpers import (
    RejectedLinesFile,
    count_lines_and_open,
    find_policy_and_recipient_id_or_raise,
    policy_of_brand_or_raise,
    print_import_result,
)
from mailer.cli.recipient_queries import Why, acting_person_and_look_up_reason
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    remember_acting_person,
    run_with_app,
)
from mailer.cli.stop_start import By as Asking
from mailer.input_types import parse_moment_of_column_or_option
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.suppressions import NewSuppression, Suppression

_T = TypeVar("_T")

app = typer.Typer(help="Suppressions: add, lift, list, explain, import, export.", no_args_is_help=True)

Brand = Annotated[str, typer.Option(help="Whose mail it is about.")]
By = Annotated[
    str,
    typer.Option("--by", metavar="PERSON", help="Who says so; it stays on record.", callback=remember_acting_person),
]


@app.command()
def add(
    brand: Brand,
    ref: Annotated[str, typer.Option(help="Whose address.")],
    by: By,
    source: Annotated[str, typer.Option(help="How it was said, such as: by telephone.")],
    scope: Annotated[str, typer.Option(help="A category, category/topic, purpose/…, partner/…, or *.")] = "*",
    reason: Annotated[str, typer.Option(help="opt_out, complaint, address_dead, or objection.")] = "opt_out",
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="Until when; without it, for ever.")] = None,
) -> None:
    """Suppresses a person's address, as an operator was told. An objection holds for all brands of the controller."""

    async def act(app: App) -> None:
        policy, recipient_id = await find_policy_and_recipient_id_or_raise(app, brand, ref)
        if reason == OBJECTION:
            await object_to_marketing(app.suppressions, policy, recipient_id, source, by)
            return
        new = NewSuppression(scope, reason, source, by, expires_at=until)
        await suppress_recipient(app.suppressions, policy, recipient_id, new)

    try:
        until = parse_moment_of_column_or_option("--expires", expires) if expires else None
    except ValueError as error:
        exit_with_error(str(error), 2)
    _run_or_exit(act)
    out.print(f"Suppressed {scope} mail of {brand}.")


@app.command("lift")
def lift_(
    id: Annotated[int, typer.Argument(metavar="ID", help="As `list` shows it.", min=1, max=2**63 - 1)],
    brand: Brand,
    by: By,
    reason: Annotated[str, typer.Option(help="Why; it stays on record.")],
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Since when it holds, as `list` shows it; else now."),
    ] = None,
) -> None:
    """Ends a suppression, for all who share the address. It brings no consent back.

    What the person has said again after the time in --since stays.
    """

    async def act(app: App) -> None:
        await lift_suppression(app.suppressions, policy_of_brand_or_raise(app, brand), id, seen_at, by, reason)

    try:
        seen_at = datetime.now(UTC) if since is None else parse_moment_of_column_or_option("--since", since)
    except ValueError as error:
        exit_with_error(str(error), 2)
    if not seen_at.microsecond:  # `list` shows seconds
        seen_at = seen_at.replace(microsecond=999_999)
    _run_or_exit(act)
    out.print(f"Lifted by {by}. No consent comes back: after an opt-out or an objection, a new consent is needed.")


@app.command("list")
def list_(
    brand: Brand,
    ref: Annotated[str | None, typer.Option(help="Only those of this person's address.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=MAX_PAGE, help="The newest, so many; else all.")] = None,
    before: Annotated[
        int | None, typer.Option(metavar="ID", min=1, help="With --limit: those before this one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Shows the suppressions that hold at a brand."""

    async def act(app: App) -> list[Suppression]:
        if ref is not None:
            _, recipient_id = await find_policy_and_recipient_id_or_raise(app, brand, ref)
            return [
                found
                for found in await app.suppressions.all_suppressions_of_recipient(brand, recipient_id)
                if _is_in_force(found)
            ]
        policy = policy_of_brand_or_raise(app, brand)
        if limit is not None:
            return list((await list_suppressions(app.people, policy, before, limit)).stops)
        return [found async for found in app.suppressions.iterate_suppressions_in_force(brand, policy.controller.id)]

    _print_suppressions(_run_or_exit(act), json)


@app.command()
def explain(
    brand: Brand,
    ref: Annotated[str | None, typer.Option(help="Whose address.")] = None,
    email: Annotated[str | None, typer.Option(help="The address, whether or not it is anybody's.")] = None,
    by: Asking = "",
    reason: Why = "",
    json: AsJson = False,
) -> None:
    """Says why an address is suppressed, and what was lifted: reason, source, since when, by whom, until when."""
    access = acting_person_and_look_up_reason(by, reason)

    async def act(app: App) -> list[Suppression]:
        if (ref is None) == (email is None):
            raise InputRefused("say whose it is: --ref, or --email")
        policy = policy_of_brand_or_raise(app, brand)
        if email is not None:
            return list(await list_suppressions_of_address_and_log_access(app.people, policy, email, access))
        return list(await list_suppressions_of_ref_and_log_access(app.people, policy, ref or "", access))

    _print_suppressions(_run_or_exit(act), json)


@app.command()
def export(
    brand: Brand,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line (the only form).")] = True,
) -> None:
    """Prints the suppressions that hold at a brand: keyed hashes, and no address."""

    async def act(app: App) -> None:
        policy = policy_of_brand_or_raise(app, brand)
        async for found in app.suppressions.iterate_suppressions_in_force(brand, policy.controller.id):
            print_json(suppression_as_json(found))

    _run_or_exit(act)


@app.command("import")
def import_(file: Annotated[Path, typer.Argument(metavar="FILE.csv")], brand: Brand, json: AsJson = False) -> None:
    """Imports another system's suppressions, given as addresses, of which only hashes are kept."""
    rejected = file.with_suffix(".rejected.csv")

    async def act(app: App) -> ImportCounts:
        policy = policy_of_brand_or_raise(app, brand)
        _, source = count_lines_and_open(file)
        with source, RejectedLinesFile(rejected, SUPPRESSION_COLUMNS) as rejects:
            return await import_suppression_file(app.suppressions, policy, source, rejects.add_line)

    done = _run_or_exit(act, file)
    print_import_result(done, file, rejected, json)


def suppression_as_json(found: Suppression) -> dict[str, Any]:
    """Returns a suppression as JSON."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(found).items()
    } | {"holds": _is_in_force(found)}


def _is_in_force(found: Suppression) -> bool:
    return found.lifted_at is None and (found.expires_at is None or found.expires_at > datetime.now(found.at.tzinfo))


def _print_suppressions(found: list[Suppression], json: bool) -> None:
    if json:
        print_json([suppression_as_json(one) for one in found])
        return
    print_table(
        ("id", "scope", "reason", "source", "since", "by", "until", "lifted"),
        [
            (
                one.id,
                _scope_in_words(one),
                one.reason,
                one.source,
                format_utc_time(one.at),
                one.actor,
                format_utc_time(one.expires_at),
                _lifting_in_words_if_lifted(one),
            )
            for one in found
        ],
    )


def _scope_in_words(found: Suppression) -> str:
    what = "all optional mail" if found.scope == EVERYTHING_OPTIONAL else found.scope
    return what if found.brand else f"{what}, of every brand"


def _lifting_in_words_if_lifted(found: Suppression) -> str:
    return f"{format_utc_time(found.lifted_at)} by {found.lifted_by}: {found.lift_reason}" if found.lifted_at else ""


def _run_or_exit(act: Callable[[App], Awaitable[_T]], file: Path | None = None) -> _T:
    try:
        return run_with_app(act)
    except (InputRefused, LookUpRefused, SuppressionRefused) as error:
        exit_with_error(f"{file}: {error}" if file else str(error), 2)
