"""The kinds of trouble with a connection to a relay, each with its remedy. None of them is about a message."""

from enum import StrEnum
from typing import Final


class ConnectionTrouble(StrEnum):
    """The step at which no connection to a relay came about, or the reason for it."""

    DNS = "dns"
    """The relay's name has no address."""
    UNREACHABLE = "unreachable"
    """No address takes a connection: refused, or no route."""
    TIMED_OUT = "timed_out"
    """Something did not come in time: a connection, the greeting, or a reply."""
    GREETING = "greeting"
    """The relay greets with a refusal, or with nothing that is a greeting (RFC 5321 3.1)."""
    EHLO = "ehlo"
    """The relay refuses EHLO (RFC 5321 4.1.1.1)."""
    STARTTLS = "starttls"
    """The relay does not offer STARTTLS, or refuses it (RFC 3207)."""
    TLS = "tls"
    """The TLS handshake fails for another reason than the certificate."""
    CERTIFICATE = "certificate"
    """The relay's certificate is not trusted, has run out, or is another host's."""
    TOKEN = "token"  # noqa: S105 - a kind of trouble
    """The file or command that gives the OAuth token gives none."""
    AUTH = "auth"
    """The relay refuses our credentials, or offers no way of authentication that we have (RFC 4954)."""
    LOST = "lost"
    """The relay ends new connections before they have carried a message."""
    BUSY = "busy"
    """The relay refuses connections or sessions for now: it is busy, or closes (RFC 5321 3.8)."""
    REFUSED = "refused"
    """The relay refuses us, within a transaction: it wants TLS or a password, or does not relay for us."""

    @property
    def relay_state(self) -> str:
        """The state of the relay: `down`, or the thing to be mended: `no_address`, `certificate` and so on."""
        return _STATES.get(self, DOWN)

    @property
    def operator_remedy(self) -> str:
        """The remedy for an operator, on one line."""
        return _REMEDIES[self]


DOWN: Final = "down"
MISCONFIGURED: Final = "misconfigured"
_STATES: Final = {
    ConnectionTrouble.DNS: "no_address",
    ConnectionTrouble.CERTIFICATE: "certificate",
    ConnectionTrouble.AUTH: "auth_refused",
    ConnectionTrouble.TOKEN: "auth_refused",
    **dict.fromkeys(
        (
            ConnectionTrouble.GREETING,
            ConnectionTrouble.EHLO,
            ConnectionTrouble.STARTTLS,
            ConnectionTrouble.TLS,
            ConnectionTrouble.REFUSED,
        ),
        MISCONFIGURED,
    ),
}
"""The states of their own; all others are `DOWN`."""

_REMEDIES: Final = {
    ConnectionTrouble.DNS: "check the host in MAILER_PROCESSORS and the DNS of this machine",
    ConnectionTrouble.UNREACHABLE: "check that the relay runs, its port in MAILER_PROCESSORS, and the firewall",
    ConnectionTrouble.TIMED_OUT: "check the firewall and the relay's load",
    ConnectionTrouble.GREETING: "ask the relay's operator why it refuses this address",
    ConnectionTrouble.EHLO: (
        "give a fully qualified host name as helo=… in the relay's URL, or ask the relay's operator"
    ),
    ConnectionTrouble.STARTTLS: "enable STARTTLS at the relay, or give the port of implicit TLS and tls=implicit",
    ConnectionTrouble.TLS: "check tls=… and the port in the relay's URL, and the TLS versions of the relay",
    ConnectionTrouble.CERTIFICATE: (
        "renew the relay's certificate, use the name in it, or name its issuer in SSL_CERT_FILE"
    ),
    ConnectionTrouble.TOKEN: "run the token_command, or look at the token_file, as the user that runs the worker",
    ConnectionTrouble.AUTH: "check the user name and password (or the token) in the relay's URL; restart the workers",
    ConnectionTrouble.LOST: "look at the relay's log",
    ConnectionTrouble.BUSY: "ask the relay's operator, if it lasts",
    ConnectionTrouble.REFUSED: (
        "read its words: it wants TLS, a password or another helo=…, or does not relay for this address"
    ),
}
