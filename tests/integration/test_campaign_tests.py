"""Test messages of drafts: to staff only, by the hand-over's own checks, once, with links that stand for nobody."""

import asyncio
import re
from email import message_from_bytes
from email.policy import default as default_rules
from typing import Any

import pytest

from mailer.actions.campaign_rendering import CampaignRenderer
from mailer.pipeline.campaign_test_sender import CampaignTestSender
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.staff_rights import StaffRole
from mailer.ports.campaign_tests import TESTS_AN_HOUR, CampaignTestRefused
from mailer.ports.campaigns import Campaign
from mailer.ports.suppressions import NewSuppression
from mailer.postgres.campaign_tests import PostgresCampaignTests
from mailer.postgres.pictures import PostgresPictures
from tests.factories import BRAND, World, templates
from tests.integration.console_browser import open_browser
from tests.integration.test_campaign_store import ANN, DRAFT, store_over
from tests.integration.web_world import browse
from tests.staff import add_person

BODY = {
    "subject": "Hello {{ first_name or 'there' }}",
    "blocks": [{"type": "text", "markdown": "Dear {{ name or 'you' }}"}],
}
COUNTED = ("deliveries", "mailings", "counters", "batches", "individual_opens", "sends", "recipients", "suppressions")
"""Tables in which a test leaves nothing."""


def orders_over(world: World, by: str = ANN) -> PostgresCampaignTests:
    """The store of one person."""
    return PostgresCampaignTests(world.pool, world.writers.writers_with_actor(by, ""))


async def new_campaign(world: World, **values: Any) -> Campaign:
    """A campaign that can be sent."""
    draft = {**DRAFT.model_dump(), "variants": {"a": {"en": BODY, "de": BODY}}, **values}
    return await store_over(world).create_campaign(BRAND, "Autumn", CampaignDraft.model_validate(draft), ANN)


def sender_over(world: World, policy_change: dict[str, object] | None = None) -> CampaignTestSender:
    """The sender of a worker."""
    policies = dict(world.policies)
    if policy_change:
        policies[BRAND] = policies[BRAND].model_copy(update=policy_change)
    renderer = CampaignRenderer(
        policies, templates, PostgresPictures(world.pool, world.writers), world.links, "https://mail.example.org"
    )
    queue = PostgresCampaignTests(world.pool, world.writers)
    return CampaignTestSender(queue, renderer, world.handover(), world.suppressions, "worker")


async def rows_counted(world: World) -> dict[str, int]:
    """The number of rows of the tables that count mail."""
    return {name: await world.pool.fetchval(f"SELECT count(*) FROM {name}") for name in COUNTED}  # noqa: S608


async def states_of(world: World, campaign: Campaign) -> list[tuple[str, str]]:
    """State and problem of each test, the newest first."""
    return [(one.state, one.problem) for one in await orders_over(world).list_tests(campaign.id, 99)]


