"""The processors that get data, the record of it, and their duty to forget: seen in the ledger and in the mail."""

import hashlib
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from mailer.postgres.mailing_coverage import read_mailing_coverage
from tests.accounts import ADA, mailed, notice, of_kind, processor, said
from tests.factories import World, person, received
from tests.processes import Stack


def letter(content: bytes) -> EmailMessage:
    """Parses a message that was handed over."""
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.promise("interpals-11")
async def test_each_hand_over_is_on_record(world: World) -> None:
    """The ledger says of each message to which processor it went, where, why, with which kinds of data, and when."""
    accepted = await mailed(world, [person(1), person(2)])
    entries = await of_kind(world, "hand_over", accepted.mailing_id)
    assert len(entries) == len(world.processor.sent) == 2
    for entry in entries:
        assert (entry["processor"], entry["country"], entry["contract"]) == ("fake", "ZZ", "none")
        assert entry["purpose"] == "newsletter"
        assert datetime.now(UTC) - datetime.fromisoformat(entry["at"]) < timedelta(minutes=1)


@pytest.mark.promise("interpals-11", "paltalk06-09")
async def test_the_fields_on_record_are_those_that_went(world: World) -> None:
    """The ledger names the kinds of data in each message. It has no name for nameless people, and no unused profile."""
    profile = {"profile": {"age": "37 years"}, "unused": "chess"}
    people = [person(1, name="Grace", context=profile), person(2, name=None, context=profile)]
    accepted = await mailed(world, people, context={"headline": "Spring", "more": None})
    entries = {e["recipient"]: e["fields"] for e in await of_kind(world, "hand_over", accepted.mailing_id)}
    grace, nameless = sorted(world.processor.sent, key=lambda outgoing: outgoing.recipient)
    assert [entries[key] for key in sorted(entries)] == [
        ["email", "name", "locale", "context.headline"],
        ["email", "locale", "context.headline"],
    ]
    assert b"Grace" in grace.content
    assert letter(nameless.content)["To"] == "user-2@people.example"
    for outgoing in (grace, nameless):
        whole = letter(outgoing.content)
        shown = str(whole) + "".join(part.get_content() for part in whole.walk() if not part.is_multipart())
        assert not [word for word in ("37 years", "chess") if word in shown]


@pytest.mark.promise("interpals-15", "paltalk06-23", "paltalk06-24", "peerstream-03")
@pytest.mark.parametrize("brand", ["interpals", "paltalk-2006", "peerstream"])
async def test_the_proof_of_a_notice_is_kept(world: World, brand: str) -> None:
    """The ledger keeps the digest of each copy of a notice of change that was handed over."""
    await world.accept([person(1)], controller=world.policies[brand].controller.id, brand=brand)
    event = notice(brand, {"audience": "everyone"})
    await world.intake().accept_event_messages("service", [item := received(event)])
    assert item.settled == "ack"
    [outgoing] = world.processor.sent
    assert outgoing.recipient == ADA
    [entry] = [entry for entry in await of_kind(world, "hand_over") if entry["category"] == event["category"]]
    assert entry["reply"] == f"sha256:{hashlib.sha256(outgoing.content).hexdigest()}"
    assert entry["message_id"] == letter(outgoing.content)["Message-ID"].strip("<>")


@pytest.mark.promise("interpals-23", "peerstream-05")
@pytest.mark.parametrize(
    ("brand", "good", "strangers"),
    [
        ("interpals", {}, [{"name": "elsewhere"}, {"country": "CN"}]),
        ("peerstream", {"name": "relay-eu", "country": "IE"}, [{}, {"name": "relay-eu", "country": "US"}]),
    ],
)
async def test_data_go_only_to_processors_of_the_registry(
    world: World, brand: str, good: dict[str, Any], strangers: list[dict[str, Any]]
) -> None:
    """The country of each hand-over is on record. A processor that is not in the registry now gets nothing."""
    told = {"brand": brand, "controller": world.policies[brand].controller.id}
    await world.accept([person(1)], "service", **told)
    await said(world, "paid", brand=brand)
    for stranger in [processor(**other) for other in strangers]:
        accepted = await world.accept({"refs": ["user-1"]}, "service", **told)
        await world.handover(stranger).hand_over_batches(accepted.batches)
        assert stranger.sent == []
        assert [state for state, _ in (await world.states(accepted.mailing_id)).values()] == ["held"]
    known = processor(**good)
    accepted = await world.accept({"refs": ["user-1"]}, "service", **told)
    await world.handover(known).hand_over_batches(accepted.batches)
    [entry] = await of_kind(world, "hand_over", accepted.mailing_id)
    assert (entry["processor"], entry["country"]) == (known.name, known.country)
    assert known.recipients == [ADA]


