"""`mailer publish`: publishes events from a file. It checks all of them as intake does before it publishes one."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from mailer import publishing
from mailer.account_event_types import AccountEvent, parse_any_event
from mailer.actions.account_events import check_event_and_get_policy
from mailer.app import load_templates, yield_database_url_running_server_if_embedded
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    exit_with_errors,
    out,
    print_json,
    print_note,
    read_command_settings,
    run_async_or_exit,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.database.connections import ATTENDED, open_pool
from mailer.embedded import PrivateServiceUnavailable
from mailer.event_digests import EventDigester, EventIdTakenByDifferentEvent, names_of_fields_with_differing_digests
from mailer.events import Audience, EventRefused, MessageEvent
from mailer.input_types import parse_json_with_unique_keys
from mailer.ledger.writers import LedgerWriters
from mailer.pipeline.publisher_rights import required_right
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_rights import refusal_of_publisher_without_right
from mailer.policy.segments import fault_of_unknown_audience
from mailer.policy_loading import load_policies
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.outbox import UNREACHABLE
from mailer.postgres.published_event_lookup import PublishedEventLookup
from mailer.postgres.publishers import PostgresPublishers
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.localized_texts import describe_missing_languages_of_context
from mailer.settings import Settings, SettingsError

WAIT_SECONDS = 60
_PAUSE = 0.2
"""Seconds between two queries."""


@dataclass(frozen=True, slots=True)
class _EventWithPlaceInFile:
    """An event, with the words for its place in the file."""

    place: str
    event: MessageEvent | AccountEvent


class _EventAndPublisherStores(NamedTuple):
    """The stores that know earlier events and the rights of publishers."""

    published: PublishedEventLookup
    publishers: PostgresPublishers


@dataclass(frozen=True, slots=True)
class _PublishResult:
    """The result of publishing.

    Attributes:
        problems: the reasons for which nothing was published.
        fates: the fate of each event that was waited for, as `PublishedEventLookup.find_intake_results` returns it.
        silence: the reason for which the database could not be asked about earlier events.
        lacks: the texts that lack a language.
    """

    problems: Sequence[str]
    fates: Sequence[str | None] = ()
    silence: str | None = None
    lacks: Sequence[str] = ()


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(publish)


def publish(
    file: Annotated[str, typer.Argument(metavar="FILE|-")],
    wait: Annotated[
        bool, typer.Option("--wait", help=f"Wait until each is taken in or refused, {WAIT_SECONDS} seconds at most.")
    ] = False,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Publishes events, of messages or accounts: one JSON document, or one object a line. All are checked first.

    A person publishes them, with rights of their own: who `--by` names, else the system's user.
    """
    person_or_system_user(by)
    lines = _parse_events_or_exit(read_file_or_stdin(file), file)
    logging.disable()  # the error of this command says in one line what the drivers would log every second
    done = run_async_or_exit(partial(_check_and_publish, read_command_settings(), lines, wait))
    if done.problems:
        exit_with_errors(done.problems, 1)
    if json:
        states = [_intake_result_as_json(fate) for fate in done.fates] if wait else [dict[str, str]()] * len(lines)
        named = [{"id": line.event.id, "brand": line.event.brand} for line in lines]
        print_json([{**name, **state} for name, state in zip(named, states, strict=True)])
    else:
        out.print(f"Published {len(lines)} event{'s' if len(lines) != 1 else ''}.")
    for said in done.lacks:
        print_note(said)
    if done.silence is not None:
        print_note(f"neither rights nor the ids of earlier events were looked at: {done.silence}")
    if open_ends := list(_unaccepted_event_lines(lines, done.fates)):
        exit_with_errors(open_ends, 1)


def read_file_or_stdin(file: str) -> str:
    """Returns the text of a file, or of the standard input for `-`. A text that cannot be read ends the command."""
    try:
        read = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return read.decode("utf-8-sig")
    except OSError as error:
        exit_with_error(f"{file}: {error}", 2)
    except UnicodeDecodeError as error:
        exit_with_error(f"{file}: octet {error.start:,} is not UTF-8; save it in UTF-8", 2)


