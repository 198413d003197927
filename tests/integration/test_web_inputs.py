"""The web's answers to hostile requests: they say what to correct, and are never 5xx."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mailer.ports.broker import BrokerUnavailable
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.link_tokens import (
    ConfirmToken,
    MailReportToken,
    OpenToken,
    PreferencesToken,
    UnsubscribeToken,
)
from mailer.rendering.signed_links import SignedLinks
from mailer.web import middleware
from mailer.web.app import openapi_document
from mailer.web.openapi_common_answers import RETRY_SECONDS
from mailer.web.server import serve_app
from tests import factories
from tests.integration.web_world import KEY, PUBLIC_URL, World, browse
from tests.processes import until
from tests.publishers import issue_key

BEARER = {"authorization": f"Bearer {KEY}"}
_KEY = [(name.encode(), value.encode()) for name, value in BEARER.items()]
BAD_PATHS = ("%00", "a%00b", "%ff", "%ed%a0%80", "%c0%af", "a" * 9_000)
PAGES = ("/u/", "/preferences/", "/c/", "/confirm/", "/view/", "/report/", "/o/", "/nowhere/")
APIS = (
    "/api/v1/events/interpals/",
    "/api/v1/recipients/interpals/",
    "/api/v1/reports/interpals/",
    "/api/v1/recipients/",
    "/api/v1/",
)


@pytest.mark.parametrize("bad", BAD_PATHS)
async def test_a_path_that_is_no_text_is_refused(bad: str) -> None:
    """Every route refuses U+0000, text that is not UTF-8, half pairs and endless paths, on pages too."""
    async with World().client() as client:
        for path in (*PAGES, *APIS):
            answer = await client.get(path + bad, headers=BEARER)
            assert answer.status_code in (400, 414), (path, answer.status_code)
            assert answer.text


@pytest.mark.parametrize("query", ["x=%00", "x=%ff", "x=%ed%a0%80", "x=" + "a" * 9_000])
async def test_a_query_that_is_no_text_is_refused(query: str) -> None:
    """Every route refuses the same texts in queries."""
    async with World().client() as client:
        answer = await client.get(f"/api/v1/events/interpals/a?{query}", headers=BEARER)
    assert answer.status_code in (400, 414)
    assert answer.json()["problems"]


@pytest.mark.parametrize("ref", ["a%0ab", "a%e2%80%aeb", "a%e2%80%a8b", "a" * 201, "%7f"])
async def test_a_ref_in_a_path_is_a_name(ref: str) -> None:
    """A ref that nobody could have is refused before anybody is looked for."""
    async with World().client() as client:
        answer = await client.get(f"/api/v1/recipients/interpals/{ref}", headers=BEARER)
    assert answer.status_code in (404, 422)  # no route takes a line break
    assert answer.json()["problems"]


@pytest.mark.parametrize("host", ["[::", "a b", "", "x" * 5_000, "[v1.x]"])
async def test_a_host_that_is_none_breaks_nothing(host: str) -> None:
    """A bad Host field breaks nothing, since nothing uses it."""
    async with World().client() as client:
        for path in ("/u/x", "/api/v1/events/interpals/a", "/nowhere"):
            answer = await client.get(path, headers={"host": host})
            assert answer.status_code in (400, 401, 404)


BODIES: list[tuple[bytes, str, int]] = [
    ('{"scope": "newsletter"}'.encode("utf-16"), "application/json", 422),
    ('{"scope": "newsletter"}'.encode("utf-32"), "application/json", 422),
    (b"\xff\xfe", "application/json", 422),
    (b"[" * 100_000, "application/json", 422),
    (b'{"scope": "newsletter", "scope": "updates"}', "application/json", 422),
    (b'{"scope": "newsletter", "\\ud800": 1}', "application/json", 422),
    (b'{"scope": "newsletter", "words": "a\\u0000b"}', "application/json", 422),
    (b'{"scope": "newsletter", "words": "\\ud800"}', "application/json", 422),
    (b'{"scope": "news\\nletter"}', "application/json", 422),
    (b'{"scope": "newsletter", "at": "0001-01-01T00:00:00+14:00"}', "application/json", 422),
    (b'{"scope": "newsletter", "at": "9999-12-31T23:59:59-14:00"}', "application/json", 422),
    (b'{"scope": "newsletter", "at": 1735032600}', "application/json", 422),
    (b'{"scope": "newsletter", "at": 1e400}', "application/json", 422),
    (b'{"scope": ' + b"9" * 5_000 + b"}", "application/json", 422),
    (b"null", "application/json", 422),
    (b"{}", "text/plain", 415),
    (b"{}", "application/x-www-form-urlencoded", 415),
    (b"[]", "application/json; charset=\xff", 422),
    (b"{}", ";;;", 415),
    (b"{}", "", 415),
]


@pytest.mark.parametrize(("body", "kind", "status"), BODIES)
async def test_a_body_that_is_no_json_of_ours_is_refused(body: bytes, kind: str, status: int) -> None:
    """Each route that takes JSON says what to mend."""
    async with World().client() as client:
        for place in ("consents", "opt-outs", "consent"):
            url = f"/api/v1/recipients/interpals/u1/{place}"
            if place == "consent" and status == 422:
                continue  # its fields are looked at once the person is found; there is a test of that below
            answer = await client.post(url, content=body, headers=[*_KEY, (b"content-type", kind.encode("latin-1"))])
            assert answer.status_code == status, (place, answer.text)
            assert answer.json()["problems"]


@pytest.mark.parametrize(
    "body", [{f"field{n}": n for n in range(100_000)}, {"scopes": [1] * 300_000}, {"purposes": [{}] * 300_000}]
)
async def test_a_thousand_faults_are_not_all_named(body: dict[str, Any]) -> None:
    """The answer does not name each fault. That would hold the loop for seconds, and everybody's opt-out with it."""
    async with World().client() as client:
        answer = await client.post("/api/v1/recipients/interpals/u1/opt-outs", json=body, headers=BEARER)
    assert answer.status_code == 422
    assert len(answer.json()["problems"]) == 1


