"""Checks of a campaign's subject and preheader."""

import re
from collections.abc import Iterator
from typing import Final
from unicodedata import east_asian_width

from mailer.rendering.campaign_facts import PageUnderCheck
from mailer.rendering.campaign_findings import CheckFinding, error_check, note_check, warning_check
from mailer.rendering.headers import MAX_STRUCTURED, HeaderRefused, encode_unstructured_header_value

PHONE_COLUMNS: Final = 41
"""The columns of a subject that a phone in portrait shows (iOS Mail shows about 41, Gmail on Android about 37)."""
INBOX_COLUMNS: Final = 70
"""The columns of a subject that an inbox on a wide screen shows."""
PREHEADER_COLUMNS: Final = 140
"""The columns of a preheader that mail programs show at most."""
_SHOUTING_LETTERS: Final = 10
"""The least number of letters of which a subject in capitals has to consist, so that `NASA: PDF` is none."""

SUBJECT_EMPTY = error_check("subject-empty", "The mail has no subject.", "Write a subject.")
SUBJECT_UNFIT = error_check(
    "subject-unfit",
    "The subject has a control character, or is longer than the 998 octets that a line may have (RFC 5322 2.1.1).",
    "Write the subject on one line, in fewer than 200 characters.",
)
SUBJECT_LONG = warning_check(
    "subject-long",
    f"The subject has more than {INBOX_COLUMNS} columns: inboxes cut it even on wide screens.",
    f"Shorten the subject to {PHONE_COLUMNS} characters, or put what matters first.",
)
SUBJECT_CUT = note_check(
    "subject-cut-on-phones",
    f"The subject has more than {PHONE_COLUMNS} columns: phones cut it.",
    f"Put what matters into the first {PHONE_COLUMNS} characters.",
)
SUBJECT_SHOUTS = warning_check(
    "subject-shouts",
    "The subject is written in capitals. Spam filters count that, and screen readers may spell it out.",
    "Write the subject in ordinary upper and lower case.",
)
SUBJECT_EXCLAIMS = warning_check(
    "subject-exclaims",
    "The subject has two exclamation marks or more.",
    "Leave at most one exclamation mark.",
)
FALSE_REPLY = error_check(
    "subject-false-reply",
    'The subject begins like an answer or a forwarded mail ("Re:", "Fwd:") and is none. It misleads'
    " (CAN-SPAM 5(a)(2)).",
    "Take the beginning away.",
)
SUBJECT_UNSEEN = warning_check(
    "subject-invisible-characters",
    "The subject has invisible characters within words, as spam has to get past filters.",
    "Type the subject anew, rather than pasting it.",
)
PREHEADER_MISSING = warning_check(
    "preheader-missing",
    "The mail has no preheader: an inbox shows the first words of the mail beside the subject, often a greeting.",
    "Write a preheader of 40 to 100 characters that goes on from the subject.",
)
PREHEADER_LONG = note_check(
    "preheader-long",
    f"The preheader has more than {PREHEADER_COLUMNS} columns, of which mail programs show no more.",
    f"Shorten the preheader to {PREHEADER_COLUMNS} characters.",
)
PREHEADER_REPEATS = note_check(
    "preheader-repeats-subject",
    "The preheader says the same as the subject.",
    "Say something new in the preheader.",
)

CHECKS: Final = (
    SUBJECT_EMPTY,
    SUBJECT_UNFIT,
    FALSE_REPLY,
    SUBJECT_LONG,
    SUBJECT_CUT,
    SUBJECT_SHOUTS,
    SUBJECT_EXCLAIMS,
    SUBJECT_UNSEEN,
    PREHEADER_MISSING,
    PREHEADER_LONG,
    PREHEADER_REPEATS,
)
"""The checks of this module."""

