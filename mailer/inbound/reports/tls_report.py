"""TLS reports (RFC 8460), counted by policy and kind of result."""

import json
from typing import Any, Final

from mailer.inbound.reports.received_report import ReportCounts, SourceCount

MAX_JSON: Final = 1_000_000
"""Octets. Deep or long lists need many times their octets of memory."""
_MAX_VALUE: Final = 300
_MAX_COUNT: Final = 10**12
_MAX_ROWS: Final = 1000


def parse_tls_report(data: bytes) -> ReportCounts | None:
    """Returns the counts of a TLS report; None if the octets are none. The sources are the kinds of results."""
    if len(data) > MAX_JSON or b'"policies"' not in data:
        return None
    try:
        report = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or not isinstance(policies := report.get("policies"), list):
        return None
    passed = failed = 0
    domain = ""
    sources: dict[str, int] = {}
    for one in policies[:_MAX_ROWS]:
        summary = _object(one, "summary")
        passed += _count(summary.get("total-successful-session-count"))
        failed += _count(summary.get("total-failure-session-count"))
        domain = domain or _text(_object(one, "policy").get("policy-domain")).lower()
        _count_failures(one, sources)
    dates = _object(report, "date-range")
    return ReportCounts(
        organization=_text(report.get("organization-name")),
        report_id=_text(report.get("report-id")),
        domain=domain,
        begins=_text(dates.get("start-datetime")),
        ends=_text(dates.get("end-datetime")),
        passed=passed,
        failed=failed,
        sources=tuple(
            SourceCount(kind, 0, n) for kind, n in sorted(sources.items(), key=lambda one: (-one[1], one[0]))
        ),
    )


def _count_failures(policy: Any, sources: dict[str, int]) -> None:
    details = policy.get("failure-details") if isinstance(policy, dict) else None
    for detail in details[:_MAX_ROWS] if isinstance(details, list) else ():
        if isinstance(detail, dict) and len(sources) < _MAX_ROWS:
            kind = _text(detail.get("result-type"))
            sources[kind] = sources.get(kind, 0) + _count(detail.get("failed-session-count"))


def _object(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return " ".join(value[:_MAX_VALUE].split()) if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return min(value, _MAX_COUNT) if isinstance(value, int) and value > 0 else 0