async def test_what_is_said_of_an_account_has_the_same_types(world: factories.World) -> None:
    """The routes of accounts refuse what no event could have, after the person is found."""
    await world.known(1)
    key = await issue_key(world.pool, "shop", factories.BRAND)
    async with browse(world, authorization=f"Bearer {key}") as client:
        for body, kind, status in BODIES:
            answer = await client.post(
                f"/api/v1/recipients/{factories.BRAND}/user-1/consent",
                content=body,
                headers=[(b"content-type", kind.encode("latin-1"))],
            )
            assert answer.status_code in (status, 422), answer.text
            assert answer.json()["problems"]


@pytest.mark.parametrize("error", [DatabaseUnavailable("the database is away: gone"), BrokerUnavailable("gone")])
async def test_what_is_away_is_asked_for_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and API answer 503 and say when to try again, wherever the error came up."""
    world = World()

    async def away(*_: Any) -> Any:
        raise error

    for port in (world.standings, world.mailings):
        for name in ("get_standing", "find_recipient_id", "find_mailing_status_of_event", "record_opt_out"):
            monkeypatch.setattr(port, name, away, raising=False)
    async with world.client() as client:
        page = await client.get(world.unsubscribe())
        pressed = await client.post(world.unsubscribe())
        asked = await client.get("/api/v1/events/interpals/a", headers=BEARER)
        shown = await client.get("/api/v1/recipients/interpals/u1/standing", headers=BEARER)
    for answer in (page, pressed, asked, shown):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == str(RETRY_SECONDS)
    assert "again" in asked.json()["problems"][0]


@asynccontextmanager
async def served(world: World) -> AsyncIterator[int]:
    """The port of a real server of the site."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_app(world.app, "127.0.0.1", 0, stop, port.set_result))
    try:
        yield await port
    finally:
        stop.set()
        await serving


