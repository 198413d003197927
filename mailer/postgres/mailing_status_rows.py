"""The status of a mailing, from a row of the statement `status`."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from mailer.policy.advertiser_figures import hidden_or_rounded_figure
from mailer.policy.policy_file import Policy
from mailer.ports.mailings import MailingStatus

_FETCHES = ("opens", "machine_opens", "unique_opens", "clicks", "machine_clicks", "unique_clicks")


def mailing_status_from_row(row: asyncpg.Record, policies: Mapping[str, Policy]) -> MailingStatus:
    """Returns the status. Figures of opens and clicks are hidden or rounded, and None if the row has none."""
    policy = policies.get(row["brand"])
    values: dict[str, Any] = dict(row)
    values["counts"] = {(state, reason): int(n) for state, reason, n in row["counts"]}
    values["ended_lately"] = int(row["ended_lately"])
    values["halted"] = tuple(row["halted"] or ())
    for name in _FETCHES:
        if name in values:
            n, finished = int(row[name]), row["finished_at"] is not None
            values[name] = hidden_or_rounded_figure(n, policy.minimum_cell, finished) if policy else None
    return MailingStatus(**values)
