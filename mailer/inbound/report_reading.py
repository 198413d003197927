"""Reads a received message into what decides about its effect."""

from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from mailer.inbound.effects import ReportedFailure


@dataclass(frozen=True, slots=True)
class ReadReport:
    """The kind of a message, with its contents.

    Attributes:
        kind: `bounce`, `complaint`, `automatic_reply`, `dmarc_report`, `tls_report`, `reply` or `unreadable`.
        failures: of a bounce: the recipients for whom delivery failed.
        feedback_type: of a complaint.
        candidates: texts that may hold a token of ours.
    """

    kind: str
    failures: tuple[ReportedFailure, ...] = ()
    feedback_type: str | None = None
    candidates: tuple[str, ...] = ()


def read_report(content: bytes) -> ReadReport:
    """Reads a message. Raises nothing, whatever it is."""
    message = message_from_bytes(content)
    blocks = [
        block
        for part in message.walk()
        if part.get_content_type() == "message/delivery-status"
        for block in (part.get_payload() if isinstance(part.get_payload(), list) else [])
        if isinstance(block, Message)
    ]
    failures = tuple(
        ReportedFailure(
            tuple(
                str(block[name]).partition(";")[2].strip()
                for name in ("Original-Recipient", "Final-Recipient")
                if block[name]
            ),
            str(block["Status"] or ""),
            str(block["Status"] or "").startswith("5.1."),
            str(block["Status"] or "").startswith(("4.", "5.2.")),
        )
        for block in blocks
        if str(block["Action"]).lower() == "failed"
    )
    return ReadReport("bounce" if blocks else "reply", failures)
