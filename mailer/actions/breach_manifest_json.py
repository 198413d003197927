"""Checks and files of breach cases as JSON, for the API and for commands."""

from collections.abc import Mapping
from typing import Any

from mailer.policy.breach.manifest import BreachChannel, BreachSum
from mailer.ports.breach_files import BreachFile
from mailer.ports.breach_manifests import BreachManifest


def breach_manifest_as_json(manifest: BreachManifest) -> dict[str, Any]:
    """Returns a manifest without its texts and people."""
    return {
        "manifest": str(manifest.id),
        "case": str(manifest.case_id),
        "phase": manifest.phase,
        "brand": manifest.brand,
        "revision": manifest.revision,
        "facts_revision": manifest.facts_revision,
        "state": manifest.state,
        "people": manifest.people,
        "people_total": manifest.people_total,
        "channels": {channel.value: manifest.count_people(channel) for channel in BreachChannel},
        "sums": [breach_sum_as_json(one) for one in manifest.sums],
        "hash": manifest.hash.hex() if manifest.hash else None,
        "problem": manifest.problem,
        "findings": list(manifest.findings),
        "policy_version": manifest.frozen.policy_version,
        "requested_by": manifest.requested_by,
        "requested_at": manifest.requested_at.isoformat(),
        "ready_at": manifest.ready_at.isoformat() if manifest.ready_at else None,
        "asked_by": manifest.asked_by,
        "released_by": manifest.released_by,
        "released_at": manifest.released_at.isoformat() if manifest.released_at else None,
    }


def breach_sum_as_json(one: BreachSum) -> Mapping[str, Any]:
    """Returns one figure of a manifest."""
    return {**one._asdict(), "channel": one.channel.value}


def breach_file_as_json(file: BreachFile) -> dict[str, Any]:
    """Returns a file with its counts, without values of its rows."""
    return {
        "file": str(file.id),
        "case": str(file.case_id),
        "file_name": file.file_name,
        "sha256": file.digest.hex(),
        "size": file.size,
        "state": file.state,
        "counts": dict(file.counts),
        "rows_done": file.rows_done,
        "rows_total": file.rows_total,
        "problem": file.problem,
        "created_by": file.created_by,
        "created_at": file.created_at.isoformat(),
        "finished_at": file.finished_at.isoformat() if file.finished_at else None,
        "has_refused_rows": file.has_refused_rows,
    }
