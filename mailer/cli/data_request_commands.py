"""`mailer requests`: people's requests for their data that staff have to answer, each with its deadline."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import typer

from mailer.actions.data_requests import build_data_request_answer_message
from mailer.actions.people_look_up import record_look_at_person
from mailer.app import App
from mailer.cli.recipient_queries import acting_person_and_look_up_reason
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
from mailer.policy.data_requests import ALARM_BEFORE, DataRequest, step_of_data_request
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.text_checks import check_storable_text

app = typer.Typer(help="Requests of people for their data: list, show, answer.", no_args_is_help=True)

MAX_ANSWER = 4000
"""The most characters of an answer, as the template of answers takes them."""
Id = Annotated[str, typer.Argument(metavar="ID", help="By `mailer requests list`.")]


class StaffAnswer(StrEnum):
    """The answers that staff can give."""

    DONE = "done"
    REFUSED = "refused"


@app.command("list")
def list_(
    brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the earliest deadline first.")] = 100,
    json: AsJson = False,
) -> None:
    """Shows the requests that wait for an answer, with the days left, and without any data of the people."""
    found = run_with_app(lambda app: app.requests.data.list_open_data_requests(brand, limit))
    if json:
        print_json([_as_json(request) for request in found])
        return
    now = datetime.now(UTC)
    rows = [
        (str(one.id), one.brand, one.ref, one.wanted.value, format_utc_time(one.due_at), _days_left_to_answer(one, now))
        for one in found
    ]
    print_table(("id", "brand", "ref", "wanted", "answer by", "left"), rows)


@app.command()
def show(id_: Id, by: By = "", json: AsJson = False) -> None:
    """Shows one request, with the person's own words. That you read them stands in the ledger."""
    access = acting_person_and_look_up_reason(by, f"request {id_}")

    async def act(app: App) -> DataRequest:
        request = await _find_data_request_or_exit(app, id_)
        await record_look_at_person(app.people, request.brand, request.recipient_id, access)
        return request

    values = _as_json(run_with_app(act))
    if json:
        print_json(values)
    else:
        print_facts(values)


@app.command()
def answer(
    id_: Id,
    how: Annotated[StaffAnswer, typer.Argument(metavar="done|refused")],
    words: Annotated[str, typer.Option("--words", help="What the person is told, in their language; no link in it.")],
    by: By = "",
) -> None:
    """Answers a request: the words stand on its page, and go to the person by mail. They change no data."""
    person_or_system_user(by)
    try:
        check_storable_text(words)
    except ValueError as error:
        exit_with_error(f"--words: {error}", 2)
    if not words.strip() or len(words) > MAX_ANSWER:
        exit_with_error(f"--words: has {len(words):,} characters; write 1 to {MAX_ANSWER:,}", 2)

    async def act(app: App) -> bool:
        request = await _find_data_request_or_exit(app, id_)
        if request.confirmed_at is None:
            exit_with_error(f"{id_}: the person has not confirmed this request", 2)
        letter = build_data_request_answer_message(
            request, how, words, partial(check_event_and_get_template, policies=app.policies, templates=app.templates)
        )
        return await app.requests.data.record_answer(request, how, words, person_or_system_user(by), letter)

    if not run_with_app(act):
        exit_with_error(f"{id_}: this request was answered before", 2)
    out.print("Answered.")


async def _find_data_request_or_exit(app: App, id_: str) -> DataRequest:
    try:
        found = await app.requests.data.find_data_request(UUID(id_))
    except ValueError:
        exit_with_error(f"{id_} is no id of a request; `mailer requests list` has them", 2)
    if found is None:
        exit_with_error(f"there is no request {id_}, or no longer", 2)
    return found


def _days_left_to_answer(request: DataRequest, now: datetime) -> str:
    left = request.due_at - now
    if left < timedelta():
        return "overdue"
    return f"{left.days} days" + (": urgent" if left < ALARM_BEFORE else "")


def _as_json(request: DataRequest) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": str(request.id),
        "brand": request.brand,
        "ref": request.ref,
        "wanted": request.wanted.value,
        "step": step_of_data_request(request, now).value,
        "asked_at": format_utc_time(request.asked_at),
        "due_at": format_utc_time(request.due_at),
        "left": _days_left_to_answer(request, now),
        "confirmed_at": request.confirmed_at and format_utc_time(request.confirmed_at),
        "answered_at": request.answered_at and format_utc_time(request.answered_at),
        "answered_by": request.answered_by,
        "note": request.note,
        "words": request.reason,
    }
