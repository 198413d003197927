"""Builds the manifests of campaigns: decides about each person of an audience as the hand-over would."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.metrics_and_logger import log
from mailer.pipeline.no_route import NoRoute
from mailer.policy.campaign_manifest import (
    DUPLICATE_ADDRESS,
    MANIFEST_DAYS,
    NO_TIME_ZONE,
    LineResult,
    ManifestHash,
    ManifestLine,
    ManifestTotals,
    line_result_of_decision,
    variant_of_person,
)
from mailer.policy.campaign_schedule import DueTimes
from mailer.policy.category import Lane
from mailer.policy.deciding import decide
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import TIME_ZONE
from mailer.ports.database_errors import DatabaseUnavailable, StatementTimedOut
from mailer.ports.mailings import MailingFacts
from mailer.ports.manifests import AudienceMember, AudienceUnusable, Manifest, ManifestBuildingLost, ManifestQueue
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache, UnknownTemplate
from mailer.runtime.repeating import run_every

_EVERY: Final = 1.0
"""Seconds between two looks for a manifest that waits."""
_RARELY: Final = 600.0
"""Seconds between two deletions of lines that nobody can release any more."""
_AT_ONCE: Final = 500
"""People about whom is decided before other work of the process has its turn."""
_TOO_SLOW: Final = "the database took too long; make the segments of its audience simpler, or check again later"
FindObstacle = Callable[[Policy, str, Lane], Awaitable[NoRoute | None]]
"""Returns why no processor may have a mail of a policy, purpose and lane; None: one may."""


class ManifestUnbuildable(Exception):
    """A manifest cannot be built. The message says why, and what to do."""


class ManifestBuilder:
    """Builds manifests that wait, one at a time.

    Args:
        queue: the manifests. owner: the name of this process.
        policies: in force, by brand.
        make_renderers: makes an empty cache of renderers, which loads templates.
        find_obstacle: finds out whether a processor may have the mail.
    """

    def __init__(
        self,
        queue: ManifestQueue,
        owner: str,
        policies: Mapping[str, Policy],
        make_renderers: Callable[[], MailingRendererCache],
        find_obstacle: FindObstacle,
    ) -> None:
        self._queue = queue
        self._owner = owner
        self._policies = policies
        self._make_renderers = make_renderers
        self._find_obstacle = find_obstacle

    async def build_until_stopped(self, stop: asyncio.Event) -> None:
        """Builds manifests as they come, until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            trouble = "a check of a campaign failed; trying again"
            tasks.create_task(run_every(_EVERY, stop, self.build_waiting_manifests, trouble))
            delete = partial(self._queue.delete_lines_of_unwanted_manifests, MANIFEST_DAYS)
            tasks.create_task(run_every(_RARELY, stop, delete, "lines of old checks could not be deleted"))

    async def build_waiting_manifests(self) -> int:
        """Builds all manifests that wait now. Returns their number."""
        built = 0
        while manifest := await self._queue.claim_manifest_to_build(self._owner):
            await self._build_or_store_problem(manifest)
            built += 1
        return built

    async def _build_or_store_problem(self, manifest: Manifest) -> None:
        try:
            await self._build(manifest)
        except ManifestBuildingLost:
            log.info("a check was given up: its campaign has changed, or another process does it", manifest=manifest.id)
        except (ManifestUnbuildable, UnknownTemplate, AudienceUnusable) as error:
            await self._queue.mark_failed(manifest, self._owner, str(error))
        except StatementTimedOut:
            await self._queue.mark_failed(manifest, self._owner, _TOO_SLOW)
        except DatabaseUnavailable:
            raise  # the lease runs out, and the check begins again
        except Exception:
            log.exception("a check of a campaign failed", manifest=manifest.id)
            await self._queue.mark_failed(
                manifest,
                self._owner,
                "mailer met an error of its own; its log says which. Check again, or tell an operator",
            )

    async def _build(self, manifest: Manifest) -> None:
        policy = self._policies.get(manifest.brand)
        if policy is None or policy.version != manifest.policy_version:
            raise ManifestUnbuildable("the policy has changed since; check the campaign again")
        judge = PersonJudge(manifest, policy, self._make_renderers_of_variants(manifest), datetime.now(UTC))
        category = policy.get_category(manifest.draft.category)
        if obstacle := await self._find_obstacle(policy, manifest.draft.purpose, category.lane):
            raise ManifestUnbuildable(f"no processor may have this mail ({obstacle.reason}); ask an operator")
        totals, digest = ManifestTotals(), ManifestHash(manifest.draft, manifest.templates, manifest.policy_version)
        async with self._queue.open_building(manifest, policy, self._owner) as building:
            portions = building.iterate_audience(judge.mailing_id, category.name, with_attributes=judge.needs_zones)
            async with aclosing(portions):
                async for members in portions:
                    lines = await _judge_in_turns(judge, members)
                    totals.add_lines(lines)
                    digest.add_lines(lines)
                    await building.store_lines(lines)
                    crash_if_armed(CrashPoint.IN_MANIFEST)
            totals.zoneless = judge.zoneless
            await building.finish(totals, digest.digest())

    def _make_renderers_of_variants(self, manifest: Manifest) -> dict[str, MailingRenderer]:
        """Returns a renderer for each variant, as if its mailing existed. Raises UnknownTemplate."""
        renderers, draft, now = self._make_renderers(), manifest.draft, datetime.now(UTC)
        foresee = partial(facts_of_foreseen_mailing, manifest.brand, draft.category, manifest.template_name)
        return {
            variant: renderers.make_and_cache_renderer(foresee(template.version, now, draft.topic), template.source)
            for variant, template in manifest.templates.items()
        }