def _parse_events_or_exit(text: str, file: str) -> list[_EventWithPlaceInFile]:
    documents = _split_documents(text)
    lines, problems = list[_EventWithPlaceInFile](), list[str]()
    for number, document in documents:
        place = f"{file}: line {number}: " if len(documents) > 1 else f"{file}: "
        try:
            lines.append(_EventWithPlaceInFile(place, parse_any_event(document)))
        except EventRefused as refusal:
            problems.append(place + str(refusal))
    if problems:
        exit_with_errors(problems, 2)
    if not lines:
        exit_with_error(f"{file}: no event in it", 2)
    return lines


def _split_documents(text: str) -> list[tuple[int, str]]:
    """Returns the JSON documents of a text with their numbers: one document, the items of a list, or one a line."""
    try:
        whole = parse_json_with_unique_keys(text)
    except ValueError:
        # Other line ends, such as U+2028, may occur inside a document.
        return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if isinstance(whole, list):
        return [(number, json.dumps(item)) for number, item in enumerate(whole, 1)]
    return [(1, text)]


async def _check_and_publish(current: Settings, lines: Sequence[_EventWithPlaceInFile], wait: bool) -> _PublishResult:
    """Publishes events if no check finds a problem with any of them; with `wait`, waits for their fates."""
    contents = EventDigester(current.address_key)
    lacks = list[str]()
    problems = [
        *_policy_and_template_problems(current, lines, lacks),
        *_problems_of_ids_used_for_different_events(contents, lines),
    ]
    async with AsyncExitStack() as stack:
        asked, silence = None, None
        if current.is_broker_in_process or not current.is_database_embedded:
            try:
                asked = await _open_database_stores(stack, current)
                problems += await _event_problems_found_in_database(asked.published, lines)
                problems += _problems_of_untrusted_broker_user(
                    current.broker_user, await asked.publishers.read_broker_user_of_worker()
                )
                problems += await _missing_publisher_right_problems(asked.publishers, load_policies(current), lines)
            except (*UNREACHABLE, PrivateServiceUnavailable) as error:
                asked, silence = None, f"the database does not answer: {error}"
        if wait and asked is None:
            problems.append(f"--wait asks the database: {silence or 'say in MAILER_DATABASE_URL where it is'}")
        if problems:
            return _PublishResult(problems)
        published = asked.published if asked and wait else None
        after = await published.read_newest_dead_letter_id() if published else 0
        await asyncio.gather(*(publishing.publish_as(line.event, acting_person()) for line in lines))
        fates = (
            await wait_for_intake_results(published, [line.event for line in lines], after, WAIT_SECONDS)
            if published
            else []
        )
    return _PublishResult([], fates, silence, lacks)


def _policy_and_template_problems(
    current: Settings, lines: Sequence[_EventWithPlaceInFile], lacks: list[str]
) -> Iterator[str]:
    """Yields the problems that policies and templates find in events; adds texts without a language to `lacks`."""
    policies = load_policies(current)
    templates = load_templates(current, *{line.event.brand for line in lines if line.event.brand in policies})
    for line in lines:
        try:
            if isinstance(line.event, MessageEvent):
                template = check_event_and_get_template(line.event, policies, templates)
                lacks += (
                    line.place + said for said in describe_missing_languages_of_context(template, line.event.context)
                )
            else:
                check_event_and_get_policy(policies, line.event)
        except EventRefused as refusal:
            yield from (line.place + problem for problem in refusal.problems)


def _problems_of_ids_used_for_different_events(
    contents: EventDigester, lines: Sequence[_EventWithPlaceInFile]
) -> Iterator[str]:
    """Yields a problem for each id that stands for two different events in one file."""
    first: dict[tuple[object, ...], bytes] = {}
    for line in lines:
        event, content = line.event, contents.digest_of(line.event)
        key = isinstance(event, MessageEvent), event.brand, event.id
        if fields := names_of_fields_with_differing_digests(first.setdefault(key, content), content):
            yield f"{line.place}{EventIdTakenByDifferentEvent(fields)}"


