"""What a server or the network can do to us, in words."""

import ssl
from typing import Final

import aiosmtplib

from mailer.policy.reply import clean

FAILURES: Final = (aiosmtplib.SMTPException, OSError)
"""Everything that can befall a command; `TimeoutError` and `ssl.SSLError` are OSErrors."""


def reason_of(error: Exception) -> str:
    """What went wrong, in one line."""
    match error:
        case ssl.SSLCertVerificationError():
            text = f"the certificate is not trusted: {error.verify_message}"
        case aiosmtplib.SMTPResponseException():
            text = f"{error.code} {error.message}" if error.code > 0 else error.message
        case TimeoutError():
            text = str(error) or "no answer in time"
        case _:
            text = str(error) or type(error).__name__
    return " ".join(clean(text).split())
