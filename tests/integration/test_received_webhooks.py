"""Webhooks of e-mail services, sent to the site: checked, stored before they are accepted, and handled once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from uuid import UUID

import httpx
import pytest

from mailer.actions.privacy_rights import erase_recipient
from mailer.inbound import webhook_reception
from mailer.inbound.handling import ReceivedMailHandler
from mailer.ports.broker import BrokerMessage
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.received_webhooks import MAX_WEBHOOK_OCTETS, REQUEST_DAYS_KEPT
from mailer.postgres.received_webhooks import PostgresReceivedWebhooks
from mailer.rendering.signed_links import SignedLinks
from mailer.web import middleware
from mailer.web.app import create_app
from tests.doubles import FakeReceived
from tests.factories import BRAND, World, person
from tests.inbound import Reception
from tests.integration.web_world import PUBLIC_URL, site_over
from tests.webhook_payloads import sendgrid
from tests.webhook_requests import (
    CERTIFICATE_URL,
    SUBSCRIBE_URL,
    Amazon,
    Request,
    brevo_request,
    mailgun_request,
    postmark_request,
    sendgrid_request,
    sns_message,
    sns_request,
)
from tests.webhooks import PROVIDERS, Told, handling_over, webhook_reception_over

ADA, BOB = "user-1@people.example", "user-2@people.example"


@dataclass(frozen=True)
class Site:
    """The site over a world, with what handles the events that it stored. amazon: Amazon's stand-in."""

    world: World
    client: httpx.AsyncClient
    handling: Reception
    amazon: Amazon

    async def send(self, request: Request, name: str = "main") -> int:
        """Sends a request. Returns the status; the answer has no words."""
        return (await self.answer(request, name)).status_code

    async def answer(self, request: Request, name: str = "main") -> httpx.Response:
        """Sends a request. Returns the answer, which has no words."""
        path = f"/webhooks/{request.provider}/{name}"
        answer = await self.client.post(path, content=request.body, headers=list(request.headers))
        assert answer.content == b"", answer.text
        return answer

    async def effects(self) -> list[tuple[str | None, str | None]]:
        """Handles what was stored. Returns kind and effect of each event, the oldest first."""
        await self.handling.handle_stored()
        return await self.handling.effects()

    async def actions(self) -> list[str]:
        """The reasons of all changes in the ledger."""
        return [entry["reason"] for entry in await self.world.entries(kind="action")]

    async def count(self, table: str) -> int:
        """The number of rows of a table."""
        return int(await self.world.pool.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - names of this file


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    """The site over a world."""
    async with open_site(world) as opened:
        yield opened


@asynccontextmanager
async def open_site(world: World) -> AsyncIterator[Site]:
    """Opens the site over a world."""
    amazon = Amazon()
    app = create_app(replace(site_over(world), webhooks=webhook_reception_over(world, amazon)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL) as client:
        yield Site(world, client, handling_over(world), amazon)


async def handed_over(world: World, people: int = 1, category: str = "newsletter") -> tuple[UUID, list[int]]:
    """A mailing that was handed over to some people. Returns its id and theirs."""
    accepted = await world.accept([person(number) for number in range(1, people + 1)], category)
    await world.handover().hand_over_batches(accepted.batches)
    return accepted.mailing_id, [await world.id_of(f"user-{number}") for number in range(1, people + 1)]


async def adas_mail(world: World) -> Told:
    """A mail that Ada got."""
    mailing, [ada] = await handed_over(world)
    return Told.of(world, mailing, ada, ADA)


async def mail_of_each_provider(world: World) -> dict[str, Told]:
    """A mail to one person for each provider, who tells of it."""
    mailing, ids = await handed_over(world, len(PROVIDERS))
    return {
        provider: Told.of(world, mailing, recipient_id, f"user-{number}@people.example")
        for number, (provider, recipient_id) in enumerate(zip(PROVIDERS, ids, strict=True), 1)
    }


async def test_a_hard_bounce_acts_once(site: Site) -> None:
    """The address is dead. The same request again, and the same event in another request, change nothing."""
    mails = await mail_of_each_provider(site.world)
    for number, (provider, told) in enumerate(mails.items(), 1):
        request = told.request(provider, "hard")
        assert await site.send(request) == HTTPStatus.OK
        assert await site.effects() == [("bounce", "address_dead")] * number, provider
        assert [await site.send(request) for _ in range(2)] == [HTTPStatus.OK] * 2
        assert len(await site.effects()) == len(await site.actions()) == number, provider
    assert set(await site.actions()) == {"address_dead"}
    again, _ = await handed_over(site.world, len(PROVIDERS))
    assert set((await site.world.states(again)).values()) == {("suppressed", "address_dead")}


@pytest.mark.parametrize(
    ("kind", "effect", "reason"),
    [("complaint", ("complaint", "complaint"), "complaint"), ("left", ("unsubscribed", "opt_out"), "opt_out")],
)
async def test_who_complains_or_leaves_gets_no_optional_mail(
    site: Site, kind: str, effect: tuple[str, str], reason: str
) -> None:
    """Both end optional mail, once; mandatory mail goes on."""
    world, people = site.world, len(PROVIDERS)
    for provider, told in (await mail_of_each_provider(world)).items():
        request = told.request(provider, kind)
        assert [await site.send(request) for _ in range(2)] == [HTTPStatus.OK] * 2, provider
    assert await site.effects() == [effect] * people
    assert await site.actions() == [reason] * people
    again, _ = await handed_over(world, people, "promotional")
    assert {state for state, _ in (await world.states(again)).values()} == {"suppressed"}
    must, _ = await handed_over(world, people, "account")
    assert set((await world.states(must)).values()) == {("handed_over", "")}


async def test_what_says_nothing_of_the_address_makes_nobody_unreachable(site: Site) -> None:
    """A full mailbox is counted; what the service did not even try is not; a delivered mail is only stored."""
    for provider, told in (await mail_of_each_provider(site.world)).items():
        for number, kind in enumerate(("soft", "blocked", "delivered")):
            assert await site.send(told.request(provider, kind, number)) == HTTPStatus.OK
    assert await site.effects() == [("bounce", "soft_bounce"), ("bounce", "sender_fault")] * len(PROVIDERS)
    counted = len(PROVIDERS), 3 * len(PROVIDERS)
    assert (await site.count("soft_bounces"), await site.count("webhook_requests")) == counted
    assert await site.actions() == []


def forged(request: Request) -> Iterator[Request]:
    """The same request as a stranger sends it: with another secret or signature, or with none."""
    match request.provider:
        case "brevo":
            yield brevo_request(request.body, token="0" * 32)
        case "postmark":
            yield postmark_request(request.body, password="0" * 32)
        case "mailgun":
            yield replace(request, body=mailgun_request({}, key="0" * 32).body)
        case "sendgrid":
            yield replace(request, body=request.body + b" ")
        case _:
            yield replace(request, body=request.body.replace(b"people.example", b"others.example"))
    if request.provider in ("brevo", "postmark", "sendgrid"):
        yield replace(request, headers=())


async def test_a_forged_request_is_refused(site: Site) -> None:
    """It is answered 401, and nothing is stored or changed."""
    told = await adas_mail(site.world)
    for provider in PROVIDERS:
        for stranger in forged(told.request(provider, "hard")):
            answer = await site.answer(stranger)
            assert (answer.status_code, answer.headers["www-authenticate"][:5]) == (HTTPStatus.UNAUTHORIZED, "Basic")
    assert await site.effects() == []
    assert (await site.count("webhook_requests"), await site.actions()) == (0, [])


async def test_somebody_elses_token_acts_on_nobody_else(site: Site) -> None:
    """An event that names another person: they stay as they are, and the address of the token's owner is not dead."""
    mails = await mail_of_each_provider(site.world)
    for provider, told in mails.items():
        others = replace(told, address="user-9@people.example" if provider == "ses" else mails["ses"].address)
        assert await site.send(others.request(provider, "hard")) == HTTPStatus.OK
    assert await site.effects() == [("bounce", "none")] * len(PROVIDERS)
    for number, told in enumerate(mails.values()):
        others = replace(told, address=mails["ses"].address)
        assert await site.send(others.request("postmark", "complaint", number)) == HTTPStatus.OK
        owner = site.world.links.read_return_path(told.path)
        await site.effects()
        done = await site.world.pool.fetch("SELECT recipient_id FROM ledger WHERE kind = 'action' ORDER BY at, n")
        assert owner is not None
        assert [row["recipient_id"] for row in done][number:] == [owner.recipient_id]


async def test_without_a_token_of_ours_nobody_is_meant(site: Site) -> None:
    """An address, another key's token, or none: the request is stored, and nothing happens to anybody."""
    mailing, [ada] = await handed_over(site.world)
    stranger = SignedLinks("https://mail.example", ["the key of a stranger who knows all"])
    path = stranger.bounce_address(mailing, ada, "interpals.example")
    for provider in PROVIDERS:
        for number, told in enumerate((Told(path, ADA), Told("bounces@interpals.example", ADA))):
            for kind in ("hard", "complaint", "left"):
                assert await site.send(told.request(provider, kind, number)) == HTTPStatus.OK
    assert await site.effects() == []
    assert (await site.count("webhook_requests"), await site.actions()) == (6 * len(PROVIDERS), [])


async def test_a_signature_of_mailgun_is_used_once(site: Site) -> None:
    """It does not cover the event: whoever saw one could send another event about a mail that they got."""
    told = await adas_mail(site.world)
    harmless = told.request("mailgun", "delivered")
    assert await site.send(harmless) == HTTPStatus.OK
    signature, _, rest = harmless.body.partition(b'"event-data"')
    event = told.request("mailgun", "left").body.partition(b'"event-data"')[2]
    assert rest != event
    assert await site.send(replace(harmless, body=signature + b'"event-data"' + event)) == HTTPStatus.OK
    assert (await site.effects(), await site.actions()) == ([], [])


async def test_an_erasure_keeps_the_key_of_a_request(site: Site) -> None:
    """The person is gone from what was stored, and a repetition still does nothing and stores nothing."""
    world = site.world
    mailing, [ada] = await handed_over(world)
    told = Told.of(world, mailing, ada, ADA)
    requests = [told.request("mailgun", "soft"), told.request("sendgrid", "complaint"), told.request("ses", "hard")]
    assert [await site.send(request) for request in requests] == [HTTPStatus.OK] * 3
    await erase_recipient(world.rights, world.policies[BRAND], ada, "operator")
    again = [*requests, told.request("sendgrid", "hard", 7)]
    assert [await site.send(request) for request in again] == [HTTPStatus.OK] * 4
    assert await site.effects() == [(None, None)] * 3
    bodies = await world.pool.fetch("SELECT body FROM webhook_requests ORDER BY at")
    assert [row["body"] for row in bodies[:3]] == [None] * 3
    assert await world.pool.fetchval("SELECT count(*) FROM received_mail WHERE content IS NOT NULL") == 0


async def test_requests_are_kept_for_longer_than_services_repeat_them(site: Site) -> None:
    """26 hours later the key is still there; after some days, the request is deleted."""
    told = await adas_mail(site.world)
    await site.send(told.request("postmark", "delivered"))
    for age, left in (("26 hours", 1), (f"{REQUEST_DAYS_KEPT} days 1 minute", 0)):
        await site.world.pool.execute("UPDATE webhook_requests SET at = now() - $1::text::interval", age)
        await site.world.upkeep.delete_old_webhook_requests(REQUEST_DAYS_KEPT)
        assert await site.count("webhook_requests") == left


async def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    """It is answered 413, with a length or in chunks; one octet less is read."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * (MAX_WEBHOOK_OCTETS // 16)

    path, (secret,) = "/webhooks/brevo/main", brevo_request([]).headers
    for content in (b" " * (MAX_WEBHOOK_OCTETS + 1), chunks()):
        answer = await site.client.post(path, content=content, headers=[secret])
        assert (answer.status_code, answer.content) == (413, b"")
    whole = await site.client.post(path, content=b"[]" + b" " * (MAX_WEBHOOK_OCTETS - 2), headers=[secret])
    assert whole.status_code == HTTPStatus.OK


async def test_no_other_path_or_method_is_an_endpoint(site: Site) -> None:
    """An endpoint that is not in MAILER_WEBHOOKS is not found, and nothing is said."""
    request = (await adas_mail(site.world)).request("postmark", "hard")
    assert await site.send(request, "other") == HTTPStatus.NOT_FOUND
    for path in ("/webhooks/mandrill/main", "/webhooks/postmark", "/webhooks/postmark/main/x", "/webhooks//main"):
        answer = await site.client.post(path, content=request.body, headers=list(request.headers))
        assert (answer.status_code, answer.content) == (HTTPStatus.NOT_FOUND, b"")
    assert (await site.client.get("/webhooks/postmark/main")).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert await site.count("webhook_requests") == 0


async def test_one_bad_event_stops_no_other(site: Site) -> None:
    """Events of one request are read alone; a repeated one among them acts once."""
    mailing, [ada, bob] = await handed_over(site.world, 2)
    whom = [(ada, ADA), (bob, BOB)]
    bodies = [Told.of(site.world, mailing, *one).request("sendgrid", "complaint", one[0]).body for one in whom]
    events = b",".join(body[1:-1] for body in (*bodies, bodies[0]))
    more = b', {"event": "bounce"}, 7, {"event": "open"}'
    assert await site.send(sendgrid_request(b"[" + events + more + b"]")) == HTTPStatus.OK
    assert await site.effects() == [("complaint", "complaint")] * 2
    [row] = await site.world.pool.fetch("SELECT events, proven, malformed, brands FROM webhook_requests")
    assert tuple(row) == (2, 2, 2, [BRAND])


async def test_a_request_at_the_same_time_acts_once(site: Site) -> None:
    """A service that got no answer in time sends the request again, while the first one is still stored."""
    request = (await adas_mail(site.world)).request("postmark", "complaint")
    statuses = await asyncio.gather(*(site.send(request) for _ in range(6)))
    assert set(statuses) == {HTTPStatus.OK}
    assert await site.effects() == [("complaint", "complaint")]
    assert await site.actions() == ["complaint"]


async def test_a_crash_between_acceptance_and_handling_loses_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies before, or after, the effect is committed: the id comes again, and the event acts once."""
    request = (await adas_mail(site.world)).request("ses", "hard")
    assert await site.send(request) == HTTPStatus.OK
    [row] = await site.world.outbox.lease_rows("inbound", 100, 30)

    async def die(*_: object) -> None:
        raise SystemError("killed")

    for place in ("_finish_with_effect", "_commit_dead_address"):
        with monkeypatch.context() as patched:
            patched.setattr(ReceivedMailHandler, place, die)
            with pytest.raises(SystemError):
                await site.handling.handler.handle_messages([FakeReceived(row.message)])
        assert (await site.handling.effects(), await site.actions()) == ([(None, None)], [])
    for _ in range(2):  # the second time as after a crash before the acknowledgement
        await site.handling.handler.handle_messages([FakeReceived(BrokerMessage(row.message.body, BRAND))])
    assert (await site.handling.effects(), await site.actions()) == ([("bounce", "address_dead")], ["address_dead"])


async def test_what_cannot_be_stored_is_not_accepted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service sends it again: 503, but 429 for Brevo, which gives up after 503. Then it acts."""
    mails = await mail_of_each_provider(site.world)
    requests = [told.request(provider, "hard") for provider, told in mails.items()]

    async def fail(*_: object) -> None:
        raise DatabaseUnavailable("gone")

    expected = [429 if provider == "brevo" else 503 for provider in PROVIDERS]
    with monkeypatch.context() as patched:
        patched.setattr(PostgresReceivedWebhooks, "store_request", fail)
        answers = [await site.answer(request) for request in requests]
        assert [answer.status_code for answer in answers] == expected
        assert {answer.headers["retry-after"] for answer in answers} == {"30"}
    with monkeypatch.context() as patched:
        patched.setattr(webhook_reception, "MAX_AT_ONCE", 0)
        assert [await site.send(request) for request in requests] == expected
    with monkeypatch.context() as patched:
        patched.setattr(PostgresReceivedWebhooks, "store_request", lambda *_: asyncio.sleep(60))
        patched.setattr(middleware, "REQUEST_SECONDS", 0.2)
        assert [await site.send(request) for request in requests] == expected
    assert await site.count("webhook_requests") == 0
    assert {await site.send(request) for request in requests} == {HTTPStatus.OK}
    assert await site.effects() == [("bounce", "address_dead")] * len(PROVIDERS)


async def test_a_subscription_is_confirmed_by_one_request(site: Site) -> None:
    """Only what Amazon signed for our topic makes us ask anybody anything, and only at the topic's region."""
    message = sns_message("SubscriptionConfirmation")
    site.amazon.files[SUBSCRIBE_URL] = b"<ConfirmSubscriptionResponse/>"
    assert await site.send(sns_request(message)) == HTTPStatus.OK
    assert site.amazon.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]
    elsewhere = sns_message("SubscriptionConfirmation", SubscribeURL="https://evil.example/?Action=ConfirmSubscription")
    host = sns_message(
        SigningCertURL="https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem"
    )
    other = sns_message("SubscriptionConfirmation", TopicArn="arn:aws:sns:us-east-1:999999999999:bounces")
    refused = [await site.send(sns_request(one)) for one in (elsewhere, host, other, {**message, "Token": "x"})]
    assert refused == [400, 401, 403, 401]
    assert site.amazon.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]


