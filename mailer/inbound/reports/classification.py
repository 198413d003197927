"""The one way in: the octets of a received message become a `ReceivedReport`.

The order of the questions matters. A report that says its type in MIME comes first; then a notice that fails in words;
then automatic replies. All else is a reply that a person may have written.
"""

from mailer.inbound.reports.attached_reports import unpacked_attachments
from mailer.inbound.reports.automatic_reply import automatic_reply_reason, has_automatic_subject
from mailer.inbound.reports.bounce import delivery_status_of, is_bounce_text, recipients_of_status, recipients_of_text
from mailer.inbound.reports.candidates import collect_candidates
from mailer.inbound.reports.complaint import find_complaint, returned_header_of
from mailer.inbound.reports.delivery_status import DeliveryStatus
from mailer.inbound.reports.dmarc_report import parse_dmarc_report
from mailer.inbound.reports.header_fields import HeaderFields, read_header_fields
from mailer.inbound.reports.mime_parts import MAX_MESSAGE, Part, parse_message
from mailer.inbound.reports.notice_text import Notice, read_notice
from mailer.inbound.reports.received_report import (
    Candidate,
    ReceivedReport,
    ReportCounts,
    ReportedRecipient,
    ReportKind,
)
from mailer.inbound.reports.tls_report import parse_tls_report


def classify_message(data: bytes, envelope_recipient: str | None = None) -> ReceivedReport:
    """Returns what a received message says. It never raises, and takes at most a second for the longest message.

    Args:
        data: the message as it was received, with any line ends.
        envelope_recipient: the address in RCPT TO, if it is known. Header fields such as Delivered-To are not believed.
    """
    message = parse_message(data)
    if message is None:
        return ReceivedReport(ReportKind.UNREADABLE, reason="too_long" if len(data) > MAX_MESSAGE else "no_header")
    return _MessageClassifier(message, envelope_recipient).classify()


class _MessageClassifier:
    """The questions about one message."""

    def __init__(self, message: Part, envelope_recipient: str | None) -> None:
        self._message = message
        self._to = envelope_recipient
        self._notice: Notice = read_notice(message)
        self._returned = returned_header_of(message)
        if not self._returned.pairs:
            self._returned = self._notice.returned

    def classify(self) -> ReceivedReport:
        return self._as_complaint() or self._as_counts() or self._as_bounce() or self._as_reply()

    def _as_complaint(self) -> ReceivedReport | None:
        found = find_complaint(self._message)
        if found is None:
            return None
        feedback, recipients = found
        fields = _feedback_fields(self._message)
        return ReceivedReport(
            ReportKind.COMPLAINT,
            recipients=recipients,
            feedback=feedback,
            candidates=self._candidates(fields.first("original-envelope-id"), fields.first("original-mail-from")),
        )

    def _as_counts(self) -> ReceivedReport | None:
        counts, found = _read_counts(self._message)
        if counts is not None:
            return ReceivedReport(found, counts=counts)
        if _announces_counts(self._message):
            return ReceivedReport(ReportKind.UNREADABLE, reason="report_without_readable_data")
        return None

    def _as_bounce(self) -> ReceivedReport | None:
        header = self._message.header
        status = delivery_status_of(self._message, self._notice)
        if status and status.recipients:
            recipients = recipients_of_status(status, self._notice)
            return self._bounce(recipients or self._recipients_of_text(), status)
        if _is_rejection_receipt(self._message):
            return self._bounce(self._recipients_of_text(), None)
        is_report = self._message.parameters.get("report-type", "").lower() == "delivery-status" or status is not None
        if (is_report or is_bounce_text(self._message, self._notice)) and (
            is_report or not has_automatic_subject(header)
        ):
            return self._bounce(self._recipients_of_text(), status)
        return None

    def _bounce(self, recipients: tuple[ReportedRecipient, ...], status: DeliveryStatus | None) -> ReceivedReport:
        candidates = self._candidates(status.envelope_id, status.return_path) if status else self._candidates()
        return ReceivedReport(ReportKind.BOUNCE, recipients=recipients, candidates=candidates)

    def _recipients_of_text(self) -> tuple[ReportedRecipient, ...]:
        return recipients_of_text(self._message, self._notice, self._returned)

    def _as_reply(self) -> ReceivedReport:
        is_receipt = _receipt_part(self._message) is not None
        reason = "read_receipt" if is_receipt else automatic_reply_reason(self._message.header, self._notice.text)
        kind = ReportKind.AUTOMATIC_REPLY if reason else ReportKind.REPLY
        return ReceivedReport(kind, reason=reason, candidates=self._candidates())

    def _candidates(self, envelope_id: str = "", return_path: str = "") -> tuple[Candidate, ...]:
        return collect_candidates(
            self._message.header,
            self._returned,
            envelope_recipient=self._to,
            envelope_id=envelope_id,
            return_path=return_path,
            more_ids=_ids_in_receipt(self._message),
        )


def _announces_counts(message: Part) -> bool:
    """Tells whether a message says that it is a DMARC or TLS report, by its type, attachments or subject."""
    report_type = message.parameters.get("report-type", "").lower()
    if report_type == "tlsrpt" or message.header.by_name.get("tls-report-domain"):
        return True
    subject = message.header.first("subject").lower()
    if "report domain:" in subject and ("submitter:" in subject or "report-id:" in subject):
        return True
    for part in message.walk():
        name = (part.parameters.get("name", "") + " " + part.header.first("content-disposition")).lower()
        if part.content_type.startswith("application/tlsrpt") or (
            name.count("!") >= 3 and (".xml" in name or ".zip" in name)
        ):
            return True
    return False


def _read_counts(message: Part) -> tuple[ReportCounts | None, ReportKind]:
    for data in unpacked_attachments(message):
        if counts := parse_dmarc_report(data):
            return counts, ReportKind.DMARC_REPORT
        if counts := parse_tls_report(data):
            return counts, ReportKind.TLS_REPORT
    return None, ReportKind.UNREADABLE


def _receipt_part(message: Part) -> Part | None:
    return next((part for part in message.walk() if part.content_type == "message/disposition-notification"), None)


def _receipt_fields(message: Part) -> HeaderFields:
    part = _receipt_part(message)
    return read_header_fields(part.read_text().strip("\n")) if part else HeaderFields()


def _is_rejection_receipt(message: Part) -> bool:
    """Tells whether a receipt (RFC 8098) says that a server rejected the message, as Dovecot and Sieve do."""
    disposition = _receipt_fields(message).first("disposition").lower()
    rejected = "reject" in message.header.first("auto-submitted").lower() or "automatically rejected" in (
        message.header.first("subject").lower()
    )
    return rejected and "deleted" in disposition


def _ids_in_receipt(message: Part) -> tuple[str, ...]:
    return tuple(_receipt_fields(message).all_values("original-message-id")[:2])


def _feedback_fields(message: Part) -> HeaderFields:
    for part in message.walk():
        if part.content_type == "message/feedback-report":
            return read_header_fields(part.read_text().strip("\n"))
    return HeaderFields()
