"""`mailer campaign report` and `mailer campaign people`: what became of a released campaign."""

from typing import Annotated
from uuid import UUID

import typer

from mailer.app import App
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    format_utc_time,
    out,
    print_facts,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.policy.ab_test_figures import CONFIDENCE
from mailer.ports.campaign_figures import CampaignReport
from mailer.ports.campaign_people import CampaignPerson, ExportReason
from mailer.postgres.campaign_figures import PostgresReleasedCampaignReports
from mailer.postgres.campaign_people import build_campaign_report_stores
from mailer.web.campaign_report_values import AbTestReported, CampaignReported, report_as_values
from mailer.web.csv_writing import csv_lines

CampaignId = Annotated[str, typer.Argument(metavar="ID", help="The id of the campaign.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to those of campaigns."""
    app.command()(report)
    app.command()(people)


def report(campaign: CampaignId, json: AsJson = False) -> None:
    """Shows what was shown at the release and what was sent, with each difference, and what came back."""

    async def act(app: App) -> CampaignReported:
        found = await _find_report_or_exit(app, campaign)
        if found.brand not in app.policies:
            exit_with_error(f"no policy of the brand {found.brand} is in force", 1)
        return report_as_values(found, app.policies[found.brand].switches.tracking)

    found = run_with_app(act)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        _print_report(found)


def people(
    campaign: CampaignId,
    reason: Annotated[ExportReason, typer.Option(help="The reason; it stands in the ledger.")],
    by: By = "",
) -> None:
    """Writes everybody of a campaign, with address and what happened to the mail, as CSV to stdout. It is on record."""
    person_or_system_user(by)  # refuses a bad name

    async def act(app: App) -> None:
        found = await _find_report_or_exit(app, campaign)
        stores = build_campaign_report_stores(app.pool, app.writers, PostgresReleasedCampaignReports(app.pool))
        _print_lines(csv_lines([CampaignPerson._fields]))
        async for some in stores.open_people(str(acting_person()), "", None).export_people(found, reason):
            _print_lines(csv_lines(some))

    run_with_app(act)


def _print_lines(text: str) -> None:
    for line in text.splitlines():
        out.print(line)


async def _find_report_or_exit(app: App, campaign: str) -> CampaignReport:
    try:
        campaign_id = UUID(campaign)
    except ValueError:
        exit_with_error(
            f"{campaign} is no id of a campaign; the console's page of the campaign has it in its address", 2
        )
    found = await PostgresReleasedCampaignReports(app.pool).find_campaign_report(campaign_id)
    if found is None:
        exit_with_error(f"there is no released campaign {campaign_id}", 1)
    return found


def _print_report(found: CampaignReported) -> None:
    done = found.shown_and_done
    print_facts(
        {
            "campaign": found.name,
            "brand": found.brand,
            "released": f"{format_utc_time(found.released_at)} by {found.released_by}",
            "audience": found.audience,
            "counted": format_utc_time(found.counted_at) if found.counted_at else "not yet; the timekeeper counts",
        }
    )
    if done is None or found.figures is None:
        return
    rows = [("shown at the release", "", str(done.shown))]
    rows += [(f"less: {one.state}", one.reason, str(one.people)) for one in done.lost]
    rows += [(f"more: {one.state}", one.reason, str(one.people)) for one in done.gained]
    rows += [("sent", "", str(done.sent)), ("still to be sent", "", str(done.open))]
    print_table(
        ("shown and sent", "reason", "people"), rows, "The sum adds up" if done.adds_up else "It does not add up"
    )
    heads = ("variant", "sent", "opt-outs", "complaints", "dead addresses", "bounced for now")
    back = [
        tuple(map(str, (one.variant, one.sent, one.opt_outs, one.complaints, one.hard_bounces, one.soft_bounces)))
        for one in found.figures.returns
    ]
    print_table(heads, back, "Opt-outs by its links, complaints and bounces")
    seen = [
        (one.variant, *map(_figure_or_hidden, (one.opens, one.opened, one.machine_opens, one.clicks, one.clicked)))
        for one in found.figures.fetches
    ]
    heads = ("variant", "opens", "mails opened", "by machines", "clicks", "mails clicked")
    print_table(heads, seen, f"A dash: fewer than {found.figures.minimum_cell}, or not counted")
    if found.test:
        _print_test(found.test)


def _print_test(test: AbTestReported) -> None:
    rows = [(one.variant, str(one.sent), str(one.events), f"{one.low:.2%} to {one.high:.2%}") for one in test.variants]
    caption = f"A/B test by {test.metric.value.replace('_', ' ')}: {test.verdict.value.replace('_', ' ')}"
    caption += f", variant {test.winner}" if test.winner else ""
    print_table(("variant", "sent", "with it", f"share, {CONFIDENCE:.0%} interval"), rows, caption)


def _figure_or_hidden(n: int | None) -> str:
    return "-" if n is None else str(n)
