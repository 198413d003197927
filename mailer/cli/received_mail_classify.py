"""`mailer inbound classify`: reads a received message without acting on it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.shared import AsJson, exit_with_error, out, print_json
from mailer.cli.terminal_layout import lay_out_facts
from mailer.inbound.reports.mime_parts import MAX_MESSAGE
from mailer.inbound.reports.received_report import ReceivedReport, ReportedRecipient, report_as_json


def classify(
    file: Annotated[str, typer.Argument(help="A received message; - reads standard input.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="The envelope recipient, if it is known.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Prints what a received message says: kind, recipients, status, class. Believes nothing, and acts on nobody."""
    from mailer.inbound.reports.classification import (
        classify_message,  # its patterns take a tenth of a second to compile; only this command needs them
    )

    report = classify_message(_read_message_or_exit(file), to)
    if json:
        print_json(report_as_json(report))
        return
    for line in lay_out_facts(_facts(report)):
        out.print(line)


def _read_message_or_exit(file: str) -> bytes:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(MAX_MESSAGE + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(MAX_MESSAGE + 1)
    except (OSError, ValueError) as error:
        exit_with_error(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}", 2)
    if not data.strip():
        exit_with_error(f"{file}: is empty; it takes a whole message with its header", 2)
    return data


def _facts(report: ReceivedReport) -> list[tuple[str, str]]:
    facts = [("kind", report.kind.value)]
    if report.reason:
        facts.append(("reason", report.reason))
    if report.feedback:
        facts.append(("feedback type", report.feedback.feedback_type))
    facts += [("recipient", _recipient_line(one)) for one in report.recipients]
    if counts := report.counts:
        facts.append(("report", f"{counts.report_id} of {counts.organization} about {counts.domain}"))
        facts.append(("counts", f"{counts.passed} passed, {counts.failed} failed"))
    return facts + [(f"candidate {one.source.value}", one.value) for one in report.candidates]


def _recipient_line(one: ReportedRecipient) -> str:
    known = [one.address, one.action and one.action.value, one.status, one.bounce_class.value, one.diagnostic]
    return " · ".join(part for part in known if part)