_REPLY = re.compile(
    r"\s*(?:re|fwd?|aw|wg|antw(?:ort)?|rv|tr|r\u00e9f?|rif|sv|vs|vb|odp|enc|\u8f6c\u53d1|\u56de\u590d|\u8fd4\u4fe1|\u8ee2\u9001|\u0631\u062f)"
    r"\s*(?:\[\d+\])?\s*[:\uff1a]",
    re.IGNORECASE,
)
_EXCLAMATIONS = re.compile("[!\uff01\u00a1\u203c\u2757]")
INVISIBLE = re.compile(
    "[\u200b\u180e\u2060-\u2064\ufeff\u202a-\u202e]|(?<=[A-Za-z\u00c0-\u024f])[\u200c\u200d](?=[A-Za-z\u00c0-\u024f])"
)
"""Invisible characters that no language needs. Joiners between Persian, Arabic or Indic letters and in emoji do not
count, nor do the marks of direction U+200E and U+200F."""
_SOFT_HYPHEN: Final = "\u00ad"


def columns_of(text: str) -> int:
    """Returns the columns that a text takes: two for a wide letter of East Asia, one for any other."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def find_subject_faults(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields the findings about a subject."""
    subject, place = page.texts.subject.strip(), page.place
    if not subject:
        yield SUBJECT_EMPTY.finding("There is no subject.", place)
        return
    if fault := _header_fault(subject):
        yield SUBJECT_UNFIT.finding(fault, place)
    columns = columns_of(subject)
    if columns > INBOX_COLUMNS:
        yield SUBJECT_LONG.finding(f"The subject has {columns} columns; inboxes show about {INBOX_COLUMNS}.", place)
    elif columns > PHONE_COLUMNS:
        yield SUBJECT_CUT.finding(f"The subject has {columns} columns; phones show about {PHONE_COLUMNS}.", place)
    yield from _misleading_subject_findings(page, subject)


def _header_fault(subject: str) -> str | None:
    try:
        octets = len(encode_unstructured_header_value(subject, "Subject"))
    except HeaderRefused:
        return "The subject has a line break or control character."
    if octets > MAX_STRUCTURED - len("Subject: "):
        return f"The subject has {octets:,} octets as it is sent, and {MAX_STRUCTURED} are the most."
    return None


def _misleading_subject_findings(page: PageUnderCheck, subject: str) -> Iterator[CheckFinding]:
    place = page.place
    if found := _REPLY.match(subject):
        yield FALSE_REPLY.finding(f'The subject begins with "{found[0].strip()}".', place)
    if _is_shouted(subject):
        yield SUBJECT_SHOUTS.finding("The subject is in capitals.", place)
    if len(marks := _EXCLAMATIONS.findall(subject)) > 1:
        yield SUBJECT_EXCLAIMS.finding(f"The subject has {len(marks)} exclamation marks.", place)
    if INVISIBLE.search(subject) or _SOFT_HYPHEN in subject:
        yield SUBJECT_UNSEEN.finding("The subject has characters that nobody sees.", place)


def _is_shouted(subject: str) -> bool:
    """Tells whether most letters are capitals. Letters of scripts without capitals do not count."""
    cased = [letter for letter in subject if letter.isupper() or letter.islower()]
    capitals = sum(letter.isupper() for letter in cased)
    return len(cased) >= _SHOUTING_LETTERS and capitals > len(cased) / 2


def find_preheader_faults(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields the findings about a preheader."""
    preheader, place = page.texts.preheader.strip(), page.place
    columns = columns_of(preheader)
    if not preheader:
        yield PREHEADER_MISSING.finding("There is no preheader.", place)
    elif preheader.casefold() == page.texts.subject.strip().casefold():
        yield PREHEADER_REPEATS.finding("The preheader is the subject again.", place)
    elif columns > PREHEADER_COLUMNS:
        yield PREHEADER_LONG.finding(
            f"The preheader has {columns} columns; mail programs show at most {PREHEADER_COLUMNS}.", place
        )
