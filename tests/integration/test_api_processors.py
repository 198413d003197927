"""Every way in which a service's API can answer or die, and the outcome that it leads to, for each service.

All that a double took is held against what the processor says: nothing that was taken is called unsent.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage, Permit, Processor
from mailer.processors.email_api import http_sender
from tests.email_api_calls import SECRET
from tests.email_apis import SERVICES
from tests.integration.api_world import (
    BYTEWISE,
    CLOSES,
    CUT_AT_ONCE,
    CUT_IN_BODY,
    CUT_UNTAKEN,
    CUT_WITHOUT_ANSWER,
    HALF,
    HANG,
    JUNK,
    TOO_LARGE,
    ApiDouble,
    Canned,
    Step,
    api_double,
    opened,
)
from tests.unit.test_message import write
from tests.webhook_requests import RETURN_LOCAL, RETURN_PATH

A, D, B, Q, U = (
    OutcomeKind.ACCEPTED,
    OutcomeKind.DEFERRED,
    OutcomeKind.BLOCKED,
    OutcomeKind.IN_DOUBT,
    OutcomeKind.UNSENT,
)
IDEMPOTENT = {"brevo"}
POOL_OF_ONE = "&pool=1&urgent=0"


def mail(number: int = 0, content: bytes | None = None) -> OutgoingMessage:
    """A message as the renderer writes it."""
    recipient = f"r{number}@example.org"
    return OutgoingMessage(RETURN_PATH, recipient, content or write(to=recipient), "envid", is_canonical=True)


def allowed(index: int) -> str | None:
    """Permits everything."""
    return None


async def send(
    scheme: str, double: ApiDouble, window: Sequence[OutgoingMessage], *, permit: Permit = allowed, more: str = ""
) -> list[Outcome]:
    """Sends a window over one connection at a time."""
    async with opened(SERVICES[scheme].url(scheme, double.port, POOL_OF_ONE + more)) as processor:
        return await processor.send(window, time.monotonic() + 30, permit)


@asynccontextmanager
async def served(
    scheme: str, script: Sequence[Step] = (), more: str = ""
) -> AsyncIterator[tuple[ApiDouble, Processor]]:
    """A double of a service, and the processor that sends to it."""
    async with (
        api_double(scheme, script) as double,
        opened(SERVICES[scheme].url(scheme, double.port, more)) as processor,
    ):
        yield double, processor


@dataclass(frozen=True)
class Row:
    """A script, and what comes of one message.

    Attributes:
        name: what happens. script: what the double does. result: the outcome. trouble: that of an unsent message.
        idempotent: the outcome with a service that takes a repeated request once only, if it is another.
        or_else: another outcome, if it depends on the time at which the cut is noticed.
    """

    name: str
    script: Sequence[Step]
    result: OutcomeKind
    trouble: ConnectionTrouble | None = None
    idempotent: OutcomeKind | None = None
    or_else: OutcomeKind | None = None


QUOTING = {"message": SECRET, "Message": SECRET, "errors": [{"message": SECRET}]}
ROWS = (
    Row("as usual", [], A),
    Row("one octet at a time", [BYTEWISE], A),
    Row("cut once before it is read", [CUT_AT_ONCE], A, or_else=Q),
    Row("cut once in the body", [CUT_IN_BODY], A, or_else=Q),
    Row("cut without an answer", [CUT_WITHOUT_ANSWER], Q, idempotent=A),
    Row("cut without an answer, thrice", [CUT_WITHOUT_ANSWER] * 3, Q),
    Row("half an answer", [HALF], Q, idempotent=A),
    Row("too large an answer", [TOO_LARGE], Q, idempotent=A),
    Row("an answer that is none", [JUNK], Q, idempotent=A),
    Row("a success without an id", [Canned(200, b"{}")], Q, idempotent=A),
    Row("a success that is a page", [Canned(200, b"<html>Sign in</html>")], Q, idempotent=A),
    Row("in doubt, and then refused", [CUT_WITHOUT_ANSWER, Canned(401), Canned(401)], Q),
    Row("500", [Canned(500)], Q, idempotent=A),
    Row("502", [Canned(502, b"<html>Bad Gateway</html>")], Q, idempotent=A),
    Row("504", [Canned(504)], Q, idempotent=A),
    Row("301", [Canned(301, b"", "location: http://127.0.0.1:1/\r\n")], U, ConnectionTrouble.REFUSED),
    Row("307 to itself", [Canned(307, b"", "location: /\r\n")], U, ConnectionTrouble.REFUSED),
    Row("400", [Canned(400, b'{"message": "no"}')], B),
    Row("400 that quotes the secret", [Canned(400, json.dumps(QUOTING).encode())], B),
    Row("400 with an array", [Canned(400, b"[[[[")], B),
    Row("401", [Canned(401, b'{"message": "' + SECRET.encode() + b'"}')], U, ConnectionTrouble.AUTH),
    Row("403", [Canned(403)], U, ConnectionTrouble.AUTH),
    Row("402", [Canned(402)], U, ConnectionTrouble.REFUSED),
    Row("404", [Canned(404)], U, ConnectionTrouble.REFUSED),
    Row("413", [Canned(413)], B),
    Row("429 for long", [Canned(429, b"{}", "retry-after: 60\r\n")], U, ConnectionTrouble.BUSY),
    Row("429 for a moment", [Canned(429)], A),
)


@pytest.mark.parametrize("scheme", SERVICES)
async def test_each_answer_has_its_outcome(scheme: str) -> None:
    """A message that was taken is accepted or in doubt, and one that was not is never called accepted."""
    wrong = [text for found in await asyncio.gather(*(walk(scheme, row) for row in ROWS)) for text in found]
    assert wrong == []


async def walk(scheme: str, row: Row) -> list[str]:
    """Walks one row. Returns what is wrong."""
    async with api_double(scheme, row.script) as double:
        [outcome] = await send(scheme, double, [mail()])
    wanted = (row.idempotent if scheme in IDEMPOTENT else None) or row.result
    wrong = []
    if outcome.result not in (wanted, row.or_else) or outcome.trouble != row.trouble:
        wrong.append(f"{scheme}: {row.name}: {outcome}, wanted {wanted} {row.trouble}")
    if double.refused:
        wrong.append(f"{scheme}: {row.name}: the double refused {double.refused}")
    if double.taken and outcome.result not in (A, Q):
        wrong.append(f"{scheme}: {row.name}: it was taken, and is {outcome.result}")
    if not double.taken and outcome.result is A:
        wrong.append(f"{scheme}: {row.name}: it was not taken, and is accepted")
    if SECRET in repr(outcome):
        wrong.append(f"{scheme}: {row.name}: the secret shows")
    return wrong


@pytest.mark.parametrize("scheme", SERVICES)
async def test_a_message_keeps_its_token_and_headers(scheme: str) -> None:
    """The double gives back the token of the return path. A service of MIME gets the octets as they were written."""
    outgoing = mail()
    async with api_double(scheme) as double:
        [outcome] = await send(scheme, double, [outgoing])
    assert outcome.result is A
    [taken] = double.taken
    assert taken.recipient == outgoing.recipient
    assert taken.token in (RETURN_LOCAL, RETURN_LOCAL.removeprefix("b+"))
    if SERVICES[scheme].carries_mime:
        assert taken.content == outgoing.content
        return
    written = message_from_bytes(outgoing.content, policy=default)
    said = str(taken.fields)
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "Message-ID", "Feedback-ID", "Auto-Submitted", "List-Id"):
        assert name in said
        assert str(written[name]) in said


@pytest.mark.parametrize("scheme", SERVICES)
async def test_a_window_has_one_outcome_a_message_in_order(scheme: str) -> None:
    """Refused permits and messages that the service cannot carry get outcomes of their own, and do not leave."""
    odd = write(to="r2@example.org").replace(b"MIME-Version", b"Cc: a@example.org\r\nMIME-Version")
    window = [mail(0), mail(1), mail(2, odd), OutgoingMessage(RETURN_PATH, '"a,b"@example.org', write()), mail(4)]
    async with api_double(scheme) as double:
        outcomes = await send(scheme, double, window, permit=lambda index: "paused" if index == 1 else None)
    carries = SERVICES[scheme].carries_mime
    assert [outcome.result for outcome in outcomes] == [A, U, A if carries else B, B, A]
    assert outcomes[1].text == "paused"
    assert outcomes[3].lacking
    assert {taken.recipient for taken in double.taken} == {
        f"r{n}@example.org" for n in ((0, 2, 4) if carries else (0, 4))
    }
    assert len(double.calls) == (1 if SERVICES[scheme].is_batched else len(double.taken))


@pytest.mark.parametrize("scheme", SERVICES)
async def test_trouble_of_the_service_ends_the_window(scheme: str) -> None:
    """After refused credentials no further message is offered. Each is unsent, so that another processor takes it."""
    async with api_double(scheme, [Canned(401)]) as double:
        outcomes = await send(scheme, double, [mail(n) for n in range(5)])
    assert len(double.calls) == 1
    assert {(outcome.result, outcome.trouble, outcome.code) for outcome in outcomes} == {
        (U, ConnectionTrouble.AUTH, None)
    }


async def test_a_batch_is_in_doubt_as_a_whole() -> None:
    """A batch whose answer is lost may have been taken: no message of it is offered again."""
    async with api_double("postmark", [CUT_WITHOUT_ANSWER]) as double:
        outcomes = await send("postmark", double, [mail(n) for n in range(64)])
    assert [outcome.result for outcome in outcomes] == [Q] * 64
    assert len(double.taken) == 64


async def test_a_throttled_service_gets_its_pause() -> None:
    """No request leaves before the time that the service asked for, also none of the next window."""
    async with served("sendgrid", [Canned(429, b"{}", "retry-after: 120\r\n")]) as (double, processor):
        first = await processor.send([mail()], time.monotonic() + 30, allowed)
        second = await processor.send([mail()], time.monotonic() + 30, allowed, urgent=True)
    assert [outcome.trouble for outcome in (*first, *second)] == [ConnectionTrouble.BUSY] * 2
    assert len(double.calls) == 1


async def test_no_message_begins_after_the_deadline() -> None:
    """A lease that has run out lets nothing leave."""
    async with api_double("ses") as double, opened(SERVICES["ses"].url("ses", double.port)) as processor:
        [outcome] = await processor.send([mail()], time.monotonic() - 1, allowed)
    assert (outcome.result, outcome.trouble) == (U, None)
    assert double.connections == 0


@pytest.mark.parametrize("scheme", SERVICES)
async def test_a_worker_that_froze_sends_no_last_octet(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that runs out while the body leaves keeps back the last octet, and the service takes nothing."""
    deadline = time.monotonic() + 20
    frozen = http_sender._HeldBackBody.__aiter__

    async def freeze(body: http_sender._HeldBackBody) -> object:
        async for octets in frozen(body):
            yield octets
            monkeypatch.setattr(time, "monotonic", lambda: deadline + 1)

    monkeypatch.setattr(http_sender._HeldBackBody, "__aiter__", freeze)
    async with served(scheme) as (double, processor):
        outcomes = await processor.send([mail()], deadline, allowed)
    assert [outcome.result for outcome in outcomes] == [U]
    assert (double.taken, double.calls) == ([], [])