async def _open_database_stores(stack: AsyncExitStack, current: Settings) -> _EventAndPublisherStores:
    """Connects to the database until the stack is closed. Returns the stores."""
    url = stack.enter_context(yield_database_url_running_server_if_embedded(current))
    try:
        pool = await open_pool(url, 2, ATTENDED)
    except ValueError:  # its message may quote a password
        raise SettingsError("MAILER_DATABASE_URL cannot be read; percent-encode special characters") from None
    stack.push_async_callback(pool.close)
    hasher = AddressHasher(current.address_key)
    return _EventAndPublisherStores(
        PublishedEventLookup(pool, hasher), PostgresPublishers(pool, LedgerWriters(current.ledger_key))
    )


async def _event_problems_found_in_database(
    asked: PublishedEventLookup, lines: Sequence[_EventWithPlaceInFile]
) -> list[str]:
    """Finds problems in the database: an id that another event has, or an unknown audience."""
    events = [line.event for line in lines]
    problems = [
        f"{line.place}{EventIdTakenByDifferentEvent(fields)}"
        for line, fields in zip(lines, await asked.find_fields_differing_from_stored(events), strict=True)
        if fields
    ]
    unknown = await asked.find_unknown_audiences(events)
    return problems + [
        f"{line.place}to.audience: {fault_of_unknown_audience(line.event.brand, line.event.to.audience)}"
        for line in lines
        if isinstance(line.event, MessageEvent)
        and isinstance(line.event.to, Audience)
        and (line.event.brand, line.event.to.audience) in unknown
    ]


def _problems_of_untrusted_broker_user(user: str | None, own: str | None) -> Iterator[str]:
    """Yields a problem if the RabbitMQ user is not mailer's own. Workers trust only that user to name a publisher."""
    if user is not None and own is not None and user != own:
        yield (
            f"MAILER_BROKER_URL: RabbitMQ's user is {user!r}, and mailer's own is {own!r}: of no other one a worker"
            f" believes who publishes. Give this command the URL with {own!r}; {user!r} is for applications, which call"
            " `mailer.publish`"
        )


async def _missing_publisher_right_problems(
    publishers: PostgresPublishers, policies: Mapping[str, Policy], lines: Sequence[_EventWithPlaceInFile]
) -> list[str]:
    """Finds the rights that the publisher of events lacks, as intake does."""
    identity, known = acting_person(), await publishers.unrevoked_publishers_by_identity()
    wishes = [(line, required_right(policies, line.event)) for line in lines]
    said = [
        (line, refusal_of_publisher_without_right(identity, known.get(identity), wish))
        for line, wish in wishes
        if wish is not None
    ]
    return [f"{line.place}{why}" for line, why in said if why]


async def wait_for_intake_results(
    asked: PublishedEventLookup, events: Sequence[MessageEvent | AccountEvent], after: int, seconds: float
) -> list[str | None]:
    """Waits until all events have a fate, or the time is over.

    Args:
        asked: the store that knows the fates.
        events: the published events.
        after: the id of the newest dead letter before the events were published.
        seconds: the longest wait.

    Returns:
        The fates, as `PublishedEventLookup.find_intake_results` returns them.
    """
    until = time.monotonic() + seconds
    while None in (fates := await asked.find_intake_results(events, after)) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(_PAUSE)  # other processes write these rows, and nothing notifies us
    return fates


def _unaccepted_event_lines(lines: Sequence[_EventWithPlaceInFile], fates: Sequence[str | None]) -> Iterator[str]:
    """Yields a line for each event that was refused, or has no fate yet."""
    for line, fate in zip(lines, fates, strict=False):
        if fate is None:
            yield (
                f"{line.place}no worker has taken it in or refused it within {WAIT_SECONDS} s. It is safe, and waits:"
                " is a worker running? Publish it again with --wait to ask again"
            )
        elif fate:
            yield f"{line.place}refused: {fate}"


def _intake_result_as_json(fate: str | None) -> dict[str, str]:
    """Returns the state of an event as JSON."""
    if fate:
        return {"state": "refused", "reason": fate}
    return {"state": "waiting" if fate is None else "accepted"}
