"""A relay, asked for its greeting and its certificate; nothing is sent."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailer.doctor.finding import Finding, ok_finding, problem_finding, warning_finding

SECONDS = 10.0
"""The longest that a relay may take to answer."""
EXPIRES_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class RelayTarget:
    """The place of a relay.

    Attributes:
        name: what the ledger calls it.
        host: a name or an address. port: TCP.
        implicit: whether TLS begins at once. starttls: whether it is begun by a command.
        helo: what EHLO says; None for this machine's name.
    """

    name: str
    host: str
    port: int
    implicit: bool
    starttls: bool
    helo: str | None = None


async def examine_relay(target: RelayTarget, now: datetime, context: Callable[[], ssl.SSLContext]) -> Finding:
    """The finding about one relay: whether it answers, and until when its certificate holds.

    Args:
        target: where it is.
        now: the time.
        context: makes what certificates are checked with.
    """
    check, where = f"relay {target.name}", f"{target.host}:{target.port}"
    try:
        expires = await asyncio.to_thread(_read_certificate_expiry, target, context())
    except ssl.SSLCertVerificationError as error:
        return problem_finding(check, f"the certificate of {where} is not valid: {error.verify_message}")
    except (OSError, smtplib.SMTPException) as error:
        return problem_finding(check, f"{where} cannot be used: {_error_text(error)}")
    if expires is None:
        return ok_finding(check, f"{where} answers, without TLS")
    left = expires - now
    until = f"{where} answers; its certificate holds until {expires:%Y-%m-%d}"
    return warning_finding(check, f"{until}: renew it") if left < EXPIRES_SOON else ok_finding(check, until)


def _read_certificate_expiry(target: RelayTarget, context: ssl.SSLContext) -> datetime | None:
    """The time at which the relay's certificate expires; None if there is none."""
    if target.implicit:
        relay: smtplib.SMTP = smtplib.SMTP_SSL(target.host, target.port, target.helo, timeout=SECONDS, context=context)
    else:
        relay = smtplib.SMTP(target.host, target.port, target.helo, timeout=SECONDS)
    with relay:
        relay.ehlo_or_helo_if_needed()
        if target.starttls:
            relay.starttls(context=context)
        connected = relay.sock
        if not isinstance(connected, ssl.SSLSocket):
            return None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(_certificate(connected)["notAfter"])), UTC)


def _certificate(connected: ssl.SSLSocket) -> dict[str, object]:
    return dict(connected.getpeercert() or {})


def _error_text(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return " ".join(str(error).split()) or type(error).__name__
