"""`mailer quarantine`: refusals of addresses that mailer did not believe. A person believes or dismisses them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from mailer.actions.quarantined_refusal_verdicts import RefusalVerdictRefused, apply_verdict_on_quarantined_refusals
from mailer.app import App
from mailer.cli.shared import (
    AsJson,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    remember_acting_person,
    run_with_app,
)
from mailer.input_types import parse_moment_of_column_or_option
from mailer.ports.refusal_quarantine import QuarantinedRefusalGroup, RefusalSelection, RefusalVerdict

app = typer.Typer(help="Quarantined refusals: list, believe, dismiss.", no_args_is_help=True)

Processor = Annotated[str, typer.Option(help="Whose refusals.")]
Domain = Annotated[str | None, typer.Option(help="Only those of this recipient domain.")]
Since = Annotated[str, typer.Option(metavar="TIME", help="From when on, such as 2026-12-24T09:30Z.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Until when; without it, now.")]
By = Annotated[
    str,
    typer.Option("--by", metavar="PERSON", help="Who says so; it stays on record.", callback=remember_acting_person),
]


@app.command("list")
def list_refusals_by_processor_and_domain(
    processor: Annotated[str | None, typer.Option(help="Only those of this processor.")] = None, json: AsJson = False
) -> None:
    """Shows what waits: by processor, recipient domain and hour, how many refusals of which status."""
    groups = run_with_app(lambda app: app.quarantine.list_quarantined_groups(processor))
    if json:
        print_json([_refusal_group_as_json(group) for group in groups])
        return
    print_table(
        ("processor", "domain", "since", "until", "waiting", "statuses"),
        [
            (
                group.processor,
                group.domain,
                format_utc_time(group.since),
                format_utc_time(group.until),
                group.waiting,
                ", ".join(f"{status}: {n}" for status, n in sorted(group.statuses.items())),
            )
            for group in groups
        ],
    )


@app.command()
def believe(
    processor: Processor,
    since: Since,
    by: By,
    domain: Domain = None,
    until: Until = None,
    json: AsJson = False,
) -> None:
    """The refusals were right: the addresses are dead, and the deliveries have failed."""
    _settle_refusals_and_print(RefusalVerdict.BELIEVED, processor, domain, (since, until), by, json)


@app.command()
def dismiss(
    processor: Processor,
    since: Since,
    by: By,
    domain: Domain = None,
    until: Until = None,
    json: AsJson = False,
) -> None:
    """The refusals were the processor's fault: the addresses stay as they are, and the deliveries are made again."""
    _settle_refusals_and_print(RefusalVerdict.DISMISSED, processor, domain, (since, until), by, json)


def _settle_refusals_and_print(
    verdict: RefusalVerdict, processor: str, domain: str | None, interval: tuple[str, str | None], by: str, json: bool
) -> None:
    since, until = interval
    try:
        begin = parse_moment_of_column_or_option("--since", since)
        end = parse_moment_of_column_or_option("--until", until) if until else datetime.now(UTC)
    except ValueError as error:
        exit_with_error(str(error), 2)
    selection = RefusalSelection(processor, domain.lower() if domain else None, begin, end)

    async def act(app: App) -> int:
        return await apply_verdict_on_quarantined_refusals(app.quarantine, app.deliveries, selection, verdict, by)

    try:
        judged = run_with_app(act)
    except RefusalVerdictRefused as error:
        exit_with_error(str(error), 2)
    if json:
        print_json({"verdict": verdict.value, "judged": judged})
    else:
        out.print(f"{verdict.value.capitalize()}: {judged} refusals, by {by}.")


def _refusal_group_as_json(group: QuarantinedRefusalGroup) -> dict[str, object]:
    return {**asdict(group), "since": group.since.isoformat(), "until": group.until.isoformat()}
