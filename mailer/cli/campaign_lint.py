"""`mailer campaign lint`: the checks of a campaign's texts, links and sender, without freezing anything."""

from typing import Annotated
from uuid import UUID

import typer

from mailer.app import App
from mailer.campaign_parts import build_campaign_checker
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, run_with_app
from mailer.ports.manifests import ManifestRefused
from mailer.postgres.manifests import NO_CAMPAIGN, PostgresManifests
from mailer.rendering.campaign_findings import CheckFinding, findings_as_json, has_errors

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The campaign's id; `mailer campaign list` shows it.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(lint)


def lint(identifier: Id, json: AsJson = False) -> None:
    """Checks the texts of a campaign, asks for its links and the sender's records, and changes nothing.

    Ends with status 1 if there is an error.
    """

    async def act(app: App) -> list[CheckFinding]:
        store = PostgresManifests(app.pool, app.writers, app.policies)
        campaign = await store.find_campaign_to_check(identifier)
        if campaign is None:
            raise ManifestRefused(NO_CAMPAIGN)
        _, findings = await build_campaign_checker(app).find_findings(store, campaign)
        return findings

    try:
        findings = run_with_app(act)
    except ManifestRefused as error:
        exit_with_error(str(error), 2)
    if json:
        print_json({"findings": findings_as_json(findings)})
    else:
        for one in findings:
            place = f" ({one.place.in_words})" if one.place.in_words else ""
            out.print(f"{one.severity.value}: {one.name}{place}: {one.text} {one.remedy}")
    if has_errors(findings):
        raise typer.Exit(1)
