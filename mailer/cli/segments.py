"""`mailer segment`: saves, shows, counts, freezes and deletes segments; a segment is a condition over people."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.segment_display import count_in_words, list_as_json, segment_as_json, sentence_of_segment
from mailer.app import App
from mailer.cli.import_file_helpers import policy_of_brand_or_raise
from mailer.cli.publish import read_file_or_stdin
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    exit_with_errors,
    format_utc_time,
    out,
    print_facts,
    print_json,
    print_note,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.input_types import parse_json_with_unique_keys
from mailer.policy.policy_file import Policy
from mailer.policy.segment_parsing import SegmentRefused, condition_to_json, parse_condition
from mailer.policy.segments import Condition, is_new_name_allowed
from mailer.ports.audience_lists import ListRefused
from mailer.ports.segments import FREEZE_SECONDS, Segment, SegmentSlow

app = typer.Typer(help="Segments: list, show, save, count, freeze, delete.", no_args_is_help=True)

MOST = 1000
"""The most rows that a list prints."""
Brand = Annotated[str, typer.Option(help="Whose people they are.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name; events write segment:NAME.")]
After = Annotated[str, typer.Option(metavar="NAME", help="Those whose names follow this one.")]
_T = TypeVar("_T")


@app.command("list")
def list_segments(brand: Brand, after: After = "", json: AsJson = False) -> None:
    """Lists the segments of a brand with their last counts, 1,000 at most."""

    async def act(app: App) -> None:
        policy = policy_of_brand_or_raise(app, brand)
        found = await app.campaign_stores.segments.list_segments(brand, after, MOST)
        if json:
            print_json([segment_as_json(policy, one) for one in found])
            return
        now = datetime.now(UTC)
        rows = [(one.name, *_sentence_and_count(policy, one, now)) for one in found]
        print_table(("name", "people", "count"), rows)

    run_or_exit(act)


@app.command("show")
def show_segment(name: Name, brand: Brand, json: AsJson = False) -> None:
    """Shows a segment: the sentence, the condition as JSON, and its last count."""

    async def act(app: App) -> None:
        policy = policy_of_brand_or_raise(app, brand)
        _print_segment(policy, await _segment_or_raise(app, brand, name), json)

    run_or_exit(act)


@app.command("save")
def save_segment(
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The condition as JSON; - is the standard input.")],
    brand: Brand,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Saves a condition under a name, new or known. Mailings that were made with the name before stay as they are."""
    person_or_system_user(by)
    check_name(name)

    async def act(app: App) -> None:
        policy = policy_of_brand_or_raise(app, brand)
        saved = await app.campaign_stores.segments.save_segment(
            policy, name, _read_condition(file), str(acting_person())
        )
        _print_segment(policy, saved, json)

    run_or_exit(act)


@app.command("count")
def count_segment(name: Name, brand: Brand, json: AsJson = False) -> None:
    """Counts the people of a segment now, and keeps the figure. It takes 10 minutes at most."""

    async def act(app: App) -> None:
        policy = policy_of_brand_or_raise(app, brand)
        await _segment_or_raise(app, brand, name)
        _print_segment(policy, await app.campaign_stores.segments.count_segment(policy, name, FREEZE_SECONDS), json)

    run_or_exit(act)


@app.command("freeze")
def freeze_segment(
    name: Name,
    brand: Brand,
    to: Annotated[str, typer.Option("--list", metavar="NAME", help="The name of the new list.")],
    by: By = "",
    json: AsJson = False,
) -> None:
    """Puts the people of a segment, as they are now, on a new list."""
    person_or_system_user(by)
    check_name(to)

    async def act(app: App) -> None:
        policy = policy_of_brand_or_raise(app, brand)
        await _segment_or_raise(app, brand, name)
        made = await app.campaign_stores.lists.freeze_segment(policy, name, to, str(acting_person()))
        if json:
            print_json(list_as_json(made))
        else:
            out.print(f"{made.people:,} people of the segment {name} are on the list {to}.")

    run_or_exit(act)


@app.command("delete")
def delete_segment(name: Name, brand: Brand, by: By = "", json: AsJson = False) -> None:
    """Deletes a segment, and names the drafts that cannot be sent without it."""
    person_or_system_user(by)

    async def act(app: App) -> None:
        policy_of_brand_or_raise(app, brand)
        await _segment_or_raise(app, brand, name)
        drafts = await app.campaign_stores.segments.list_drafts_using_segment(brand, name)
        await app.campaign_stores.segments.delete_segment(brand, name)
        if json:
            print_json({"deleted": name, "drafts": list(drafts)})
            return
        out.print(f"The segment {name} is deleted.")
        for draft in drafts:
            print_note(f"the draft {draft!r} names it: choose another audience there")

    run_or_exit(act)


def run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    """Runs a command over segments or lists. A refusal ends it with status 2, a time limit with 1."""
    try:
        return run_with_app(act)
    except SegmentRefused as error:
        exit_with_errors(list(error.problems), 2)
    except (InputRefused, ListRefused) as error:
        exit_with_error(str(error), 2)
    except SegmentSlow as error:
        exit_with_error(str(error), 1)


def check_name(name: str) -> None:
    """Ends the command if a new name has not the form of one."""
    if not is_new_name_allowed(name):
        exit_with_error(f"{name!r} is no name: write at most 60 lower case letters, digits and single hyphens", 2)


def _read_condition(file: str) -> Condition:
    try:
        return parse_condition(parse_json_with_unique_keys(read_file_or_stdin(file)))
    except SegmentRefused:
        raise
    except ValueError as error:
        raise InputRefused(f"{file}: {error}") from None


async def _segment_or_raise(app: App, brand: str, name: str) -> Segment:
    found = await app.campaign_stores.segments.find_segment(brand, name)
    if found is None:
        raise InputRefused(f"{brand} has no segment {name!r}; `mailer segment list --brand {brand}` shows them")
    return found


def _sentence_and_count(policy: Policy, segment: Segment, now: datetime) -> tuple[str, str]:
    sentence, faults = sentence_of_segment(policy, segment)
    said = f"{sentence} It cannot be used: {'; '.join(faults)}" if faults else sentence
    return said, count_in_words(segment.people, segment.counted_at, now)


def _print_segment(policy: Policy, segment: Segment, json: bool) -> None:
    if json:
        print_json(segment_as_json(policy, segment))
        return
    said, count = _sentence_and_count(policy, segment, datetime.now(UTC))
    print_facts(
        {
            "name": segment.name,
            "people": said,
            "count": count,
            "revision": str(segment.revision),
            "saved": f"{format_utc_time(segment.updated_at)} by {segment.updated_by}",
        }
    )
    try:
        out.print(condition_to_json(parse_condition(segment.condition)))
    except SegmentRefused:
        print_json(segment.condition)
