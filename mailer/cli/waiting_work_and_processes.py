"""`mailer flow`: shows what waits where, and which processes run."""

from dataclasses import asdict

import typer

from mailer.actions.json_for_operators import flow_metrics_as_json
from mailer.app import App
from mailer.cli.shared import AsJson, format_utc_time, print_json, print_table, run_with_app
from mailer.ports.flow_metrics import FIGURES, Values
from mailer.ports.running_process_query import RunningProcess
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from mailer.postgres.running_process_query import PostgresRunningProcesses


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("flow")(print_waiting_work_and_processes)


def print_waiting_work_and_processes(json: AsJson = False) -> None:
    """Shows what waits where, with the age of the oldest, and the processes that run."""

    async def act(app: App) -> tuple[Values, list[RunningProcess]]:
        figures = await PostgresFlowMetrics(app.pool).read_metrics()
        return figures, await PostgresRunningProcesses(app.pool).list_running_processes()

    figures, processes = run_with_app(act)
    if json:
        print_json({"figures": flow_metrics_as_json(figures), "processes": [asdict(one) for one in processes]})
        return
    rows = [
        (FIGURES[name].metric, ", ".join(labels), f"{value:,.0f}")
        for name, samples in figures.items()
        for labels, value in samples
    ]
    print_table(("figure", "of", "value"), rows)
    columns = ("process", "last seen", "processors", "batches", "lease until")
    seen = [
        (one.name, format_utc_time(one.seen_at), one.processors, one.batches, format_utc_time(one.lease_until))
        for one in processes
    ]
    print_table(columns, seen, "Processes")
