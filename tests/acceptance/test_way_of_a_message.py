"""The way of a message: docs/way-of-a-message.md names each function that it passes, and no other one is on its way."""

import asyncio
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

import mailer
from mailer.app import open_app
from mailer.events import validate_event
from mailer.publishing import publish
from mailer.settings import read_settings
from tests.acceptance.samples import event, people
from tests.processes import Stack, until

PACKAGE = Path(mailer.__file__).parent
PAGE = PACKAGE.parent / "docs" / "way-of-a-message.md"
ROW = re.compile(r"^\| \d+ \| `(?P<function>[\w.]+)` \| `(?P<file>mailer/[\w/]+\.py)` \|", re.MULTILINE)
WRAPPER = re.compile(r"^- `(?P<function>[\w.]+)`", re.MULTILINE)
MOST_FUNCTIONS, MOST_FILES = 45, 30
HANDED_OVER = """
    SELECT true FROM ledger l JOIN mailings m ON m.id = l.mailing_id
    WHERE m.event_id = $1 AND l.kind = 'outcome' AND l.reason = 'accepted'
      AND NOT EXISTS (SELECT FROM batches) AND NOT EXISTS (SELECT FROM outbox)
"""
"""The outcome is in the ledger, the claim is over, and those who want to know have been told."""
Call = tuple[str, str]
"""A file below the repository, and a function's qualified name."""


def named(row: re.Match[str]) -> Call:
    """A function of the table."""
    return row["file"], row["function"]


WAY = [named(row) for row in ROW.finditer(PAGE.read_text("utf-8"))]
WRAPPERS = {row["function"] for row in WRAPPER.finditer(PAGE.read_text("utf-8"))}


def test_the_way_is_short() -> None:
    """A newsletter over RabbitMQ, from `publish` to the entry of its outcome."""
    assert WAY[0][1] == "publish"
    assert len(WAY) == len(set(WAY)) <= MOST_FUNCTIONS
    assert len({file for file, _ in WAY}) <= MOST_FILES


@contextmanager
def watching(calls: list[list[Call]]) -> Iterator[None]:
    """Notes each call of mailer's functions, from within to without, generated functions left out."""

    def note(frame: FrameType, what: str, _: object) -> None:
        if what == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            calls.append([call for call in _mailers_frames(frame) if "<" not in call[1].rpartition(".")[2]])

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _mailers_frames(frame: FrameType | None) -> Iterator[Call]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(str(PACKAGE)):
            file = Path(frame.f_code.co_filename).relative_to(PACKAGE.parent)
            yield str(file), frame.f_code.co_qualname.replace("<locals>.", "")
        frame = frame.f_back


async def test_a_newsletter_passes_what_the_page_says(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function is called in that order; whenever one is called, all that called it stand on the page, too."""
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    stop, calls = asyncio.Event(), list[list[Call]]()
    async with open_app(read_settings()) as app, asyncio.TaskGroup() as tasks:

        async def handed_over(event_id: str) -> bool:
            return bool(await app.pool.fetchval(HANDED_OVER, event_id))

        working = tasks.create_task(
            app.run_worker_consumers_until_stopped(stop, await app.open_broker_and_declare_topology())
        )
        await publish(validate_event(event("warm", "interpals", "newsletter", people("ann"))))
        await until(lambda: handed_over("warm"), "the first mail")
        with watching(calls):
            await publish(validate_event(event("one", "interpals", "newsletter", people("bob"))))
            await until(lambda: handed_over("one"), "the second mail")
        stop.set()
        await working
    first = {call[0]: number for number, call in reversed(list(enumerate(calls)))}
    assert [place for place in WAY if place not in first] == []
    order = [first[place] for place in WAY]
    assert [place for place, number, least in zip(WAY[1:], order[1:], order, strict=False) if number < least] == []
    known = set(WAY)
    callers = {caller for call in calls if call[0] in known for caller in call}
    assert {caller for caller in callers - known if caller[1] not in WRAPPERS} == set()
    assert {caller[1] for caller in callers - known} == WRAPPERS
