"""The role matrix: each door and each action with each kind of publisher, and no route without its row."""

import json
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Route

import mailer
from mailer import bundled_files
from mailer.account_event_types import KINDS
from mailer.policy.category import CATEGORIES
from mailer.policy.publisher_and_staff_identity import ITSELF, Identity, IdentityKind
from mailer.policy.publisher_rights import (
    OWN_TEMPLATES,
    AccountActionAttempt,
    PublishAttempt,
    ReadableData,
    ReadDataAttempt,
    Wish,
)
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.processors.capture.folder import CaptureFolder as Captured
from mailer.rendering.template_library import TemplateLibrary
from mailer.runtime.process_monitoring import LoopHeartbeat, operator_port_routes
from mailer.runtime.readiness import Readiness
from mailer.web.app import create_app
from mailer.web.captured_mail_inbox import create_inbox_app
from tests import factories
from tests.doubles import FakeReceived
from tests.factories import BRAND, World, plain_event, policies, templates
from tests.integration.keyless_routes import INBOX, OPERATORS, WITHOUT_KEY
from tests.integration.mailing_routes import MORE_ROUTES
from tests.integration.operation_routes import EVERYWHERE_ROUTES
from tests.integration.test_account_events import event as account_event
from tests.integration.web_world import browse, site_over
from tests.publisher_roles import roles, without
from tests.publishers import ACTIONS, everything

WITHDRAWAL = {"scope": "newsletter", "given": False}
PEOPLE = [{"ref": "user-1", "email": "user-1@people.example"}]
CONSENT = {"scope": "newsletter", "version": "1", "words": "Yes, write to me.", "at": "2026-01-01T00:00:00Z"}


@dataclass(frozen=True)
class Row:
    """A request, and what it needs; the body of an event is made when it is sent."""

    method: str
    path: str
    wish: Wish
    body: Mapping[str, Any] | None = None
    is_everywhere: bool = False
    """Needs the right at every brand."""


def said(account: str) -> Row:
    """A request that says something of an account."""
    addressed = ("v", "brand", "ref", "account")
    body = {name: value for name, value in account_event(account).items() if name not in addressed}
    return Row("POST", f"/api/v1/recipients/{BRAND}/user-1/{account}", AccountActionAttempt(BRAND, account), body)


