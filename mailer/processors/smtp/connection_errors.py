"""Errors of a connection to a relay: their kind (`ConnectionTrouble`) and their text."""

import socket
import ssl
from dataclasses import dataclass
from typing import Final

import aiosmtplib

from mailer.policy import session_refusals
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.smtp_replies import storable_reply_text

FAILURES: Final = (aiosmtplib.SMTPException, OSError)
"""The exceptions that an SMTP command can raise. `TimeoutError` and `ssl.SSLError` are OSErrors."""

_STAGES: Final = {
    ConnectionTrouble.GREETING: session_refusals.SmtpStage.CONNECT,
    ConnectionTrouble.EHLO: session_refusals.SmtpStage.EHLO,
    ConnectionTrouble.STARTTLS: session_refusals.SmtpStage.STARTTLS,
}


class AuthRefused(aiosmtplib.SMTPException):
    """The relay refused our login. Its text may quote the secret, so only the reply code is kept.

    Args:
        code: the code of the reply; 0 or less if the reply had no valid code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"AUTH refused with {code if code > 0 else 'no proper reply'}")
        self.code = code


@dataclass(frozen=True, slots=True)
class NoConnectionResult:
    """The reason why there is no connection to a relay. It is returned, not raised.

    Attributes:
        trouble: the kind of the failure.
        text: one line for the ledger and the log. It contains no secret.
    """

    trouble: ConnectionTrouble
    text: str


def error_text(error: Exception) -> str:
    """Returns the text of an error, in one line."""
    match error:
        case aiosmtplib.SMTPConnectError() if isinstance(error.__cause__, Exception):
            return error_text(error.__cause__)  # aiosmtplib wraps errors that occur while it connects
        case ssl.SSLCertVerificationError():
            text = f"the certificate is not trusted: {error.verify_message}"
        case aiosmtplib.SMTPResponseException():
            text = f"{error.code} {error.message}" if error.code > 0 else error.message
        case TimeoutError():
            text = str(error) or "no answer in time"
        case _:
            text = str(error) or type(error).__name__
    return " ".join(storable_reply_text(text).split())


def connection_trouble_of_error(error: Exception, step: ConnectionTrouble) -> ConnectionTrouble:
    """Returns the kind of an error in a step of connecting: the step itself, unless the error is more specific."""
    for each in (error, error.__cause__):
        match each:
            case socket.gaierror() | UnicodeError():
                return ConnectionTrouble.DNS
            case ssl.SSLCertVerificationError():
                return ConnectionTrouble.CERTIFICATE
            case ssl.SSLError():
                return ConnectionTrouble.TLS
            case TimeoutError():
                return ConnectionTrouble.TIMED_OUT
            case AuthRefused():
                return (
                    session_refusals.session_trouble_of_refusal(session_refusals.SmtpStage.AUTH, each.code, None, "")
                    or step
                )
            case aiosmtplib.SMTPResponseException() if step in _STAGES and each.code // 100 in (4, 5):
                return session_refusals.session_trouble_of_refusal(_STAGES[step], each.code, None, "") or step
            case _:
                pass
    return step
