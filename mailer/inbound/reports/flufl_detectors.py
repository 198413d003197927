"""The detectors of flufl.bounce, for forms of notices that our own patterns do not know.

Some of its patterns take quadratic time for long lines. It therefore gets a small message of short lines.
"""

from email.message import Message
from typing import Final

from flufl.bounce import _scan, all_failures

from mailer.inbound.reports.header_fields import HeaderFields
from mailer.inbound.reports.mime_parts import Part
from mailer.inbound.reports.notice_text import Notice

_MAX_LINES: Final = 80
_MAX_LINE: Final = 160
_FIELDS: Final = ("to", "subject", "x-failed-recipients", "x-mailer", "sender")

_scan.log.disabled = True  # it logs tracebacks, and may quote addresses


def addresses_by_flufl(message: Part, notice: Notice) -> list[str]:
    """Returns the addresses that flufl.bounce finds in a notice, in alphabetical order. Its classes are not used."""
    try:
        temporary, permanent = all_failures(_small_message(message.header, notice))
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, LookupError, RecursionError):
        return []
    found = {octets.decode("ascii", "replace").strip(" .,;:") for octets in temporary | permanent}
    return sorted(address for address in found if "@" in address and len(address) <= 320)


def _small_message(header: HeaderFields, notice: Notice) -> Message:
    small = Message()
    sender = next((address for _, address in header.addresses("from") if address.isascii()), "")
    small["from"] = sender[:300] if sender.isprintable() and "@" in sender else "unknown@unknown.invalid"
    for name in _FIELDS:
        if value := header.first(name):
            small[name] = "".join(char if char.isprintable() and char.isascii() else "?" for char in value[:300])
    text = "\n".join(line[:_MAX_LINE] for line in notice.lines[:_MAX_LINES])
    small["Content-Type"] = "text/plain; charset=us-ascii"
    small.set_payload(text.encode("ascii", "replace").decode("ascii"))
    return small
