"""The page of the flow: the waiting work, and the running processes."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.policy.staff_rights import StaffRight
from mailer.ports.flow_metrics import FIGURES, Values
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page
from mailer.web.console.processor_pages import ProcessorReader

router = APIRouter(include_in_schema=False)
FLOW = f"{HOME}/flow"


@router.get(FLOW)
async def show_waiting_work_and_processes(request: ProcessorReader) -> Response:
    """Shows the figures of `/metrics` that come from the database, ten seconds old at most, and the processes."""
    figures = await request.console.operations.figures.get_value()
    processes = await request.console.operations.processes.list_running_processes()
    return console_page(
        request,
        "flow.html.j2",
        lines=metric_figures_as_table_lines(figures),
        missing=[name for name in FIGURES if name not in figures],
        processes=processes,
        now=datetime.now(UTC),
        may_read_letters=StaffRight.PEOPLE_READ in request.rights,
    )


def metric_figures_as_table_lines(figures: Values) -> list[tuple[str, str, Sequence[tuple[str, float]]]]:
    """Returns a line for each figure that was read: its key, its metric, and its values by label."""
    return [
        (name, definition.metric, [(", ".join(labels).replace("_", " "), value) for labels, value in figures[name]])
        for name, definition in FIGURES.items()
        if name in figures
    ]
