"""`mailer report`: the figures that an advertiser may know."""

from dataclasses import asdict
from typing import Annotated

import typer

from mailer.app import App
from mailer.cli.mailing_lookup import find_mailings_by_id_or_event
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    print_facts,
    print_json,
    print_table,
    run_with_app,
)
from mailer.ports.reports import AdvertiserCampaignReport, ReportNotReady

app = typer.Typer(help="Reports: for advertisers.", no_args_is_help=True)


@app.command()
def advertiser(
    brand: Annotated[str, typer.Option(help="Whose campaign it is.")],
    campaign: Annotated[str, typer.Option(help="Its name, or the id of a mailing without one, or of its event.")],
    json: AsJson = False,
) -> None:
    """Shows how many people a finished campaign has reached; the figures stay as they are the first time."""

    async def act(app: App) -> AdvertiserCampaignReport | None:
        if brand not in app.policies:
            exit_with_error(f"there is no brand {brand}; there are {', '.join(sorted(app.policies))}", 2)
        minimum = app.policies[brand].minimum_cell
        if report := await app.reports.get_or_issue_campaign_report(brand, campaign, minimum):
            return report
        mailings = [status.id for status in await find_mailings_by_id_or_event(app, campaign) if status.brand == brand]
        return await app.reports.get_or_issue_campaign_report(brand, str(mailings[0]), minimum) if mailings else None

    try:
        report = run_with_app(act)
    except ReportNotReady as error:
        exit_with_error(str(error), 1)
    if report is None:
        exit_with_error(f"{brand} has no campaign {campaign}; `mailer mailing list` shows the mailings with theirs", 1)
    if json:
        print_json({**asdict(report), "as_of": report.as_of.isoformat()})
    else:
        _print_report(report)


def _print_report(report: AdvertiserCampaignReport) -> None:
    print_facts(
        {
            "brand": report.brand,
            "campaign": report.campaign,
            "mailings": report.mailings,
            "as of": format_utc_time(report.as_of),
            "people": _figure_or_withheld(report.people),
            "opens": _figure_or_withheld(report.opens),
            "clicks": _figure_or_withheld(report.clicks),
        }
    )
    rows: list[tuple[str, str, str]] = []
    for dimension, cells in report.breakdowns.items():
        shown = cells.items() if cells else [("", None)]
        rows += [(dimension, value, _figure_or_withheld(people)) for value, people in shown]
    print_table(
        ("by", "value", "people"), rows, f"Withheld: what could tell of fewer than {report.minimum_cell} people"
    )


def _figure_or_withheld(number: int | None) -> str:
    return "withheld" if number is None else str(number)