RECIPIENT, STATUS = f"/api/v1/recipients/{BRAND}/user-1", ReadDataAttempt(BRAND, ReadableData.STATUS)
ROUTES: dict[tuple[str, str], tuple[Row, ...]] = {
    ("POST", "/api/v1/events"): tuple(
        Row("POST", "/api/v1/events", PublishAttempt(BRAND, category, "weekly"))
        for category in ("newsletter", "service", "account", "promotional", "breach", "policy_change")
    ),
    ("GET", "/api/v1/events/{brand}/{event_id:path}"): (Row("GET", f"/api/v1/events/{BRAND}/one", STATUS),),
    ("POST", "/api/v1/recipients/{brand}/{ref:path}/consents"): (
        Row("POST", f"{RECIPIENT}/consents", AccountActionAttempt(BRAND, "consent"), CONSENT),
        Row("POST", f"{RECIPIENT}/consents", AccountActionAttempt(BRAND, "withdraw"), WITHDRAWAL),
    ),
    ("POST", "/api/v1/recipients/{brand}/{ref:path}/opt-outs"): (
        Row("POST", f"{RECIPIENT}/opt-outs", AccountActionAttempt(BRAND, "opt_out"), {"scopes": ["newsletter"]}),
    ),
    ("GET", "/api/v1/recipients/{brand}/{ref:path}/standing"): (
        Row("GET", f"{RECIPIENT}/standing", ReadDataAttempt(BRAND, ReadableData.STANDING)),
    ),
    ("GET", "/api/v1/recipients/{brand}/{ref:path}"): (
        Row("GET", RECIPIENT, ReadDataAttempt(BRAND, ReadableData.EXPORT)),
    ),
    ("POST", "/api/v1/recipients/{brand}/{ref:path}/{account}"): tuple(said(account) for account in KINDS),
    ("GET", "/api/v1/reports/{brand}/{campaign}"): (
        Row("GET", f"/api/v1/reports/{BRAND}/spring", ReadDataAttempt(BRAND, ReadableData.REPORT)),
    ),
    **{(method, path): tuple(Row(method, *row) for row in rows) for (method, path), rows in MORE_ROUTES.items()},
    **{
        (method, path): tuple(Row(method, *row, is_everywhere=True) for row in rows)
        for (method, path), rows in EVERYWHERE_ROUTES.items()
    },
}
"""Every route that asks for a key, with all that it can be asked for."""
ANSWERING = {"mailer/web/app.py", "mailer/web/captured_mail_inbox.py", "mailer/runtime/process_monitoring.py"}
"""The modules that make something which answers over HTTP."""


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the site answers."""
    for route in app.routes:
        assert isinstance(route, Route)
        for method in route.methods or ():
            yield method, route.path


def test_each_route_has_a_row(world: World) -> None:
    """A new route, or method of one, says what it needs, or that it is a page (the console: `test_console_roles`)."""
    routes = {one for one in routes_of(create_app(site_over(world))) if not one[1].startswith("/console")}
    pages = {(method, path) for path, methods in WITHOUT_KEY.items() for method in methods}
    assert routes == ROUTES.keys() | pages


def test_the_operators_port_only_shows(tmp_path: Path) -> None:
    """All paths of the operators' port are known and read-only, and none is on the public site."""
    assert operator_port_routes(Readiness(), LoopHeartbeat(), []).keys() == OPERATORS
    assert set(routes_of(create_inbox_app(Captured(tmp_path)))) == {("GET", path) for path in INBOX}
    assert not (OPERATORS | INBOX) & {path for _, path in ROUTES} | WITHOUT_KEY.keys() & (OPERATORS | INBOX)
    makes = re.compile(
        r"= (_AppWithEventSchemas|FastAPI|Starlette|OperatorHttpServer|HTTPServer)\(|asyncio\.start_server\("
    )
    found = {path for path in Path(mailer.__file__).parent.rglob("*.py") if makes.search(path.read_text())}
    root = Path(mailer.__file__).parent.parent
    assert {str(path.relative_to(root)) for path in found} - {"mailer/runtime/operator_http_server.py"} == ANSWERING


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
async def test_the_api(world: World, route: tuple[str, str]) -> None:
    """401 without a key, 403 with one whose holder may not, with the command; anything else where they may."""
    await world.known(1)
    async with browse(world) as client:

        async def status(row: Row, key: str | None) -> tuple[int, str]:
            headers = {} if key is None else {"authorization": f"Bearer {key}"}
            body = plain_event(PEOPLE, row.wish.category) if isinstance(row.wish, PublishAttempt) else row.body
            answer = await client.request(row.method, row.path, json=body, headers=headers)
            return answer.status_code, answer.text

        for row in ROUTES[route]:
            assert (await status(row, None))[0] == 401
            for name, (rights, allowed) in roles(row.wish, row.is_everywhere).items():
                key = "mk_unknown"
                if rights is not None:
                    key = (
                        await world.publishers.grant_rights_and_missing_key(
                            Identity(IdentityKind.KEY, f"{row.wish[1]} {name}"), rights
                        )
                        or ""
                    )
                code, text = await status(row, key)
                if allowed:
                    assert code not in (401, 403), f"{row} {name}: {text}"
                else:
                    assert code == (401 if rights is None else 403), f"{row} {name}: {text}"
                    assert rights is None or "`mailer publishers add" in text
        revoked = Identity(IdentityKind.KEY, "revoked")
        ended = await world.publishers.grant_rights_and_missing_key(revoked, everything())
        await world.publishers.revoke_all_rights(revoked)
        assert [(await status(row, ended))[0] for row in ROUTES[route]] == [401] * len(ROUTES[route])


Door = Callable[[World, Identity, dict[str, Any]], Awaitable[FakeReceived]]


async def by_queue(world: World, publisher: Identity, event: dict[str, Any]) -> FakeReceived:
    """A message whose user RabbitMQ has validated."""
    key = f"{event['brand']}.{event.get('category', 'account')}"
    return FakeReceived(BrokerMessage(json.dumps(event).encode(), key, event["id"], user_id=publisher.name))


async def by_outbox(world: World, publisher: Identity, event: dict[str, Any]) -> FakeReceived:
    """A row that the publisher's role wrote, as a worker relays it."""
    key = f"{event['brand']}.{event.get('category', 'account')}"
    await world.pool.execute(
        "INSERT INTO outbox (routing_key, message_id, body, publisher) VALUES ($1, $2, $3, $4)",
        key,
        event["id"],
        json.dumps(event),
        str(publisher),
    )
    [item] = await world.outbox.lease_rows("worker", 10, 30)
    await world.outbox.remove_rows([item.id])
    return FakeReceived(replace(item.message, user_id="guest"))


