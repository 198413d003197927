"""The limits of reception: connections in all and of one client, and the octets of all texts in memory."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from mailer.ports.received_mail import MAX_OCTETS

MAX_SESSIONS: Final = 200
"""The most connections at a time."""
MAX_SESSIONS_OF_PEER: Final = 50
"""The most connections of one network address at a time. A mail server of one's own in front has all of them."""
MAX_HELD_OCTETS: Final = 64 * 1024 * 1024
"""The most octets of all texts that are being received. So a process stays small, whatever arrives."""


class ReceptionLimits:
    """Counts what all sessions of a process hold.

    Args:
        octets: the most octets of all texts together.
    """

    def __init__(self, octets: int = MAX_HELD_OCTETS) -> None:
        self.free_octets = octets
        self._peers = Counter[str]()

    def add_session(self, peer: str) -> bool:
        """Counts a connection. Returns False if it is one too many."""
        if self._peers.total() >= MAX_SESSIONS or self._peers[peer] >= MAX_SESSIONS_OF_PEER:
            return False
        self._peers[peer] += 1
        return True

    def remove_session(self, peer: str) -> None:
        """Forgets a connection."""
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]

    def hold_octets(self) -> "HeldOctets":
        """Returns the share of one text, which is empty at first."""
        return HeldOctets(self)


@dataclass(slots=True)
class HeldOctets:
    """The octets that one text holds. is_refused_for_room: other texts hold so many that it may not grow."""

    limits: ReceptionLimits
    octets: int = 0
    is_refused_for_room: bool = False

    def may_hold(self, octets: int) -> bool:
        """Tells whether the text may have so many octets, and counts them if it may."""
        more = octets - self.octets
        if octets > MAX_OCTETS:
            return False
        if more > self.limits.free_octets:
            self.is_refused_for_room = True
            return False
        self.limits.free_octets -= more
        self.octets = octets
        return True

    def release_octets(self) -> None:
        """Gives the octets back."""
        self.limits.free_octets += self.octets
        self.octets = 0
