"""Checks of breach phases as their releaser sees them, from their rows; and the statements about releases."""

import asyncpg

from mailer.database.statements import load_statements
from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.release import BreachStepFacts, are_rules_same
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.ports.breach_release import BreachRelease, ReleaseSum

_RAW = load_statements("breach_release")
SQL = {
    name: text.replace("{columns}", _RAW["columns"]).replace("{from_manifest}", _RAW["from_manifest"])
    for name, text in _RAW.items()
}
"""The statements about releases, by name."""
EXPAND = load_statements("manifests")["expand"].replace("{line}", _RAW["line"])
"""The statement that makes the deliveries of the people of a variant who get mail."""
_ERROR = "error"


def release_from_row(row: asyncpg.Record) -> BreachRelease:
    """Returns a check for a row with the columns of `columns`."""
    values = {
        **row,
        "facts": BreachFacts.model_validate(row["facts"]),
        "draft": BreachPhaseDraft.model_validate(row["draft"]),
        "templates": {name: ManifestTemplate(*template) for name, template in row["templates"].items()},
        "sums": [ReleaseSum(*one) for one in row["sums"]],
    }
    return BreachRelease(**values)


def step_facts_of_release(release: BreachRelease, rules: object) -> BreachStepFacts:
    """Returns the facts on which the next step of a phase depends. `rules` are the rows in force, as JSON."""
    return BreachStepFacts(
        release.case_state,
        release.phase_state,
        release.state,
        release.is_current,
        are_rules_same(release.rules, rules),
        release.hash,
        release.ready_at,
        release.people,
        sum(one.get("severity") == _ERROR for one in release.findings),
        release.policy_version,
        release.asked_by is not None,
    )