async def test_test_goes_to_staff_marked_and_counts_nothing(world: World) -> None:
    """The processor gets one message with [Test]; its links answer that it was a test, and change nothing."""
    campaign = await new_campaign(world)
    reader, _ = await add_person(world.staff, "Eve", StaffRole.MARKETER, BRAND)
    before = await rows_counted(world)
    await orders_over(world).order_tests(campaign, "a", "en", [reader.id], ANN)
    await sender_over(world).send_waiting_tests()
    await sender_over(world).send_waiting_tests()
    [sent] = world.processor.sent
    assert sent.recipient == reader.email
    message: Any = message_from_bytes(sent.content, policy=default_rules)
    assert message["subject"] == "[Test] Hello there"
    assert await states_of(world, campaign) == [("sent", "")]
    html = message.get_body(("html",)).get_content()
    links = sorted(set(re.findall(r"https://mail\.example(/(?:u|preferences|report|view)/[\w.-]+)", html)))
    header = re.findall(r"<https://mail\.example(/u/[^>]+)>", message["list-unsubscribe"])
    assert header
    assert links
    assert not re.search(r"/[oc]/[\w-]{20}", html), "nothing is tracked"
    async with browse(world) as client:
        for path in [*links, *header]:
            assert "This was a test" in (await client.get(path)).text, path
        for path in [*(link for link in links if link.startswith("/u/")), *header]:
            answer = await client.post(path, data={"List-Unsubscribe": "One-Click"})
            assert answer.status_code == 200
            assert "This was a test" in answer.text
            for form in ({"scope": "all"}, {"undo": "x"}, {"back": "x"}, {"pause": "30"}):
                assert "This was a test" in (await client.post(path, data=form)).text
    assert await rows_counted(world) == before
    entries = await world.pool.fetch(
        "SELECT reason, actor, processor, fields FROM ledger WHERE rule = $1 ORDER BY at, n", f"campaign:{campaign.id}"
    )
    assert [(row["reason"], row["actor"], row["processor"]) for row in entries] == [
        ("campaign_created", ANN, None),
        ("campaign_test_ordered", ANN, None),
        ("campaign_test_sent", None, world.processor.name),
    ]
    assert f"staff:{reader.id}" in entries[1]["fields"]
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.parametrize(
    "change", ["UPDATE staff SET disabled_at = now() WHERE id = $1", "DELETE FROM staff_roles WHERE staff_id = $1"]
)
async def test_a_test_does_not_reach_who_left_before_it_goes_out(world: World, change: str) -> None:
    """An account that is closed, or has no role at the brand any more, gets nothing of what was ordered before."""
    campaign = await new_campaign(world)
    reader, _ = await add_person(world.staff, "Eve", StaffRole.MARKETER, BRAND)
    await orders_over(world).order_tests(campaign, "a", "en", [reader.id], ANN)
    await world.pool.execute(change, reader.id)
    await sender_over(world).send_waiting_tests()
    assert world.processor.sent == []
    assert await states_of(world, campaign) == [("refused", f"the reader is no staff of {BRAND} any more")]


async def test_only_staff_of_the_brand_and_so_many_an_hour(world: World) -> None:
    """People of other brands, disabled ones and unknown numbers get none; neither does anybody above the limit."""
    campaign = await new_campaign(world)
    eve, _ = await add_person(world.staff, "Eve", StaffRole.MARKETER, BRAND)
    other, _ = await add_person(world.staff, "Otto", StaffRole.MARKETER, "peerstream")
    gone, _ = await add_person(world.staff, "Gus", StaffRole.MARKETER, BRAND)
    await world.pool.execute("UPDATE staff SET disabled_at = now() WHERE id = $1", gone.id)
    store = orders_over(world)
    assert [one.name for one in await store.list_staff_for_test_messages(BRAND)] == ["Eve"]
    for chosen in ([], [other.id], [gone.id], [eve.id, other.id], [10**9]):
        with pytest.raises(CampaignTestRefused, match="staff of the brand only"):
            await store.order_tests(campaign, "a", "en", chosen, ANN)
    for _ in range(TESTS_AN_HOUR):
        await store.order_tests(campaign, "a", "en", [eve.id], ANN)
    with pytest.raises(CampaignTestRefused, match="within an hour"):
        await store.order_tests(campaign, "a", "en", [eve.id], ANN)


