"""Account events on the queue: each is done once, acknowledged once it holds, or a dead letter with its reason."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer.account_event_types import KINDS, parse_any_event
from mailer.broker.topology import EVENTS, Binding, build_topology, lane_events_queue_name
from mailer.policy.category import Lane
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.postgres.outbox import PublisherToOutbox
from tests.doubles import FakeReceived
from tests.factories import BRAND, World, person, plain_event, policies, received

REACHING = policies()[BRAND].model_copy(update={"channels": ("sms",)})
"""The brand's policy, with a channel beside mail."""
CONSENT = {"scope": "newsletter", "version": "2024", "words": "Yes, write to me.", "at": "2026-01-01T00:00:00Z"}
VALUES: dict[str, dict[str, Any]] = {
    "rectify": {"name": "Ada"},
    "channel": {"channel": "sms"},
    "personalisation": {"allowed": False},
    "tracking": {"allowed": False},
    "electronic": {"allowed": False},
    "postal": {"address": ["Ada Lovelace", "1 Mill Lane", "Ely"]},
    "consent": CONSENT,
    "withdraw": {"scope": "newsletter"},
    "opt_out": {"scope": "*"},
    "pause": {"days": 90},
    "own_cap": {"at_most": "monthly"},
}
HOLDS = {
    "deactivate": ("deactivated_at", True),
    "reactivate": ("deactivated_at", None),
    "erase": ("erased_at", True),
    "restrict": ("restricted_at", True),
    "unrestrict": ("restricted_at", None),
    "under_13": ("under_13_at", True),
    "paid": ("products", ["*"]),
    "unpaid": ("products", []),
    "object": ("objected_at", True),
    "channel": ("channel", "sms"),
    "personalisation": ("personalisation_refused_at", True),
    "tracking": ("tracking_refused_at", True),
    "electronic": ("electronic_refused_at", True),
    "consent": ("consents", ["newsletter"]),
    "withdraw": ("opted_out", ["newsletter"]),
    "opt_out": ("opted_out", ["*"]),
    "pause": ("paused_until", True),
    "own_cap": ("own_cap", "monthly"),
}


def event(account: str, **values: Any) -> dict[str, Any]:
    """An account event of this kind."""
    stated = {"v": 1, "id": f"{account}-1", "brand": BRAND, "account": account, "ref": "user-1"}
    return stated | VALUES.get(account, {}) | values


async def taken(world: World, body: dict[str, Any] | bytes, key: str = f"{BRAND}.account") -> FakeReceived:
    """Gives the intake an event. Returns it with its settlement."""
    world.policies[BRAND] = REACHING
    arrived = received(body, key)
    await world.intake().accept_event_messages("service", [arrived])
    return arrived


async def standing(world: World, recipient_id: int) -> dict[str, Any]:
    """The stored standing of a person."""
    row = await world.pool.fetchrow("SELECT * FROM standings WHERE recipient_id = $1", recipient_id)
    assert row is not None
    return dict(row)


@pytest.mark.parametrize("account", HOLDS)
async def test_each_kind_holds_once_it_is_acknowledged(world: World, account: str) -> None:
    """The standing has what the event said, the ledger has it as an application's word, and the event is recorded."""
    [ada] = await world.known(1)
    assert (await taken(world, event(account))).settled == "ack"
    column, value = HOLDS[account]
    found = (await standing(world, ada))[column]
    assert (found is not None) if value is True else found == value
    entries = await world.entries(kind="action")
    assert {entry["recipient"] for entry in entries} == {ada}
    assert {entry["rule"] for entry in entries} == {"action:application"}
    assert await world.pool.fetchval("SELECT event_id FROM account_events") == world.hasher.hash_replacing_event_id(
        BRAND, f"{account}-1"
    )


def test_every_kind_is_tried() -> None:
    """No kind is left out above; corrections and postal addresses have tests of their own."""
    assert {*HOLDS, "rectify", "postal"} == set(KINDS)


