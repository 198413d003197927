"""`mailer dead`: shows messages that could not be taken in, and publishes them again."""

from datetime import datetime
from typing import Annotated

import typer

from mailer.actions.dead_letter_replay import DeadLetterReplayResult, replay_dead_letters
from mailer.actions.json_for_operators import dead_letter_without_body_as_json
from mailer.app import App
from mailer.broker.topology import EVENTS
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
from mailer.input_types import parse_moment_of_column_or_option
from mailer.ports.dead_letters import DeadLetter, DeadLetterCauseKind, DeadLetterFilter

app = typer.Typer(help="Dead letters: list, show, replay.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)]
OneNumber = Annotated[int | None, typer.Argument(metavar="ID", min=1, max=2**63 - 1)]
First = Annotated[int, typer.Option("--from", metavar="ID", min=1, max=2**63 - 1, help="From this id on.")]
Last = Annotated[int, typer.Option("--to", metavar="ID", min=1, max=2**63 - 1, help="Up to this id.")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="Kept at this time or later.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Kept before this time.")]
Kind = Annotated[DeadLetterCauseKind | None, typer.Option("--kind", help="Why they are dead.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="A part of the reason.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="The routing key, or the brand it begins with.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, newest first.")] = 20,
    first: First = 1,
    last: Last = 2**63 - 1,
    since: Since = None,
    until: Until = None,
    kind: Kind = None,
    reason: Reason = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Shows the newest dead letters, or those that match."""
    chosen = _build_dead_letter_filter_from_options(first, last, since, until, kind, reason, key, True)
    letters = run_with_app(lambda app: app.letters.list_dead_letters(limit, chosen))
    if json:
        print_json([dead_letter_without_body_as_json(letter) for letter in letters])
        return
    print_table(
        ("id", "at", "kind", "key", "event", "reason", "replayed"),
        [
            (
                letter.id,
                format_utc_time(letter.at),
                letter.kind.value,
                letter.message.routing_key,
                letter.message.message_id,
                letter.reason,
                format_utc_time(letter.replayed_at),
            )
            for letter in letters
        ],
    )


@app.command()
def show(number: Number, by: By = "", json: AsJson = False) -> None:
    """Shows one, with its body. That you read it stands in the ledger."""
    person_or_system_user(by)

    async def act(app: App) -> DeadLetter | None:
        letter = await app.letters.get_dead_letter(number)
        if letter is not None:
            await app.letters.record_that_dead_letter_was_read(letter)
        return letter

    letter = run_with_app(act)
    if letter is None:
        exit_with_error(f"there is no dead letter {number}; `mailer dead list` shows them", 1)
    if json:
        print_json(dead_letter_without_body_as_json(letter) | {"body": letter.message.body.decode(errors="replace")})
        return
    print_facts(
        {**dead_letter_without_body_as_json(letter), "body": letter.message.body.decode(errors="replace").splitlines()}
    )


@app.command()
def replay(
    number: OneNumber = None,
    first: First = 1,
    last: Last = 2**63 - 1,
    since: Since = None,
    until: Until = None,
    kind: Kind = None,
    reason: Reason = None,
    key: Key = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were replayed already.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All, where nothing else says which.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only says how many.")] = False,
    json: AsJson = False,
) -> None:
    """Publishes an event again as its publisher, or all that match. What is still wrong dies anew."""
    chosen = _build_dead_letter_filter_from_options(first, last, since, until, kind, reason, key, again)
    if number is not None:
        if chosen != DeadLetterFilter(replayed=again) or everything:
            exit_with_error("give either the number of one dead letter, or a range and what they have in common", 2)
        chosen = DeadLetterFilter(number, number, replayed=True)
    elif chosen == DeadLetterFilter(replayed=again) and not everything:
        exit_with_error("say which: a number, --from and --to, --since, --until, --kind, --reason, --key, or --all", 2)

    async def act(app: App) -> tuple[DeadLetterReplayResult, str | None]:
        result = await replay_dead_letters(app.letters, chosen, dry_run=dry_run)
        if number is None or result.done or result.skipped:
            return result, None
        return result, _unreplayable_letter_error_text(number, await app.letters.get_dead_letter(number))

    result, problem = run_with_app(act)
    ids, skipped = result.done, result.skipped
    if problem is not None:
        exit_with_error(problem, 1)
    if number is not None and not ids:
        exit_with_error(
            f"the body of dead letter {number} is no text in UTF-8; `mailer dead show {number}` shows it", 1
        )
    if json:
        counts = {"replayed": 0 if dry_run else len(ids), "matching": len(ids) + len(skipped)}
        print_json({**counts, "ids": ids, "skipped": skipped})
    elif number is not None and not dry_run:
        out.print(f"Dead letter {number} is published again.")
    else:
        count = f"{len(ids):,} dead letter{'' if len(ids) == 1 else 's'}"
        out.print(f"{count} would be published again." if dry_run else f"{count} published again.")
    if skipped:
        exit_with_error(f"not published again, since the body is no text in UTF-8: {', '.join(map(str, skipped))}", 1)


def _unreplayable_letter_error_text(number: int, letter: DeadLetter | None) -> str:
    """Returns the reason for which a dead letter cannot be published again."""
    if letter is None:
        return f"there is no dead letter {number}; `mailer dead list` shows them"
    if letter.exchange != EVENTS:
        return (
            f"dead letter {number} was published to {letter.exchange!r}; only what was published to {EVENTS} is again"
        )
    if not letter.publisher:
        return f"nobody is known to have published dead letter {number}; its publisher has to, as a user of RabbitMQ"
    return f"the body of dead letter {number} was not kept; its publisher has to publish it again"


def _build_dead_letter_filter_from_options(
    first: int,
    last: int,
    since: str | None,
    until: str | None,
    kind: DeadLetterCauseKind | None,
    reason: str | None,
    key: str | None,
    replayed: bool,
) -> DeadLetterFilter:
    return DeadLetterFilter(
        first,
        last,
        _parse_time_option(since, "--since"),
        _parse_time_option(until, "--until"),
        kind,
        reason,
        key,
        replayed,
    )


def _parse_time_option(text: str | None, option: str) -> datetime | None:
    """Parses the time of an option; it needs a zone. A bad time ends the command."""
    try:
        return None if text is None else parse_moment_of_column_or_option(option, text)
    except ValueError as error:
        exit_with_error(str(error), 2)