async def test_a_body_that_cannot_leave_is_offered_once_more() -> None:
    """While the last octet is held back nothing is in doubt. A message that breaks two connections is deferred."""
    large = mail(content=b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 100_000)
    async with api_double("mailgun", [CUT_IN_BODY]) as double:
        [outcome] = await send("mailgun", double, [large])
        assert (outcome.result, double.connections) == (A, 2)
    async with api_double("mailgun", [CUT_IN_BODY, CUT_IN_BODY]) as double:
        [outcome, after] = await send("mailgun", double, [large, mail(1)])
    assert (outcome.result, outcome.code, after.result) == (D, None, A)
    assert [taken.recipient for taken in double.taken] == ["r1@example.org"]


async def test_nothing_listens() -> None:
    """A service that cannot be reached leaves all messages to others."""
    async with api_double("ses") as double:
        port = double.port
    async with opened(SERVICES["ses"].url("ses", port)) as processor:
        outcomes = await processor.send([mail(0), mail(1)], time.monotonic() + 30, allowed)
    assert {(outcome.result, outcome.trouble) for outcome in outcomes} == {(U, ConnectionTrouble.UNREACHABLE)}


async def test_a_service_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time for an answer its message is in doubt, and the others are tried."""
    monkeypatch.setattr(http_sender, "ANSWER_SECONDS", 0.3)
    async with api_double("mailgun", [HANG]) as double:
        outcomes = await send("mailgun", double, [mail(0), mail(1)])
    assert [outcome.result for outcome in outcomes] == [Q, A]


async def test_the_stop_signal_ends_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window of a process that stops ends although the service never answers: taken perhaps, or not begun."""
    monkeypatch.setattr("mailer.processors.email_api.api_processor.FINISHING", 0.1)
    monkeypatch.setattr("mailer.processors.email_api.api_processor.PARTING", 0.2)
    async with served("sendgrid", [HANG], POOL_OF_ONE) as (double, processor):
        running = asyncio.create_task(processor.send([mail(0), mail(1)], time.monotonic() + 30, allowed))
        await double.arrived.wait()
        processor.start_shutdown_timers()
        outcomes = await asyncio.wait_for(running, 10)
    assert [outcome.result for outcome in outcomes] == [Q, U]


