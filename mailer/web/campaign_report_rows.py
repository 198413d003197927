"""The figures of a campaign's report as rows of a table, for a file."""

from collections.abc import Iterator

from mailer.policy.campaign_figures import CampaignFigures
from mailer.ports.campaign_figures import CampaignReport
from mailer.web.csv_writing import Cell

Row = tuple[Cell, Cell, Cell, Cell]
_HIDDEN = "fewer than the minimum"
_RETURNS = ("sent", "opt_outs", "complaints", "hard_bounces", "soft_bounces")
_FETCHES = ("opens", "machine_opens", "opened", "clicks", "machine_clicks", "clicked")


def report_rows(report: CampaignReport) -> Iterator[Row]:
    """Yields a heading, then the figures that the page has: the section, of what, by what, and the figure."""
    yield "section", "figure", "by", "number"
    yield "campaign", "name", "", report.name
    yield "campaign", "brand", "", report.brand
    yield "campaign", "released", "", report.released_at
    yield "campaign", "audience", "", report.people
    yield "campaign", "counted", "", report.counted_at
    if report.figures:
        yield from _outcome_rows(report.figures)
        yield from _attention_rows(report.figures)


def _outcome_rows(figures: CampaignFigures) -> Iterator[Row]:
    done = figures.shown_and_done
    yield "shown and done", "shown at the release", "", done.shown
    for one in done.lost:
        yield "shown and done", f"less: {one.state}", one.reason, one.people
    for one in done.gained:
        yield "shown and done", f"more: {one.state}", one.reason, one.people
    yield "shown and done", "sent", "", done.sent
    yield "shown and done", "still to be sent", "", done.open
    for one in done.not_sent:
        yield "not sent", one.state, one.reason, one.people


def _attention_rows(figures: CampaignFigures) -> Iterator[Row]:
    for returned in figures.returns:
        for name in _RETURNS:
            yield "came back", name, f"variant {returned.variant}", getattr(returned, name)
    for seen in figures.fetches:
        for name in _FETCHES:
            n = getattr(seen, name)
            yield "opens and clicks", name, f"variant {seen.variant}", _HIDDEN if n is None else n
    for link in figures.links:
        yield "clicks by link", "clicks", link.link, link.clicks
    for day in figures.days:
        for name in _RETURNS[1:]:
            yield "by day", name, day.day.isoformat(), getattr(day, name)
    for domain in figures.domains:
        for name in _RETURNS:
            yield "by domain", name, domain.domain, getattr(domain, name)
