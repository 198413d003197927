"""`mailer staff`: adds, lists, disables and resets people who sign in to the console."""

import shlex
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from mailer.app import App
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.input_types import Address
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_and_staff_identity import parse_person_identity as person_of
from mailer.policy.sign_in_rules import MAX_STAFF_NAME, MAX_SUBJECT
from mailer.policy.staff_rights import EVERY_BRAND, RoleAtBrand, parse_role_at_brand
from mailer.ports.staff import NoAdminWouldRemain, StaffActor, StaffNameTaken, StaffRecord
from mailer.ports.staff_oidc_accounts import OidcAccount, OidcAccountTaken

app = typer.Typer(
    help="People who sign in to the console: add, list, bind, disable, enable, reset.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name that the person signs in with.")]
AT_A_COMMAND = "a command"
"""The network of those who act by a command, in the ledger."""
_T = TypeVar("_T")
_LAST_ADMIN = (
    "{name} is the last admin, and nobody could let others in then; add another one first with `mailer staff add NAME"
    " --email ADDRESS --role admin`. `mailer staff reset {name}` ends the sessions, password and second factors at once"
)


class _StaffRefused(Exception):
    """Raised for a change that is refused; the message says why."""


@app.command()
def add(
    name: Name,
    email: Annotated[str, typer.Option(help="The work address.")],
    role: Annotated[list[str], typer.Option(help="A role; several times for several.")],
    brand: Annotated[list[str] | None, typer.Option(help="A brand for which the roles are; by default all.")] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Adds a person, and prints a link that works once, within an hour, to choose a password."""
    identity = _check_actor_and_parse_name(by, name)
    roles = frozenset(_parse_role_or_exit(one, at) for one in role for at in brand or [EVERY_BRAND])
    _require_address(email)

    async def act(app: App) -> str:
        _require_known_brands(app, roles)
        token = await app.staff.directory.add_staff_member(identity, email, roles, _actor())
        return sign_up_link(app, token)

    _print_link(identity, _run_or_exit(act), json)


@app.command("list")
def list_(json: AsJson = False) -> None:
    """Shows everybody, with roles and second factors."""
    known = run_with_app(lambda app: app.staff.directory.list_staff())
    if json:
        print_json([staff_record_as_json(one) for one in known])
        return
    print_table(
        ("name", "address", "roles", "second factor", "disabled"),
        [
            (
                one.member.identity.name,
                one.member.email,
                sorted(map(str, one.member.roles)),
                "yes" if one.has_second_factor else "no",
                format_utc_time(one.disabled_at),
            )
            for one in known
        ],
    )


@app.command()
def disable(name: Name, by: By = "", json: AsJson = False) -> None:
    """Ends a person's access and all sessions, at once. The last admin stays."""

    async def act(app: App, known: StaffRecord) -> bool:
        try:
            return await app.staff.directory.disable_staff_member(known.member, _actor())
        except NoAdminWouldRemain:
            raise _StaffRefused(_LAST_ADMIN.format(name=shlex.quote(name))) from None

    _print_change(name, "disabled", _run_for_staff_member(name, by, act), json)


@app.command()
def enable(name: Name, by: By = "", json: AsJson = False) -> None:
    """Lets a disabled person sign in again, with the password and second factors as before."""

    async def act(app: App, known: StaffRecord) -> bool:
        return await app.staff.directory.enable_staff_member(known.member, _actor())

    _print_change(name, "enabled", _run_for_staff_member(name, by, act), json)


@app.command()
def reset(name: Name, by: By = "", json: AsJson = False) -> None:
    """Ends sessions, password, second factors and bound account of a person, and prints a new link."""

    async def act(app: App, known: StaffRecord) -> str:
        token = await app.staff.directory.reset_staff_member(known.member, _actor())
        if token is None:
            raise _StaffRefused(f"{name} is disabled; `mailer staff enable` comes first")
        return sign_up_link(app, token)

    _print_link(_parse_name_or_exit(name), _run_for_staff_member(name, by, act), json)


@app.command("bind")
def bind_identity_provider_account(
    name: Name,
    subject: Annotated[str, typer.Argument(help="The claim `sub` of the account at the identity provider.")],
    by: By = "",
    json: AsJson = False,
) -> None:
    """Lets a person sign in by an account of the identity provider, and ends their sessions."""
    if not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        exit_with_error(f"SUBJECT takes 1 to {MAX_SUBJECT} printable characters", 2)

    async def act(app: App, known: StaffRecord) -> bool:
        if not app.settings.oidc_issuer:
            raise _StaffRefused("there is no identity provider; set MAILER_OIDC_ISSUER first")
        account = OidcAccount(app.settings.oidc_issuer, subject)
        try:
            return await app.staff.subjects.bind_oidc_account(known.member, account, _actor())
        except OidcAccountTaken:
            raise _StaffRefused("somebody else signs in by this account; `mailer staff unbind` them first") from None

    _print_change(name, "bound", _run_for_staff_member(name, by, act), json)


@app.command("unbind")
def unbind_identity_provider_account(name: Name, by: By = "", json: AsJson = False) -> None:
    """Ends signing in by the identity provider for a person, and ends their sessions."""

    async def act(app: App, known: StaffRecord) -> bool:
        return await app.staff.subjects.unbind_oidc_account(known.member, _actor())

    _print_change(name, "unbound", _run_for_staff_member(name, by, act), json)


@app.command()
def sessions(name: Name, json: AsJson = False) -> None:
    """Shows the open sessions of a person."""

    async def act(app: App, known: StaffRecord) -> list[dict[str, Any]]:
        return [
            {
                "began": one.created_at,
                "last_seen": one.seen_at,
                "ends": one.ends_at,
                "network": one.network,
                "second_factor": one.has_second_factor,
            }
            for one in await app.staff.directory.list_sessions(known.member.id)
        ]

    found = _run_for_staff_member(name, "", act)
    if json:
        print_json(found)
        return
    print_table(
        ("began", "last seen", "ends at the latest", "network", "second factor"),
        [
            (
                *(format_utc_time(one[key]) for key in ("began", "last_seen", "ends")),
                one["network"],
                "yes" if one["second_factor"] else "no",
            )
            for one in found
        ],
    )


def staff_record_as_json(known: StaffRecord) -> dict[str, Any]:
    """Returns a person as JSON."""
    return {
        "name": known.member.identity.name,
        "email": known.member.email,
        "roles": [{"role": held.role.value, "brand": held.brand} for held in sorted(known.member.roles, key=str)],
        "has_password": known.has_password,
        "totp": known.has_totp,
        "passkeys": known.passkeys,
        "created_at": known.created_at.isoformat(),
        "disabled_at": known.disabled_at.isoformat() if known.disabled_at else None,
    }


def _actor() -> StaffActor:
    return StaffActor(acting_person(), AT_A_COMMAND)


def sign_up_link(app: App, token: str) -> str:
    """Returns the one-time link for a token."""
    return f"{app.settings.public_url.rstrip('/')}/console/join/{token}"


def _check_actor_and_parse_name(by: str, name: str) -> Identity:
    """Checks who acts, and returns the identity for a person's name. A bad name ends the command."""
    person_or_system_user(by)
    return _parse_name_or_exit(name)


def _parse_name_or_exit(name: str) -> Identity:
    try:
        identity = person_of(name)
        if len(identity.name) > MAX_STAFF_NAME:
            raise ValueError(f"a name has at most {MAX_STAFF_NAME} characters")
    except ValueError as error:
        exit_with_error(str(error), 2)
    return identity


def _parse_role_or_exit(role: str, brand: str) -> RoleAtBrand:
    try:
        return parse_role_at_brand(role, brand)
    except ValueError as error:
        exit_with_error(f"--role: {error}", 2)


def _require_address(email: str) -> None:
    try:
        TypeAdapter(Address).validate_python(email)
    except ValidationError as error:
        exit_with_error(f"--email: {error.errors()[0]['msg'].removeprefix('Value error, ')}", 2)


def _require_known_brands(app: App, roles: Sequence[RoleAtBrand] | frozenset[RoleAtBrand]) -> None:
    if unknown := sorted({held.brand for held in roles} - {EVERY_BRAND, *app.policies}):
        raise _StaffRefused(f"--brand: there is no {', '.join(unknown)}; there are {', '.join(app.policies)}")


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    try:
        return run_with_app(act)
    except (_StaffRefused, StaffNameTaken) as error:
        exit_with_error(str(error), 2)


def _run_for_staff_member(name: str, by: str, act: Callable[[App, StaffRecord], Awaitable[_T]]) -> _T:
    """Finds a person and does something with them. If there is no such person, it ends the command."""
    identity = _check_actor_and_parse_name(by, name)

    async def found(app: App) -> _T:
        known = await app.staff.directory.find_staff_record(identity)
        if known is None:
            raise _StaffRefused(f"there is no person {identity.name!r} here; `mailer staff list` shows everybody")
        return await act(app, known)

    return _run_or_exit(found)


def _print_link(identity: Identity, link: str, json: bool) -> None:
    if json:
        print_json({"name": identity.name, "link": link})
        return
    out.print(link)
    out.print(f"Give this link to {identity.name}. It works once, within an hour.")


def _print_change(name: str, done: str, new: bool, json: bool) -> None:
    if json:
        print_json({"name": name, done: True, "new": new})
    else:
        out.print(f"{name} is {done}." if new else f"{name} was {done} already.")
