"""The check of a breach phase: its texts are compiled and looked at, then its manifest is requested."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple, Protocol

from mailer.policy.breach.draft import BreachPhaseDraft, variant_of_place
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.public_notice import BreachPublicNoticeRefused
from mailer.policy.breach.rules import breach_rules_of_policy
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.policy_file import Policy
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.breach_files import BreachFileStore
from mailer.ports.breach_manifests import BreachCheckRequest, BreachManifest, BreachManifestStore
from mailer.rendering.breach_checks import check_breach_texts
from mailer.rendering.breach_public_texts import check_public_notice
from mailer.rendering.breach_templates import compile_breach_template, name_of_breach_template
from mailer.rendering.campaign_findings import (
    CheckFinding,
    Place,
    error_check,
    findings_as_json,
    has_errors,
    sorted_findings,
    warning_check,
)
from mailer.rendering.template import Template
from mailer.rendering.template_files import BrandFiles, TemplateError
from mailer.rendering.template_library import TemplateLibrary

_UNFIT = error_check("phase", "The phase cannot be sent as it is.", "Change its texts or its audience.")
_PUBLIC = error_check(
    "public-notice", "The public notice cannot be published so.", "Write what it lacks, or change its days."
)
_TEMPLATE = error_check("template", "A text has a fault for which it cannot be rendered.", "Correct it in the editor.")

_AGENCY_WAITS = warning_check(
    "agency-waits",
    "An agency has asked to wait with telling people, and the day that it named is not over.",
    "Ask the agency before the release, or wait. If it has not asked, correct the facts.",
)


class BreachCheckStores(Protocol):
    """The stores that a check reads and writes."""

    @property
    def files(self) -> BreachFileStore:
        """The uploaded files of people."""
        ...

    @property
    def manifests(self) -> BreachManifestStore:
        """The checks of phases."""
        ...


class BreachCheckOutcome(NamedTuple):
    """The outcome of a check's begin.

    Attributes:
        manifest: the requested one; None: errors were found, and nothing is requested.
        findings: all findings, the worst first.
    """

    manifest: BreachManifest | None
    findings: list[CheckFinding]


class BreachChecker:
    """Checks phases, and requests the manifests of those without errors.

    Args:
        policies: in force, by brand.
        load_templates: returns the templates; they are loaded at first use.
    """

    def __init__(self, policies: Mapping[str, Policy], load_templates: Callable[[], TemplateLibrary]) -> None:
        self._policies = policies
        self._load_templates = load_templates

    async def check_phase(
        self, stores: BreachCheckStores, case: BreachCase, phase: BreachPhase, by: str
    ) -> BreachCheckOutcome:
        """Checks a phase, and requests its manifest if there is no error.

        Args:
            stores: of the person who asks.
            case: as it was seen.
            phase: as it was seen.
            by: the identity of the person, as text.

        Raises:
            BreachManifestRefused: phase or facts have changed meanwhile, the case is not open, or it is released.
        """
        templates, findings = await self.find_findings(stores, case, phase)
        policy = self._policies.get(case.brand)
        if policy is None or has_errors(findings):
            return BreachCheckOutcome(None, findings)
        request = BreachCheckRequest(
            case.id,
            phase.phase,
            phase.revision,
            case.revision,
            {name: ManifestTemplate(one.version, one.source) for name, one in templates.items()},
            breach_rules_of_policy(policy).as_json(),
            [dict(one) for one in findings_as_json(findings)],
            policy.version,
        )
        return BreachCheckOutcome(await stores.manifests.request_manifest(request, by), findings)

    async def find_findings(
        self, stores: BreachCheckStores, case: BreachCase, phase: BreachPhase
    ) -> tuple[Mapping[str, Template], list[CheckFinding]]:
        """Returns the templates of a phase by variant, and all findings, the worst first. Nothing is changed."""
        policy, files = self._policies.get(case.brand), self._load_templates().find_brand_files(case.brand)
        if policy is None or files is None or "breach" not in policy.categories:
            fault = f"the brand {case.brand} has no policy, no templates or no breach mail here; ask an operator"
            return {}, [_UNFIT.finding(fault)]
        problems = [problem async for problem in _audience_problems(stores, policy, case, phase.draft)]
        people = {} if problems else await stores.manifests.count_readers(case.brand, phase.draft.audience)
        templates, faults = await asyncio.to_thread(_compile_variants, files, case, phase)
        found = await asyncio.to_thread(_find_in_texts, phase.draft, case.facts, policy, people)
        waits = _find_agency_that_waits(case.facts, datetime.now(UTC).date())
        return templates, sorted_findings([*map(_UNFIT.finding, problems), *faults, *found, *waits])


def _find_agency_that_waits(facts: BreachFacts, today: date) -> list[CheckFinding]:
    """Returns a warning while an agency's request to wait holds. The day itself is within it."""
    until = facts.law_enforcement_delay_until
    if until is None or until < today:
        return []
    return [_AGENCY_WAITS.finding(f"{facts.law_enforcement} has asked to wait until {until:%Y-%m-%d}.")]


def _find_in_texts(
    draft: BreachPhaseDraft, facts: BreachFacts, policy: Policy, people: Mapping[tuple[str, str], int]
) -> list[CheckFinding]:
    """Returns the findings about the texts and the public notice. people: by place and locale."""
    rules = breach_rules_of_policy(policy)
    found = check_breach_texts(draft, facts, rules, policy, readers_by_variant(draft, people))
    try:
        check_public_notice(draft, facts, rules)
    except BreachPublicNoticeRefused as refusal:
        found.append(_PUBLIC.finding(f"{refusal}."))
    return found


def readers_by_variant(
    draft: BreachPhaseDraft, people: Mapping[tuple[str, str], int]
) -> Mapping[str, Mapping[str, int]]:
    """Returns the people by variant and locale, from those by place and locale."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (place, locale), count in people.items():
        found[variant_of_place(draft, place)][locale] += count
    return found


def _compile_variants(
    files: BrandFiles, case: BreachCase, phase: BreachPhase
) -> tuple[dict[str, Template], list[CheckFinding]]:
    """Returns the templates by variant, and the faults of the variants that do not compile."""
    templates, findings = dict[str, Template](), list[CheckFinding]()
    name = name_of_breach_template(case.id, phase.phase)
    for variant in sorted(phase.draft.variants):
        try:
            templates[variant] = compile_breach_template(files, name, phase.draft, variant, case.facts)
        except TemplateError as error:
            findings += [_TEMPLATE.finding(str(fault), Place(variant)) for fault in error.faults]
    return templates, findings


async def _audience_problems(
    stores: BreachCheckStores, policy: Policy, case: BreachCase, draft: BreachPhaseDraft
) -> AsyncIterator[str]:
    """Yields why the people of a phase cannot be found, with what to do."""
    audience = draft.audience
    if case.facts.mail_trouble == "theirs" and not (audience.compromised or audience.compromised_file):
        yield "the facts say that strangers can read mailboxes: name the list or file of these people in the audience"
    for name in filter(None, (audience.audience, audience.compromised)):
        if fault := await stores.manifests.find_audience_fault(policy, name):
            yield fault
    for file_id in filter(None, (audience.file, audience.compromised_file)):
        file = await stores.files.find_file(file_id)
        if file is None or file.case_id != case.id:
            yield "the case has no such file; upload it, or choose another source"
        elif file.state != "done":
            yield f"the file {file.file_name} is {file.state}; wait until it is read, or upload it again"
        elif not file.counts.get("people"):
            yield f"the file {file.file_name} names nobody; look at its refused rows, and upload it again"
