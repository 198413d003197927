"""The values that a received message is read into, and their JSON form (docs/inbound.md)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ReportKind(StrEnum):
    """The kinds of received messages. Each message has exactly one."""

    BOUNCE = "bounce"
    """A report about deliveries (RFC 3464), or a text that says the same; delays and successes too."""
    COMPLAINT = "complaint"
    """A feedback report (RFC 5965), with its `feedback_type`. Not-spam and auth-failure are nobody's complaint."""
    AUTOMATIC_REPLY = "automatic_reply"
    """A machine's answer (RFC 3834): out of office, receipt, ticket, challenge."""
    DMARC_REPORT = "dmarc_report"
    """An aggregate report (RFC 9990)."""
    TLS_REPORT = "tls_report"
    """A TLS report (RFC 8460)."""
    REPLY = "reply"
    """Anything else, which a person may have written."""
    UNREADABLE = "unreadable"
    """No message, a message over the limits, or a report whose data cannot be read."""


class RecipientAction(StrEnum):
    """The Action field of a report about a delivery (RFC 3464 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


class BounceClass(StrEnum):
    """The classes of replies (MAIL.md, "Replies by class")."""

    HARD = "hard"
    """The address is dead. Only a final failure can be hard."""
    SOFT = "soft"
    """A failure or delay that is counted. In doubt, a failure is soft."""
    SENDER_FAULT = "sender_fault"
    """A refusal of us, not of the recipient."""
    NONE = "none"
    """No failure."""


class CandidateSource(StrEnum):
    """The places of values that may prove that a report answers a mail of ours, the strongest first."""

    ENVELOPE_RECIPIENT = "envelope_recipient"
    """The address that the report was sent to, as the SMTP dialogue said it."""
    ENVELOPE_ID = "envelope_id"
    """Original-Envelope-Id (RFC 3464 2.2.1)."""
    RETURN_PATH = "return_path"
    """The return path of the returned message; also Original-Mail-From and X-Postfix-Sender of the report."""
    MESSAGE_ID = "message_id"
    """The Message-ID of the returned message."""
    LIST_UNSUBSCRIBE = "list_unsubscribe"
    """One URI of the returned message's List-Unsubscribe."""
    CFBL_FEEDBACK_ID = "cfbl_feedback_id"
    """RFC 9477 3.2."""
    FEEDBACK_ID = "feedback_id"
    """The Feedback-ID of the returned message. It names a campaign, never a person."""
    X_HEADER = "x_header"
    """Another X- field of the returned message, as `Name: value`."""
    IN_REPLY_TO = "in_reply_to"
    """A Message-ID in In-Reply-To or References."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that may prove that a report answers a mail of ours. A stranger can write any of them: verify it.

    Attributes:
        value: one line, at most 4,000 characters.
    """

    source: CandidateSource
    value: str


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """The fate of one recipient, as a report tells it.

    Attributes:
        address: as the sender wrote it, if the report says so, else the final one. Nothing is proved by it.
        action: None in complaints, which are about no delivery.
        status: the enhanced status code (RFC 3463); that of the remote server comes before the reporter's.
        code: the SMTP reply code (RFC 5321 4.2), if the report quotes one.
        bounce_class: the class.
        diagnostic: the text by which it was classed, on one line, at most 1,000 characters.
    """

    address: str
    action: RecipientAction | None
    status: str | None = None
    code: int | None = None
    bounce_class: BounceClass = BounceClass.NONE
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """The fields of a feedback report (RFC 5965 3), as they were written.

    Attributes:
        feedback_type: abuse, fraud, virus, other, not-spam, opt-out, opt-out-list, auth-failure, dmarc; a type that no
            RFC knows is `other` (RFC 5965 3.4).
        reporter: User-Agent of the reporter. reported_domain: Reported-Domain. source_ip: Source-IP.
        incidents: the number of complaints that the report stands for.
        authentication_failure: Auth-Failure (RFC 6591), such as `dkim`, of the types auth-failure and dmarc.
    """

    feedback_type: str
    reporter: str | None = None
    reported_domain: str | None = None
    source_ip: str | None = None
    arrival_date: str | None = None
    incidents: int = 1
    authentication_failure: str | None = None


@dataclass(frozen=True, slots=True)
class SourceCount:
    """The messages that a report counts for one source: an IP address (DMARC) or a kind of result (TLS)."""

    source: str
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class ReportCounts:
    """The numbers of a DMARC or TLS report.

    Attributes:
        organization: the reporter's name. report_id: its id. domain: the domain that the report is about.
        begins, ends: the period as the report writes it: seconds since the epoch (DMARC) or RFC 3339 (TLS).
        passed, failed: messages (DMARC: DKIM or SPF aligned) or sessions (TLS).
        sources: the largest first, at most 1,000.
    """

    organization: str
    report_id: str
    domain: str
    begins: str
    ends: str
    passed: int
    failed: int
    sources: tuple[SourceCount, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceivedReport:
    """Everything that a received message says.

    Attributes:
        reason: the reason of an automatic reply, or of an unreadable message; one word or a few with underscores.
        recipients: of bounces and complaints.
        feedback: of complaints. counts: of DMARC and TLS reports.
        candidates: the values to verify, the strongest source first.
    """

    kind: ReportKind
    reason: str | None = None
    recipients: tuple[ReportedRecipient, ...] = ()
    feedback: Feedback | None = None
    counts: ReportCounts | None = None
    candidates: tuple[Candidate, ...] = ()


def report_as_json(report: ReceivedReport) -> dict[str, Any]:
    """Returns the JSON form with fixed field names (docs/inbound.md). It has every field, also those that are null."""
    feedback = report.feedback
    return {
        "v": 1,
        "kind": report.kind.value,
        "recipients": [
            {
                "address": one.address,
                "action": one.action and one.action.value,
                "status": one.status,
                "code": one.code,
                "class": one.bounce_class.value,
                "diagnostic": one.diagnostic,
            }
            for one in report.recipients
        ],
        "feedback_type": feedback.feedback_type if feedback else None,
        "feedback": feedback
        and {
            "reporter": feedback.reporter,
            "reported_domain": feedback.reported_domain,
            "source_ip": feedback.source_ip,
            "arrival_date": feedback.arrival_date,
            "incidents": feedback.incidents,
            "authentication_failure": feedback.authentication_failure,
        },
        "automatic_reply_reason": report.reason if report.kind is ReportKind.AUTOMATIC_REPLY else None,
        "unreadable_reason": report.reason if report.kind is ReportKind.UNREADABLE else None,
        "counts": _build_json_of_counts(report.counts),
        "candidates": [{"source": one.source.value, "value": one.value} for one in report.candidates],
    }


def _build_json_of_counts(counts: ReportCounts | None) -> dict[str, Any] | None:
    if counts is None:
        return None
    return {
        "organization": counts.organization,
        "report_id": counts.report_id,
        "domain": counts.domain,
        "begins": counts.begins,
        "ends": counts.ends,
        "passed": counts.passed,
        "failed": counts.failed,
        "sources": [{"source": one.source, "passed": one.passed, "failed": one.failed} for one in counts.sources],
    }
