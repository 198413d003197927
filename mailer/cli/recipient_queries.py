"""`mailer recipients list`, `find` and `show`: the known recipients, and the standing of one."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.app import App
from mailer.cli.import_files import find_policy_and_recipient_id_or_raise, policy_of_brand_or_raise
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    print_facts,
    print_json,
    print_table,
    run_with_app,
)
from mailer.policy.policy_versions import describe_versions
from mailer.policy.standing import Standing
from mailer.ports.person_history import ListedRecipient
from mailer.postgres.recipient_lookup import RecipientLookup

Brand = Annotated[str, typer.Option(help="Whose recipients.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")]
After = Annotated[int, typer.Option(metavar="ID", min=0, max=2**63 - 1, help="Those behind this number.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("list")(list_)
    app.command()(find)
    app.command()(show)


def list_(brand: Brand, limit: Limit = 20, after: After = 0, json: AsJson = False) -> None:
    """Shows a brand's recipients, in the order in which they became known."""

    async def act(app: App) -> Sequence[ListedRecipient]:
        policy = policy_of_brand_or_raise(app, brand)
        return await RecipientLookup(app.pool, app.hasher, {brand: policy.controller.id}).list_recipients(limit, after)

    try:
        _print_recipients(run_with_app(act), json)
    except InputRefused as error:
        exit_with_error(str(error), 2)


def find(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A ref, an address, or the ledger's number.")],
    brand: Annotated[str | None, typer.Option(help="Only its recipients.")] = None,
    json: AsJson = False,
) -> None:
    """Finds people by ref, by address in any spelling, or by the number that the ledger has; status 1 for nobody."""

    async def act(app: App) -> Sequence[ListedRecipient]:
        policies = app.policies if brand is None else {brand: policy_of_brand_or_raise(app, brand)}
        brands = {name: policy.controller.id for name, policy in policies.items()}
        return await RecipientLookup(app.pool, app.hasher, brands).find_recipients(text)

    try:
        found = run_with_app(act)
    except InputRefused as error:
        exit_with_error(str(error), 2)
    if not found:
        where = f"{brand} has" if brand else "no brand has"
        exit_with_error(f"{where} {'no ' if brand else ''}recipient {text}, by ref, address or number", 1)
    _print_recipients(found, json)


def show(
    ref: Annotated[str, typer.Argument(metavar="REF", help="The application's own key for the person.")],
    brand: Brand,
    json: AsJson = False,
) -> None:
    """Shows how a person stands: what they have left, consented to and refused, and what is noted of them."""

    async def act(app: App) -> tuple[ListedRecipient, Standing | None]:
        policy, recipient_id = await find_policy_and_recipient_id_or_raise(app, brand, ref)
        directory = RecipientLookup(app.pool, app.hasher, {brand: policy.controller.id})
        listed = next(one for one in await directory.find_recipients(ref) if one.id == recipient_id)
        return listed, await app.standings.get_standing(brand, recipient_id)

    try:
        listed, standing = run_with_app(act)
    except InputRefused as error:
        exit_with_error(str(error), 2)
    found = _recipient_as_json(listed, standing)
    if json:
        print_json(found)
    else:
        print_facts({name.replace("_", " "): _format_value(value) for name, value in found.items()})


def _print_recipients(found: Sequence[ListedRecipient], json: bool) -> None:
    if json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        ("id", "brand", "ref", "email", "name", "state", "opted out", "since"),
        [
            (
                one.id,
                one.brand,
                one.ref,
                one.email,
                one.name,
                one.state,
                " ".join(one.opted_out),
                format_utc_time(one.since),
            )
            for one in found
        ],
    )


_MARKS = (
    "objected",
    "erased_before",
    "electronic_refused",
    "personalisation_refused",
    "tracking_refused",
)
"""Flags of a standing that are shown beside the state."""


def _recipient_as_json(listed: ListedRecipient, standing: Standing | None) -> dict[str, Any]:
    """Returns a person and their standing as JSON."""
    found = asdict(listed)
    if standing is not None:
        found |= {
            "consents": sorted(standing.consents),
            "source": describe_versions(standing.source),
            "collected_under": describe_versions(standing.collected_under),
            "channel": standing.channel,
            "products": sorted(standing.products),
            "paused_until": format_utc_time(standing.paused_until) if standing.paused_until else None,
            "own_cap": standing.own_cap,
            "noted": [name for name in _MARKS if getattr(standing, name)],
        }
    return found


def _format_value(value: object) -> object:
    return " ".join(value) or None if isinstance(value, list) else value