async def test_bulk_leaves_requests_to_urgent_mail() -> None:
    """An urgent window is sent while bulk mail holds all requests that it may have."""
    async with served("ses", [HANG], "&pool=1&urgent=1") as (double, processor):
        bulk = asyncio.create_task(processor.send([mail(0)], time.monotonic() + 30, allowed))
        await double.arrived.wait()
        [outcome] = await processor.send([mail(1)], time.monotonic() + 30, allowed, urgent=True)
        double.over.set()
        await bulk
    assert outcome.result is A


async def test_connections_are_used_again() -> None:
    """Windows share connections. One that the service closes after an answer is not used again."""
    async with api_double("ses", ["", CLOSES]) as double:
        outcomes = await send("ses", double, [mail(n) for n in range(4)])
    assert [outcome.result for outcome in outcomes] == [A] * 4
    assert double.connections == 2


@pytest.mark.parametrize("scheme", SERVICES)
async def test_no_secret_is_shown(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a log line of any level nor a repr shows the secret, also if the service refuses it."""
    caplog.set_level(logging.DEBUG)
    async with served(scheme, ["", Canned(401, SECRET.encode())]) as (_, processor):
        for _ in range(2):
            outcomes = await processor.send([mail()], time.monotonic() + 30, allowed)
            assert SECRET not in repr(outcomes)
        assert SECRET not in repr(processor)
    assert SECRET not in caplog.text
    assert "r0@example.org" not in caplog.text


async def test_a_secret_in_a_file_is_read_for_each_request(tmp_path: Path) -> None:
    """A secret that is changed in its file is used from the next request on. Without its file nothing is sent."""
    file = tmp_path / "secret"
    file.write_text("wrong\n")
    async with api_double("sendgrid") as double:
        url = f"sendgrid://127.0.0.1:{double.port}?token_file={file}"
        async with opened(url) as processor:
            [refused] = await processor.send([mail()], time.monotonic() + 30, allowed)
            file.write_text(f"{SECRET}\n")
            [accepted] = await processor.send([mail()], time.monotonic() + 30, allowed)
            file.unlink()
            [unsent] = await processor.send([mail()], time.monotonic() + 30, allowed)
    assert (refused.trouble, accepted.result) == (ConnectionTrouble.AUTH, A)
    assert (unsent.result, unsent.trouble) == (U, ConnectionTrouble.TOKEN)


async def test_a_batch_that_is_refused_as_a_whole_is_sent_one_by_one() -> None:
    """One message that the service cannot read must not make the mail of all the others undeliverable."""
    whole, third = Canned(422, b'{"ErrorCode": 402, "Message": "Invalid JSON"}'), Canned(413)
    async with api_double("postmark", [whole, "", "", third]) as double:
        outcomes = await send("postmark", double, [mail(number) for number in range(4)])
        assert [outcome.result for outcome in outcomes] == [A, A, B, A]
        assert len(double.calls) == 5
        assert len(double.taken) == 3


async def test_no_cookie_of_a_service_comes_back() -> None:
    """Cookies would add up from answer to answer, until the service refuses all requests as too large."""
    busy = [Canned(429, headers=f"Retry-After: 0\r\nSet-Cookie: of{number}=1; Path=/\r\n") for number in range(2)]
    async with api_double("sendgrid", busy) as double:
        [outcome] = await send("sendgrid", double, [mail()])
        assert outcome.result is A
        assert [name for call in double.calls for name in call.headers if name.lower() == "cookie"] == []
        assert len(double.calls) == 3


async def test_an_idempotent_request_is_repeated_with_its_key() -> None:
    """Brevo gets the same key again while it is in doubt, and no repeat after the permit has ended."""
    async with api_double("brevo", [CUT_UNTAKEN]) as double:
        [outcome] = await send("brevo", double, [mail()])
    assert outcome.result is A
    assert double.calls[0].body == double.calls[1].body
    permits = iter([None, "left meanwhile"])
    async with api_double("brevo", [CUT_UNTAKEN]) as double:
        [outcome] = await send("brevo", double, [mail()], permit=lambda index: next(permits))
    assert outcome.result is Q
    assert len(double.calls) == 1
