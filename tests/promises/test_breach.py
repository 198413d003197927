"""A breach notice reaches everybody: by mail, or in writing; nothing that holds for other mail ends it."""

from uuid import UUID

import pytest
from structlog.testing import capture_logs

from mailer.actions.suppression import import_suppressed_addresses
from mailer.pipeline.handover import HandOver
from mailer.ports.suppressions import NewSuppression
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from tests.accounts import ADA, mailed, processor, released, said
from tests.factories import BRAND, KEY, World, person, plain_event, received, templates
from tests.processes import Stack


@pytest.mark.promise("interpals-16")
async def test_no_time_ends_a_breach_notice(world: World) -> None:
    """An event that gives it a last moment is refused with words; one that is stored from before is sent."""
    await world.known(1)
    event = plain_event({"refs": ["user-1"]}, "breach", expires_at="2199-01-01T00:00:00Z")
    await world.intake().accept_event_messages("breach", [refused := received(event)])
    assert "expires_at: breach mail never expires" in str(refused.settled)
    stored = await released(world, {"refs": ["user-1"]}, expires_at="2020-01-01T00:00:00Z")
    assert await world.states(stored.mailing_id) == {"user-1": ("handed_over", "")}
    assert world.processor.recipients == [ADA]


@pytest.mark.promise("interpals-16")
async def test_an_address_that_is_dead_for_some_mail_gets_all_other(world: World) -> None:
    """Death by another system's word, for one category or at one brand, stops that mail, and none that must arrive."""
    policy = world.policies[BRAND]
    await world.known(1, 2)
    sister = {"brand": "paltalk-2006", "controller": policy.controller.id}
    await world.accept([person(1), person(2)], "service", reason="Maintenance", **sister)
    dead = [
        (f"user-{n}@people.example", NewSuppression(scope, "address_dead", "old system", "import"))
        for n, scope in ((1, "newsletter"), (2, "*"))
    ]
    await import_suppressed_addresses(world.suppressions, policy, dead)
    both = {"refs": ["user-1", "user-2"]}
    letter = await mailed(world, both)
    assert set((await world.states(letter.mailing_id)).values()) == {("suppressed", "address_dead")}
    breach = await released(world, both)
    assert await world.states(breach.mailing_id) == {
        "user-1": ("handed_over", ""),
        "user-2": ("diverted", "written_notice"),
    }
    elsewhere = await mailed(world, both, "service", reason="Maintenance", **sister)
    assert set((await world.states(elsewhere.mailing_id)).values()) == {("handed_over", "")}


@pytest.mark.promise("interpals-16")
async def test_a_notice_that_no_processor_may_have_is_written_in_a_day(world: World) -> None:
    """Ops are told at once, and once; after a day the notice is diverted, and the ledger has the reason."""
    await world.known(1, 2)
    foreign = processor(country="CN")
    breach = await world.accept({"refs": ["user-1", "user-2"]}, "breach")
    await world.mailings.release_mailing(breach.mailing_id, "Dana")
    handover = world.handover(foreign)
    with capture_logs() as logs:
        await tried(world, handover, breach.mailing_id)
        await tried(world, handover, breach.mailing_id)
    assert set((await world.states(breach.mailing_id)).values()) == {("held", "processor_in_another_country")}
    told = [line for line in logs if line["event"].startswith("no processor may have a notice")]
    assert [(line["log_level"], line["brand"]) for line in told] == [("warning", BRAND)]
    await world.pool.execute("UPDATE mailings SET released_at = now() - interval '25 hours' WHERE category = 'breach'")
    world.renderers = MailingRendererCache(
        world.policies, templates(), SignedLinks("https://mail.example", (KEY,)), None
    )
    await tried(world, world.handover(foreign), breach.mailing_id)
    assert set((await world.states(breach.mailing_id)).values()) == {("diverted", "written_notice")}
    assert foreign.sent == []
    last = [entry for entry in await world.entries(breach.mailing_id) if entry["recipient"] is not None][-1]
    assert (last["reason"], last["rule"]) == ("processor_in_another_country", "processor-known")


async def tried(world: World, handover: HandOver, mailing_id: UUID) -> None:
    """Hands over what of a mailing waits, as if its time had come."""
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    batches = await world.pool.fetch("SELECT id FROM batches WHERE mailing_id = $1", mailing_id)
    await handover.hand_over_batches([batch["id"] for batch in batches])


@pytest.mark.promise("interpals-16")
async def test_who_releases_a_notice_sees_whom_it_will_reach(world: World, operator: Stack) -> None:
    """A notice that reaches nobody by mail is not released without a word of its own; one for a part says so."""
    await world.known(1, 2, 3, 4)
    for n in (1, 2):
        await said(world, "electronic", f"user-{n}", allowed=False)
    await said(world, "under_13", "user-3")
    few = await world.accept({"refs": ["user-1", "user-2", "user-3"]}, "breach")
    approve = ("mailing", "approve", str(few.mailing_id), "--by", "Dana")
    refused = await operator.run(*approve)
    assert refused.status == 2
    assert "it would reach nobody by mail: 2 diverted to written_notice (no_electronic_consent)" in refused.err
    assert "1 suppressed (under_13)" in refused.err
    assert (await world.mailings.mailing_status(few.mailing_id)).state == "awaiting_release"  # type: ignore[union-attr]
    forced = (await operator.done(*approve, "--reaching-nobody", "--json")).json
    assert (forced["released_by"], forced["reach"]["mail"], forced["reach"]["recipients"]) == ("Dana", 0, 3)
    more = await world.accept({"refs": ["user-1", "user-4"]}, "breach")
    approve = ("mailing", "approve", str(more.mailing_id), "--by", "Dana")
    abroad = operator.having(PROCESSORS="smtp://relay.example:587?name=relay-us&country=CN&contract=none")
    refused = await abroad.run(*approve)
    assert (refused.status, "1 that no processor may have (processor_in_another_country)" in refused.err) == (2, True)
    told = await operator.done(*approve)
    assert "Of 2 recipients: 1 by mail, 1 diverted to written_notice (no_electronic_consent)." in told.out