async def _judge_in_turns(judge: "PersonJudge", members: Sequence[AudienceMember]) -> list[ManifestLine]:
    """Returns the lines of people. Other work of the process has its turn between."""
    lines = list[ManifestLine]()
    for start in range(0, len(members), _AT_ONCE):
        lines += [judge.judge_person(member) for member in members[start : start + _AT_ONCE]]
        await asyncio.sleep(0)
    return lines


def facts_of_foreseen_mailing(
    brand: str, category: str, template: str, template_version: str, now: datetime, topic: str | None = None
) -> MailingFacts:
    """Returns the facts of a mailing that does not exist yet, as if it were released now to a million people."""
    return MailingFacts(
        id=uuid7(),
        brand=brand,
        event_id="",
        category=category,
        lane="",
        template=template,
        template_version=template_version,
        campaign=None,
        reason=None,
        context={},
        reply_to=None,
        send_at=None,
        expires_at=None,
        released_at=now,
        audience_size=1_000_000,
        topic=topic,
    )


class PersonJudge:
    """Decides about people by the rules of the hand-over, at the time at which each would get the mail.

    Args:
        manifest: with the frozen draft.
        policy: in force.
        renderers: by variant; the rest of a test is compared by the first one's texts.
        now: an aware datetime.

    Attributes:
        zoneless: the number of people whose time zone nobody knows, among those judged so far.
    """

    def __init__(
        self, manifest: Manifest, policy: Policy, renderers: Mapping[str, MailingRenderer], now: datetime
    ) -> None:
        self.zoneless = 0
        self._manifest_id = manifest.id
        self._draft = manifest.draft
        self._policy = policy
        self._renderers = renderers
        self._mailing = renderers["a"].mailing
        self._now = now
        try:
            self._times = DueTimes(manifest.draft.schedule)
        except ValueError as error:
            raise ManifestUnbuildable(str(error)) from error
        self.needs_zones = self._times.needs_zones
        self.mailing_id = renderers["a"].facts.id
        self._met = set[tuple[int, bytes]]()

    def judge_person(self, member: AudienceMember) -> ManifestLine:
        """Returns the line of a person. People come in order of their numbers."""
        row, first, attributes = member
        zone = attributes.get(TIME_ZONE)
        due = self._times.due_time_of_person(zone if isinstance(zone, str) else None, row.standing.country)
        self.zoneless += due.is_zoneless
        variant = variant_of_person(self._manifest_id, first, self._draft)
        if due.is_left_out:
            return ManifestLine(row.recipient_id, LineResult.SUPPRESS, NO_TIME_ZONE, variant, None)
        at = max(self._now, due.at) if due.at else self._now
        result, reason = line_result_of_decision(decide(self._mailing, row.standing, self._policy, at))
        if row.shared and result.gets_mail and self._is_same_text_sent_to_address(member, variant):
            result, reason = LineResult.DUPLICATE, DUPLICATE_ADDRESS
        return ManifestLine(row.recipient_id, result, reason, variant, due.at)

    def _is_same_text_sent_to_address(self, member: AudienceMember, variant: str) -> bool:
        """Tells whether somebody before had the same address and gets the same text."""
        renderer = self._renderers.get(variant, self._renderers["a"])
        text = renderer.recipient_text_digest(replace(member.row, context={"profile": dict(member.attributes)}))
        if text is None:
            return False
        key = (member.first, text)
        is_known = key in self._met
        self._met.add(key)
        return is_known
