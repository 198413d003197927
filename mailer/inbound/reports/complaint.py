"""Complaints: feedback reports (RFC 5965, 6591, 9477), and the forms of Microsoft and X-ARF."""

import re
from typing import Final

from mailer.inbound.reports.delivery_status import read_typed_address
from mailer.inbound.reports.header_fields import HeaderFields, read_addresses, read_header_fields
from mailer.inbound.reports.mime_parts import Part, is_attached_message
from mailer.inbound.reports.received_report import Feedback, ReportedRecipient

TYPES: Final = frozenset(
    ("abuse", "fraud", "virus", "other", "not-spam", "opt-out", "opt-out-list", "auth-failure", "dmarc")
)
"""RFC 5965 7.3, RFC 6430, RFC 6591, and the types of older loops."""
MAX_RECIPIENTS: Final = 100
_MAX_REPORT: Final = 100_000

_REDACTED: Final = re.compile(r"redact|\[?removed|xxxx|anonym|undisclosed|hidden|\*\*|x@x\b", re.IGNORECASE)
_OF_MICROSOFT: Final = re.compile(
    r"staff@hotmail\.com|(?:jmrp|snds)\w*@|@(?:[\w-]{1,30}\.)?(?:hotmail|outlook)\.com", re.IGNORECASE
)
_MICROSOFT_SUBJECT: Final = re.compile(r"complaint about message from|junk (?:e?mail )?report|jmrp", re.IGNORECASE)
_MICROSOFT_RECIPIENT: Final = ("x-hmxmroriginalrecipient", "x-ms-exchange-original-recipient", "x-original-recipient")


def find_complaint(message: Part) -> tuple[Feedback, tuple[ReportedRecipient, ...]] | None:
    """Returns the complaint in a message and the recipients that it names; None if the message is none."""
    for part in message.walk():
        if part.content_type == "message/feedback-report":
            return _read_complaint(read_header_fields(part.read_text(_MAX_REPORT).strip("\n")), message)
    is_report = message.content_type == "multipart/report"
    if is_report and message.parameters.get("report-type", "").lower() == "feedback-report":
        return _read_complaint(_fields_in_text(message), message)
    if message.header.by_name.get("x-xarf") or message.header.by_name.get("x-arf"):
        return _read_complaint(_fields_of_x_arf(message), message)
    if _is_of_microsoft(message):
        return _read_complaint(read_header_fields("Feedback-Type: abuse\nUser-Agent: JMRP"), message)
    return None


def returned_header_of(message: Part) -> HeaderFields:
    """Returns the header of the message that a report returns, from the part that holds it; else an empty one."""
    for part in message.walk():
        if part is not message and is_attached_message(part) and part.children:
            return part.children[0].header
        if part.content_type in ("text/rfc822-headers", "message/global-headers", "message/rfc822-headers"):
            return read_header_fields(part.read_text().strip("\n"))
    return HeaderFields()


def _is_of_microsoft(message: Part) -> bool:
    """Tells whether a message is one of the Junk Mail Reporting Program, which returns the mail and no report."""
    returned = returned_header_of(message)
    if any(name in returned.by_name for name in ("x-hmxmroriginalrecipient", "x-hmxmrmessageid")):
        return True
    sender = message.header.first("from")
    return bool(
        returned.pairs
        and _OF_MICROSOFT.search(sender)
        and (_MICROSOFT_SUBJECT.search(message.header.first("subject")) or "staff@hotmail.com" in sender.lower())
    )


def _fields_in_text(message: Part) -> HeaderFields:
    """Returns the fields that stand in a text part, if a gateway has changed the type of the report's part."""
    for part in message.walk():
        if not part.children and not is_attached_message(part):
            fields = read_header_fields(part.read_text(_MAX_REPORT).strip("\n"))
            if fields.by_name.get("feedback-type"):
                return fields
    return HeaderFields()


def _fields_of_x_arf(message: Part) -> HeaderFields:
    for part in message.walk():
        if not part.children:
            fields = read_header_fields(part.read_text(_MAX_REPORT).replace("---\n", "").strip("\n"))
            if fields.by_name.get("report-type") or fields.by_name.get("category"):
                category = fields.first("category").strip().lower() or "abuse"
                pairs = "\n".join(f"{name}: {value}" for name, value in fields.pairs)
                return read_header_fields(f"Feedback-Type: {category}\n{pairs}")
    return read_header_fields("Feedback-Type: abuse")


def _read_complaint(fields: HeaderFields, message: Part) -> tuple[Feedback, tuple[ReportedRecipient, ...]]:
    kind = fields.first("feedback-type").partition(";")[0].strip().lower()
    incidents = fields.first("incidents").strip()
    feedback = Feedback(
        feedback_type=kind if kind in TYPES else "other",
        reporter=_or_none(fields.first("user-agent")),
        reported_domain=_or_none(fields.first("reported-domain")),
        source_ip=_or_none(fields.first("source-ip") or fields.first("source")),
        arrival_date=_or_none(fields.first("arrival-date") or fields.first("received-date") or fields.first("date")),
        incidents=int(incidents) if incidents.isascii() and incidents.isdigit() and len(incidents) < 7 else 1,
        authentication_failure=_or_none(fields.first("auth-failure").lower()),
    )
    addresses = dict.fromkeys(_recipients_of(fields, returned_header_of(message)))
    return feedback, tuple(ReportedRecipient(one, None) for one in list(addresses)[:MAX_RECIPIENTS])


def _recipients_of(fields: HeaderFields, returned: HeaderFields) -> list[str]:
    """Returns the addresses of those who complained; a redacted one is left out."""
    values = [read_typed_address(value) for value in fields.all_values("original-rcpt-to")]
    values += [read_typed_address(value) for value in fields.all_values("removal-recipient")]
    if not any(values):
        values = [read_typed_address(value) for name in _MICROSOFT_RECIPIENT for value in returned.all_values(name)]
    if not any(values):
        values = [address for _, address in read_addresses(returned.first("to")) if "@" in address]
    return [value for value in values if value and not _REDACTED.search(value)]


def _or_none(value: str) -> str | None:
    return " ".join(value.split())[:500] or None
