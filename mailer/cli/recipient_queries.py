"""`mailer recipients list`, `find`, `show` and `history`: the known recipients, and the standing and history of one."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.people_look_up import (
    MAX_PAGE,
    PAGE,
    LookUpRefused,
    look_people_up,
    person_with_ref,
    read_page_of_person_history,
    record_look_at_person,
)
from mailer.actions.person_history import (
    HistoryLine,
    history_in_words,
    history_line_as_json,
    mailings_named_by_suppressions,
)
from mailer.app import App
from mailer.cli.import_file_helpers import find_policy_and_recipient_id_or_raise, policy_of_brand_or_raise
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    format_utc_time,
    out,
    print_facts,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.policy.history_paging import HistoryPlace
from mailer.policy.policy_versions import describe_versions
from mailer.policy.standing import Standing
from mailer.ports.person_history import AccessInterface, AccessorAndReason, ListedRecipient
from mailer.postgres.recipient_lookup import RecipientLookup

Brand = Annotated[str, typer.Option(help="Whose recipients.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")]
Why = Annotated[str, typer.Option("--reason", help="Why somebody is looked up; it stands in the ledger.")]
After = Annotated[int, typer.Option(metavar="ID", min=0, max=2**63 - 1, help="Those behind this number.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("list")(list_)
    app.command()(find)
    app.command()(show)
    app.command()(history)


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
    by: By = "",
    reason: Why = "",
    json: AsJson = False,
) -> None:
    """Finds people by ref, address in any spelling, or the ledger's number, on record there; status 1 for nobody."""
    access = acting_person_and_look_up_reason(by, reason)

    async def act(app: App) -> Sequence[ListedRecipient]:
        brands = list(app.policies) if brand is None else [policy_of_brand_or_raise(app, brand).brand]
        return await look_people_up(app.people, brands, text, access)

    try:
        found = run_with_app(act)
    except (InputRefused, LookUpRefused) as error:
        exit_with_error(str(error), 2)
    if not found:
        where = f"{brand} has" if brand else "no brand has"
        exit_with_error(f"{where} {'no ' if brand else ''}recipient {text}, by ref, address or number", 1)
    _print_recipients(found, json)


def show(
    ref: Annotated[str, typer.Argument(metavar="REF", help="The application's own key for the person.")],
    brand: Brand,
    by: By = "",
    reason: Why = "",
    json: AsJson = False,
) -> None:
    """Shows how a person stands: what they have left, consented to and refused, and what is noted of them."""
    access = acting_person_and_look_up_reason(by, reason)

    async def act(app: App) -> tuple[ListedRecipient, Standing | None]:
        _, recipient_id = await find_policy_and_recipient_id_or_raise(app, brand, ref)
        listed = await app.people.directory.find_recipient_by_id(brand, recipient_id)
        if listed is None:
            raise InputRefused(f"{brand} has no recipient {ref}")
        await record_look_at_person(app.people, brand, recipient_id, access)
        return listed, await app.standings.get_standing(brand, recipient_id)

    try:
        listed, standing = run_with_app(act)
    except (InputRefused, LookUpRefused) as error:
        exit_with_error(str(error), 2)
    found = _recipient_as_json(listed, standing)
    if json:
        print_json(found)
    else:
        print_facts({name.replace("_", " "): _format_value(value) for name, value in found.items()})


def history(
    ref: Annotated[str, typer.Argument(metavar="REF", help="The application's own key for the person.")],
    brand: Brand,
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="How many entries.")] = PAGE,
    before: Annotated[str | None, typer.Option(metavar="PLACE", help="Older ones: `next` of the page before.")] = None,
    by: By = "",
    reason: Why = "",
    json: AsJson = False,
) -> None:
    """Shows what a person was sent or not, and why, consents, opt-outs, requests, changes, and who looked."""
    access = acting_person_and_look_up_reason(by, reason)

    async def act(app: App) -> tuple[list[HistoryLine], HistoryPlace | None]:
        policy = policy_of_brand_or_raise(app, brand)
        place = HistoryPlace.parse_place(before) if before else None
        person = person_with_ref(await look_people_up(app.people, [brand], ref, access), ref)
        if person is None:
            raise InputRefused(f"{brand} has no recipient {ref}")
        page = await read_page_of_person_history(app.people, person, place, limit)
        names = await app.people.directory.read_template_names(mailings_named_by_suppressions(page))
        return history_in_words(page.items, policy, names), page.next

    try:
        lines, following = run_with_app(act)
    except ValueError as error:
        exit_with_error(str(error), 2)
    if json:
        entries = [history_line_as_json(line) for line in lines]
        print_json({"entries": entries, "next": str(following) if following else None})
        return
    print_table(
        ("at", "kind", "what", "details"),
        [(format_utc_time(line.at), line.kind, line.title, "; ".join(line.details)) for line in lines],
    )
    if following:
        out.print(f"Older entries: --before {shlex.quote(str(following))}")


def acting_person_and_look_up_reason(by: str, reason: str) -> AccessorAndReason:
    """Returns who looks people up by a command, and why; the person of `--by`, or else the user of this system."""
    person_or_system_user(by)
    return AccessorAndReason(acting_person(), AccessInterface.COMMAND, "", reason)


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
