"""Rules behind no promise of a policy: an objection, which is the law's, and the times that an event names."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.actions.suppression import object_to_marketing
from mailer.policy.policy_sections import SendingHours
from mailer.postgres.suppressions import PostgresSuppressions
from tests.factories import BRAND, World, person


@pytest.mark.rule("objection")
async def test_an_objection_stops_optional_mail_only(world: World) -> None:
    """A person who objected to marketing gets neither newsletter nor notification, and service mail as before."""
    [ada] = await world.paying(1)
    suppressions = PostgresSuppressions(world.pool, world.writers, world.hasher)
    await object_to_marketing(suppressions, world.policies[BRAND], ada, "a letter", "Grace")
    for category, state in (
        ("newsletter", ("suppressed", "objected")),
        ("notification", ("suppressed", "objected")),
        ("service", ("handed_over", "")),
    ):
        accepted = await world.accept({"refs": ["user-1"]}, category)
        await world.handover().hand_over_batches(accepted.batches)
        assert await world.states(accepted.mailing_id) == {"user-1": state}
    assert world.processor.recipients == ["user-1@people.example"]


@pytest.mark.rule("mail-hours")
async def test_optional_mail_waits_for_the_hours(world: World) -> None:
    """Optional mail outside the policy's hours is held until they begin where the recipient lives."""
    now = datetime.now(UTC)
    hours = SendingHours.model_validate(
        {"from": "13:00", "to": "23:00"} if now.hour < 12 else {"from": "00:00", "to": "11:00"}
    )
    world.policies[BRAND] = world.policies[BRAND].model_copy(update={"hours": hours})
    await world.paying(1)
    for category, state in (("notification", ("held", "outside_hours")), ("service", ("handed_over", ""))):
        accepted = await world.accept([person(1, country="IS")], category)
        await world.handover().hand_over_batches(accepted.batches)
        assert await world.states(accepted.mailing_id) == {"user-1": state}
    due = await world.pool.fetchval("SELECT due_at FROM deliveries WHERE state = 'held'")
    assert timedelta() < due - now < timedelta(days=1)
    assert due.time().isoformat("minutes") == hours.opens


@pytest.mark.rule("not-yet")
async def test_nothing_goes_out_before_its_time(world: World) -> None:
    """Mail with a later send time is held, even if a worker gets hold of it early."""
    accepted = await world.accept([person(1)])
    soon = datetime.now(UTC) + timedelta(hours=1)
    await world.pool.execute("UPDATE mailings SET send_at = $2 WHERE id = $1", accepted.mailing_id, soon)
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("held", "not_yet_due")}
    assert world.processor.sent == []
