"""Test messages of breach phases: to the person who asks, marked, once, and no delivery."""

import asyncio
from email import message_from_bytes
from email.policy import default as default_rules
from typing import Any
from uuid import uuid4

import pytest

from mailer.actions.breach_rendering import BreachRenderer
from mailer.pipeline.breach_test_sender import BreachTestSender
from mailer.pipeline.staff_mail_hand_over import StaffMailHandOver
from mailer.policy.staff_rights import StaffMember, StaffRole
from mailer.ports.breach_cases import BreachCase
from mailer.ports.breach_tests import BREACH_TESTS_AN_HOUR, BreachTestRefused
from mailer.ports.suppressions import NewSuppression
from mailer.postgres.breach_tests import PostgresBreachTests
from tests.breach_texts import FACTS, draft_of_blocks, policy_of
from tests.breaches import ANN, breach_stores_over
from tests.factories import BRAND, World, templates
from tests.integration.console_browser import open_browser
from tests.integration.test_campaign_tests import rows_counted
from tests.staff import add_person


def sender_over(world: World, policy_change: dict[str, object] | None = None) -> BreachTestSender:
    """The sender of a worker."""
    policies = dict(world.policies)
    policies[BRAND] = policies[BRAND].model_copy(update=policy_change or {})
    renderer = BreachRenderer(policies, templates, world.links)
    staff_mail = StaffMailHandOver(world.handover(), world.suppressions)
    return BreachTestSender(PostgresBreachTests(world.pool, world.writers), renderer, staff_mail, "worker")


async def new_case(world: World) -> BreachCase:
    """A case with texts in two languages."""
    cases = breach_stores_over(world).cases
    case = await cases.create_case(BRAND, "The stolen laptop", FACTS, ANN)
    await cases.save_phase(case.id, 1, 1, draft_of_blocks(policy_of(BRAND), ("en", "de")), ANN)
    return case


async def reader(world: World, role: StaffRole = StaffRole.OPS, brand: str = BRAND) -> StaffMember:
    """A person of staff."""
    member, _ = await add_person(world.staff, "Eve", role, brand)
    return member


async def states_of(world: World, case: BreachCase, member: StaffMember) -> list[tuple[str, str]]:
    """State and problem of each test of a person, the newest first."""
    return [
        (one.state, one.problem) for one in await breach_stores_over(world).tests.list_tests(case.id, 1, member.id, 9)
    ]


async def test_a_test_goes_to_oneself_marked_and_counts_nothing(world: World) -> None:
    """One message with [Test] in the language that was chosen; the ledger has both steps, and nothing counts it."""
    case = await new_case(world)
    async with open_browser(world) as browser:
        member = await browser.enter(role=StaffRole.PRIVACY_OFFICER, brand=BRAND)
        before, path = await rows_counted(world), f"/console/breaches/{case.id}/phases/1/test"
        page = (await browser.open(path)).text
        assert member.email in page
        for wrong in ("us-ca@fr", "nowhere@en", "us-ca", "", "us-ca@en@en"):
            assert (await browser.send(path, {"text": wrong}, path)).status_code == 422, wrong
        assert (await browser.send(path, {"text": "us-ca@en"}, path)).status_code == 303
        assert "waits for a worker" in (await browser.open(path)).text
        for _ in range(2):
            await sender_over(world).send_waiting_tests()
        assert "<strong>sent</strong>" in (await browser.open(path)).text
    [sent] = world.processor.sent
    assert sent.recipient == member.email
    message: Any = message_from_bytes(sent.content, policy=default_rules)
    assert message["subject"].startswith("[Test] Notice of Data Breach")
    assert "What You Can Do" in message.get_body(("plain",)).get_content()
    assert await rows_counted(world) == before
    rows = await world.pool.fetch("SELECT reason, fields FROM ledger WHERE reason LIKE 'breach_test%' ORDER BY at, n")
    assert [row["reason"] for row in rows] == ["breach_test_ordered", "breach_test_sent"]
    assert f"staff:{member.id}" in rows[0]["fields"]
    assert await world.pool.fetchval("SELECT count(*) FROM breach_tests WHERE draft IS NULL AND facts IS NULL") == 1


@pytest.mark.parametrize(
    ("obstacle", "problem"),
    [
        ("halt", "stands still"),
        ("fence", "MAILER_ONLY_DELIVER_TO"),
        ("dead", "known to be dead"),
        ("role", "may not see breach cases"),
    ],
)
async def test_safety_holds_for_tests_of_breaches_too(
    world: World, obstacle: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop, the staging fence, a dead address and a role that was taken away end a test with their words."""
    case, eve = await new_case(world), await reader(world)
    if obstacle == "halt":
        monkeypatch.setattr(type(world.halted), "mailing_halt_reason", lambda *_: "everything is stopped")
    if obstacle == "dead":
        [known] = await world.known(7)
        await world.pool.execute("UPDATE recipients SET email = $2 WHERE id = $1", known, eve.email)
        new = NewSuppression("*", "address_dead", "processor", "processor")
        await world.suppressions.suppress_addresses(BRAND, world.policies[BRAND].controller.id, [(eve.email, new)])
    await breach_stores_over(world).tests.order_test(case.id, 1, "eu", "de", eve.id)
    if obstacle == "role":
        await world.pool.execute("UPDATE staff_roles SET role = 'support' WHERE staff_id = $1", eve.id)
    await sender_over(
        world, {"only_deliver_to": ("@else.example",)} if obstacle == "fence" else None
    ).send_waiting_tests()
    [(state, said)] = await states_of(world, case, eve)
    assert (state, problem in said, world.processor.sent) == ("refused", True, [])


async def test_each_test_of_a_breach_is_handed_over_once(world: World) -> None:
    """Several workers share them; one that a worker had begun when it ended is in doubt; so many an hour."""
    case, eve = await new_case(world), await reader(world)
    tests = breach_stores_over(world).tests
    for _ in range(4):
        await tests.order_test(case.id, 1, "eu", "de", eve.id)
    await tests.claim_test("worker that ends")
    await asyncio.gather(*(sender_over(world).send_waiting_tests() for _ in range(3)))
    assert len(world.processor.sent) == 3
    await world.pool.execute("UPDATE breach_tests SET begun_at = begun_at - interval '1 hour'")
    assert sorted(state for state, _ in await states_of(world, case, eve)) == ["in_doubt", "sent", "sent", "sent"]
    with pytest.raises(BreachTestRefused, match="no text eu in en-GB"):
        await tests.order_test(case.id, 1, "eu", "en-GB", eve.id)
    with pytest.raises(BreachTestRefused, match="no text"):
        await tests.order_test(uuid4(), 1, "eu", "de", eve.id)
    await world.pool.execute(
        "INSERT INTO breach_tests (id, case_id, phase, revision, variant, locale, staff_id, state)"
        " SELECT gen_random_uuid(), $1, 1, 1, 'eu', 'de', $2, 'sent' FROM generate_series(5, $3::int)",
        *(case.id, eve.id, BREACH_TESTS_AN_HOUR),
    )
    with pytest.raises(BreachTestRefused, match="within an hour"):
        await tests.order_test(case.id, 1, "eu", "de", eve.id)
