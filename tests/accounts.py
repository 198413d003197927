"""Account events of applications, and mailings to the accounts, for the tests of people's rights."""

from typing import Any
from uuid import UUID

from mailer.ports.mailings import AcceptedMailing
from mailer.ports.time_ordered_uuids import uuid7
from tests.doubles import FakeProcessor, FakeReceived
from tests.factories import BRAND, World, plain_event, received, templates
from tests.publishers import issue_key

ADA = "user-1@people.example"
CHANGES = {"interpals": "policy-change", "paltalk-2006": "ownership-change", "peerstream": "policy-change"}


async def said(world: World, account: str, ref: str = "user-1", brand: str = BRAND, **values: Any) -> FakeReceived:
    """Gives the service lane an account event, as an application would publish it."""
    event = {"v": 1, "id": uuid7().hex, "brand": brand, "account": account, "ref": ref, **values}
    arrived = received(event, f"{brand}.account")
    await world.intake().accept_event_messages("service", [arrived])
    return arrived


async def mailed(world: World, to: Any, category: str = "newsletter", **values: Any) -> AcceptedMailing:
    """Accepts a mailing, and hands it over as far as it may."""
    accepted = await world.accept(to, category, **values)
    await world.handover().hand_over_batches(accepted.batches)
    return accepted


async def released(world: World, to: Any, **values: Any) -> AcceptedMailing:
    """Accepts a breach notice, has a second person release it, and hands it over as far as it may."""
    accepted = await world.accept(to, "breach", **values)
    await world.mailings.release_mailing(accepted.mailing_id, "Dana")
    batches = await world.pool.fetch("SELECT id FROM batches WHERE mailing_id = $1", accepted.mailing_id)
    await world.handover().hand_over_batches([batch["id"] for batch in batches])
    return accepted


def notice(brand: str, to: Any) -> dict[str, Any]:
    """A notice of change, as an event."""
    template = templates().find_template(brand, CHANGES[brand])
    assert template is not None
    event = plain_event(to, "policy_change", brand=brand)
    return event | {"category": template.category, "template": template.name, "context": dict(template.example)}


def processor(**values: Any) -> FakeProcessor:
    """An outside processor."""
    return FakeProcessor(
        **{"is_outside_our_network": True, "name": "relay-us", "country": "US", "contract": "DPA-7", **values}
    )


async def of_kind(world: World, kind: str, mailing_id: UUID | None = None) -> list[dict[str, Any]]:
    """Entries of the ledger that are about somebody."""
    return [entry for entry in await world.entries(mailing_id, kind) if entry["recipient"] is not None]


async def key(world: World, brand: str = BRAND) -> str:
    """The header of an application that may speak for a brand."""
    return f"Bearer {await issue_key(world.pool, 'shop', brand)}"
