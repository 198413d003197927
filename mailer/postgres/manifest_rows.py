"""Manifests from their rows, and the statements about them."""

from datetime import datetime

import asyncpg

from mailer.database.statements import load_statements
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_manifest import LineResult, ManifestSum, ManifestTemplate
from mailer.ports.manifests import CampaignToCheck, Manifest

_RAW = load_statements("manifests")
SQL = {name: text.replace("{columns}", _RAW["columns"]).replace("{line}", _RAW["line"]) for name, text in _RAW.items()}
"""The statements about manifests, by name."""


def manifest_from_row(row: asyncpg.Record) -> Manifest:
    """Returns a manifest for a row with the columns of `columns`."""
    values = {
        **row,
        "draft": CampaignDraft.model_validate(row["draft"]),
        "templates": {name: ManifestTemplate(*template) for name, template in row["templates"].items()},
        "sums": [ManifestSum(LineResult(result), reason, people) for result, reason, people in row["sums"]],
        "due_times": [(datetime.fromisoformat(at), people) for at, people in row["due_times"]],
    }
    return Manifest(**values)


def campaign_from_row(row: asyncpg.Record) -> CampaignToCheck:
    """Returns the campaign of a check for a row of `campaign`."""
    return CampaignToCheck(**{**row, "draft": CampaignDraft.model_validate(row["draft"])})
