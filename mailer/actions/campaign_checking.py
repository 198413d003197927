"""The check of a campaign: its draft is compiled and looked at, then its manifest is requested."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from mailer.actions.campaign_rendering import PictureFinder, picture_ids
from mailer.policy.campaign_draft import CampaignDraft, ScheduleKind, VariantName
from mailer.policy.campaign_gaps import campaign_categories
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.campaign_schedule import known_zone_or_none
from mailer.policy.moment_wording import moment_in_words
from mailer.policy.policy_file import Policy
from mailer.ports.manifests import CampaignToCheck, Manifest, ManifestStore, template_name_of_campaign
from mailer.ports.pictures import PictureFacts
from mailer.rendering.campaign_checks import CheckOutside, check_campaign
from mailer.rendering.campaign_facts import build_campaign_facts
from mailer.rendering.campaign_fields import fields_used
from mailer.rendering.campaign_findings import (
    CheckFinding,
    Place,
    error_check,
    findings_as_json,
    has_errors,
    sorted_findings,
)
from mailer.rendering.campaign_templates import compile_campaign_template
from mailer.rendering.template import RenderError, Template
from mailer.rendering.template_files import BrandFiles, TemplateError
from mailer.rendering.template_library import TemplateLibrary

MOST_LINKS: Final = 1_000
"""The most links of all texts of a draft together. 80,000 of them kept a thread for two minutes."""
_LINK: Final = re.compile(r"\]\(|\]\[|\]: |://|<a\b|mailto:", re.IGNORECASE)
_UNFIT = error_check("draft", "The draft cannot be sent as it is.", "Change it in the editor or the schedule.")
_TEMPLATE = error_check("template", "A text has a fault for which it cannot be rendered.", "Correct it in the editor.")


class CheckOutcome(NamedTuple):
    """The outcome of a check's begin.

    Attributes:
        manifest: the requested one; None: errors were found, and nothing is requested.
        findings: all findings, the worst first.
    """

    manifest: Manifest | None
    findings: list[CheckFinding]


class CampaignChecker:
    """Checks drafts, and requests the manifests of those without errors.

    Args:
        policies: in force, by brand.
        load_templates: returns the templates; they are loaded at first use.
        pictures: finds the pictures of a brand.
        public_url: the beginning of the addresses of pictures.
        check_outside: asks others about links and the sender; it takes half a minute at most.
    """

    def __init__(
        self,
        policies: Mapping[str, Policy],
        load_templates: Callable[[], TemplateLibrary],
        pictures: PictureFinder,
        public_url: str,
        check_outside: CheckOutside,
    ) -> None:
        self._policies = policies
        self._load_templates = load_templates
        self._pictures = pictures
        self._public_url = public_url
        self._check_outside = check_outside

    async def check_campaign(self, store: ManifestStore, campaign: CampaignToCheck, by: str) -> CheckOutcome:
        """Checks a draft, and requests its manifest if there is no error.

        Args:
            store: of the person who asks.
            campaign: as it was seen.
            by: the identity of the person, as text.

        Raises:
            ManifestRefused: the draft has changed meanwhile, or the campaign is released, cancelled or archived.
        """
        policy = self._policies.get(campaign.brand)
        templates, findings = await self.find_findings(store, campaign)
        if policy is None or has_errors(findings):
            return CheckOutcome(None, findings)
        kept = {str(name): ManifestTemplate(one.version, one.source) for name, one in templates.items()}
        manifest = await store.request_manifest(campaign, kept, policy.version, findings_as_json(findings), by)
        return CheckOutcome(manifest, findings)

    async def find_findings(
        self, store: ManifestStore, campaign: CampaignToCheck
    ) -> tuple[Mapping[VariantName, Template], list[CheckFinding]]:
        """Returns the templates of a draft by variant, and all findings, the worst first. Nothing is changed.

        Others are asked only if the texts have no error.
        """
        policy, files = self._policies.get(campaign.brand), self._load_templates().find_brand_files(campaign.brand)
        if policy is None or files is None:
            fault = f"the brand {campaign.brand} has no policy or no templates here; ask an operator"
            return {}, [_UNFIT.finding(fault)]
        problems = [*draft_problems(campaign.draft, policy, datetime.now(UTC))]
        problems += [one async for one in _audience_problems(store, campaign)]
        if problems:
            return {}, [_UNFIT.finding(problem) for problem in problems]
        pictures = await self._pictures.find_pictures(campaign.brand, picture_ids(campaign.draft))
        templates, faults = await asyncio.to_thread(self._compile_variants, campaign, files, pictures)
        if faults:
            return templates, faults
        try:
            facts = await asyncio.to_thread(
                build_campaign_facts, policy, campaign.draft, templates, pictures, self._public_url
            )
        except RenderError as error:
            return templates, [_TEMPLATE.finding(str(error))]
        readers = await store.count_readers(
            campaign.brand, campaign.draft.audience, sorted(fields_used(campaign.draft))
        )
        facts = replace(
            facts, people=readers.people, people_by_locale=readers.by_locale, people_without=readers.without
        )
        findings = await asyncio.to_thread(check_campaign, facts)
        if not has_errors(findings):
            findings = sorted_findings([*findings, *await self._check_outside(facts)])
        return templates, findings

    def _compile_variants(
        self, campaign: CampaignToCheck, files: BrandFiles, pictures: Mapping[str, PictureFacts]
    ) -> tuple[dict[VariantName, Template], list[CheckFinding]]:
        """Returns the templates by variant, and the faults of the variants that do not compile."""
        templates, findings = dict[VariantName, Template](), list[CheckFinding]()
        for variant in sorted(campaign.draft.variants):
            try:
                templates[variant] = compile_campaign_template(
                    files,
                    template_name_of_campaign(campaign.id),
                    campaign.draft,
                    variant,
                    pictures,
                    self._public_url,
                )
            except TemplateError as error:
                findings += [_TEMPLATE.finding(str(fault), Place(variant)) for fault in error.faults]
        return templates, findings


def count_of_possible_links(draft: CampaignDraft) -> int:
    """Returns a quick upper bound of the number of links: each of them costs the compiler a part of a millisecond."""
    return len(_LINK.findall(draft.model_dump_json(include={"variants"})))


def draft_problems(draft: CampaignDraft, policy: Policy, now: datetime) -> Iterator[str]:
    """Yields why a draft cannot be checked, with what to do.

    Args:
        draft: the draft.
        policy: of the brand.
        now: an aware datetime.
    """
    schedule = draft.schedule
    if (links := count_of_possible_links(draft)) > MOST_LINKS:
        yield f"the texts have about {links:,} links, and {MOST_LINKS:,} are the most; shorten them"
    if draft.category not in (known := campaign_categories(policy)):
        yield f"campaigns of {policy.brand} cannot be {draft.category}; choose one of {', '.join(known)}"
    elif policy.terms[draft.category].reason == "required":
        yield f"{policy.brand} sends {draft.category} mail with a stated reason only; publish it as an event with one"
    if draft.purpose not in policy.purposes:
        yield f"the policy has no purpose {draft.purpose}; choose one of {', '.join(policy.purposes)}"
    if known_zone_or_none(schedule.zone) is None:
        yield "the schedule's time zone is unknown; choose one such as Europe/Berlin"
    if schedule.kind is ScheduleKind.INSTANT and schedule.at and schedule.at <= now:
        yield f"the time {moment_in_words(schedule.at)} is over; choose one to come"


async def _audience_problems(store: ManifestStore, campaign: CampaignToCheck) -> AsyncIterator[str]:
    for name in (campaign.draft.audience, *campaign.draft.exclude):
        if fault := await store.find_audience_fault(campaign.brand, name):
            yield fault