DOORS: dict[IdentityKind, Door] = {
    IdentityKind.BROKER: by_queue,
    IdentityKind.ROLE: by_outbox,
    IdentityKind.KEY: by_outbox,
    IdentityKind.PERSON: by_outbox,
}
"""Ways of each kind of publisher to intake: a key's event has been parked by the web, a person's by a command."""
WISHES: tuple[Wish, ...] = (
    *(
        PublishAttempt(BRAND, category, "")
        for category in ("newsletter", "service", "account", "promotional", "breach", "policy_change")
    ),
    *(AccountActionAttempt(BRAND, action) for action in KINDS),
)


def wished(wish: Wish) -> dict[str, Any]:
    """The event that wishes it."""
    if isinstance(wish, PublishAttempt):
        return plain_event(PEOPLE, wish.category)
    return account_event(wish[1])


@pytest.mark.parametrize("kind", DOORS)
async def test_queue_and_outbox(world: World, kind: IdentityKind) -> None:
    """An event that its publisher may not say is a dead letter with the command that lets it, and changes nothing."""
    await world.known(1)
    for number, wish in enumerate(WISHES):
        for role, (rights, allowed) in roles(wish).items():
            publisher = Identity(kind, f"{role} {number}")
            if rights is not None:
                await world.publishers.grant_rights_and_missing_key(publisher, rights)
            event = wished(wish) | {"id": f"{role} {number}"}
            before = await world.entries(kind="action")
            arrived = await DOORS[kind](world, publisher, event)
            await world.intake().accept_event_messages("service", [arrived])
            assert (arrived.kind == DeadLetterCauseKind.NOT_ALLOWED) is not allowed, f"{wish} {role}: {arrived.settled}"
            if not allowed:
                assert f"`mailer publishers add {quote(str(publisher))} --brand {BRAND} --" in str(arrived.settled)
                assert await world.mailings.find_mailing_status_of_event(BRAND, event["id"]) is None
                assert await world.entries(kind="action") == before


async def test_a_name_of_another_kind_has_no_rights(world: World) -> None:
    """Rights that were granted to the key shop are not the broker user's, the role's or the person's."""
    await world.publishers.grant_rights_and_missing_key(Identity(IdentityKind.KEY, "harbour"), everything())
    for kind in (IdentityKind.BROKER, IdentityKind.ROLE, IdentityKind.PERSON):
        arrived = await DOORS[kind](world, Identity(kind, "harbour"), plain_event(PEOPLE))
        await world.intake().accept_event_messages("newsletter", [arrived])
        assert arrived.kind == DeadLetterCauseKind.NOT_ALLOWED


@pytest.mark.parametrize("kind", DOORS)
async def test_what_waits_when_its_publisher_is_revoked_is_not_taken_in(world: World, kind: IdentityKind) -> None:
    """An event that was published before the revocation, and arrives after it, is a dead letter."""
    await world.known(1)
    publisher = Identity(kind, "harbour")
    await world.publishers.grant_rights_and_missing_key(publisher, everything())
    arrived = [await DOORS[kind](world, publisher, wished(wish) | {"id": f"{wish}"}) for wish in WISHES]
    await world.publishers.revoke_all_rights(publisher)
    before = await world.entries(kind="action")
    await world.intake().accept_event_messages("service", arrived)
    assert {one.kind for one in arrived} == {DeadLetterCauseKind.NOT_ALLOWED}
    assert await world.entries(kind="action") == before
    assert not any([await world.mailings.find_mailing_status_of_event(BRAND, f"{wish}") for wish in WISHES])


def own_words(template: str, event_id: str) -> dict[str, Any]:
    """An event that says mailer's own words."""
    shown = templates().find_template(BRAND, template)
    assert shown is not None
    named = {"category": "rights", "template": template, "context": dict(shown.example)}
    return plain_event(PEOPLE) | named | {"id": event_id}


