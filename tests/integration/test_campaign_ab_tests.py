"""A/B tests of campaigns: each variant is a mailing, and the rest is sent once, by a person or by the rule."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from mailer.actions.campaign_control import pause_campaign, resume_campaign
from mailer.pipeline.automatic_rest_sending import AutomaticRestSender
from mailer.policy.campaign_figures import ReturnsOfVariant
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.ports.manifests import ManifestRefused
from mailer.postgres.halts import PostgresHalts
from tests.campaign_world import Campaigns
from tests.factories import World

TEST: dict[str, Any] = {"variants": {"a": {}, "b": {}}, "ab_test": {"share_percent": 60}}
GRACE = Identity(IdentityKind.PERSON, "Grace")


@pytest.fixture
def campaigns(world: World) -> Campaigns:
    """The campaigns of the test's world."""
    return Campaigns(world)


async def test_variants_go_to_their_people_and_the_rest_once_with_the_winner(
    campaigns: Campaigns, world: World
) -> None:
    """Each variant is a mailing with its own texts; the rest is sent once, with the chosen texts, to the others."""
    await world.known(*range(1, 41))
    manifest = await campaigns.checked_and_asked(campaign := await campaigns.write(**TEST))
    made = await campaigns.release(manifest)
    assert [one.variant for one in made] == ["a", "b"]
    await campaigns.send_all()
    tested = len(world.processor.sent)
    assert tested == manifest.variants["a"] + manifest.variants["b"]
    with pytest.raises(ManifestRefused, match="choose one of a, b"):
        await campaigns.releases.send_rest(manifest.id, "rest", GRACE)
    results = await asyncio.gather(
        *(campaigns.releases.send_rest(manifest.id, name, GRACE) for name in ("b", "a")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["CampaignMailing", "ManifestRefused"]
    await campaigns.send_all()
    assert len(world.processor.sent) == 40
    rest = next(one for one in await campaigns.store.list_mailings(campaign) if one.variant == "rest")
    version = await world.pool.fetchval("SELECT template_version FROM mailings WHERE id = $1", rest.mailing_id)
    assert version == manifest.templates[rest.template_variant or ""].version


async def test_the_rest_is_not_sent_before_the_release_or_after_a_cancellation(
    campaigns: Campaigns, world: World
) -> None:
    """A cancelled campaign sends nothing more."""
    await world.known(*range(1, 11))
    manifest = await campaigns.checked_and_asked(campaign := await campaigns.write(**TEST))
    with pytest.raises(ManifestRefused, match="after the release"):
        await campaigns.releases.send_rest(manifest.id, "a", GRACE)
    await campaigns.release(manifest)
    await campaigns.store.cancel_campaign(campaign, "person:Dana")
    with pytest.raises(ManifestRefused, match="unless it is cancelled"):
        await campaigns.releases.send_rest(manifest.id, "a", GRACE)


async def test_tests_that_decide_are_found_after_their_hours(campaigns: Campaigns, world: World) -> None:
    """Automatic tests are found, after the hours, once."""
    await world.known(*range(1, 11))
    automatic: dict[str, Any] = {**TEST, "ab_test": {"share_percent": 60, "hours": 4, "is_automatic": True}}
    manifest = await campaigns.checked_and_asked(await campaigns.write(**automatic))
    await campaigns.release(manifest)
    by_hand = await campaigns.checked_and_asked(await campaigns.write(**TEST))
    await campaigns.release(by_hand)
    assert not await campaigns.store.list_tests_that_decide()
    await world.pool.execute("UPDATE mailings SET released_at = now() - interval '4 hours'")
    assert [one.id for one in await campaigns.store.list_tests_that_decide()] == [manifest.id]
    await campaigns.releases.send_rest(manifest.id, "a", GRACE)
    assert not await campaigns.store.list_tests_that_decide()


async def test_a_paused_campaign_sends_no_rest(campaigns: Campaigns, world: World) -> None:
    """Its mailings are over while the test goes on, so the pause is the campaign's own; then it goes on."""
    await world.known(*range(1, 21))
    automatic: dict[str, Any] = {**TEST, "ab_test": {"share_percent": 60, "hours": 1, "is_automatic": True}}
    manifest = await campaigns.checked_and_asked(campaign := await campaigns.write(**automatic))
    await campaigns.release(manifest)
    await campaigns.send_all()
    await world.pool.execute("UPDATE mailings SET released_at = now() - interval '1 hour'")
    stores: Any = SimpleNamespace(manifests=campaigns.store, halts=PostgresHalts(world.pool, world.writers), held=None)
    assert await pause_campaign(stores, campaign, "person:Dana", "a wrong price") == 0
    assert await campaigns.store.is_campaign_paused(campaign)
    assert not await campaigns.store.list_tests_that_decide()
    with pytest.raises(ManifestRefused, match="is paused; resume it"):
        await campaigns.releases.send_rest(manifest.id, "a", GRACE)
    await resume_campaign(stores, campaign, "person:Dana")
    assert [one.id for one in await campaigns.store.list_tests_that_decide()] == [manifest.id]
    assert await campaigns.releases.send_rest(manifest.id, "a", GRACE)
    rows = await world.pool.fetch("SELECT reason FROM ledger WHERE rule = $1 ORDER BY at, n", f"campaign:{campaign}")
    said = [row["reason"] for row in rows]
    assert (said.count("campaign_paused"), said.count("campaign_resumed")) == (1, 1)


class _Reports:
    """Reports whose figures a test makes up."""

    def __init__(self, report: object) -> None:
        self.report = report

    async def find_campaign_report(self, campaign_id: UUID) -> Any:
        """The same report for each campaign."""
        return self.report


@pytest.mark.parametrize(("opt_outs", "winner"), [((0, 60), "a"), ((60, 0), "b"), ((1, 1), None)])
async def test_the_rule_sends_the_rest_with_a_winner_beyond_chance_only(
    campaigns: Campaigns, world: World, opt_outs: tuple[int, int], winner: str | None
) -> None:
    """The rest goes once with the winner, by mailer itself; without a winner it waits for a person."""
    await world.known(*range(1, 11))
    automatic: dict[str, Any] = {**TEST, "ab_test": {"share_percent": 60, "hours": 1, "is_automatic": True}}
    manifest = await campaigns.checked_and_asked(campaign := await campaigns.write(**automatic))
    await campaigns.release(manifest)
    returns = [
        ReturnsOfVariant(variant=name, sent=1000, opt_outs=n, complaints=0, hard_bounces=0, soft_bounces=0)
        for name, n in zip("ab", opt_outs, strict=True)
    ]
    figures = SimpleNamespace(returns=returns, fetches=[])
    reports: Any = _Reports(SimpleNamespace(figures=figures))
    sender = AutomaticRestSender(campaigns.store, reports, campaigns.releases, world.policies)
    assert await sender.send_rests_of_decided_tests() == 0
    await world.pool.execute("UPDATE mailings SET released_at = now() - interval '1 hour'")
    assert await sender.send_rests_of_decided_tests() == (winner is not None)
    assert await sender.send_rests_of_decided_tests() == 0
    rest = [one.template_variant for one in await campaigns.store.list_mailings(campaign) if one.variant == "rest"]
    assert rest == ([winner] if winner else [])
