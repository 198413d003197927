"""The seconds that a relay is given for each thing that it has to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SmtpTimeouts:
    """Seconds to wait; all but `connect` are the least that RFC 5321 4.5.3.2 asks of a client.

    Before the final dot a window's own deadline comes first: a message that may not go on is not waited for.

    Attributes:
        connect: for the addresses of the relay's name to be found and for one of them to take the connection.
        greeting: for the greeting (4.5.3.2.1).
        command: for the reply to MAIL, RCPT and every other command (4.5.3.2.2, 4.5.3.2.3).
        data: for the reply to DATA (4.5.3.2.4).
        block: for the relay to take the content (4.5.3.2.5).
        dot: for the reply to the final dot (4.5.3.2.6); a relay that is given less may deliver what we send again.
    """

    connect: float = 30.0
    greeting: float = 300.0
    command: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
