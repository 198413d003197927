"""Mail as its readers get it: an event is published, and the messages that were handed over for it are read back."""

import email.policy
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from html import unescape
from typing import Any

from mailer.pipeline.requested_link_mail_publishing import RequestedLinkMailPublisher
from mailer.policy.publisher_and_staff_identity import ITSELF
from mailer.policy.publisher_rights import OWN_TEMPLATES
from mailer.ports.broker import HeaderName
from mailer.ports.consents import Consent
from mailer.ports.processor import OutgoingMessage
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.signed_links import SignedLinks
from tests.doubles import FakeReceived
from tests.factories import KEY, World, policies, received, templates

LINKS = SignedLinks("https://mail.example", (KEY,))
ADA: dict[str, Any] = {
    "ref": "ada",
    "email": "ada@people.example",
    "name": "Ada",
    "locale": "en",
    "country": "US",
    "source": "sign-up",
    "collected_at": "2026-01-01T00:00:00Z",
}


def answerer(world: World) -> RequestedLinkMailPublisher:
    """The part of the timekeeper that answers requests by an address."""
    return RequestedLinkMailPublisher(world.requests, world.policies, LINKS)


async def answers(world: World) -> list[EmailMessage]:
    """The mails that the timekeeper publishes for waiting requests, as the worker hands them over."""
    await world.pool.execute("DELETE FROM outbox")
    await answerer(world).answer_waiting_requests()
    rows = await world.pool.fetch("DELETE FROM outbox RETURNING id, body, publisher")
    assert {row["publisher"] for row in rows} <= {str(ITSELF)}
    mails = list[EmailMessage]()
    for row in sorted(rows, key=lambda row: row["id"]):
        mails += await told(world, json.loads(row["body"]))
    return mails


def event_of(brand: str, name: str, *people: dict[str, Any], **values: Any) -> dict[str, Any]:
    """An event with a shipped template's example as its context; without people, to Ada as she is known."""
    template = templates().find_template(brand, name)
    assert template is not None
    return {
        "v": 1,
        "id": uuid7().hex,
        "brand": brand,
        "category": template.category,
        "template": name,
        "to": {"people": list(people)} if people else {"refs": ["ada"]},
        "reason": "You asked us to",
        "context": dict(template.example),
        **values,
    }


async def publish(world: World, event: dict[str, Any]) -> FakeReceived:
    """Publishes an event as the queue hands it over. Mail that fits one window is handed over at once.

    The publisher of an event with one of mailer's own templates is mailer itself.
    """
    arrived = received(event)
    if event["template"] in OWN_TEMPLATES:
        arrived.message = replace(arrived.message, headers={HeaderName.PUBLISHER: str(ITSELF)})
    await world.intake().accept_event_messages(
        policies()[event["brand"]].categories[event["category"]].lane.value, [arrived]
    )
    return arrived


def read(outgoing: OutgoingMessage) -> EmailMessage:
    """A message that was handed over."""
    return BytesParser(EmailMessage, policy=email.policy.default).parsebytes(outgoing.content)


async def told(world: World, event: dict[str, Any]) -> list[EmailMessage]:
    """The messages that were handed over for an event, in the order of their recipients."""
    world.processor.sent.clear()
    assert (await publish(world, event)).settled == "ack"
    sent = sorted(world.processor.sent, key=lambda outgoing: outgoing.recipient)
    return [read(outgoing) for outgoing in sent]


async def told_ada(world: World, brand: str, name: str, **values: Any) -> EmailMessage:
    """The one message of an event for Ada. The event brings her data along."""
    (message,) = await told(world, event_of(brand, name, {**ADA, **values.pop("ada", {})}, **values))
    return message


async def known(world: World, brand: str, *people: dict[str, Any]) -> None:
    """Makes people known to a brand, by answering a request of theirs."""
    await told(world, event_of(brand, "rights-answer", *people))


async def consents(world: World, brand: str, *scopes: str, ref: str = "ada") -> None:
    """Records somebody's consents."""
    for scope in scopes:
        version, now = policies()[brand].version, datetime.now(UTC)
        said = Consent(scope, True, "confirmed", version, "Yes, please", ref, now, "form 1")
        assert await world.consents.record_consent_or_withdrawal(brand, await world.id_of(ref, brand), said)


async def stands(world: World, change: str, brand: str, ref: str = "ada") -> None:
    """Changes somebody's standing, as an action would."""
    await world.pool.execute(
        f"UPDATE standings SET {change} WHERE recipient_id ="  # noqa: S608 - a piece of SQL from these tests
        " (SELECT id FROM recipients WHERE brand = $1 AND ref = $2)",
        brand,
        ref,
    )


def parts(message: EmailMessage) -> tuple[str, str]:
    """Text and HTML as somebody reads them."""
    found = [message.get_body((subtype,)) for subtype in ("plain", "html")]
    text, page = (unescape(part.get_content()) if part else "" for part in found)
    return text, page


def leads_out(message: EmailMessage) -> list[str]:
    """The scopes that the unsubscribe links leave, for the text, the HTML and the header.

    The brand, recipient and category of each link agree.
    """
    header = message["List-Unsubscribe"] or ""
    left = []
    for place in (*parts(message), header):
        read = [LINKS.read_unsubscribe_token(token) for token in re.findall(r"/u/([\w.-]+)", place)]
        left.append(" ".join(sorted({token.category if token else "?" for token in read})))
    return left
