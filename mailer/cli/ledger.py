"""`mailer ledger`: exports, seals and verifies the ledger, and publishes its seals."""

import json as jsonlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer.app import App, yield_database_url_running_server_if_embedded
from mailer.cli.mailing_lookup import find_mailing_id_or_raise
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    progress_bar,
    run_with_app,
)
from mailer.ledger.seals import SealRefused
from mailer.ledger.verifying import VerificationResult, cpu_count
from mailer.ports.halts import MailingControlRefused

app = typer.Typer(help="The ledger: export, seal, list and publish seals, verify.", no_args_is_help=True)
_MOST_RECENT = 1_000_000


@app.command()
def export(
    mailing: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this mailing's entries: by its id, or its event's.")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line (the only form).")] = True,
) -> None:
    """Prints the entries, in the order of their chains."""

    async def act(app: App) -> int:
        count = 0
        async for entry in app.ledger.iterate_entries(
            None if mailing is None else await find_mailing_id_or_raise(app, mailing)
        ):
            print_json(entry)
            count += 1
        return count

    try:
        count = run_with_app(act)
    except MailingControlRefused as error:
        exit_with_error(f"--mailing: {error}", 2)
    if mailing is not None and not count:
        exit_with_error(f"--mailing: the ledger has no entry of {mailing}; `mailer mailing list` shows mailings", 2)


@app.command()
def seal() -> None:
    """Signs the heads of all chains and prints the record: keep it where nobody who can reach the database can."""
    print_json(run_with_app(lambda app: app.ledger.store_one_seal_of_all_chains()))


@app.command("publish")
def append_new_seals_to_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Made if it is missing; seals are added to it.")],
    json: AsJson = False,
) -> None:
    """Adds the seals made since the last one in a file: run it often, on a file that an intruder cannot change."""

    async def act(app: App) -> int:
        published = _read_seal_records(file) if file.exists() and file.stat().st_size else []
        added = 0
        seals = app.ledger.iterate_seals_after_published_one(published[-1] if published else None)
        with file.open("a", encoding="utf-8") as lines:
            async for record in seals:
                lines.write(jsonlib.dumps(record) + "\n")
                added += 1
        return added

    try:
        added = run_with_app(act)
    except SealRefused as error:
        exit_with_error(f"{file}: {error}", 1)
    if json:
        print_json({"added": added, "file": str(file)})
    else:
        out.print(f"Added {added:,} seals to {file}.")


@app.command()
def verify(
    head: Annotated[
        Path | None, typer.Option(help="Seals that were published: by `mailer ledger seal`, or `publish`.")
    ] = None,
    since: Annotated[
        Path | None, typer.Option(help="A seal up to which you verified before; of several in the file, the last.")
    ] = None,
    recent: Annotated[
        bool, typer.Option("--recent", help="Only what was written since the last seal: a second, not minutes.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Recomputes every chain and names each entry that was changed, is missing or was reordered."""
    if recent:
        if head or since:
            exit_with_error("--recent compares with the last seal of the database; leave --head and --since out", 2)
        _verify_recent_entries(json)
        return
    published = [] if head is None else _read_seal_records(head)
    known = None if since is None else _read_seal_records(since)[-1]
    try:
        verdict = run_with_app(lambda app: _verify_with_progress_bar(app, published, known))
    except SealRefused as error:
        exit_with_error(str(error), 2)
    if json:
        print_json({**asdict(verdict), "sound": not verdict.faults})
    elif verdict.faults:
        print_table(("writer", "entry", "what"), [(fault.writer, fault.n, fault.what) for fault in verdict.faults])
    if verdict.faults:
        exit_with_error(f"{len(verdict.faults)} faults in {verdict.entries} entries", 1)
    if not json:
        newer = " Entries that were sealed two days before that seal, or earlier, were not read." if known else ""
        out.print(f"Sound: {verdict.entries} entries by {verdict.writers} writers.{newer}")


@app.command()
def seals(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20, json: AsJson = False
) -> None:
    """Shows the newest seals that the database keeps."""
    found = run_with_app(lambda app: app.ledger.list_seals(None, limit))
    if json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        ("seal", "made", "whole"),
        [(one.number, format_utc_time(one.sealed_at), "yes" if one.whole else "") for one in found],
    )


def _verify_recent_entries(json: bool) -> None:
    """Verifies the entries since the last seal, and prints the result. Faults end the command with status 1."""
    verdict = run_with_app(lambda app: app.ledger.verify_since_last_seal(_MOST_RECENT))
    if json:
        print_json({**asdict(verdict), "sound": not verdict.faults})
    elif verdict.faults:
        print_table(("writer", "entry", "what"), [(fault.writer, fault.n, fault.what) for fault in verdict.faults])
    if verdict.faults:
        exit_with_error(f"{len(verdict.faults)} faults in {verdict.entries} entries", 1)
    if json:
        return
    if verdict.sealed_at is None:
        out.print("There is no seal yet; `mailer ledger verify` reads all entries.")
        return
    more = "" if verdict.is_complete else f" There are more; {_MOST_RECENT:,} were read at most."
    out.print(f"Sound: {verdict.entries:,} entries since the seal of {format_utc_time(verdict.sealed_at)}.{more}")


async def _verify_with_progress_bar(
    app: App, published: list[dict[str, Any]], since: dict[str, Any] | None
) -> VerificationResult:
    """Verifies the ledger with one process for each CPU, and shows a progress bar."""
    with yield_database_url_running_server_if_embedded(app.settings) as url, progress_bar() as bar:
        task = bar.add_task("verifying", total=None)
        return await app.ledger.verify_ledger(
            published, url, cpu_count(), lambda done, total: bar.update(task, advance=done, total=total), since
        )


def _read_seal_records(file: Path) -> list[dict[str, Any]]:
    """Reads the seals in a file: one JSON document, or one a line. A bad file ends the command."""
    try:
        records = list(_parse_json_documents(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        exit_with_error(f"{file}: {error}", 2)
    if not records or any(not isinstance(record, dict) for record in records):
        exit_with_error(f"{file}: it holds something that is not a record that `mailer ledger seal` prints", 2)
    return records


def _parse_json_documents(text: str) -> Iterator[Any]:
    decoder, place = jsonlib.JSONDecoder(), 0
    while (place := len(text) - len(text[place:].lstrip())) < len(text):
        record, place = decoder.raw_decode(text, place)
        yield record
