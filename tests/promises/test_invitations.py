"""Invitations, partners' mail and service mail, as their readers get them, or do not."""

import json
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.campaigns import commands
from tests.factories import World
from tests.integration.web_world import browse
from tests.letters import ADA, consents, event_of, known, leads_out, parts, publish, stands, told
from tests.processes import Stack

GRACE: dict[str, Any] = ADA | {"ref": "grace", "email": "grace@people.example", "name": "Grace"}
FRIEND = {"ref": "friend", "email": "friend@people.example"}


async def invited(world: World, brand: str, inviter: str | None, friend: dict[str, Any] = FRIEND) -> list[EmailMessage]:
    """The mail that a friend gets when a member invites them."""
    return await told(world, event_of(brand, "invitation", friend, inviter=inviter))


async def why_not(world: World) -> tuple[str | None, str | None]:
    """Reason and rule of the ledger's latest decision."""
    row = await world.pool.fetchrow(
        "SELECT reason, rule FROM ledger WHERE kind = 'decision' ORDER BY at DESC, n DESC LIMIT 1"
    )
    return (row["reason"], row["rule"]) if row else (None, None)


@pytest.mark.promise("interpals-10", "paltalk02-06")
@pytest.mark.parametrize("brand", ["interpals", "paltalk-2002"])
async def test_an_invitee_gets_one_invitation_and_nothing_else(world: World, brand: str) -> None:
    """A member's invitation names who invites; nobody invites again by any name; no offer follows."""
    refused = await publish(world, event_of(brand, "invitation", FRIEND))
    assert "inviter" in str(refused.settled)
    await known(world, brand, ADA | {"ref": "Grace", "name": "Grace H.", "email": "grace@people.example"})
    [letter] = await invited(world, brand, "Grace")
    assert all("Grace H." in part for part in parts(letter))
    assert await invited(world, brand, "Grace") == []
    assert await invited(world, brand, "Heidi", {**FRIEND, "ref": "my-friend", "email": "Friend@people.example"}) == []
    assert await why_not(world) == ("invited_once", "one-invitation")
    for offer in ("spring-offer", "weekly"):
        assert await told(world, event_of(brand, offer, to={"refs": ["friend"]})) == []
        assert await why_not(world) == ("only_invited", "one-invitation")


@pytest.mark.promise("paltalk02-07")
async def test_a_report_stops_the_inviter(world: World) -> None:
    """The invitation has a link to report it; the button there, and no look at the page, stops that member."""
    [letter] = await invited(world, "paltalk-2002", "Grace")
    [page] = {link for part in parts(letter) for link in re.findall(r"https://mail\.example(/report/[\w.-]+)", part)}
    async with browse(world) as reader:
        assert "inviter" in (await reader.get(page)).text
        other = {"ref": "other", "email": "other@people.example"}
        assert len(await invited(world, "paltalk-2002", "Grace", other)) == 1
        assert (await reader.post(page, data={"inviter": "1"})).is_success
    third = {"ref": "third", "email": "third@people.example"}
    assert await invited(world, "paltalk-2002", "Grace", third) == []
    assert await why_not(world) == ("inviter_paused", "inviter")
    assert len(await invited(world, "paltalk-2002", "Heidi", third)) == 1
    [stopped] = await world.entries(kind="action")
    assert (stopped["reason"], stopped["rule"]) == ("pause_inviter", "action:report")


async def test_an_operator_stops_a_member_and_lets_them_invite_again(world: World, operator: Stack) -> None:
    """A command stops an inviter, on record with the person who did it. Doing it twice changes nothing."""
    asked = ("Grace", "--brand", "paltalk-2002", "--by", "Olga")
    assert (await operator.done("inviters", "pause", *asked)).out == "Grace may not invite from now on.\n"
    assert await invited(world, "paltalk-2002", "Grace") == []
    assert (await operator.done("inviters", "resume", *asked)).out == "Grace may invite from now on.\n"
    assert (await operator.done("inviters", "resume", *asked)).out == "Grace may invite already.\n"
    friend = {"ref": "late", "email": "late@people.example"}
    assert len(await invited(world, "paltalk-2002", "Grace", friend)) == 1
    refused = await operator.run("inviters", "pause", "Grace", "--brand", "acme", "--by", "Olga")
    assert (refused.status, "there is no acme" in refused.err) == (2, True)
    rules = {entry["rule"] for entry in await world.entries(kind="action")}
    assert rules == {"action:Olga"}


