"""`mailer publish`: events from a file."""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer import publishing
from mailer.accounts import AccountEvent, parse_any
from mailer.cli.shared import AsJson, fail, out, print_json, run
from mailer.events import EventRefused, MessageEvent
from mailer.inputs import read_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(publish)


def publish(file: Annotated[str, typer.Argument(metavar="FILE|-")], json: AsJson = False) -> None:
    """Publishes events, of messages or accounts: one JSON document, or one object a line. All are checked first."""
    try:
        read = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = read.decode("utf-8-sig")
    except OSError as error:
        fail(f"{file}: {error}", 2)
    except UnicodeDecodeError as error:
        fail(f"{file}: octet {error.start:,} is not UTF-8; events are published from UTF-8", 2)
    events = _parse(text, file)

    logging.disable()  # the error will say in one line what the drivers say a second

    async def main() -> None:
        await asyncio.gather(*(publishing.publish(event) for event in events))

    run(main)
    if json:
        print_json([{"id": event.id, "brand": event.brand} for event in events])
    else:
        out.print(f"Published {len(events)} event{'s' if len(events) != 1 else ''}.")


def _parse(text: str, file: str) -> list[MessageEvent | AccountEvent]:
    documents = _documents(text)
    events = []
    for number, document in documents:
        try:
            events.append(parse_any(document))
        except EventRefused as refusal:
            place = f"{file}: line {number}: " if len(documents) > 1 else f"{file}: "
            fail(place + "; ".join(refusal.problems), 2)
    if not events:
        fail(f"{file}: no event in it", 2)
    return events


def _documents(text: str) -> list[tuple[int, str]]:
    """The documents with their lines: the whole text if it is one document (or a list of them), else its lines."""
    try:
        whole = read_json(text)
    except ValueError:
        # Other ends of lines, such as U+2028, may stand within a document.
        return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if isinstance(whole, list):
        return [(number, json.dumps(item)) for number, item in enumerate(whole, 1)]
    return [(1, text)]
