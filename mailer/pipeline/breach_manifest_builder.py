"""Builds the manifests of breach phases: place, variant, language, channel and reason of each person."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Final

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.metrics_and_logger import log
from mailer.pipeline.manifest_builder import FindObstacle, ManifestUnbuildable, facts_of_foreseen_mailing
from mailer.policy.breach.draft import variant_of_place
from mailer.policy.breach.manifest import (
    BREACH_MANIFEST_DAYS,
    BreachChannel,
    BreachLine,
    BreachManifestHash,
    BreachTotals,
)
from mailer.policy.breach.pace_plan import PacePlanner
from mailer.policy.breach.rules import PersonToTell, breach_rules_of_policy, choose_channel
from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Decision, Divert, Mailing, Suppress
from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing
from mailer.ports.breach_manifests import (
    BreachAudienceMember,
    BreachBuildingLost,
    BreachManifest,
    BreachManifestQueue,
)
from mailer.ports.database_errors import DatabaseUnavailable, StatementTimedOut
from mailer.ports.manifests import AudienceUnusable
from mailer.rendering.breach_locales import locale_of_notice
from mailer.rendering.breach_templates import name_of_breach_template
from mailer.rendering.renderer_cache import MailingRendererCache, UnknownTemplate
from mailer.runtime.repeating import run_every

_EVERY: Final = 1.0
"""Seconds between two looks for a manifest that waits."""
_RARELY: Final = 600.0
"""Seconds between two deletions of lines that nobody can release any more."""
_AT_ONCE: Final = 500
"""People about whom is decided before other work of the process has its turn."""
_ANSWERS: Final = 10_000
"""The most answers of rules about people that are remembered."""
_BREACH: Final = CATEGORIES["breach"]
_TOO_SLOW: Final = "the database took too long; make the segments of its audience simpler, or check again later"
_BUG: Final = "mailer met an error of its own; its log says which. Check again, or tell an operator"


class BreachManifestBuilder:
    """Builds manifests that wait, one at a time.

    Args:
        queue: the manifests. owner: the name of this process.
        policies: in force, by brand.
        make_renderers: makes an empty cache of renderers, which compiles stored templates.
        find_obstacle: finds out whether a processor may have the mail.
    """

    def __init__(
        self,
        queue: BreachManifestQueue,
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
            trouble = "a check of a breach phase failed; trying again"
            tasks.create_task(run_every(_EVERY, stop, self.build_waiting_manifests, trouble))
            delete = partial(self._queue.delete_lines_of_unwanted_manifests, BREACH_MANIFEST_DAYS)
            tasks.create_task(run_every(_RARELY, stop, delete, "lines of old checks could not be deleted"))

    async def build_waiting_manifests(self) -> int:
        """Builds all manifests that wait now. Returns their number."""
        built = 0
        while manifest := await self._queue.claim_manifest_to_build(self._owner):
            await self._build_or_store_problem(manifest)
            built += 1
        return built

    async def _build_or_store_problem(self, manifest: BreachManifest) -> None:
        try:
            await self._build(manifest)
        except BreachBuildingLost:
            log.info("a check was given up: its phase has changed, or another process does it", manifest=manifest.id)
        except (ManifestUnbuildable, UnknownTemplate, AudienceUnusable) as error:
            await self._queue.mark_failed(manifest, self._owner, str(error))
        except StatementTimedOut:
            await self._queue.mark_failed(manifest, self._owner, _TOO_SLOW)
        except DatabaseUnavailable:
            raise  # the lease runs out, and the check begins again
        except Exception:
            log.exception("a check of a breach phase failed", manifest=manifest.id)
            await self._queue.mark_failed(manifest, self._owner, _BUG)

    async def _build(self, manifest: BreachManifest) -> None:
        policy = self._policies.get(manifest.brand)
        if policy is None or policy.version != manifest.frozen.policy_version:
            raise ManifestUnbuildable("the policy has changed since; check the phase again")
        mailing = self._mailing_of_variants(manifest)
        if obstacle := await self._find_obstacle(policy, mailing.purpose, _BREACH.lane):
            raise ManifestUnbuildable(f"no processor may have this mail ({obstacle.reason}); ask an operator")
        totals, digest = BreachTotals(), BreachManifestHash(manifest.frozen)
        async with self._queue.open_building(manifest, policy, self._owner) as building:
            pace = PacePlanner(
                manifest.draft.pace, manifest.requested_at, *_groups(manifest, building.total, building.engaged)
            )
            judge = BreachPersonJudge(manifest, policy, mailing, pace, datetime.now(UTC))
            async with aclosing(building.iterate_audience()) as portions:
                async for members in portions:
                    lines = await _judge_in_turns(judge, members)
                    totals.add_lines(lines)
                    digest.add_lines(lines)
                    await building.store_lines(lines)
                    crash_if_armed(CrashPoint.IN_MANIFEST)
            await building.finish(totals, digest.digest())

    def _mailing_of_variants(self, manifest: BreachManifest) -> Mailing:
        """Returns the mailing as the rules see it, the same for each variant. Raises UnknownTemplate."""
        renderers = self._make_renderers()
        name, now = name_of_breach_template(manifest.case_id, manifest.phase), datetime.now(UTC)
        made = [
            renderers.make_and_cache_renderer(
                facts_of_foreseen_mailing(manifest.brand, _BREACH.name, name, template.version, now), template.source
            )
            for template in manifest.frozen.templates.values()
        ]
        if not made:
            raise ManifestUnbuildable("the phase has no texts; write one, and check it again")
        return made[0].mailing


def _groups(manifest: BreachManifest, people: int, engaged: int) -> tuple[int, int]:
    """Returns how many people of the audience come first, and how many after them."""
    first = engaged if manifest.draft.pace.is_engaged_first else 0
    return first, people - first


async def _judge_in_turns(judge: "BreachPersonJudge", members: Sequence[BreachAudienceMember]) -> list[BreachLine]:
    """Returns the lines of people. Other work of the process has its turn between."""
    lines = list[BreachLine]()
    for start in range(0, len(members), _AT_ONCE):
        lines += [judge.judge_person(member) for member in members[start : start + _AT_ONCE]]
        await asyncio.sleep(0)
    return lines


class BreachPersonJudge:
    """Decides how each person is told: by the rules of mail, as the hand-over would, and by the rules of breaches.

    Args:
        manifest: with the frozen facts and draft.
        policy: in force.
        mailing: the one that is foreseen.
        pace: gives each person their time.
        now: an aware datetime.
    """

    def __init__(
        self, manifest: BreachManifest, policy: Policy, mailing: Mailing, pace: PacePlanner, now: datetime
    ) -> None:
        rules = breach_rules_of_policy(policy)
        # Few answers differ, and a million people ask.
        self._choose = lru_cache(_ANSWERS)(lambda person: choose_channel(person, manifest.facts, rules))
        self._variant_of = lru_cache(_ANSWERS)(partial(variant_of_place, manifest.draft))
        self._is_consent_promised = is_electronic_consent_promised(policy)
        self._policy, self._mailing, self._pace, self._now = policy, mailing, pace, now
        self._is_engaged_first = manifest.draft.pace.is_engaged_first
        self._spoken = {name: tuple(sorted(variant.texts)) for name, variant in manifest.draft.variants.items()}

    def judge_person(self, member: BreachAudienceMember) -> BreachLine:
        """Returns the line of a person. Call it once for each person of the audience."""
        place = member.place
        variant = self._variant_of(place or None)
        locale = locale_of_notice(member.locale, place, self._policy.default_locale, self._spoken[variant])
        channel, reason = self._channel_of_person(member)
        due_at = self._pace.next_due_time(member.is_engaged and self._is_engaged_first)
        is_mail = channel is BreachChannel.MAIL
        return BreachLine(
            member.standing.recipient_id, channel, reason, variant, locale, place, due_at if is_mail else None
        )

    def _channel_of_person(self, member: BreachAudienceMember) -> tuple[BreachChannel, str]:
        if member.standing.erased:  # before the rule about children, for whom letters go to their parents
            return BreachChannel.NONE, "erased"
        decision = decide(self._mailing, member.standing, self._policy, self._now)
        standing, has_postal_address = member.standing, member.has_postal_address
        person = PersonToTell(
            member.place,
            standing.address is not None,
            standing.address_dead,
            standing.electronic_refused,
            has_electronic_consent(standing, self._policy, is_promised=self._is_consent_promised),
            standing.under_13,
            member.is_compromised,
            has_postal_address,
        )
        choice = self._choose(person)
        chosen = BreachChannel(choice.channel), str(choice.reason)
        return strictest_channel(decision, chosen, has_postal_address=has_postal_address)


def is_electronic_consent_promised(policy: Policy) -> bool:
    """Tells whether the terms accept notices by mail (interpals-25), so that this can be withdrawn (interpals-18)."""
    return any("electronic-consent" in promise.rules for promise in policy.promises)


def has_electronic_consent(standing: Standing, policy: Policy, *, is_promised: bool) -> bool | None:
    """Tells whether a person agreed to get notices by mail; None: nobody knows.

    Args:
        standing: of the person. Who came under a version that nobody knows did not agree to its terms.
        policy: in force.
        is_promised: the terms accept notices by mail.
    """
    if standing.electronic_refused:
        return False
    return True if is_promised and standing.source and policy.knows_versions(standing.collected_under) else None


def strictest_channel(
    decision: Decision, chosen: tuple[BreachChannel, str], *, has_postal_address: bool
) -> tuple[BreachChannel, str]:
    """Returns the channel and the reason of a person, from both decisions: mail goes only where both allow it.

    Args:
        decision: of the rules of mail.
        chosen: channel and reason by the rules of breaches.
        has_postal_address: a letter can be sent.
    """
    match decision:
        case Suppress(reason="under_13") if chosen[0] is BreachChannel.LETTER:
            return chosen  # a letter to parents or guardians is no mail to a child
        case Suppress(reason=why):
            return BreachChannel.NONE, why
        case Divert(reason=why) if chosen[0] is BreachChannel.MAIL:
            return BreachChannel.LETTER if has_postal_address else BreachChannel.NONE, why
        case _:
            return chosen
