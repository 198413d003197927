"""Delivery status notifications (RFC 3464, and RFC 6533 for addresses in UTF-8)."""

import re
from dataclasses import dataclass
from typing import Final

from mailer.inbound.reports.header_fields import HeaderFields, read_header_fields
from mailer.inbound.reports.mime_parts import Part, is_attached_message
from mailer.inbound.reports.received_report import RecipientAction

MAX_RECIPIENTS: Final = 50
MAX_DIAGNOSTIC: Final = 600
"""Characters of a diagnostic that are read."""
_MAX_STATUS: Final = 300_000
"""Octets of a delivery-status part."""

_STATUS: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\.?\w)")
_ACTIONS: Final = (
    ("fail", RecipientAction.FAILED),
    ("error", RecipientAction.FAILED),  # OpenSMTPD
    ("bounce", RecipientAction.FAILED),
    ("delay", RecipientAction.DELAYED),
    ("deliver", RecipientAction.DELIVERED),
    ("relay", RecipientAction.RELAYED),
    ("expand", RecipientAction.EXPANDED),
)
_BY_STATUS: Final = {"5": RecipientAction.FAILED, "4": RecipientAction.DELAYED, "2": RecipientAction.DELIVERED}
_ADDRESS_IN_X400: Final = re.compile(r"RFC-?822=([^/;\s]{1,200}\(a\)[^/;\s]{1,200})", re.IGNORECASE)
_QUOTED_LOCAL_PART: Final = re.compile(r'"[^"\\\r\n]{1,64}"@[\w.-]{1,255}')
_ESCAPED: Final = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """The fields of one recipient.

    Attributes:
        status: the Status field, None if it is none. comment: the rest of the Status and Action fields.
        diagnostic: Diagnostic-Code without its type.
    """

    address: str
    action: RecipientAction
    status: str | None
    comment: str
    diagnostic: str


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """A delivery-status part: the fields of the message, and those of each recipient.

    Attributes:
        envelope_id: Original-Envelope-Id. return_path: X-Postfix-Sender. Both are empty if they are missing.
    """

    envelope_id: str
    return_path: str
    recipients: tuple[RecipientStatus, ...]


def find_delivery_status(message: Part, *, inside_messages: bool) -> Part | None:
    """Returns the delivery-status part of a message.

    Args:
        message: the message.
        inside_messages: looks into attached messages too. Some gateways wrap a notification into another one. If a
            person forwards a notification, it is no report to us.
    """
    parts = message.walk_with_messages() if inside_messages else message.walk()
    wanted = ("message/delivery-status", "message/global-delivery-status")
    return next((part for part in parts if part.content_type in wanted and not is_attached_message(part)), None)


def parse_delivery_status(text: str) -> DeliveryStatus:
    """Returns the fields of a delivery-status part. A block without a recipient is the message's."""
    envelope_id = return_path = ""
    recipients: list[RecipientStatus] = []
    for block in re.split(r"\n[ \t]*\n", text[:_MAX_STATUS].replace("\r\n", "\n"), maxsplit=1000)[:1000]:
        fields = read_header_fields(block.strip("\n"))
        envelope_id = envelope_id or fields.first("original-envelope-id")
        return_path = return_path or read_typed_address(fields.first("x-postfix-sender"))
        if len(recipients) < MAX_RECIPIENTS and (found := _read_recipient(fields)):
            recipients.append(found)
    return DeliveryStatus(envelope_id, return_path, tuple(recipients))


def read_delivery_status(part: Part) -> DeliveryStatus:
    """Returns the fields of a delivery-status part of a message."""
    return parse_delivery_status(part.read_text(_MAX_STATUS))


def _read_recipient(fields: HeaderFields) -> RecipientStatus | None:
    address = next(
        (
            found
            for name in ("original-recipient", "final-recipient", "x-actual-recipient")
            for value in fields.all_values(name)
            if (found := read_typed_address(value))
        ),
        "",
    )
    raw_status, raw_action = fields.first("status"), fields.first("action")
    if not address and not (fields.by_name.get("final-recipient") or fields.by_name.get("original-recipient")):
        return None
    found_status = _STATUS.match(raw_status)
    status = found_status[1] if found_status else None
    action = _action_of(raw_action.strip().lower(), status)
    comment = raw_status[found_status.end() :] if found_status else raw_status
    diagnostics = [value.partition(";")[2] or value for value in fields.all_values("diagnostic-code")]
    comment += " " + raw_action.partition("(")[2]
    return RecipientStatus(
        address, action, status, comment.strip(" ()")[:200], " ".join(diagnostics)[:MAX_DIAGNOSTIC].strip()
    )


def read_typed_address(value: str) -> str:
    """Returns the address of a field such as `rfc822; user@example.com` (RFC 3464 2.3.1, RFC 6533 3), or nothing."""
    kind, found, rest = value.partition(";")
    address = rest if found else kind
    kind = kind.strip().lower() if found else "rfc822"
    if kind not in ("rfc822", "utf-8", "smtp", "unknown", "local", "system"):
        in_x400 = _ADDRESS_IN_X400.search(address)
        return in_x400[1].replace("(a)", "@") if in_x400 else ""
    address = address.partition(" (")[0].strip().strip("<>").strip()
    if quoted := _QUOTED_LOCAL_PART.fullmatch(address):
        return quoted[0]
    address = address.strip("\"'")
    if "<" in address and ">" in address:
        address = address.partition("<")[2].partition(">")[0]
    if kind == "utf-8":
        address = _ESCAPED.sub(_unescape, address)
    address = address.split(";")[0].removeprefix("mailto:").strip()
    is_one = "@" in address and address.isprintable() and not any(char.isspace() for char in address)
    return address[:320] if is_one else ""


def _unescape(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else match[0]


def _action_of(word: str, status: str | None) -> RecipientAction:
    for begin, action in _ACTIONS:
        if word.startswith(begin):
            return action
    return _BY_STATUS.get((status or "5")[0], RecipientAction.FAILED)
