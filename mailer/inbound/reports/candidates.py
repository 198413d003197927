"""The values in a report that may prove that it answers a mail of ours. Nothing is verified here."""

import re
from collections.abc import Iterator
from typing import Final

from mailer.inbound.reports.header_fields import HeaderFields
from mailer.inbound.reports.received_report import Candidate, CandidateSource

MAX_CANDIDATES: Final = 60
_MAX_VALUE: Final = 4000
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{3,500}>")
_URI: Final = re.compile(r"<\s*((?:https?|mailto):[^<>\s]{1,4000})\s*>", re.IGNORECASE)
_NOT_OURS: Final = re.compile(
    r"x-(?:ms-|google|gm-|microsoft|forefront|spam|virus|originat|received|ymail|yahoo|sonic|rocket|mailman|mimeole|mailer$"
    r"|priority|msmail|authentication|proofpoint|barracuda|ironport|amavis|clx|forwarded|envelope|sg-)"
)


def collect_candidates(
    header: HeaderFields,
    returned: HeaderFields,
    *,
    envelope_recipient: str | None,
    envelope_id: str,
    return_path: str = "",
    more_ids: tuple[str, ...] = (),
) -> tuple[Candidate, ...]:
    """Returns the values that may prove something, the strongest source first, each once.

    Args:
        header: of the report. Its Delivered-To and X-Original-To are no candidates: a stranger writes them as he likes.
        returned: the header of the message that the report returns.
        envelope_recipient: the address in RCPT TO; None if it is not known.
        envelope_id: Original-Envelope-Id, or nothing.
        return_path: the return path that the report names in a field of its own, or nothing.
        more_ids: Message-IDs that the report names in fields of its own.
    """
    found: dict[Candidate, None] = {}
    for source, value in (
        (CandidateSource.ENVELOPE_RECIPIENT, envelope_recipient or ""),
        (CandidateSource.ENVELOPE_ID, envelope_id),
        (CandidateSource.RETURN_PATH, return_path.strip().strip("<>")),
        *_values(header, returned, more_ids),
    ):
        line = " ".join("".join(char if char.isprintable() else " " for char in value[:_MAX_VALUE]).split())
        if line and len(found) < MAX_CANDIDATES:
            found[Candidate(source, line)] = None
    return tuple(found)


def _values(
    header: HeaderFields, returned: HeaderFields, more_ids: tuple[str, ...]
) -> Iterator[tuple[CandidateSource, str]]:
    for value in returned.all_values("return-path")[:2]:
        yield CandidateSource.RETURN_PATH, value.strip().strip("<>")
    for value in (*returned.all_values("message-id")[:3], *more_ids):
        yield CandidateSource.MESSAGE_ID, value.strip()
    for value in returned.all_values("list-unsubscribe")[:3]:
        for uri in _URI.finditer(value):
            yield CandidateSource.LIST_UNSUBSCRIBE, uri[1]
    for fields in (header, returned):
        for value in fields.all_values("cfbl-feedback-id")[:2]:
            yield CandidateSource.CFBL_FEEDBACK_ID, value
    for value in returned.all_values("feedback-id")[:2]:
        yield CandidateSource.FEEDBACK_ID, value
    for name, value in returned.pairs:
        if name.startswith("x-") and not _NOT_OURS.match(name):
            yield CandidateSource.X_HEADER, f"{name}: {value[:500]}"
    for name in ("in-reply-to", "references"):
        for value in header.all_values(name)[:3]:
            for one in _MESSAGE_ID.findall(value)[-10:]:
                yield CandidateSource.IN_REPLY_TO, one
