"""`mailer audience`: shows lists of people, and takes people off them. Imports and frozen segments make lists."""

from typing import Annotated

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.segment_display import list_as_json
from mailer.app import App
from mailer.cli.import_file_helpers import policy_of_brand_or_raise
from mailer.cli.segments import MOST, After, Brand, run_or_exit
from mailer.cli.shared import AsJson, format_utc_time, out, print_json, print_table
from mailer.cli.stop_start import By, person_or_system_user
from mailer.ports.audience_lists import AudienceList

app = typer.Typer(help="Lists of people: list, count, remove, delete.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the list.")]
_MOST_REFS = 1000


@app.command("list")
def list_lists(brand: Brand, after: After = "", json: AsJson = False) -> None:
    """Lists the lists of a brand with their last counts, 1,000 at most."""

    async def act(app: App) -> None:
        policy_of_brand_or_raise(app, brand)
        _print_lists(list(await app.campaign_stores.lists.list_lists(brand, after, MOST)), json)

    run_or_exit(act)


@app.command("count")
def count_list(name: Name, brand: Brand, json: AsJson = False) -> None:
    """Counts the people on a list now, and keeps the figure."""

    async def act(app: App) -> None:
        policy_of_brand_or_raise(app, brand)
        _print_lists([await app.campaign_stores.lists.count_list(brand, name)], json)

    run_or_exit(act)


@app.command("remove")
def remove_people(
    name: Name,
    refs: Annotated[list[str], typer.Argument(metavar="REF...", help="The people, by their refs.")],
    brand: Brand,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Takes people off a list. That is no opt-out: other lists and segments may still have them."""
    person_or_system_user(by)

    async def act(app: App) -> None:
        policy_of_brand_or_raise(app, brand)
        if len(refs) > _MOST_REFS:
            raise InputRefused(f"{len(refs):,} people are too many for one command; name at most {_MOST_REFS:,}")
        ids = [await app.standings.find_recipient_id(brand, ref) for ref in refs]
        if unknown := [ref for ref, id_ in zip(refs, ids, strict=True) if id_ is None]:
            raise InputRefused(f"{brand} has no recipient {', '.join(map(repr, unknown[:5]))}; nobody was removed")
        gone = await app.campaign_stores.lists.remove_people_from_list(
            brand, name, [id_ for id_ in ids if id_ is not None]
        )
        if json:
            print_json({"list": name, "removed": gone})
        else:
            out.print(f"{gone:,} of {len(refs):,} people were on the list {name}, and are off it now.")

    run_or_exit(act)


@app.command("delete")
def delete_list(name: Name, brand: Brand, by: By = "", json: AsJson = False) -> None:
    """Deletes a list. Segments that name it cannot be used then."""
    person_or_system_user(by)

    async def act(app: App) -> None:
        policy_of_brand_or_raise(app, brand)
        if not await app.campaign_stores.lists.delete_list(brand, name):
            raise InputRefused(f"{brand} has no list {name!r}; `mailer audience list --brand {brand}` shows them")
        if json:
            print_json({"deleted": name})
        else:
            out.print(f"The list {name} is deleted.")

    run_or_exit(act)


def _print_lists(found: list[AudienceList], json: bool) -> None:
    if json:
        print_json([list_as_json(one) for one in found])
        return
    rows = [
        (
            one.name,
            "" if one.people is None else f"{one.people:,}",
            format_utc_time(one.counted_at),
            f"segment {one.origin}" if one.origin else "",
            one.created_by,
        )
        for one in found
    ]
    print_table(("name", "people", "counted", "frozen from", "by"), rows)
