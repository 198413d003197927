"""Names of other members, seen in mail: they come from each member's own record, and end with it."""

import json
from typing import Any

import pytest

from mailer.actions.account_flags import set_account_flag
from mailer.actions.privacy_rights import erase_recipient, rectify_recipient
from mailer.ports.privacy_rights import DataCorrection
from mailer.ports.standings import StandingFlag
from tests.factories import BRAND, World, policies
from tests.letters import ADA, event_of, known, parts, publish, told

GRACE: dict[str, Any] = {**ADA, "ref": "grace", "email": "grace@people.example", "name": "Grace Hopper"}
INVITED: dict[str, Any] = {"ref": "eve", "email": "eve@people.example"}


async def wrote(world: World, **values: Any) -> str:
    """The subject and text of the mail that tells Ada of a letter from Grace."""
    about = {"sender_name": {"member": "grace"}, "url": "https://interpals.example/letters"}
    [message] = await told(world, event_of(BRAND, "activity", context=about, **values))
    return f"{message['Subject']} {''.join(parts(message))}"


def none_blocks(references: Any) -> None:
    """Nothing is in the way of a correction."""


@pytest.mark.promise("interpals-28")
async def test_a_name_is_that_of_the_members_own_record(world: World) -> None:
    """A mail names another member as that one is called now, and after their wish or erasure not at all."""
    await known(world, BRAND, ADA, GRACE)
    policy, grace = policies()[BRAND], await world.id_of("grace")
    assert "Grace Hopper wrote you a letter" in await wrote(world)
    await rectify_recipient(world.rights, policy, grace, DataCorrection(name="G. Hopper"), "page")
    assert "G. Hopper wrote you a letter" in await wrote(world)
    await set_account_flag(world.standings, BRAND, grace, StandingFlag.RESTRICTED, True, "page")
    assert "A member wrote you a letter" in await wrote(world)
    await set_account_flag(world.standings, BRAND, grace, StandingFlag.RESTRICTED, False, "page")
    queued = await world.accept(
        {"refs": ["ada"]},
        "notification",
        template="activity",
        context={"sender_name": {"member": "grace"}, "url": "https://interpals.example/letters"},
    )
    await erase_recipient(world.rights, policy, grace, "page")
    world.processor.sent.clear()
    await world.handover().hand_over_batches(queued.batches)
    [outgoing] = world.processor.sent
    assert b"A member wrote you a letter" in outgoing.content
    assert b"Hopper" not in outgoing.content
    kept = json.dumps([dict(row) for row in await world.pool.fetch("SELECT context, inviter FROM mailings")])
    assert "grace" not in kept.lower()


@pytest.mark.promise("interpals-28", "interpals-10")
async def test_an_invitation_names_its_inviter_by_their_record(world: World) -> None:
    """An invitation shows the inviter's name and not their ref. Without a name on record, it shows a neutral word."""
    await known(world, BRAND, GRACE)
    [message] = await told(world, event_of(BRAND, "invitation", INVITED, inviter="grace"))
    assert message["Subject"].startswith("Grace Hopper would like to write to you")
    unnamed = {**INVITED, "ref": "mallory", "email": "mallory@people.example"}
    [message] = await told(world, event_of(BRAND, "invitation", unnamed, inviter="Win a free cruise"))
    assert message["Subject"].startswith("A member would like to write to you")
    assert "cruise" not in "".join(parts(message))


@pytest.mark.promise("interpals-28")
@pytest.mark.parametrize(
    "typed", ["Grace Hopper", {"member": ""}, {"member": "grace", "name": "Grace"}, {"en": "Grace"}]
)
async def test_a_typed_name_is_refused(world: World, typed: Any) -> None:
    """A template that speaks of a member takes a reference, and no words of an event."""
    context = {"sender_name": typed, "url": "https://interpals.example/letters"}
    refused = await publish(world, event_of(BRAND, "activity", ADA, context=context))
    assert "sender_name is no member, by reference" in str(refused.settled)
