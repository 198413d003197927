"""The rules of signing in: which passwords are taken, how long failures make people wait, and masked networks. Pure."""

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Final

from mailer.policy.text_folding_for_comparison import normalized

MAX_STAFF_NAME: Final = 100
"""The most characters of the name of a person of staff."""
MAX_SUBJECT: Final = 255
"""The most characters of the name of an account at an identity provider (`sub`, OpenID Connect Core 2)."""
MIN_PASSWORD: Final = 12
"""The fewest characters of a password (NIST SP 800-63B 5.1.1.2 asks for 8, OWASP for more)."""
MAX_PASSWORD: Final = 256
"""The most characters of a password. A longer one costs time to hash and adds nothing."""

_COMMON_WORDS: Final = (
    "password passw0rd p4ssword letmein welcome admin administrator qwerty qwertyuiop qwertyuiopas asdfghjkl zxcvbnm"
    " iloveyou sunshine princess football baseball dragon monkey superman batman trustno1 changeme secret default"
    " master shadow michael jordan hunter computer internet correcthorsebatterystaple mailer pactmail newsletter"
    " abcdefghijkl abcdefghijklmnop 1q2w3e4r5t6y 1qaz2wsx3edc qazwsxedc google facebook starwars"
)
_COMMON: Final = frozenset(_COMMON_WORDS.split())
"""The words of the most frequent passwords. A word with digits and signs around it is no better."""
_AROUND: Final = "0123456789!?.,;:-_#*+$%&@ "

FREE_FAILURES: Final = 5
"""Failures of one account that make nobody wait."""
FREE_FAILURES_OF_NETWORK: Final = 20
"""Failures from one network that make nobody wait: an office has many people."""
_LONGEST: Final = 900


def _build_wait_seconds_by_failure_count(free: int) -> tuple[int, ...]:
    """Returns the seconds to wait after each number of failures: none at first, then 5, 10, 20 up to 15 minutes."""
    steps = (5 * 2**step for step in range(9))
    return (*(0 for _ in range(free)), *(min(seconds, _LONGEST) for seconds in steps))


WAITS_OF_ACCOUNT: Final = _build_wait_seconds_by_failure_count(FREE_FAILURES)
"""Seconds that an account waits after 1, 2, 3, … failures in a row. The last number holds for all that follow."""
WAITS_OF_NETWORK: Final = _build_wait_seconds_by_failure_count(FREE_FAILURES_OF_NETWORK)
"""The same for a network, of which many people may be."""
FAILURES_FORGOTTEN_AFTER: Final = timedelta(days=1)
"""The time after the last failure when all are forgotten."""

LINK_LASTS: Final = timedelta(hours=1)
"""The life of a one-time link."""
SESSION_IDLE: Final = timedelta(hours=2)
"""The time without a request after which a session ends."""
SESSION_LASTS: Final = timedelta(hours=12)
"""The time after signing in when a session ends in any case."""
HALF_SESSION_LASTS: Final = timedelta(minutes=10)
"""The time for the second step of signing in."""
SECRET_WAITS: Final = timedelta(minutes=10)
"""The time that a challenge of a passkey, or a new secret of an app, waits for its answer."""
PASSWORD_IS_RECENT: Final = timedelta(minutes=10)
"""The time after signing in with a password alone in which a first second factor is set up without typing it again."""
DEVICE_LASTS: Final = timedelta(days=90)
"""The time after a complete sign-in in which the failures of strangers do not make that browser wait."""


def password_fault(password: str, name: str, email: str) -> str | None:
    """Returns the key of the text that says why a password is refused; None if it is good.

    Args:
        password: as it was typed.
        name: of the person; a password that is made of it is refused.
        email: the work address; the same holds for what stands before its @.
    """
    if len(password) < MIN_PASSWORD:
        return "password_short"
    if len(password) > MAX_PASSWORD:
        return "password_long"
    plain = _letters_and_digits(password)
    if len(set(password)) < 5 or plain.isdigit() or _is_common_password(password):
        return "password_common"
    names = {_letters_and_digits(word) for word in (name, email.partition("@")[0], *name.split())} - {""}
    core = plain.strip("0123456789")
    if any(core in (word, word * 2) for word in names) or _letters_and_digits(name) == plain:
        return "password_name"
    return None


def normalize_password_for_hashing(password: str) -> str:
    """Returns a password in the form that is hashed: the same for each way in which keyboards write an accent."""
    return normalized("NFKC", password)


def _is_common_password(password: str) -> bool:
    core = password.casefold().strip(_AROUND)
    squeezed = _letters_and_digits(core)
    halves = {squeezed[: len(squeezed) // 2]} if squeezed[: len(squeezed) // 2] * 2 == squeezed else set()
    return not _COMMON.isdisjoint({core, squeezed, squeezed.strip("0123456789"), *halves})


def _letters_and_digits(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def masked_network(address: str) -> str:
    """Returns the network of an address, with which the ledger says from where somebody acted: /24, for IPv6 /48.

    Anything that is no address, such as a Unix socket's path, gives `unknown`.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(ip_network((mapped, 24 if mapped.version == 4 else 48), strict=False))
