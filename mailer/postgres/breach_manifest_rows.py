"""Manifests of breach phases from their rows, and the statements about them."""

import asyncpg

from mailer.database.statements import load_statements
from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.manifest import BreachChannel, BreachSum, FrozenCheck
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.ports.breach_manifests import BreachManifest

_RAW = load_statements("breach_manifests")
SQL = {name: text.replace("{columns}", _RAW["columns"]) for name, text in _RAW.items()}
"""The statements about manifests of breach phases, by name."""


def breach_manifest_from_row(row: asyncpg.Record) -> BreachManifest:
    """Returns a manifest for a row with the columns of `columns`."""
    values = dict(row)
    templates = {name: ManifestTemplate(*template) for name, template in values.pop("templates").items()}
    frozen = FrozenCheck(row["facts"], row["draft"], values.pop("rules"), templates, values.pop("policy_version"))
    values |= {
        "frozen": frozen,
        "facts": BreachFacts.model_validate(row["facts"]),
        "draft": BreachPhaseDraft.model_validate(row["draft"]),
        "sums": [BreachSum(BreachChannel(channel), *rest) for channel, *rest in row["sums"]],
    }
    return BreachManifest(**values)
