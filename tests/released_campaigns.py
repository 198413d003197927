"""Campaigns that were released and sent, for the tests of reports: rows as a release makes them, mail by the engine."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft, LocalizedDraft, TextBlock
from mailer.policy.campaign_figures import (
    CampaignFigures,
    FetchesOfVariant,
    LinkClicks,
    OutcomeCell,
    ReturnsOfDay,
    ReturnsOfDomain,
    ReturnsOfVariant,
)
from mailer.policy.consent_validity import format_consent_days
from mailer.ports.mailings import AcceptedMailing
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.campaign_figures import PostgresCampaignFigureCounts, PostgresReleasedCampaignReports
from tests.factories import BRAND, World, person, templates

Person = Mapping[str, Any]


@dataclass(frozen=True)
class ReleasedCampaign:
    """A campaign that was released, with its mailings by variant."""

    id: UUID
    manifest_id: UUID
    mailings: Mapping[str, AcceptedMailing]

    async def hand_over(self, world: World) -> None:
        """Sends all of it, and finishes it."""
        for mailing in self.mailings.values():
            await world.handover().hand_over_batches(mailing.batches)
        await world.upkeep.finish_completed_mailings()


def draft_of(*variants: str, **values: Any) -> CampaignDraft:
    """A newsletter with a text in English for each variant."""
    text: dict[str, LocalizedDraft] = {
        "en": LocalizedDraft(subject="The harbour in spring", blocks=(TextBlock(markdown="Hello!"),))
    }
    test = {"ab_test": {"share_percent": 100}} if len(variants) > 1 else {}
    named = dict.fromkeys(variants or ("a",), text)
    return CampaignDraft.model_validate(
        {"category": "newsletter", "purpose": "newsletter", "variants": named} | test | values
    )


async def release(
    world: World,
    people: Mapping[str, Sequence[Person]],
    shown: Mapping[str, tuple[str, str]] | None = None,
    *,
    name: str = "Spring",
    days_ago: float = 0,
    **values: Any,
) -> ReleasedCampaign:
    """Stores a campaign, its manifest and a mailing for each variant, and nothing is sent yet.

    Args:
        world: of the test.
        people: by variant; they have asked for newsletters by a link in a mail.
        shown: results and reasons of the manifest by ref; the others were to get the mail.
        name: of the campaign.
        days_ago: the age of the release.
        **values: of the draft.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    mailings = {variant: await world.accept(list(some), campaign=slug) for variant, some in people.items()}
    asked, today = ["newsletter", "promotional"], datetime.now(UTC).date()
    await world.pool.execute(
        "UPDATE standings SET consents = $1, consented = $2"
        " WHERE recipient_id IN (SELECT id FROM recipients WHERE brand = $3 AND ref = ANY ($4::text[]))",
        asked,
        format_consent_days(asked, today, confirmed_on=today),
        BRAND,
        [one["ref"] for some in people.values() for one in some],
    )
    made = ReleasedCampaign(uuid7(), uuid7(), mailings)
    draft = draft_of(*sorted(people), **values).model_dump(mode="json")
    template = templates().find_template(BRAND, "weekly")
    assert template is not None
    released_at = datetime.now(UTC) - timedelta(days=days_ago)
    await world.pool.execute(
        "INSERT INTO campaigns (id, brand, name, state, draft, manifest_id, created_by, updated_by)"
        " VALUES ($1, $2, $3, 'released', $4, $5, 'person:Wren Writer', 'person:Wren Writer')",
        *(made.id, BRAND, name, draft, made.manifest_id),
    )
    total = sum(len(some) for some in people.values())
    await world.pool.execute(
        "INSERT INTO manifests (id, campaign_id, brand, revision, state, draft, templates, policy_version, people,"
        " hash, requested_by, released_by, released_at) VALUES ($1, $2, $3, 1, 'released', $4, $5, '2024', $6, $7,"
        " 'person:Wren Writer', 'person:Rae Releaser', $8)",
        *(made.manifest_id, made.id, BRAND, draft, {}, total, hashlib.sha256(made.id.bytes).digest(), released_at),
    )
    for variant, some in people.items():
        await world.pool.execute(
            "INSERT INTO campaign_mailings (campaign_id, manifest_id, variant, mailing_id) VALUES ($1, $2, $3, $4)",
            *(made.id, made.manifest_id, variant, mailings[variant].mailing_id),
        )
        for one in some:
            result, reason = (shown or {}).get(one["ref"], ("send", ""))
            await world.pool.execute(
                "INSERT INTO manifest_people (manifest_id, recipient_id, result, reason, variant)"
                " VALUES ($1, $2, $3, $4, $5)",
                *(made.manifest_id, await world.id_of(one["ref"]), result, reason, variant),
            )
    return made