@pytest.mark.promise("interpals-04")
async def test_no_mail_for_strangers(world: World) -> None:
    """A third party that is no partner gets no mail sent, not even to a person who would like it."""
    await known(world, "interpals", ADA)
    await consents(world, "interpals", "partner/stranger", "partner", "promotional")
    for partner, sent in (("stranger", 0), ("penpal-shop", 0)):
        accepted = await world.accept({"refs": ["ada"]}, "partner", partner=partner)
        world.processor.sent.clear()
        await world.handover().hand_over_batches(accepted.batches)
        assert len(world.processor.sent) == sent
        assert await world.entries(accepted.mailing_id, "hand_over") == []
        [decision] = await world.entries(accepted.mailing_id, "decision")
        reason = "unrelated_third_party" if partner == "stranger" else "not_requested"
        assert decision["reason"] == reason


@pytest.mark.promise("interpals-05")
async def test_partners_mail_needs_a_request(world: World) -> None:
    """Only a person who asked for that partner gets its mail, with a way out. A withdrawn request does not count."""
    await known(world, "interpals", ADA, GRACE)
    await consents(world, "interpals", "partner/penpal-shop")
    offer = event_of("interpals", "partner-offer", partner="penpal-shop", to={"refs": ["ada", "grace"]})
    [letter] = await told(world, offer)
    assert letter["To"].addresses[0].addr_spec == "ada@people.example"
    assert "Penpal Shop" in parts(letter)[0]
    assert leads_out(letter) == ["partner"] * 3
    await world.standings.record_opt_out("interpals", await world.id_of("ada"), "partner/penpal-shop", "test")
    assert await told(world, offer | {"id": "again"}) == []


@pytest.mark.promise("paltalk02-04")
async def test_a_partner_is_told_whom_not_to_mail(world: World, tmp_path: Path, database_url: str) -> None:
    """Partners may mail until somebody leaves: then we do not mail for them, and they get signed word of it."""
    await known(world, "paltalk-2002", ADA, GRACE)
    offer = event_of("paltalk-2002", "partner-offer", partner="chatwear", to={"refs": ["ada", "grace"]})
    assert len(await told(world, offer)) == 2
    ada = await world.id_of("ada", "paltalk-2002")
    await world.standings.record_opt_out("paltalk-2002", ada, "partner/chatwear", "test")
    [letter] = await told(world, offer | {"id": "again"})
    assert letter["To"].addresses[0].addr_spec == "grace@people.example"
    told_partner = commands(tmp_path, database_url)
    said = (await told_partner.done("partners", "suppressions", "chatwear", "--brand", "paltalk-2002")).json
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public_key"]))
    public.verify(bytes.fromhex(said["signature"]), said["body"].encode())
    hashed = world.hasher.partner_hash("paltalk-2002", "chatwear", "ada@people.example").hex()
    assert json.loads(said["body"])["suppressed"] == [hashed]
    assert "people.example" not in said["body"]


@pytest.mark.promise("interpals-08")
async def test_service_mail_on_paid_products_has_no_opt_out(world: World) -> None:
    """Payers get service mail even if they left everything, without a way out. Others get it as an update with one."""
    await known(world, "interpals", ADA, GRACE)
    await stands(world, "products = '{*}', version = version + 1", "interpals", "grace")
    service = event_of("interpals", "maintenance", to={"refs": ["ada", "grace"]})
    update, mandatory = await told(world, service)
    assert leads_out(update) == ["updates"] * 3
    assert "updates" in update["List-Id"]
    assert leads_out(mandatory) == [""] * 3
    assert (mandatory["List-Unsubscribe"], mandatory["List-Unsubscribe-Post"]) == (None, None)
    for ref in ("ada", "grace"):
        await world.standings.record_opt_out("interpals", await world.id_of(ref), "*", "test")
    [letter] = await told(world, service | {"id": "again"})
    assert letter["To"].addresses[0].addr_spec == "grace@people.example"


@pytest.mark.promise("paltalk06-04")
async def test_too_much_service_mail_is_noticed(world: World) -> None:
    """Service mail beyond ten in thirty days still arrives. The ledger sounds the alarm for that account alone."""
    await known(world, "paltalk-2006", ADA, GRACE)
    for n in range(11):
        to = ["ada", "grace"] if n == 0 else ["ada"]
        assert len(await told(world, event_of("paltalk-2006", "maintenance", to={"refs": to}))) == len(to)
    assert len(await told(world, event_of("paltalk-2006", "maintenance", to={"refs": ["grace"]}))) == 1
    alarms = [entry for entry in await world.entries(kind="decision") if entry["reason"] == "send over_rate"]
    assert [entry["recipient"] for entry in alarms] == [await world.id_of("ada", "paltalk-2006")]
