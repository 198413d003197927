"""`mailer publishers`: grants, lists and takes back rights to publish mail, to send account events, to read data."""

from collections.abc import Sequence
from typing import Annotated

import typer

from mailer.account_event_types import KINDS
from mailer.actions.json_for_operators import (
    publisher_as_json,
    publisher_rights_as_json,
    publisher_rights_changes_as_json,
)
from mailer.app import App
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
from mailer.policy.category import CATEGORIES
from mailer.policy.publisher_and_staff_identity import WRITTEN, Identity
from mailer.policy.publisher_rights import DESK_ACTIONS, OPERATION_ACTIONS, ReadableData, RightsOfOnePublisher
from mailer.ports.publishers import PublisherRecord, PublisherRightsChange

app = typer.Typer(help="Publishers and their rights: add, restrict, list, show, revoke.", no_args_is_help=True)

Who = Annotated[
    str,
    typer.Argument(
        metavar="KIND:NAME", help="key:NAME, broker:NAME (RabbitMQ's user), role:NAME (the database's), person:NAME."
    ),
]


class _GrantRefused(Exception):
    """Raised for a right that cannot be granted; the message says why."""


@app.command()
def add(
    who: Who,
    brand: Annotated[list[str], typer.Option(help="A brand for which the rights are; several times for several.")],
    category: Annotated[list[str] | None, typer.Option(help="A category that may be published.")] = None,
    action: Annotated[list[str] | None, typer.Option(help="What may be said of accounts, such as opt_out.")] = None,
    read: Annotated[list[ReadableData] | None, typer.Option(help="What may be read.")] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Grants rights, to those that a publisher has already; prints a new key for the only time."""
    person_or_system_user(by)
    identity, rights = (
        _parse_identity_or_exit(who),
        RightsOfOnePublisher(*(frozenset(given or ()) for given in (brand, category, action, read))),
    )

    async def act(app: App) -> str | None:
        _refuse_rights_with_unknown_names(app, rights)
        return await app.publishers.grant_rights_and_missing_key(identity, rights)

    try:
        key = run_with_app(act)
    except _GrantRefused as error:
        exit_with_error(str(error), 2)
    if json:
        print_json({"publisher": str(identity), **publisher_rights_as_json(rights), "key": key})
    else:
        out.print(key or f"{identity} may do so within a second.")


@app.command()
def restrict(
    who: Who,
    brand: Annotated[list[str] | None, typer.Option(help="A brand that it loses; several times for several.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="A category that it loses.")] = None,
    action: Annotated[list[str] | None, typer.Option(help="What it may no longer say of accounts.")] = None,
    read: Annotated[list[ReadableData] | None, typer.Option(help="What it may no longer read.")] = None,
    by: By = "",
) -> None:
    """Takes rights from a publisher, within a second; the others stay."""
    person_or_system_user(by)
    identity = _parse_identity_or_exit(who)
    rights = RightsOfOnePublisher(*(frozenset(given or ()) for given in (brand, category, action, read)))
    if not run_with_app(lambda app: app.publishers.take_rights_back(identity, rights)):
        exit_with_error(f"{identity} has none of these rights; `mailer publishers show {identity}` shows all", 1)
    out.print(f"{identity} may no longer do so within a second.")


@app.command("list")
def list_(json: AsJson = False) -> None:
    """Shows all publishers."""
    known = run_with_app(lambda app: app.publishers.list_publishers())
    if json:
        print_json([publisher_as_json(one) for one in known])
        return
    print_table(
        ("publisher", "brands", "categories", "actions", "reads", "revoked"),
        [
            (
                one.publisher.identity,
                *(", ".join(granted) for granted in publisher_rights_as_json(one.publisher.rights).values()),
                format_utc_time(one.revoked_at),
            )
            for one in known
        ],
    )


@app.command()
def show(who: Who, json: AsJson = False) -> None:
    """Shows one publisher, and who granted it what."""
    identity = _parse_identity_or_exit(who)

    async def act(app: App) -> tuple[PublisherRecord | None, Sequence[PublisherRightsChange]]:
        return await app.publishers.get_publisher(identity), await app.publishers.read_rights_changes(identity)

    known, changes = run_with_app(act)
    if known is None:
        exit_with_error(f"there is no publisher {identity}; `mailer publishers list` shows them", 1)
    if json:
        print_json(publisher_as_json(known) | {"changes": publisher_rights_changes_as_json(changes)})
        return
    print_facts(publisher_as_json(known))
    print_table(
        ("at", "what", "rights", "by"),
        [(format_utc_time(one.at), one.what, ", ".join(one.rights), one.actor) for one in changes],
    )


@app.command()
def revoke(who: Who, by: By = "") -> None:
    """Ends all rights of a publisher, within a second; a key at once and for ever."""
    person_or_system_user(by)
    identity = _parse_identity_or_exit(who)
    if not run_with_app(lambda app: app.publishers.revoke_all_rights(identity)):
        exit_with_error(f"there is no live publisher {identity}; `mailer publishers list` shows them", 1)
    out.print(f"{identity} is revoked.")


def _parse_identity_or_exit(text: str) -> Identity:
    """Parses the identity of a publisher. A text that names none ends the command."""
    try:
        identity = Identity.parse_identity(text)
        if identity.kind not in WRITTEN:
            raise ValueError(f"{identity} is mailer itself, whose rights are not granted")
    except ValueError as error:
        exit_with_error(str(error), 2)
    return identity


def _refuse_rights_with_unknown_names(app: App, rights: RightsOfOnePublisher) -> None:
    """Refuses a brand, category or action that does not exist; a misspelt right would else be noticed much later."""
    for option, given, known in (
        ("--brand", rights.brands, app.policies),
        ("--category", rights.categories, CATEGORIES),
        ("--action", rights.actions, (*KINDS, *DESK_ACTIONS, *OPERATION_ACTIONS)),
    ):
        if unknown := sorted(given - set(known)):
            raise _GrantRefused(f"{option}: there is no {', '.join(unknown)}; there are {', '.join(known)}")
