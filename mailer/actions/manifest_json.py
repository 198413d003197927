"""Manifests as JSON, for the API and for commands."""

from collections.abc import Mapping, Sequence
from typing import Any

from mailer.policy.campaign_manifest import ManifestSum
from mailer.ports.manifests import CampaignMailing, Manifest


def manifest_as_json(manifest: Manifest) -> dict[str, Any]:
    """Returns a manifest without its templates and people."""
    return {
        "manifest": str(manifest.id),
        "campaign": str(manifest.campaign_id),
        "brand": manifest.brand,
        "revision": manifest.revision,
        "state": manifest.state,
        "people": manifest.people,
        "people_total": manifest.people_total,
        "people_to_get_mail": manifest.people_to_get_mail,
        "sums": [sum_as_json(one) for one in manifest.sums],
        "variants": dict(manifest.variants),
        "due_times": [{"at": at.isoformat(), "people": people} for at, people in manifest.due_times],
        "zoneless": manifest.zoneless,
        "hash": manifest.hash.hex() if manifest.hash else None,
        "problem": manifest.problem,
        "findings": list(manifest.findings),
        "policy_version": manifest.policy_version,
        "requested_by": manifest.requested_by,
        "requested_at": manifest.requested_at.isoformat(),
        "ready_at": manifest.ready_at.isoformat() if manifest.ready_at else None,
        "asked_by": manifest.asked_by,
        "released_by": manifest.released_by,
        "released_at": manifest.released_at.isoformat() if manifest.released_at else None,
    }


def sum_as_json(one: ManifestSum) -> Mapping[str, Any]:
    """Returns one figure of a manifest."""
    return {"result": one.result.value, "reason": one.reason, "people": one.people}


def mailings_as_json(mailings: Sequence[CampaignMailing]) -> list[dict[str, Any]]:
    """Returns the mailings of a campaign."""
    return [
        {"variant": one.variant, "mailing": str(one.mailing_id), "template_variant": one.template_variant}
        for one in mailings
    ]