@pytest.mark.parametrize(
    ("obstacle", "problem"),
    [
        ("halt", "stands still"),
        ("fence", "MAILER_ONLY_DELIVER_TO"),
        ("dead", "known to be dead"),
        ("refusal", "did not take it (blocked): 550 5.7.1 no"),
        ("unfinished", "has no texts"),
    ],
)
async def test_safety_holds_for_tests_too(
    world: World, obstacle: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop, the staging fence, a dead address, a refusal and an unfinished draft end a test with their words."""
    campaign = await new_campaign(world, **({"variants": {"a": {"de": BODY}}} if obstacle == "unfinished" else {}))
    eve, _ = await add_person(world.staff, "Eve", StaffRole.MARKETER, BRAND)
    sender = sender_over(world, {"only_deliver_to": ("@else.example",)} if obstacle == "fence" else None)
    if obstacle == "halt":
        monkeypatch.setattr(type(world.halted), "mailing_halt_reason", lambda *_: "everything is stopped")
    if obstacle == "dead":
        [known] = await world.known(7)
        await world.pool.execute("UPDATE recipients SET email = $2 WHERE id = $1", known, eve.email)
        policy = world.policies[BRAND]
        new = NewSuppression("*", "address_dead", "processor", "processor")
        await world.suppressions.suppress_addresses(BRAND, policy.controller.id, [(eve.email, new)])
    if obstacle == "refusal":
        world.processor.answer = lambda _: Outcome(OutcomeKind.BLOCKED, 550, "5.7.1", "550 5.7.1 no")
    locale = "de" if obstacle == "unfinished" else "en"
    await orders_over(world).order_tests(campaign, "a", locale, [eve.id], ANN)
    await sender.send_waiting_tests()
    [(state, said)] = await states_of(world, campaign)
    assert state == "refused"
    assert problem in said
    assert obstacle == "refusal" or world.processor.sent == []


async def test_opted_out_reader_gets_a_test(world: World) -> None:
    """A reader who has left the newsletter as a member still gets tests, which they asked for as staff."""
    campaign = await new_campaign(world)
    eve, _ = await add_person(world.staff, "Eve", StaffRole.MARKETER, BRAND)
    accepted = await world.accept([{"ref": "eve", "email": eve.email, "country": "US", "source": "sign-up"}])
    await world.drop(accepted.mailing_id)
    await world.standings.record_opt_out(BRAND, await world.id_of("eve"), "*", "page")
    await orders_over(world).order_tests(campaign, "a", "en", [eve.id], ANN)
    await sender_over(world).send_waiting_tests()
    assert await states_of(world, campaign) == [("sent", "")]


async def test_each_test_is_handed_over_once(world: World) -> None:
    """Several workers share the tests; one that a worker had begun when it ended is in doubt, and not sent again."""
    campaign = await new_campaign(world)
    eve, _ = await add_person(world.staff, "Eve", StaffRole.MARKETER, BRAND)
    for _ in range(6):
        await orders_over(world).order_tests(campaign, "a", "en", [eve.id], ANN)
    await PostgresCampaignTests(world.pool, world.writers).claim_test("worker that ends")
    await asyncio.gather(*(sender_over(world).send_waiting_tests() for _ in range(3)))
    assert len(world.processor.sent) == 5
    await world.pool.execute("UPDATE campaign_tests SET begun_at = begun_at - interval '1 hour'")
    assert [state for state, _ in await states_of(world, campaign)].count("in_doubt") == 1


async def test_page_orders_tests(world: World) -> None:
    """A marketer chooses readers of the brand; the page shows what became of it. A made-up form orders nothing."""
    campaign = await new_campaign(world)
    other, _ = await add_person(world.staff, "Otto", StaffRole.MARKETER, "peerstream")
    async with open_browser(world) as browser:
        member = await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        path = f"/console/campaigns/{campaign.id}/test"
        page = (await browser.open(path)).text
        assert "Otto" not in page
        assert member.email not in page
        fields: dict[str, str | list[str]] = {"variant": "a", "locale": "de", "reader": [str(member.id)]}
        assert (await browser.send(path, fields, path)).status_code == 303
        assert "waits for a worker" in (await browser.open(path)).text
        await sender_over(world).send_waiting_tests()
        assert re.search(r'data-label="State">sent<', (await browser.open(path)).text)
        wrongs: list[dict[str, str | list[str]]] = [{"reader": one} for one in ([str(other.id)], ["x"], list[str]())]
        wrongs += [{"variant": "b"}, {"locale": "fr"}]
        for wrong in wrongs:
            answer = await browser.send(path, {**fields, **wrong}, path)
            assert answer.status_code == 422, wrong
    assert len(await states_of(world, campaign)) == 1
