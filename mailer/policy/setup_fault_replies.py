"""The replies that say that our own set-up is broken, and the checks that a person makes then. Pure.

The receiver does not refuse this message or recipient. It refuses our way of sending. Each further message makes it
worse, and only a person can mend it.
"""

import re
from typing import Final

_SPF: Final = "the SPF record of the sending domain names the relay's addresses"
_DKIM: Final = "mail is signed (MAILER_DKIM), and the selector's key is published"
_DMARC: Final = "the From domain has a DMARC record (RFC 9989), and SPF or DKIM is aligned with it"
_REVERSE: Final = "the relay's address has a PTR record, whose name leads back to that address"
_TLS: Final = "the relay speaks TLS to the recipient's servers"
_BOTH: Final = f"{_SPF}; {_DKIM}"

_BY_DETAIL: Final = {
    "20": _DKIM,
    "21": _DKIM,
    "22": _DKIM,
    "23": f"{_SPF}; {_REVERSE}",  # RFC 7372: SPF; Gmail: no PTR record
    "24": _SPF,
    "25": _REVERSE,
    "26": _BOTH,
    "27": _SPF,
    "29": _TLS,
    "30": _DKIM,
    "31": _DMARC,
    "32": _DMARC,
    "40": _DMARC,
    "508": _BOTH,
    "509": _DMARC,
    "515": f"{_BOTH}; {_DMARC}",
}
"""The checks by the third number of 4.7.n and 5.7.n: RFC 7372, RFC 7505, and codes of Gmail and Outlook.com."""
_ONLY_PERMANENT: Final = {"28": f"{_BOTH}; {_REVERSE}"}
"""4.7.28 only asks for a slower pace."""


_WORDS: Final = tuple(
    (check, re.compile(pattern, re.IGNORECASE))
    for check, pattern in (
        (_DMARC, r"\bdmarc\b"),
        (_SPF, r"\bspf\b"),
        (_DKIM, r"\bdkim\b"),
        (_REVERSE, r"\bptr\b|reverse dns|\brdns\b"),
    )
)


def find_setup_checks_for_enhanced_status(status: str | None) -> str | None:
    """Returns the checks for an enhanced status code (RFC 3463); None if it says nothing about our set-up."""
    subject, _, detail = (status or "").rpartition(".")
    if subject == "5.7":
        return _BY_DETAIL.get(detail) or _ONLY_PERMANENT.get(detail)
    return _BY_DETAIL.get(detail) if subject == "4.7" else None


def find_setup_checks_for_reply_words(status: str | None, words: str) -> str | None:
    """Returns the checks that the words of a reply name, if its status is missing or 4.7.n or 5.7.n; else None."""
    if status is not None and status.rpartition(".")[0] not in ("4.7", "5.7"):
        return None
    return next((check for check, pattern in _WORDS if pattern.search(words)), None)


def find_setup_checks_for_reply(status: str | None, words: str) -> str | None:
    """Returns the checks for a reply, by its status or its words; None if it says nothing about our set-up."""
    return find_setup_checks_for_enhanced_status(status) or find_setup_checks_for_reply_words(status, words)
