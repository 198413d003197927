"""Reads events without blocking the event loop: a large event is checked in slices, and others run between them."""

import asyncio
import time
from typing import Any

from mailer.account_event_types import ACCOUNT, AccountEvent, parse_any_event, validate_account
from mailer.events import (
    MAX_PEOPLE,
    EventRefused,
    MessageEvent,
    Person,
    parse_event,
    read_event_json,
    validate_event,
)
from mailer.input_types import MAX_PROBLEMS, check_field_count

SMALL = 4 * 1024
"""Octets. An event up to this size is read at once, in a few milliseconds at most."""
SLICE = 0.005
"""Seconds of work after which the event loop may run others."""


class NonblockingEventParser:
    """Reads events of one process, one large one at a time."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def parse_any_event_without_blocking(self, body: bytes | str) -> MessageEvent | AccountEvent:
        """Reads an event of either kind, as `mailer.account_event_types.parse_any_event`.

        Raises:
            EventRefused: it is too large, not JSON, or no event.
        """
        if len(body) <= SMALL:
            return parse_any_event(body)
        async with self._one:
            value = await _parse_json_and_yield_to_loop(body)
            if isinstance(value, dict) and ACCOUNT in value:
                return validate_account(value)
            return await _validate_message_in_slices(value)

    async def parse_message_event_without_blocking(self, body: bytes | str) -> MessageEvent:
        """Reads an event of a message, as `mailer.events.parse_event`.

        Raises:
            EventRefused: it is too large, not JSON, or no such event.
        """
        if len(body) <= SMALL:
            return parse_event(body)
        async with self._one:
            return await _validate_message_in_slices(await _parse_json_and_yield_to_loop(body))


async def _parse_json_and_yield_to_loop(body: bytes | str) -> Any:
    value = read_event_json(body)
    await asyncio.sleep(0)
    return value


async def _validate_message_in_slices(value: Any) -> MessageEvent:
    people = _find_people_in_values(value)
    if people is None:
        return validate_event(value)
    checked = await _validate_people_in_slices(people)
    try:
        return validate_event({**value, "to": {**value["to"], "people": checked}})
    except EventRefused as refusal:
        if len(checked) == len(people):
            raise
        seen = f"to.people: only the first {len(checked):,} of {len(people):,} were looked at"
        raise EventRefused([*refusal.problems[: MAX_PROBLEMS - 1], seen]) from None


def _find_people_in_values(value: Any) -> list[Any] | None:
    """Returns the list of people in an event's values; None if it is no list, or a list that is too long."""
    match value:
        case {"to": {"people": list(people)}} if len(people) <= MAX_PEOPLE:
            return people
    return None


async def _validate_people_in_slices(people: list[Any]) -> list[Any]:
    """Validates each person, in slices. Wrong ones stay as they are. More than `MAX_PROBLEMS` wrong ones end it."""
    checked, wrong, until = list[Any](), 0, time.perf_counter() + SLICE
    for person in people:
        try:
            checked.append(Person.model_validate(check_field_count(person)))
        except ValueError:
            checked.append(person)
            wrong += 1
            if wrong > MAX_PROBLEMS:
                break
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SLICE
    return checked