@pytest.mark.parametrize("account", ["restrict", "erase", "consent", "object", "opt_out", "rectify"])
async def test_the_same_event_again_changes_nothing(world: World, account: str) -> None:
    """An event that is delivered twice, together or later, is acknowledged each time, and done once."""
    await world.known(1)
    arrived = [received(event(account), f"{BRAND}.account") for _ in range(2)]
    await world.intake().accept_event_messages("service", arrived)
    before = await world.entries()
    assert (await taken(world, event(account))).settled == "ack"
    assert [item.settled for item in arrived] == ["ack", "ack"]
    assert await world.entries() == before
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_an_old_event_does_not_undo_a_later_one(world: World) -> None:
    """A redelivered deactivation, once the account is open again, closes nothing."""
    [ada] = await world.known(1)
    for account in ("deactivate", "reactivate", "deactivate"):
        assert (await taken(world, event(account))).settled == "ack"
    assert (await standing(world, ada))["deactivated_at"] is None


async def test_two_workers_take_the_same_event(world: World) -> None:
    """One of five workers that take the same event at once applies it."""
    await world.known(1)
    answers = await asyncio.gather(*(taken(world, event("restrict")) for _ in range(5)))
    assert [answer.settled for answer in answers] == ["ack"] * 5
    assert len(await world.entries(kind="action")) == 1


async def test_what_is_said_of_strangers_holds_once_they_come(world: World) -> None:
    """A deactivation that outruns the first message about its account is obeyed by it."""
    assert (await taken(world, event("deactivate"))).settled == "ack"
    accepted = await world.accept([person(1)])
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("suppressed", "deactivated")}


async def test_what_is_said_holds_for_what_arrived_with_it(world: World) -> None:
    """Events of accounts are done before the mailings that were fetched together with them are handed over."""
    await world.known(1)
    mail = received(plain_event({"refs": ["user-1"]}))
    await world.intake().accept_event_messages("newsletter", [mail, received(event("deactivate"), f"{BRAND}.account")])
    assert mail.settled == "ack"
    assert world.processor.sent == []


async def test_products_come_and_go_one_by_one(world: World) -> None:
    """Each is added and taken away alone; without one all are meant, and one of these that ends leaves the rest."""
    [ada] = await world.known(1)
    said: tuple[tuple[str, str | None, list[str]], ...] = (
        ("paid", "voice", ["voice"]),
        ("paid", "video", ["voice", "video"]),
        ("paid", "voice", ["voice", "video"]),
        ("unpaid", "voice", ["video"]),
        ("unpaid", "voice", ["video"]),
        ("paid", None, ["*"]),
        ("unpaid", "letters", ["*", "-letters"]),
        ("unpaid", "video", ["*", "-letters", "-video"]),
        ("unpaid", "video", ["*", "-letters", "-video"]),
        ("paid", "video", ["*", "-letters", "video"]),
        ("paid", None, ["*"]),
        ("unpaid", "letters", ["*", "-letters"]),
        ("unpaid", None, []),
    )
    for number, (account, product, holds) in enumerate(said):
        named = {} if product is None else {"product": product}
        assert (await taken(world, event(account, id=f"pays-{number}", **named))).settled == "ack"
        assert (await standing(world, ada))["products"] == holds, number
    reasons = [entry["reason"] for entry in await world.entries(kind="action")]
    assert reasons[:2] + reasons[-1:] == ["paid voice", "paid video", "not_paid"]


