"""The checks of a campaign before it is sent. Pure; `runtime.link_checking` and `doctor` ask what is outside."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from mailer.rendering import (
    campaign_audience_checks,
    campaign_contrast_checks,
    campaign_link_checks,
    campaign_picture_checks,
    campaign_sender_checks,
    campaign_subject_checks,
    campaign_text_checks,
)
from mailer.rendering.campaign_facts import CampaignFacts, PageUnderCheck
from mailer.rendering.campaign_findings import CampaignCheck, CheckFinding, sorted_findings

CHECKS: Final[tuple[CampaignCheck, ...]] = (
    *campaign_subject_checks.CHECKS,
    *campaign_text_checks.CHECKS,
    *campaign_link_checks.CHECKS,
    *campaign_picture_checks.CHECKS,
    *campaign_contrast_checks.CHECKS,
    *campaign_audience_checks.CHECKS,
    *campaign_sender_checks.CHECKS,
)
"""All checks, those of links and of the sender's domain too."""

_OF_CAMPAIGN: Final[tuple[Callable[[CampaignFacts], Iterator[CheckFinding]], ...]] = (
    campaign_audience_checks.find_category_faults,
    campaign_audience_checks.find_missing_texts,
    campaign_audience_checks.find_missing_languages,
    campaign_audience_checks.find_equal_variants,
    campaign_audience_checks.find_missing_values,
    campaign_picture_checks.find_faults_of_picture_blocks,
    campaign_picture_checks.find_weight_faults,
    campaign_sender_checks.find_one_click_faults,
)
_OF_PAGE: Final[tuple[Callable[[PageUnderCheck], Iterator[CheckFinding]], ...]] = (
    campaign_subject_checks.find_subject_faults,
    campaign_subject_checks.find_preheader_faults,
    campaign_text_checks.find_way_out_faults,
    campaign_text_checks.find_size_faults,
    campaign_text_checks.find_text_part_faults,
    campaign_text_checks.find_unfilled_fields,
    campaign_text_checks.find_unseen_text,
    campaign_link_checks.find_link_faults,
    campaign_picture_checks.find_faults_of_html_pictures,
    campaign_contrast_checks.find_contrast_faults,
    campaign_audience_checks.find_promotion,
    campaign_audience_checks.find_newsletter_like_service_mail,
)


CheckOutside = Callable[[CampaignFacts], Awaitable[list[CheckFinding]]]
"""Asks others about a campaign: servers for its links, the DNS for its sender. See `doctor.campaign_outside`."""
MOST_OF_ONE_CHECK: Final = 20
"""The findings of one check about one mail that are told one by one."""


def check_campaign(facts: CampaignFacts) -> list[CheckFinding]:
    """Returns the findings about a campaign, the worst first, each once.

    No I/O. A mail of a megabyte takes seconds, so a process that serves others calls this in a thread.
    """
    return sorted_findings(_findings_of_all_checks(facts))


def _findings_of_all_checks(facts: CampaignFacts) -> Iterator[CheckFinding]:
    for find in _OF_CAMPAIGN:
        yield from find(facts)
    for page in facts.pages:
        for find_on_page in _OF_PAGE:
            yield from _first_of_each_check(find_on_page(page))


def _first_of_each_check(findings: Iterable[CheckFinding]) -> Iterator[CheckFinding]:
    """Yields the first findings of each check about a mail, then how many more there are."""
    counts, last = Counter[str](), dict[str, CheckFinding]()
    for finding in findings:
        counts[finding.name] += 1
        last[finding.name] = finding
        if counts[finding.name] <= MOST_OF_ONE_CHECK:
            yield finding
    for name, finding in last.items():
        if (more := counts[name] - MOST_OF_ONE_CHECK) > 0:
            yield replace(
                finding, text=f"There are {more:,} more of this kind.", place=finding.place._replace(block=None)
            )
