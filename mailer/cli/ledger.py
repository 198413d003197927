"""`mailer ledger`: its entries, its seals, and whether it is still what was written."""

import json as jsonlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from mailer.app import App
from mailer.cli.shared import AsJson, fail, out, print_json, table, with_app
from mailer.ledger.reading import HeadRefused

app = typer.Typer(help="The ledger: export, seal, verify.", no_args_is_help=True)


@app.command()
def export(
    mailing: Annotated[UUID | None, typer.Option(help="Only this mailing's entries.")] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line (the only form).")] = True,
) -> None:
    """Prints the entries, in the order of their chains."""

    async def act(app: App) -> None:
        async for entry in app.ledger.export(mailing):
            print_json(entry)

    with_app(act)


@app.command()
def seal() -> None:
    """Signs the heads of all chains and prints the record: keep it where nobody who can reach the database can."""
    print_json(with_app(lambda app: app.ledger.seal()))


@app.command()
def verify(
    head: Annotated[Path | None, typer.Option(help="A published record of `mailer ledger seal`.")] = None,
    json: AsJson = False,
) -> None:
    """Recomputes every chain and names each entry that was changed, is missing or was reordered."""
    published = None
    if head is not None:
        try:
            published = jsonlib.loads(head.read_text())
        except (OSError, ValueError) as error:
            fail(f"{head}: {error}", 2)
        if published is None:
            fail(f"{head}: null is not a record that `mailer ledger seal` prints", 2)
    try:
        verdict = with_app(lambda app: app.ledger.verify(published))
    except HeadRefused as error:
        fail(str(error), 2)
    if json:
        print_json({**asdict(verdict), "sound": not verdict.faults})
    elif verdict.faults:
        table(("writer", "entry", "what"), [(fault.writer, fault.n, fault.what) for fault in verdict.faults])
    if verdict.faults:
        fail(f"{len(verdict.faults)} faults in {verdict.entries} entries", 1)
    if not json:
        out.print(f"Sound: {verdict.entries} entries by {verdict.writers} writers.")