async def test_a_client_that_goes_away_is_no_failure(production_log: Callable[[], str]) -> None:
    """Half a body and then nothing: no error in the log, no 500 in the count."""
    world = World()

    async def counted() -> bool:
        return len(_statuses(world)) == 3

    async with served(world) as port:
        for path in ("/api/v1/events", "/api/v1/recipients/interpals/u1/opt-outs", world.unsubscribe()):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
            )
            writer.write(f"{head}Content-Length: 1000\r\n\r\nabc".encode())
            await writer.drain()
            writer.close()
        await until(counted, "the requests to be counted")
    assert "[info     ] a client went away" in production_log()
    assert "[error" not in production_log()
    assert not any(status.startswith("5") for status in _statuses(world))


def _statuses(world: World) -> list[str]:
    """The statuses that were counted, each as often as it was."""
    return [
        sample.labels["status"]
        for metric in world.registry.collect()
        if metric.name == "mailer_http_requests"
        for sample in metric.samples
        if sample.name == "mailer_http_requests_total"
        for _ in range(int(sample.value))
    ]


@pytest.mark.parametrize(
    "rest",
    [
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"x" * 0x10000 + b"\r\n",
        b"Content-Length: 3\r\n\r\nabc",
        b"Content-Length: 5000000\r\n\r\n" + b"x" * 5_000_000,
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Accept-Language: \xff\xfe;q=nan,de;q=1e999\r\nContent-Length: 0\r\n\r\n",
        b"Content-Type: \xff\r\nContent-Length: 3\r\n\r\n\xff\x00\xfe",
    ],
)
async def test_no_request_gets_a_5xx(rest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's fault is answered as such, for any body, whole or not. A late body gets 408."""
    monkeypatch.setattr(middleware, "REQUEST_SECONDS", 1)
    world = World()
    async with served(world) as port:
        for path in ("/api/v1/events", "/api/v1/recipients/interpals/u1/opt-outs", "/u/x"):
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n".encode()
            status = await asyncio.to_thread(_status, port, head + rest)
            assert 400 <= status < 500, (path, status)


def _status(port: int, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        line = connection.makefile("rb").readline()
        return int(line.split()[1])


async def test_a_refusal_can_be_written_whatever_it_quotes() -> None:
    """A field that nobody knows is named in what is answered, without what would turn the text, and not too often."""
    fields = {f"a\u202e{number}": 1 for number in range(100)}
    async with World().client() as client:
        answer = await client.post(
            "/api/v1/recipients/interpals/u1/opt-outs",
            content=json.dumps(fields),
            headers=BEARER | {"content-type": "application/json"},
        )
    assert answer.status_code == 422
    assert answer.json()["problems"][-1] == "and 80 more"
    assert all(problem.isprintable() for problem in answer.json()["problems"])


async def test_every_route_says_when_to_try_again_without_a_database(world: factories.World) -> None:
    """Pages of links and the API say when to try again. Only an image and a redirect work without the database."""
    [ada] = await world.known(1)
    key = await issue_key(world.pool, "shop", factories.BRAND)
    links, mailing = SignedLinks(PUBLIC_URL, (factories.KEY,)), uuid7()
    pages = (
        links.unsubscribe_link(UnsubscribeToken(factories.BRAND, ada, "newsletter", mailing)),
        links.preferences_link(PreferencesToken(factories.BRAND, ada, 1)),
        links.link_to_report_mail(MailReportToken(factories.BRAND, ada, mailing, 1)),
        links.confirmation_link(ConfirmToken(factories.BRAND, ada, mailing, 1)),
    )
    async with browse(world, authorization=f"Bearer {key}") as client:
        assert (await client.get(pages[0])).status_code == 200
        await world.pool.close()
        for page in pages:
            for answer in (await client.get(page), await client.post(page)):
                assert (answer.status_code, answer.headers.get("retry-after")) == (503, str(RETRY_SECONDS)), page
        for path, methods in openapi_document()["paths"].items():
            for method in methods:
                answer = await client.request(method, path.replace("{brand}", factories.BRAND), json={})
                assert (answer.status_code, answer.headers.get("retry-after")) == (503, str(RETRY_SECONDS)), path
        assert (await client.get(links.pixel_url(OpenToken(mailing)))).status_code == 200