BAD: dict[str, tuple[dict[str, Any] | bytes, str, str]] = {
    "an unknown kind": (event("dance"), f"{BRAND}.account", "account: there is no 'dance'; there are deactivate,"),
    "no ref": (
        {key: value for key, value in event("erase").items() if key != "ref"},
        f"{BRAND}.account",
        "ref: is required",
    ),
    "nothing corrected": (event("rectify", name=None), f"{BRAND}.account", "rectify corrects email, name, locale or"),
    "a bad address": (event("rectify", email="x"), f"{BRAND}.account", "email: not an e-mail address"),
    "no proof": (event("consent", words=None), f"{BRAND}.account", "words: "),
    "U+0000 in its words": (event("consent", words="a\0"), f"{BRAND}.account", "words: "),
    "a mandatory category": (
        event("opt_out", scope="service"),
        f"{BRAND}.account",
        "opt_out: service mail of interpals",
    ),
    "an unknown scope": (event("consent", scope="chess"), f"{BRAND}.account", "consent: 'chess' is no scope"),
    "an unknown field": (event("paid", colour="red"), f"{BRAND}.account", "colour: is not a field of an event"),
    "an odd product": (event("paid", product="Voice Plus"), f"{BRAND}.account", "product: "),
    "a product of another kind": (event("restrict", product="voice"), f"{BRAND}.account", "product: is not a field"),
    "an unknown brand": (event("paid", brand="nobody"), "nobody.account", "brand: there is no nobody; there are"),
    "another key": (event("paid"), f"{BRAND}.service", "the routing key is 'interpals.service', but the event belongs"),
    "an address of nobody": (event("rectify", ref="user-9"), f"{BRAND}.account", "the correction needs an email"),
    "not JSON": (b"{", f"{BRAND}.account", "not JSON"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
async def test_a_bad_event_is_a_dead_letter(world: World, case: str) -> None:
    """A bad event is refused with what to correct, and not recorded as done. The others with it are done."""
    [ada] = await world.known(1)
    body, key, reason = BAD[case]
    good, bad = received(event("restrict"), f"{BRAND}.account"), received(body, key)
    await world.intake().accept_event_messages("service", [bad, good])
    assert str(bad.settled).startswith("rejected: ")
    assert reason in str(bad.settled)
    assert good.settled == "ack"
    assert (await standing(world, ada))["restricted_at"] is not None
    assert await world.pool.fetchval("SELECT count(*) FROM account_events") == 1


async def test_a_subscription_is_asked_for_again_without_harm(world: World) -> None:
    """The event of a consent sends a mail that asks to confirm it. Delivered twice, it is one event."""
    brand = "paltalk-2006"
    await world.accept([person(1)], brand=brand, controller=world.policies[brand].controller.id)
    said = event("consent", brand=brand, at=datetime.now(UTC).isoformat())
    for _ in range(2):
        assert (await taken(world, said, f"{brand}.account")).settled == "ack"
    parked = await world.pool.fetch("SELECT message_id, body FROM outbox")
    assert len({row["message_id"] for row in parked}) == 1
    assert json.loads(parked[0]["body"])["template"] == "confirm-subscription"
    assert (await standing(world, await world.id_of("user-1", brand)))["consents"] == []


async def test_published_as_messages_are(world: World) -> None:
    """An application publishes one as it does a message; it travels on the service lane of every brand."""
    found = parse_any_event(json.dumps(event("restrict")))
    await PublisherToOutbox(world.pool).publish_event(found)
    [parked] = await world.outbox.lease_rows("worker", 1, 30)
    assert parked.message.routing_key == f"{BRAND}.account"
    assert parse_any_event(parked.message.body) == found
    plan = build_topology({(BRAND, "newsletter"): Lane.NEWSLETTER, ("peerstream", "service"): Lane.SERVICE})
    for brand in (BRAND, "peerstream"):
        assert plan.queues_for_message(EVENTS, f"{brand}.account") == (lane_events_queue_name(Lane.SERVICE),)
    assert plan.queues_for_message(EVENTS, "nobody.account") == ("mailer.dead.letters",)


async def test_the_key_of_account_events_is_also_that_of_an_accounts_mail(world: World) -> None:
    """One queue takes both by one binding. Their bodies tell them apart, and each needs its own right."""
    plan = build_topology({(BRAND, name): category.lane for name, category in world.policies[BRAND].categories.items()})
    assert [part for part in plan.bindings if part.key == f"{BRAND}.account"] == [
        Binding(EVENTS, lane_events_queue_name(Lane.SERVICE), f"{BRAND}.account")
    ]
    [ada] = await world.known(1)
    speaks, mails = Identity(IdentityKind.BROKER, "crm"), Identity(IdentityKind.BROKER, "shop-front")
    await world.publishers.grant_rights_and_missing_key(
        speaks, RightsOfOnePublisher(frozenset({BRAND}), actions=frozenset(KINDS))
    )
    await world.publishers.grant_rights_and_missing_key(
        mails, RightsOfOnePublisher(frozenset({BRAND}), frozenset({"account"}))
    )
    for number, (user, said, settled) in enumerate(
        (
            ("crm", plain_event({"refs": ["user-1"]}, "account"), "may not publish account mail of interpals"),
            ("shop-front", event("restrict"), "may not say restrict of an account at interpals"),
            ("shop-front", plain_event({"refs": ["user-1"]}, "account"), "ack"),
            ("crm", event("restrict"), "ack"),
            ("crm", event("restrict") | {"category": "account"}, "category: is not a field of an event"),
        )
    ):
        arrived = received(said | {"id": f"both-{number}"}, f"{BRAND}.account", user)
        await world.intake().accept_event_messages("service", [arrived])
        assert settled in str(arrived.settled), number
    assert world.processor.recipients == ["user-1@people.example"]
    assert (await standing(world, ada))["restricted_at"] is not None
