"""Findings about relays: greeting and certificate are checked, and no mail is sent."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailer.doctor.finding import Finding, ok_finding, problem_finding, warning_finding

SECONDS = 10.0
"""The longest time, in seconds, that a relay may take to answer."""
EXPIRES_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class RelayTarget:
    """The name of a relay, and how to connect to it.

    Attributes:
        name: its name in the ledger.
        host: a name or an address. port: the TCP port.
        implicit: whether TLS begins with the connection. starttls: whether the command STARTTLS begins it.
        helo: the name in EHLO; None for this machine's name.
    """

    name: str
    host: str
    port: int
    implicit: bool
    starttls: bool
    helo: str | None = None


async def examine_relay(target: RelayTarget, now: datetime, context: Callable[[], ssl.SSLContext]) -> Finding:
    """Returns the finding about one relay: whether it answers, and when its certificate expires.

    Args:
        target: the relay.
        now: the current time.
        context: makes the TLS context that checks certificates.
    """
    check, where = f"relay {target.name}", f"{target.host}:{target.port}"
    try:
        expires = await asyncio.to_thread(_connect_and_read_certificate_expiry, target, context())
    except ssl.SSLCertVerificationError as error:
        return problem_finding(check, f"the certificate of {where} is not valid: {error.verify_message}")
    except (OSError, smtplib.SMTPException) as error:
        return problem_finding(check, f"{where} cannot be used: {_smtp_error_text(error)}")
    if expires is None:
        return ok_finding(check, f"{where} answers, without TLS")
    return _finding_by_expiry(check, where, expires, now)


async def examine_api(name: str, host: str, port: int, now: datetime, context: Callable[[], ssl.SSLContext]) -> Finding:
    """Returns the finding about the API of an e-mail service. It connects and asks nothing, so no secret leaves.

    Args:
        name: the processor's name in the ledger.
        host: a name or an address.
        port: the TCP port.
        now: the current time.
        context: makes the TLS context that checks certificates.
    """
    check, where = f"relay {name}", f"{host}:{port}"
    try:
        expires = await asyncio.to_thread(_read_certificate_expiry_of_api, host, port, context())
    except ssl.SSLCertVerificationError as error:
        return problem_finding(check, f"the certificate of {where} is not valid: {error.verify_message}")
    except OSError as error:
        return problem_finding(check, f"{where} cannot be used: {_smtp_error_text(error)}")
    return _finding_by_expiry(check, where, expires, now)


def _read_certificate_expiry_of_api(host: str, port: int, context: ssl.SSLContext) -> datetime:
    with (
        socket.create_connection((host, port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as connected,
    ):
        return _expiry_of_certificate(connected)


def _connect_and_read_certificate_expiry(target: RelayTarget, context: ssl.SSLContext) -> datetime | None:
    """Connects to the relay. Returns the time at which its certificate expires, or None without TLS."""
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
        return _expiry_of_certificate(connected)


def _expiry_of_certificate(connected: ssl.SSLSocket) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(_peer_certificate(connected)["notAfter"])), UTC)


def _finding_by_expiry(check: str, where: str, expires: datetime, now: datetime) -> Finding:
    until = f"{where} answers; its certificate holds until {expires:%Y-%m-%d}"
    is_soon = expires - now < EXPIRES_SOON
    return warning_finding(check, f"{until}: renew it") if is_soon else ok_finding(check, until)


def _peer_certificate(connected: ssl.SSLSocket) -> dict[str, object]:
    return dict(connected.getpeercert() or {})


def _smtp_error_text(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return " ".join(str(error).split()) or type(error).__name__
