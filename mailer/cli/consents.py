"""`mailer consents`: lists, exports and imports consents, with the words that people agreed to."""

import json as jsonlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from mailer.actions.consent import electronic_notice_basis_in_words
from mailer.actions.csv_reading import InputRefused
from mailer.actions.recipient_import import ImportCounts
from mailer.actions.suppression_and_consent_import import import_consents_from_json_lines
from mailer.app import App
from mailer.cli.import_file_helpers import (
    count_lines_and_open,
    find_policy_and_recipient_id_or_raise,
    policy_of_brand_or_raise,
    print_import_result,
)
from mailer.cli.shared import AsJson, exit_with_error, format_utc_time, out, print_json, print_table, run_with_app
from mailer.ports.consents import StoredConsent
from mailer.runtime.private_files import open_private_file_descriptor

_T = TypeVar("_T")

app = typer.Typer(help="Consents: list, export, import.", no_args_is_help=True)

Brand = Annotated[str, typer.Option(help="Whose recipients they are.")]


def stored_consent_as_json(record: StoredConsent) -> dict[str, Any]:
    """Returns a record as JSON, in the form that `import` takes."""
    said = record.consent
    return {
        "ref": record.ref,
        "scope": said.scope,
        "given": said.given,
        "source": said.source,
        "version": said.version,
        "words": said.words,
        "actor": said.actor,
        "at": said.at.isoformat(),
        "proof": said.proof,
        "controller": record.controller,
        "recorded_at": record.recorded_at.isoformat(),
        "counts": record.counts,
    }


@app.command("list")
def list_consents_of_person(
    brand: Brand, ref: Annotated[str, typer.Option(help="Of whom.")], json: AsJson = False
) -> None:
    """Shows all that a person was asked and said, and what stands on no consent of theirs."""

    async def act(app: App) -> tuple[list[StoredConsent], str]:
        policy, recipient_id = await find_policy_and_recipient_id_or_raise(app, brand, ref)
        standing = await app.standings.get_standing(brand, recipient_id)
        basis = electronic_notice_basis_in_words(policy, standing.collected_under if standing else None)
        return await app.consents.consent_history_of_recipient(brand, recipient_id), basis

    records, basis = _run_or_exit(act)
    if json:
        print_json({"consents": [stored_consent_as_json(record) for record in records], "electronic_notices": basis})
        return
    print_table(
        ("at", "scope", "said", "source", "version", "words", "by", "controller"),
        [
            (
                format_utc_time(said.at),
                said.scope,
                _consent_state_in_words(record),
                said.source,
                said.version,
                said.words,
                said.actor,
                record.controller,
            )
            for record in records
            for said in (record.consent,)
        ],
    )
    out.print(f"Electronic notices: {basis}")


@app.command()
def export(
    brand: Brand,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line (the only form).")] = True,
) -> None:
    """Prints the consents of a brand's recipients with their proofs, in the form that `import` takes."""

    async def act(app: App) -> None:
        policy_of_brand_or_raise(app, brand)
        async for record in app.consents.iterate_consents_of_brand(brand):
            print_json(stored_consent_as_json(record))

    _run_or_exit(act)


@app.command("import")
def import_(file: Annotated[Path, typer.Argument(metavar="FILE.jsonl")], brand: Brand, json: AsJson = False) -> None:
    """Imports consents with proofs. Lines that cannot be taken go to FILE.rejected.jsonl. It undoes no opt-out."""
    rejected = file.with_suffix(".rejected.jsonl")
    rejected.unlink(missing_ok=True)
    lines: list[dict[str, object]] = []

    async def act(app: App) -> ImportCounts:
        policy = policy_of_brand_or_raise(app, brand)
        _, source = count_lines_and_open(file)
        with source:
            return await import_consents_from_json_lines(
                app.consents,
                policy,
                source,
                lambda number, text, reason: lines.append({"line": number, "reason": reason, "text": text}),
                lambda proof: (token := app.links.read_confirm_token(proof)) is not None and token.brand == brand,
            )

    done = _run_or_exit(act, file)
    if lines:
        with open(rejected, "w", encoding="utf-8", opener=open_private_file_descriptor) as opened:
            opened.writelines(jsonlib.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    print_import_result(done, file, rejected, json)


def _consent_state_in_words(record: StoredConsent) -> str:
    if not record.consent.given:
        return "withdrawn"
    return "given" if record.counts else "given, and does not count"


def _run_or_exit(act: Callable[[App], Awaitable[_T]], file: Path | None = None) -> _T:
    try:
        return run_with_app(act)
    except InputRefused as error:
        exit_with_error(f"{file}: {error}" if file else str(error), 2)
