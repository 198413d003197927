"""The timeouts for each step of an SMTP dialogue with a relay."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SmtpTimeouts:
    """Timeouts in seconds. All but `connect` are the minimum that RFC 5321 4.5.3.2 asks of a client.

    Before the final dot, the deadline of the window can shorten them.

    Attributes:
        connect: to resolve the relay's name, and again to connect to one of its addresses.
        greeting: for the greeting (4.5.3.2.1).
        command: for the reply to MAIL, RCPT and every other command (4.5.3.2.2, 4.5.3.2.3).
        data: for the reply to DATA (4.5.3.2.4).
        block: for the relay to accept the content (4.5.3.2.5).
        dot: for the reply to the final dot (4.5.3.2.6). With less time, the relay may deliver a message that we then
            send again.
    """

    connect: float = 30.0
    greeting: float = 300.0
    command: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
