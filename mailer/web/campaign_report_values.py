"""The report of a campaign as values, in the form of the API and of commands."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from mailer.policy.ab_test_figures import AbTestVerdict, choose_winner, figures_of_test, judge_test
from mailer.policy.campaign_draft import AbMetric
from mailer.policy.campaign_figures import CampaignFigures, ShownAndDone
from mailer.policy.switches import Tracking
from mailer.ports.campaign_figures import CampaignReport


class AbVariantReported(BaseModel):
    """The share of one variant's mails that have the event which decides, and the 95 % interval of that share."""

    variant: str
    sent: int
    events: int
    low: float
    high: float


class AbTestReported(BaseModel):
    """The figures of an A/B test. `winner` is null unless one variant is better than each other one beyond chance."""

    metric: AbMetric
    verdict: AbTestVerdict
    winner: str | None
    variants: Sequence[AbVariantReported]


class CampaignReported(BaseModel):
    """The report of a released campaign.

    `figures` are as of `counted_at`; null: they are not counted yet. Opens and clicks below the brand's minimum cell
    are null; while mail is still to go out, they rise by whole cells. `shown_and_done` adds up: `shown`, less `lost`,
    plus `gained`, is `sent` and `open`.
    """

    campaign: UUID
    brand: str
    name: str
    released_by: str
    released_at: datetime
    audience: int
    counted_at: datetime | None
    is_final: bool
    shown_and_done: ShownAndDone | None
    figures: CampaignFigures | None
    test: AbTestReported | None


def report_as_values(report: CampaignReport, tracking: Tracking) -> CampaignReported:
    """Returns a report in the form of the API and of commands. `tracking` is the policy's level."""
    return CampaignReported(
        campaign=report.id,
        brand=report.brand,
        name=report.name,
        released_by=report.released_by,
        released_at=report.released_at,
        audience=report.people,
        counted_at=report.counted_at,
        is_final=report.is_final,
        shown_and_done=report.figures.shown_and_done if report.figures else None,
        figures=report.figures,
        test=_test_as_values(report, report.figures, tracking) if report.figures and report.draft.ab_test else None,
    )


def _test_as_values(report: CampaignReport, figures: CampaignFigures, tracking: Tracking) -> AbTestReported:
    metric = report.draft.ab_test.metric if report.draft.ab_test else AbMetric.OPT_OUTS
    found = figures_of_test(metric, tracking, figures.returns, figures.fetches)
    winner = choose_winner(found)
    return AbTestReported(
        metric=metric,
        verdict=judge_test(found),
        winner=winner.variant if winner else None,
        variants=[
            AbVariantReported(variant=one.variant, sent=one.sent, events=one.events, low=one.low, high=one.high)
            for one in found.variants
        ],
    )
