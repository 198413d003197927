"""Sends the rest of a test with the winner, where the draft lets the rule choose it."""

import asyncio
from collections.abc import Mapping
from typing import Final

from mailer.metrics_and_logger import log
from mailer.policy.ab_test_figures import Winner, choose_winner, figures_of_test
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import ITSELF
from mailer.ports.campaign_figures import CampaignReportReader
from mailer.ports.manifests import CampaignReleaser, Manifest, ManifestRefused, TestLister
from mailer.runtime.repeating import run_every

_EVERY: Final = 60.0
"""Seconds between two looks for a test whose hours are over."""


class AutomaticRestSender:
    """Sends the rests of tests whose hours are over, if there is a winner. Otherwise a person chooses.

    Args:
        tests: lists the tests.
        reports: has their figures.
        releases: sends the rests.
        policies: in force, by brand.
    """

    def __init__(
        self,
        tests: TestLister,
        reports: CampaignReportReader,
        releases: CampaignReleaser,
        policies: Mapping[str, Policy],
    ) -> None:
        self._tests = tests
        self._reports = reports
        self._releases = releases
        self._policies = policies

    async def send_until_stopped(self, stop: asyncio.Event) -> None:
        """Looks every minute until `stop` is set."""
        trouble = "the rest of a campaign's test could not be sent; trying again"
        await run_every(_EVERY, stop, self.send_rests_of_decided_tests, trouble)

    async def send_rests_of_decided_tests(self) -> int:
        """Sends each rest that has a winner. Returns their number."""
        sent = 0
        for manifest in await self._tests.list_tests_that_decide():
            winner = await self._find_winner(manifest)
            if winner is None:
                continue  # too small, or by chance: the page says so, and a person can still choose
            try:
                await self._releases.send_rest(manifest.id, winner.variant, ITSELF)
            except ManifestRefused:
                continue  # somebody has chosen or cancelled meanwhile
            log.info("the rest of a test is sent with its winner", manifest=str(manifest.id), variant=winner.variant)
            sent += 1
        return sent

    async def _find_winner(self, manifest: Manifest) -> Winner | None:
        report = await self._reports.find_campaign_report(manifest.campaign_id)
        policy, test = self._policies.get(manifest.brand), manifest.draft.ab_test
        if report is None or report.figures is None or policy is None or test is None:
            return None
        figures = report.figures
        return choose_winner(figures_of_test(test.metric, policy.switches.tracking, figures.returns, figures.fetches))
