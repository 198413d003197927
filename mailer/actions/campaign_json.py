"""Campaigns as JSON, for the API and commands."""

from typing import Any

from mailer.ports.campaigns import Campaign, CampaignRevision, CampaignSummary


def campaign_as_json(campaign: Campaign) -> dict[str, Any]:
    """Returns a campaign with its draft."""
    return {
        "campaign": str(campaign.id),
        "brand": campaign.brand,
        "name": campaign.name,
        "state": campaign.state.value,
        "revision": campaign.revision,
        "created_by": campaign.created_by,
        "created_at": campaign.created_at.isoformat(),
        "updated_by": campaign.updated_by,
        "updated_at": campaign.updated_at.isoformat(),
        "draft": campaign.draft.model_dump(mode="json"),
    }


def campaign_summary_as_json(summary: CampaignSummary) -> dict[str, Any]:
    """Returns a campaign of a list. `state` is the stage that people see, such as `sending`."""
    return {
        "campaign": str(summary.id),
        "brand": summary.brand,
        "name": summary.name,
        "state": summary.stage.value,
        "revision": summary.revision,
        "category": summary.category,
        "updated_by": summary.updated_by,
        "updated_at": summary.updated_at.isoformat(),
    }


def campaign_revision_as_json(revision: CampaignRevision) -> dict[str, Any]:
    """Returns a revision with its draft."""
    return {
        "revision": revision.revision,
        "by": revision.by,
        "at": revision.at.isoformat(),
        "draft": revision.draft.model_dump(mode="json"),
    }
