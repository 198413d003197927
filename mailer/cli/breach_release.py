"""The commands of `mailer breach` from the request of a release on: ask, release, second-look, stop, resume, told."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from mailer.actions.breach_control import cancel_phase, resume_phase, stop_phase
from mailer.actions.breach_release_json import release_as_json, told_as_json
from mailer.app import App
from mailer.cli.shared import AsJson, acting_person, exit_with_error, out, print_json, print_table, run_with_app
from mailer.cli.stop_start import By, person_or_system_user
from mailer.ports.breach_release import BreachRelease, BreachReleaseRefused
from mailer.ports.mailings import ReleaseRefused
from mailer.ports.operator_stores import OperatorStores
from mailer.postgres.operator_stores import build_operator_stores_opener

_T = TypeVar("_T")
Id = Annotated[UUID, typer.Argument(metavar="CASE", help="The id of the case, as its page names it.")]
Phase = Annotated[int, typer.Option("--phase", min=1, max=100, help="The phase.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it stands in the ledger.")]
_NOT_CHECKED = "this phase is not checked as it is now; `mailer breach check` does it"
_MOST_REASON = 300


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (ask, release, second_look, stop, resume, told):
        app.command(command.__name__.replace("_", "-"))(command)


def ask(identifier: Id, phase: Phase = 1, by: By = "", json: AsJson = False) -> None:
    """Asks for the release of a checked phase; who asks is its publisher."""
    person_or_system_user(by)

    async def act(stores: OperatorStores) -> BreachRelease:
        found = await _release_of(stores, identifier, phase)
        await stores.breach_releases.ask_for_release(found.id, str(acting_person()))
        return await _release_of(stores, identifier, phase)

    found = _run(act)
    if json:
        print_json(release_as_json(found))
        return
    out.print(f"It waits for its release to {found.people:,} people:")
    shown = (found.hash or b"").hex()
    out.print(f"`mailer breach release {identifier} --phase {phase} --hash {shown} --by PERSON`", soft_wrap=True)


def release(
    identifier: Id,
    seen: Annotated[str, typer.Option("--hash", metavar="HASH", help="Of the check that you have seen.")],
    phase: Phase = 1,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Releases a phase to the people of its check. A second person does it. Nobody releases alone by a command."""
    person_or_system_user(by)
    try:
        digest = bytes.fromhex(seen)
    except ValueError:
        exit_with_error("--hash takes the 64 hexadecimal digits that `mailer breach ask` shows", 2)

    async def act(stores: OperatorStores) -> list[dict[str, Any]]:
        found = await _release_of(stores, identifier, phase)
        made = await stores.breach_releases.release(found.id, digest, acting_person())
        return [{"variant": one.variant, "mailing": str(one.mailing_id)} for one in made]

    mailings = _run(act)
    if json:
        print_json({"mailings": mailings})
        return
    for one in mailings:
        out.print(f"{one['variant']}: mailing {one['mailing']}")


def second_look(
    identifier: Id,
    words: Annotated[str, typer.Option("--words", help="What you found.")],
    phase: Phase = 1,
    wrong: Annotated[bool, typer.Option("--wrong", help="Something is wrong; the words say what.")] = False,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Records what somebody else found of a release by one person alone."""
    person_or_system_user(by)

    async def act(stores: OperatorStores) -> BreachRelease:
        found = await _release_of(stores, identifier, phase)
        await stores.breach_releases.record_second_look(found.id, acting_person(), words, is_right=not wrong)
        return await _release_of(stores, identifier, phase)

    found = _run(act)
    if json:
        print_json(release_as_json(found))
        return
    out.print("The second look is recorded.")


def stop(identifier: Id, reason: Why, phase: Phase = 1, by: By = "", json: AsJson = False) -> None:
    """Stops all that a released phase still sends: mail within two seconds, and letters that are not posted."""
    person_or_system_user(by)
    if not 0 < len(reason) <= _MOST_REASON:
        exit_with_error(f"--reason has 1 to {_MOST_REASON} characters: say what is wrong", 2)

    async def act(stores: OperatorStores) -> dict[str, Any]:
        done = await stop_phase(stores, identifier, phase, acting_person(), reason)
        return {**done._asdict(), **await told_as_json(stores.breach_stops, identifier, phase)}

    done = _run(act)
    if json:
        print_json(done)
        return
    out.print(f"{done['mailings']} mailings of the phase stand still, and {done['letters']} letters are held.")
    _print_figures(done["figures"])
    out.print(f"`mailer breach told {identifier} --phase {phase}` names who was told.", soft_wrap=True)


def resume(
    identifier: Id,
    phase: Phase = 1,
    cancel: Annotated[bool, typer.Option("--cancel", help="End the phase for good instead: it tells nobody else.")] = (
        False
    ),
    by: By = "",
    json: AsJson = False,
) -> None:
    """Lets a stopped phase go on, or ends it for good."""
    person_or_system_user(by)

    async def act(stores: OperatorStores) -> dict[str, Any]:
        person = acting_person()
        if cancel:
            done = await cancel_phase(stores, identifier, phase, person, "cancelled after a stop")
            return {"cancelled": done.mailings}
        return {"resumed": (await resume_phase(stores, identifier, phase, person)).mailings}

    done = _run(act)
    if json:
        print_json(done)
        return
    [(what, mailings)] = done.items()
    out.print(f"{mailings} mailings of the phase are {what}.")


def told(
    identifier: Id,
    phase: Phase = 1,
    after: Annotated[int, typer.Option("--after", min=0, help="The number after which people are listed.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most people.")] = 1000,
    keep: Annotated[bool, typer.Option("--keep", help="Put all of them on a list, which another phase can tell.")] = (
        False
    ),
    by: By = "",
    json: AsJson = False,
) -> None:
    """Names the people whom a phase has told, or may have told."""
    person_or_system_user(by)

    async def act(stores: OperatorStores) -> dict[str, Any]:
        if keep:
            name, people = await stores.breach_stops.keep_told_as_list(identifier, phase, str(acting_person()))
            return {"list": name, "people": people}
        await stores.breach_stops.record_export(identifier, phase, str(acting_person()))
        found = await stores.breach_stops.list_told(identifier, phase, after, limit)
        rows = [one._asdict() for one in found]
        return {**await told_as_json(stores.breach_stops, identifier, phase), "people": rows}

    done = _run(act)
    if json:
        print_json(done)
    elif keep:
        out.print(f"{done['people']} people are on the list {done['list']}.")
    else:
        _print_figures(done["figures"])
        columns = ("recipient_id", "ref", "variant", "locale", "channel", "state")
        print_table(columns, [tuple(one[name] or "" for name in columns) for one in done["people"]])


def _print_figures(figures: list[dict[str, Any]]) -> None:
    columns = ("channel", "state", "told", "people")
    print_table(columns, [tuple(one[name] for name in columns) for one in figures])


def _run(act: Callable[[OperatorStores], Awaitable[_T]]) -> _T:
    """Runs a step by the person of the command. A refusal is an error of the input."""

    async def run(app: App) -> _T:
        opener = build_operator_stores_opener(app.pool, app.writers, app.hasher, app.policies)
        return await act(opener(str(acting_person()), "", None))

    try:
        return run_with_app(run)
    except (BreachReleaseRefused, ReleaseRefused) as error:
        exit_with_error(str(error), 2)


async def _release_of(stores: OperatorStores, case_id: UUID, phase: int) -> BreachRelease:
    found = await stores.breach_releases.find_release_of_phase(case_id, phase)
    if found is None:
        raise BreachReleaseRefused(_NOT_CHECKED)
    return found
