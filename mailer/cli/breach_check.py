"""The commands of `mailer breach` about people: audience, files, refused rows, check and manifest."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from mailer.actions.breach_manifest_json import breach_file_as_json, breach_manifest_as_json
from mailer.app import App
from mailer.campaign_parts import build_breach_checker
from mailer.cli.shared import AsJson, acting_person, exit_with_error, out, print_json, print_table, run_with_app
from mailer.cli.stop_start import By, person_or_system_user
from mailer.policy.breach.draft import AudienceSource, BreachAudience
from mailer.policy.breach.manifest import people_by
from mailer.ports.breach_cases import BreachCase, BreachChangeRefused, BreachPhase
from mailer.ports.breach_files import BreachFileRefused
from mailer.ports.breach_manifests import BreachManifest, BreachManifestRefused
from mailer.ports.breach_stores import BreachStores
from mailer.ports.recipient_imports import PART_OCTETS
from mailer.postgres.operator_stores import build_operator_stores_opener
from mailer.rendering.campaign_findings import findings_as_json
from mailer.runtime.private_files import open_private_file_descriptor

_T = TypeVar("_T")
Id = Annotated[UUID, typer.Argument(metavar="ID", help="The case's id; `mailer breach list` shows it.")]
Phase = Annotated[int, typer.Option("--phase", min=1, max=100, help="The phase.")]
_NOT_CHECKED = "this phase is not checked as it is now; `mailer breach check` does it"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (audience, files, refused_rows, check, manifest):
        app.command(command.__name__.replace("_", "-"))(command)


def audience(
    identifier: Id,
    phase: Phase = 1,
    everyone: Annotated[bool, typer.Option("--everyone", help="Everyone whom the brand knows.")] = False,
    list_: Annotated[str, typer.Option("--list", metavar="NAME", help="A list, or segment:NAME.")] = "",
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE.csv", help="A file of people.")] = None,
    compromised: Annotated[
        str, typer.Option("--compromised", metavar="NAME", help="The list of people whose mailbox strangers can read.")
    ] = "",
    by: By = "",
    json: AsJson = False,
) -> None:
    """Says whom a phase tells. A file is read in the background; `mailer breach files` shows how it goes."""
    person_or_system_user(by)
    if everyone + bool(list_) + (file is not None) != 1:
        exit_with_error("name the people by one of --everyone, --list NAME and --file FILE.csv", 2)

    async def act(_: App, stores: BreachStores, case: BreachCase, one: BreachPhase) -> dict[str, Any]:
        file_id = await _add_file(stores, case, file) if file else None
        source = AudienceSource.FILE if file else AudienceSource.AUDIENCE if list_ else AudienceSource.EVERYONE
        chosen = BreachAudience.model_validate(
            {"source": source, "audience": list_ or None, "file": file_id, "compromised": compromised or None}
        )
        draft = one.draft.model_copy(update={"audience": chosen})
        saved = await stores.cases.save_phase(case.id, one.phase, one.revision, draft, str(acting_person()))
        return {"revision": saved.revision, "audience": chosen.model_dump(mode="json")}

    done = _run(identifier, phase, act)
    if json:
        print_json(done)
        return
    out.print(f"Saved as revision {done['revision']} of the phase.")
    if file:
        out.print(f"The file is read in the background; `mailer breach files {identifier}` shows how it goes.")


def files(identifier: Id, json: AsJson = False) -> None:
    """Lists the files of a case, with their rows by end."""

    async def act(_: App, stores: BreachStores, case: BreachCase, one: BreachPhase) -> list[dict[str, Any]]:
        return [breach_file_as_json(file) for file in await stores.files.list_files(case.id, 100)]

    found = _run(identifier, 1, act)
    if json:
        print_json(found)
        return
    ends = ("people", "known", "case_only", "duplicate", "nobody", "refused")
    columns = ("file", "file_name", "state")
    rows = [(*map(one.get, columns), *(one["counts"].get(name, 0) for name in ends)) for one in found]
    print_table(("file", "name", "state", *ends), rows)
    for one in found:
        if one["problem"]:
            out.print(f"{one['file_name']}: {one['problem']}")


def refused_rows(
    identifier: Id,
    file: Annotated[UUID, typer.Argument(metavar="FILE", help="The file's id; `mailer breach files` shows it.")],
    to: Annotated[Path, typer.Option("--to", metavar="FILE.csv", help="Where they are written, for its owner only.")],
    by: By = "",
) -> None:
    """Writes the refused rows of a file with their reasons. The ledger records it."""
    person_or_system_user(by)

    async def act(_: App, stores: BreachStores, case: BreachCase, one: BreachPhase) -> None:
        found = await stores.files.find_file(file)
        if found is None or found.case_id != case.id:
            raise BreachFileRefused("the case has no such file; `mailer breach files` lists them")
        parts = await stores.files.open_refused_rows(file)
        with open(to, "wb", opener=open_private_file_descriptor) as written:  # noqa: ASYNC230 - the only task
            async for part in parts:
                written.write(part)

    _run(identifier, 1, act)
    out.print(f"Written to {to}.")


def check(identifier: Id, phase: Phase = 1, by: By = "", json: AsJson = False) -> None:
    """Checks a phase: its texts at once, then how each person is told in the background; the timekeeper does that."""
    person_or_system_user(by)

    async def act(app: App, stores: BreachStores, case: BreachCase, one: BreachPhase) -> dict[str, Any]:
        outcome = await build_breach_checker(app).check_phase(stores, case, one, str(acting_person()))
        findings = [dict(found) for found in findings_as_json(outcome.findings)]
        return {"manifest": str(outcome.manifest.id) if outcome.manifest else None, "findings": findings}

    done = _run(identifier, phase, act)
    if json:
        print_json(done)
    else:
        for one in done["findings"]:
            out.print(f"{one['severity']}: {one['text']} {one['remedy']}")
    if done["manifest"] is None:
        exit_with_error("the phase has errors, so nothing was frozen; correct them, then check again", 2)
    if not json:
        out.print(f"The check has begun. `mailer breach manifest {identifier} --phase {phase}` shows the sum.")


def manifest(identifier: Id, phase: Phase = 1, json: AsJson = False) -> None:
    """Shows the last check of a phase: its progress, its sums by channel, reason and place, and its hash."""

    async def act(_: App, stores: BreachStores, case: BreachCase, one: BreachPhase) -> BreachManifest:
        found = await stores.manifests.find_manifest_of_phase(case.id, one.phase)
        if found is None:
            raise BreachManifestRefused(_NOT_CHECKED)
        return found

    found = _run(identifier, phase, act)
    if json:
        print_json(breach_manifest_as_json(found))
        return
    out.print(f"{found.state}: {found.people:,} of {found.people_total or 0:,} people")
    if found.problem:
        out.print(found.problem)
    sums = people_by(found.sums, "channel", "reason", "variant", "place")
    rows = [(*key, people) for key, people in sums.items()]
    print_table(("channel", "reason", "variant", "place", "people"), [*rows, ("all", "", "", "", found.people)])
    if found.hash:
        out.print(f"hash {found.hash.hex()}")


async def _add_file(stores: BreachStores, case: BreachCase, path: Path) -> UUID:
    """Stores a file of this machine. Raises BreachFileRefused."""
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
            size = opened.tell()
            if not size:
                raise BreachFileRefused(f"{path} is empty; choose another one")
            opened.seek(0)
            parts = iter(lambda: opened.read(PART_OCTETS), b"")
            return await stores.files.add_file(case.id, path.name, digest, size, parts)
    except OSError as error:
        raise BreachFileRefused(f"{path} cannot be read: {error.strerror}") from error


def _run(
    identifier: UUID, phase: int, act: Callable[[App, BreachStores, BreachCase, BreachPhase], Awaitable[_T]]
) -> _T:
    """Runs an action of the acting person on a case and one of its phases. What is refused ends the command."""

    async def run(app: App) -> _T:
        opener = build_operator_stores_opener(app.pool, app.writers, app.hasher, app.policies)
        stores = opener(str(acting_person()), "", None).breach
        case = await stores.cases.find_case(identifier)
        found = await stores.cases.find_phase(identifier, phase) if case else None
        if case is None or found is None:
            raise BreachManifestRefused("there is no such case or phase; `mailer breach list` shows the cases")
        return await act(app, stores, case, found)

    try:
        return run_with_app(run)
    except (BreachManifestRefused, BreachChangeRefused, BreachFileRefused) as refusal:
        exit_with_error(str(refusal), 2)
    except ValidationError as error:
        exit_with_error(str(error.errors()[0]["msg"]).removeprefix("Value error, "), 2)
