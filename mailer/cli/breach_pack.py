"""`mailer breach export`: the evidence pack of a case, as a file."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from mailer.actions.evidence.pack_making import MadePack, PackOrder, iterate_pack
from mailer.app import App
from mailer.campaign_parts import build_pack_parts
from mailer.cli.shared import acting_person, exit_with_error, out, print_note, run_with_app
from mailer.cli.stop_start import By, person_or_system_user
from mailer.ports.breach_cases import BreachChangeRefused
from mailer.ports.evidence_packs import PackReason
from mailer.postgres.breach_stores import build_breach_stores


def register(app: typer.Typer) -> None:
    """Adds the command to those of breach cases."""
    app.command("export")(export)


def export(
    case: Annotated[UUID, typer.Argument(metavar="CASE", help="The case's id.")],
    file: Annotated[Path, typer.Option("--out", metavar="FILE.zip", help="The file to write; it must not exist.")],
    reason: Annotated[PackReason, typer.Option("--reason", help="Why; it stands in the ledger.")],
    with_names: Annotated[bool, typer.Option("--with-names", help="With people's addresses and names.")] = False,
    by: By = "",
) -> None:
    """Writes the evidence pack of a case: facts, decisions, texts, people as numbers, outcomes, ledger, signature."""
    person_or_system_user(by)
    if file.exists():
        exit_with_error(f"--out: {file} exists already; name another file", 2)

    async def act(app: App) -> MadePack:
        order = PackOrder(str(acting_person()), reason, datetime.now(UTC), with_names)
        return await _write_pack(app, case, file, order)

    try:
        made = run_with_app(act)
    except BreachChangeRefused as error:
        exit_with_error(str(error), 1)
    for problem in made.problems:
        print_note(problem)
    out.print(f"Wrote {file}. To verify it: python3 -I verify_pack.py {file}; the program is in the pack")


async def _write_pack(app: App, case_id: UUID, file: Path, order: PackOrder) -> MadePack:
    """Writes a pack beside its place, readable for this user only, and moves it there when it is whole."""
    stores = build_breach_stores(app.pool, app.writers.writers_with_actor(order.by, ""))
    case = await stores.packs.find_packed_case(case_id)
    if case is None:
        raise BreachChangeRefused("there is no such case; `mailer breach list` shows them")
    parts, made = build_pack_parts(app, stores.packs), MadePack()
    handle, path = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as written:
            await stores.packs.record_export(case, order.reason, with_names=order.with_names)
            async for part in iterate_pack(case, order, parts, made):
                written.write(part)
        os.link(path, file)
    finally:
        os.unlink(path)
    return made