@pytest.mark.promise("paltalk06-13")
async def test_outside_systems_retain_nothing(world: World, operator: Stack) -> None:
    """A processor gets no mail without its statement. With it, each purge is on record, first as due, then as done."""
    brand = "paltalk-2006"
    current = world.policies[brand]
    told = {"controller": current.controller.id, "brand": brand, "reason": "Maintenance"}
    relay = processor()
    silent = tuple(terms.model_copy(update={"no_retention": None}) for terms in current.processors)
    world.policies[brand] = current.model_copy(update={"processors": silent})
    accepted = await world.accept([person(1)], "service", **told)
    await world.handover(relay).hand_over_batches(accepted.batches)
    assert (relay.sent, await world.states(accepted.mailing_id)) == ([], {"user-1": ("held", "processor_may_retain")})
    [waiting] = (await operator.done("mailing", "show", str(accepted.mailing_id), "--json")).json["waiting"]
    assert waiting.startswith("1 are held since no processor of MAILER_PROCESSORS may have them")
    assert "(processor_may_retain)" in waiting
    world.policies[brand] = current
    accepted = await world.accept([person(2)], "service", **told)
    await world.handover(relay).hand_over_batches(accepted.batches)
    assert len(relay.sent) == 1
    await world.timekeeper().run_all_steps_once()
    [due] = [entry for entry in await world.entries(accepted.mailing_id) if entry["reason"] == "purge_due"]
    assert (due["processor"], due["country"], due["contract"]) == ("relay-us", "US", "DPA-7")
    purge = ("processors", "confirm-purge", "--mailing", str(accepted.mailing_id), "--processor", "relay-us")
    await operator.done(*purge, "--by", "Dana")
    [done] = [entry for entry in await world.entries(accepted.mailing_id) if entry["reason"] == "purge_confirmed"]
    assert (done["processor"], done["rule"]) == ("relay-us", "action:Dana")
    listed = (await operator.done("processors", "list", "--json")).json
    assert [(purge["processor"], purge["confirmed_by"]) for purge in listed["purges"]] == [("relay-us", "Dana")]
    assert (await operator.run(*purge, "--by", "Dana")).status == 2


@pytest.mark.promise("paltalk06-23")
async def test_a_notice_to_everyone_says_whom_it_reached(world: World) -> None:
    """The report says how many of all accounts the notice reached, and names the others with the reason."""
    brand = "paltalk-2006"
    told = {"controller": world.policies[brand].controller.id, "brand": brand, "reason": "Maintenance"}
    await world.accept([person(n) for n in range(1, 5)], "service", **told)
    await world.accept({"refs": ["user-5"]}, "service", **told)
    await said(world, "deactivate", "user-2", brand)
    await said(world, "under_13", "user-3", brand)
    await said(world, "erase", "user-4", brand)
    event = notice(brand, {"audience": "everyone"})
    await world.intake().accept_event_messages("service", [item := received(event)])
    assert item.settled == "ack"
    status = await world.mailings.find_mailing_status_of_event(brand, event["id"])
    assert status is not None
    reached = await read_mailing_coverage(world.pool, status.id)
    assert reached.accounts == 4
    assert reached.counts[("handed_over", "")] == 2
    assert list(reached.unreached) == [("user-3", "suppressed", "under_13"), ("user-5", "not_addressed", "")]
    assert world.processor.recipients == [ADA, "user-2@people.example"]
