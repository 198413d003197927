"""The shortcut of one-click opt-outs: the answer and the record of the route, and every other request left to it."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from starlette.types import Message

from mailer.policy.standing import EVERYTHING_OPTIONAL, SHARING
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.standings import OptOutResult
from mailer.rendering.link_tokens import UnsubscribeToken
from mailer.web import one_click_shortcut, unsubscribe
from tests.factories import World as Database
from tests.integration.web_world import Standings, World, browse
from tests.letters import LINKS

FORM = {"content-type": "application/x-www-form-urlencoded"}
BODY = b"List-Unsubscribe=One-Click"
PRESS = ("interpals", 17, "newsletter", "one-click")


class AwayAtFirst(Standings):
    """Standings whose database is away for some opt-outs."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def record_opt_out(
        self, brand: str, recipient_id: int, scope: str, source: str, mailing_id: UUID | None = None
    ) -> OptOutResult | None:
        """Fails, or adds to the opt-outs."""
        if self.times:
            self.times -= 1
            raise DatabaseUnavailable("away")
        return await super().record_opt_out(brand, recipient_id, scope, source, mailing_id)


async def pressed(world: World, path: str, *bodies: bytes, **fields: str) -> list[Message]:
    """Sends a POST whose body arrives in these parts, and returns what the application sent."""
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    parts[-1]["more_body"] = False
    headers = FORM | {"content-length": str(sum(map(len, bodies)))} | fields
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1),
        "server": ("mail.example", 443),
    }
    sent = list[Message]()

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await world.app(scope, receive, send)
    return sent


def status_of(sent: Sequence[Mapping[str, Any]]) -> int:
    """The status of an answer."""
    return int(sent[0]["status"])


@pytest.mark.parametrize("url", ["https://mail.example", "http://127.0.0.1:8025"])
async def test_the_answer_is_that_of_the_route(url: str) -> None:
    """A body with one octet more, whose fields are the same, goes by the route: head, body and record are the same."""
    world = World(url)
    async with world.client() as client:
        await client.post(world.unsubscribe(), content=BODY, headers=FORM)
        with patch.object(unsubscribe, "unsubscribe_page", side_effect=AssertionError("is rendered once more")):
            short = await client.post(world.unsubscribe(), content=BODY, headers=FORM)
        routed = await client.post(world.unsubscribe(), content=BODY + b"&", headers=FORM)
    assert short.status_code == routed.status_code == 200
    assert short.content == routed.content
    assert sorted(short.headers.multi_items()) == sorted(routed.headers.multi_items())
    assert world.standings.changes == [PRESS] * 3
    assert 'mailer_opt_outs_total{brand="interpals",scope="newsletter"} 3.0' in world.metrics
    assert 'mailer_http_requests_total{method="POST",route="/u/{token}",status="200"} 3.0' in world.metrics


async def test_each_brand_and_category_has_its_own_answer() -> None:
    """The rendered page of one category, or brand, is not sent for another."""
    world = World()
    async with world.client() as client:
        for category, brand in product(("newsletter", "promotional"), ("interpals", "peerstream")):
            link = world.unsubscribe(category, brand)
            [short, routed] = [await client.post(link, content=BODY + end, headers=FORM) for end in (b"", b"&")]
            assert short.content == routed.content, (category, brand)


@pytest.mark.parametrize(
    ("bodies", "fields"),
    [
        ((BODY[:7], BODY[7:-1]), {"content_length": "26"}),
        ((BODY,), {"accept_language": "de"}),
        ((BODY,), {"content_type": "multipart/form-data; boundary=b"}),
        ((b"",), {}),
        ((b"List-Unsubscribe=One-Clack",), {}),
        ((b"abcdefghijklmnopqrstuvwxyz",), {}),
    ],
)
async def test_other_requests_go_by_the_route(bodies: tuple[bytes, ...], fields: dict[str, str]) -> None:
    """Whatever differs in head or body is left to the route, with its whole body; it opts out as ever."""
    world = World()
    answers = list[object]()
    with patch.object(one_click_shortcut, "answer_to_one_click", side_effect=answers.append):
        sent = await pressed(world, world.unsubscribe(), *bodies, **fields)
    assert status_of(sent) == 200
    assert answers == []
    assert world.standings.changes == [PRESS]