async def add_reported_campaign(world: World) -> UUID:
    """Adds a campaign with an A/B test whose report has figures of every kind. Returns its id."""
    people = {"a": [person(900)], "b": [person(901)]}
    campaign = await release(world, people, ab_test={"share_percent": 20, "metric": "opt_outs"}, is_in_archive=True)
    figures = CampaignFigures(
        minimum_cell=20,
        cells=(
            *(cell(variant, "send", "", "handed_over", "", 1900) for variant in "ab"),
            *(cell(variant, "send", "", "suppressed", "opted_out", 31) for variant in "ab"),
            *(cell(variant, "send", "", "failed", "gave_up", 69) for variant in "ab"),
            cell("a", "suppress", "no_opt_in", "suppressed", "no_opt_in", 412),
            cell("a", "suppress", "opted_out", "handed_over", "", 3),
            cell("rest", "send", "", "", "", 16_000),
        ),
        returns=(
            ReturnsOfVariant(variant="a", sent=1903, opt_outs=14, complaints=1, hard_bounces=22, soft_bounces=9),
            ReturnsOfVariant(variant="b", sent=1900, opt_outs=51, complaints=4, hard_bounces=19, soft_bounces=12),
        ),
        fetches=tuple(
            FetchesOfVariant(variant=variant, opens=n, machine_opens=300, opened=None, clicks=n // 4, machine_clicks=20)
            for variant, n in (("a", 640), ("b", 580))
        ),
        days=tuple(
            ReturnsOfDay(
                day=date(2026, 11, 20 + n), opt_outs=30 // (n + 1), complaints=3 - n // 2, hard_bounces=24 - 4 * n
            )
            for n in (0, 1, 2, 3, 5)
        ),
        domains=(
            ReturnsOfDomain(
                domain="mail.example", sent=2600, opt_outs=40, complaints=5, hard_bounces=12, soft_bounces=8
            ),
            ReturnsOfDomain(domain="post.example", sent=800, opt_outs=20, hard_bounces=20),
            ReturnsOfDomain(domain="other", sent=403, opt_outs=5, hard_bounces=9, soft_bounces=13),
        ),
        links=(
            LinkClicks(link="https://interpals.example/groups/harbour-walks?from=newsletter", clicks=211),
            LinkClicks(link="other", clicks=94),
        ),
    )
    await world.pool.execute(
        "INSERT INTO campaign_figures (campaign_id, figures, counted_at, next_at)"
        " VALUES ($1, $2, now() - interval '9 seconds', 'infinity')",
        *(campaign.id, figures.model_dump(mode="json")),
    )
    earlier = await release(world, {"a": [person(902)]}, name="Winter", days_ago=30)
    await earlier.hand_over(world)
    while await counts_of(world).count_next_campaign():
        pass
    return campaign.id


def cell(variant: str, result: str, shown_reason: str, state: str, reason: str, people: int) -> OutcomeCell:
    """People who were decided alike, and to whom the same happened."""
    return OutcomeCell(
        variant=variant, result=result, shown_reason=shown_reason, state=state, reason=reason, people=people
    )


def counts_of(world: World) -> PostgresCampaignFigureCounts:
    """The counter of figures."""
    return PostgresCampaignFigureCounts(world.pool, world.policies, world.hasher)


async def count_all(world: World) -> None:
    """Counts the figures of all campaigns anew."""
    await world.pool.execute("UPDATE campaign_figures SET next_at = now()")
    while await counts_of(world).count_next_campaign():
        pass


def reports_of(world: World) -> PostgresReleasedCampaignReports:
    """The reports."""
    return PostgresReleasedCampaignReports(world.pool)