async def by_api(world: World, publisher: Identity, event: dict[str, Any]) -> FakeReceived:
    """A request with the publisher's key, which is parked in the outbox and relayed by a worker."""
    key = await world.publishers.grant_rights_and_missing_key(publisher, everything())
    async with browse(world) as client:
        answer = await client.post("/api/v1/events", json=event, headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 202, answer.text
    [item] = await world.outbox.lease_rows("worker", 10, 30)
    await world.outbox.remove_rows([item.id])
    return FakeReceived(replace(item.message, user_id="guest"))


@pytest.mark.parametrize("template", sorted(OWN_TEMPLATES))
@pytest.mark.parametrize("kind", DOORS)
async def test_mailers_own_words_wait_at_each_door(world: World, kind: IdentityKind, template: str) -> None:
    """A publisher who may do everything waits for a release, by any name and at any door, and nothing goes out."""
    door = by_api if kind is IdentityKind.KEY else DOORS[kind]
    for name in ("shop", "pipeline", str(ITSELF)):
        publisher = Identity(kind, name)
        if kind is not IdentityKind.KEY:
            await world.publishers.grant_rights_and_missing_key(publisher, everything())
        event = own_words(template, f"of {publisher}")
        arrived = await door(world, publisher, event)
        await world.intake().accept_event_messages("service", [arrived])
        status = await world.mailings.find_mailing_status_of_event(BRAND, event["id"])
        assert status is not None, arrived.settled
        assert (status.state, status.publisher) == ("awaiting_release", str(publisher))
    assert world.processor.sent == []


async def test_mail_of_mailers_own_kind_waits_by_any_name(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same mail from a template with another name waits for a second person too, at each door."""
    shutil.copytree(bundled_files.bundled_folder("templates") / BRAND, tmp_path / BRAND)
    for template in OWN_TEMPLATES:
        (tmp_path / BRAND / template).rename(tmp_path / BRAND / f"our-{template}")
    library = TemplateLibrary.load_library(tmp_path, {BRAND: policies()[BRAND]})
    monkeypatch.setattr(factories, "templates", lambda: library)
    for kind, template in product(DOORS, sorted(OWN_TEMPLATES)):
        publisher = Identity(kind, f"harbour {template}")
        await world.publishers.grant_rights_and_missing_key(publisher, everything())
        event = own_words(template, f"of {publisher}") | {"template": f"our-{template}"}
        arrived = await DOORS[kind](world, publisher, event)
        await world.intake().accept_event_messages("service", [arrived])
        status = await world.mailings.find_mailing_status_of_event(BRAND, event["id"])
        assert status is not None, arrived.settled
        assert status.state == "awaiting_release"
    assert world.processor.sent == []


@pytest.mark.parametrize("template", sorted(OWN_TEMPLATES))
@pytest.mark.parametrize("kind", DOORS)
async def test_mailers_own_words_need_their_own_category(world: World, kind: IdentityKind, template: str) -> None:
    """A publisher of all categories but `rights` says them neither as that nor as another."""
    publisher = Identity(kind, "harbour")
    await world.publishers.grant_rights_and_missing_key(publisher, without(PublishAttempt(BRAND, "rights", template)))
    for category in sorted(CATEGORIES):
        event = own_words(template, category) | {"category": category, "reason": "You asked us to"}
        arrived = await DOORS[kind](world, publisher, event)
        await world.intake().accept_event_messages("service", [arrived])
        assert arrived.kind == (
            DeadLetterCauseKind.NOT_ALLOWED if category == "rights" else DeadLetterCauseKind.REFUSED
        ), category
        assert await world.mailings.find_mailing_status_of_event(BRAND, event["id"]) is None
    assert world.processor.sent == []


@pytest.mark.parametrize("template", sorted(OWN_TEMPLATES))
async def test_mailer_says_its_own_words_itself_and_nothing_else(world: World, template: str) -> None:
    """Mailer's own mail needs no second person. Other mail in mailer's name is a dead letter."""
    event, headers = own_words(template, "own"), {HeaderName.PUBLISHER: str(ITSELF)}
    arrived = FakeReceived(BrokerMessage(json.dumps(event).encode(), f"{BRAND}.rights", event["id"], headers, "guest"))
    await world.intake().accept_event_messages("service", [arrived])
    status = await world.mailings.find_mailing_status_of_event(BRAND, event["id"])
    assert status is not None, arrived.settled
    assert status.state != "awaiting_release"
    assert len(world.processor.sent) == 1
    forged = BrokerMessage(json.dumps(plain_event(PEOPLE)).encode(), f"{BRAND}.newsletter", None, headers, "guest")
    await world.intake().accept_event_messages("newsletter", [arrived := FakeReceived(forged)])
    assert arrived.kind == DeadLetterCauseKind.NOT_ALLOWED


def test_the_matrix_knows_all_that_can_be_granted() -> None:
    """A new action or read appears in it."""
    wishes = [row.wish for rows in ROUTES.values() for row in rows]
    assert {wish[1] for wish in wishes if not isinstance(wish, PublishAttempt | ReadDataAttempt)} == set(ACTIONS)
    assert {wish.what for wish in wishes if isinstance(wish, ReadDataAttempt)} == set(ReadableData)
    assert {wish.category for wish in wishes if isinstance(wish, PublishAttempt)} <= set(CATEGORIES)