@pytest.mark.parametrize("signal", ["sec-gpc", "dnt"])
async def test_a_privacy_signal_also_ends_sharing(world: Database, signal: str) -> None:
    """The signal of the browser, or of a program that sends it, is heard beside the one click."""
    [ada] = await world.known(1)
    link = LINKS.unsubscribe_link(UnsubscribeToken("interpals", ada, "newsletter", None, 1))
    async with browse(world) as client:
        answer = await client.post(link, content=BODY, headers=FORM | {signal: "1"})
    assert answer.status_code == 200
    standing = await world.standings.get_standing("interpals", ada)
    assert standing is not None
    assert standing.opted_out == {"newsletter", SHARING}


async def test_the_type_of_a_body_has_no_case() -> None:
    """A proxy that writes it otherwise does not turn "all mail" into one kind (RFC 9110 8.3.1)."""
    world = World()
    async with world.client() as client:
        link, other = world.unsubscribe(), {"content-type": "Application/X-WWW-Form-URLencoded"}
        await client.post(link, content=b"scope=all", headers=other)
    assert world.standings.changes == [("interpals", 17, EVERYTHING_OPTIONAL, "page")]


async def test_a_body_that_arrives_in_parts_is_read_whole() -> None:
    """It is answered by the shortcut, too."""
    world = World()
    with patch.object(
        one_click_shortcut, "_receive_with_read_messages_first", side_effect=AssertionError("goes by the route")
    ):
        assert status_of(await pressed(world, world.unsubscribe(), BODY[:7], b"", BODY[7:], b"")) == 200
    assert world.standings.changes == [PRESS]


@pytest.mark.parametrize("query", ["?lang=de", "?scope=all"])
async def test_a_query_is_read_by_the_route(query: str) -> None:
    """A wished language is obeyed; the opt-out is that of the link."""
    world = World()
    async with world.client() as client:
        answer = await client.post(world.unsubscribe() + query, content=BODY, headers=FORM)
    assert ('<html lang="de"' in answer.text) == ("lang" in query)
    assert world.standings.changes == [PRESS]


async def test_mail_that_cannot_be_left_is_not_left() -> None:
    """A one-click POST to the link of service mail closes no account, and a token that is none is a bad link."""
    world = World()
    async with world.client() as client:
        service = await client.post(world.unsubscribe("service"), content=BODY, headers=FORM)
        forged = await client.post("/u/nonsense", content=BODY, headers=FORM)
        gone = await client.post(world.unsubscribe(recipient_id=99), content=BODY, headers=FORM)
    assert (service.status_code, forged.status_code, gone.status_code) == (200, 400, 200)
    assert world.standings.changes == []


async def test_a_database_that_is_away_is_told_and_nothing_is_lost() -> None:
    """The route tries once more; if that fails, the program is told to come again (RFC 9110 15.6.4)."""
    world = World(standings=AwayAtFirst(1))
    assert status_of(await pressed(world, world.unsubscribe(), BODY)) == 200
    assert world.standings.changes == [PRESS]
    away = World(standings=AwayAtFirst(2))
    [head, _] = await pressed(away, away.unsubscribe(), BODY)
    assert (head["status"], dict(head["headers"])[b"retry-after"]) == (503, b"5")
    broken = World()
    broken.standings.broken = True
    assert status_of(await pressed(broken, broken.unsubscribe(), BODY)) == 500
    assert away.standings.changes == broken.standings.changes == []
    assert 'mailer_http_requests_total{method="POST",route="/u/{token}",status="500"} 1.0' in broken.metrics
