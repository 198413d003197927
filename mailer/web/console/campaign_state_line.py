"""The state line of a campaign: its stages in their order, each with who and when."""

from datetime import datetime
from typing import Literal, NamedTuple

from mailer.policy.campaign_stages import STAGE_LINE, CampaignStage
from mailer.ports.campaigns import Campaign, CampaignSteps


class StageOnLine(NamedTuple):
    """One stage of the line.

    Attributes:
        place: relative to the stage that the campaign has.
        by, at: who led to it, and when; None: it is not known, or has not come.
    """

    stage: CampaignStage
    place: Literal["past", "now", "to_come"]
    by: str | None = None
    at: datetime | None = None


_NOW_AT = {CampaignStage.CHECKING: CampaignStage.CHECKED, CampaignStage.PAUSED: CampaignStage.SENDING}
"""The stages that stand in the place of another one on the line."""


def state_line(campaign: Campaign, steps: CampaignSteps, stage: CampaignStage) -> list[StageOnLine]:
    """Returns the line. A cancelled or archived campaign ends with that stage, after those that it came to."""
    who = _people_and_times(campaign, steps)
    if stage in (CampaignStage.CANCELLED, CampaignStage.ARCHIVED):
        reached = [one for one in STAGE_LINE[:-1] if one is CampaignStage.DRAFT or who.get(one, (None, None))[1]]
        end = StageOnLine(stage, "now", campaign.updated_by, campaign.updated_at)
        return [*(StageOnLine(one, "past", *who.get(one, (None, None))) for one in reached), end]
    here = STAGE_LINE.index(_NOW_AT.get(stage, stage))
    return [
        StageOnLine(
            stage if number == here else one,
            "past" if number < here else "now" if number == here else "to_come",
            *(who.get(one, (None, None)) if number <= here else (None, None)),
        )
        for number, one in enumerate(STAGE_LINE)
    ]


def _people_and_times(
    campaign: Campaign, steps: CampaignSteps
) -> dict[CampaignStage, tuple[str | None, datetime | None]]:
    """Returns who led to each stage, and when."""
    draft = (campaign.created_by, campaign.created_at)
    if campaign.revision > 1:
        draft = (campaign.updated_by, campaign.updated_at) if steps.checked_at is None else draft
    return {
        CampaignStage.DRAFT: draft,
        CampaignStage.CHECKED: (steps.requested_by, steps.checked_at),
        CampaignStage.RELEASED: (steps.released_by, steps.released_at),
        CampaignStage.DONE: (None, steps.finished_at),
    }