async def test_a_subscription_that_cannot_be_confirmed_is_asked_for_again(site: Site) -> None:
    """Amazon sends the message again after 503. The same holds while its certificate cannot be had."""
    request = sns_request(sns_message("SubscriptionConfirmation"))
    certificate = site.amazon.files.pop(CERTIFICATE_URL)
    assert await site.send(request) == HTTPStatus.SERVICE_UNAVAILABLE
    site.amazon.files[CERTIFICATE_URL] = certificate
    assert await site.send(request) == HTTPStatus.SERVICE_UNAVAILABLE
    site.amazon.files[SUBSCRIBE_URL] = b"<ConfirmSubscriptionResponse/>"
    assert await site.send(request) == HTTPStatus.OK


async def test_a_mass_of_hard_bounces_is_quarantined(site: Site) -> None:
    """A service that suddenly reports everybody as dead is not believed, as a receiver is not."""
    mailing, ids = await handed_over(site.world, 25)
    for number, recipient_id in enumerate(ids, 1):
        told = Told.of(site.world, mailing, recipient_id, f"user-{number}@people.example")
        assert await site.send(told.request("postmark", "hard", number)) == HTTPStatus.OK
    effects = sorted(effect or "" for _, effect in await site.effects())  # they are handled side by side
    assert effects == ["address_dead"] * 19 + ["quarantined"] * 6


async def test_the_log_names_nobody(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither an address nor a token or a secret of a request is logged, whatever becomes of it."""
    told = await adas_mail(site.world)
    request = told.request("postmark", "hard")
    capsys.readouterr()
    for one in (request, *forged(request), sendgrid_request([sendgrid("bounce", email=7)])):
        await site.send(one)
    await site.effects()
    said = "".join(capsys.readouterr())
    assert [word for word in (ADA, told.local, request.headers[0][1]) if word in said] == []
