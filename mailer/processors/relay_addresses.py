"""The addresses of a relay's name, and a connection to the first of them that takes one (RFC 8305)."""

import asyncio
import socket
import time
from dataclasses import dataclass
from typing import Final

import aiohappyeyeballs
from aiohappyeyeballs import AddrInfoType

Address = AddrInfoType
"""One entry of `getaddrinfo`."""
STAGGER: Final = 0.25
"""Seconds after which the next address is tried too, while the one before has not answered (RFC 8305 5)."""
_PROBES: Final = 3
"""Keepalives without an answer after which a connection is dead."""


@dataclass(frozen=True, slots=True)
class OpenedConnection:
    """A connection, with the IP addresses (and ports) of its two ends."""

    connection: socket.socket
    peer: tuple[object, ...]
    own: str


class RelayAddresses:
    """Finds addresses and connects. Addresses that led to no working session come last from then on."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._failed: dict[tuple[object, ...], float] = {}
        """Notes that a session failed at an address, although it took the connection."""

    async def resolve_addresses(self) -> list[Address]:
        """All addresses, in the order in which to try them.

        Raises:
            OSError, UnicodeError: the resolver knows none.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return sorted(dict.fromkeys(found), key=lambda address: self._failed.get(_host_and_port(address[4]), 0.0))

    async def connect_first(self, addresses: list[Address], dead_after: float) -> OpenedConnection:
        """A connection to the first address that takes one; each gets its chance, whatever the others do.

        Args:
            addresses: where.
            dead_after: seconds after which a peer that acknowledges nothing counts as gone. A peer that is only slow
                acknowledges.

        Raises:
            OSError: none of them does.
        """

        def made(address: Address) -> socket.socket:
            return _set_keepalive(socket.socket(address[0], address[1], address[2]), dead_after)

        # Addresses of one family that have failed before must not come first again by being interleaved.
        connection = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=STAGGER, interleave=0 if self._failed else 1, socket_factory=made
        )
        try:
            return OpenedConnection(connection, _host_and_port(connection.getpeername()), connection.getsockname()[0])
        except OSError:  # it has ended already
            connection.close()
            raise

    def addresses_without(self, addresses: list[Address], peer: tuple[object, ...]) -> list[Address]:
        """Notes that a session with a peer failed. Returns the other addresses."""
        self._failed[peer] = time.monotonic()
        return [address for address in addresses if _host_and_port(address[4]) != peer]


def _host_and_port(address: object) -> tuple[object, ...]:
    """Host and port of a socket's address."""
    return tuple(address[:2]) if isinstance(address, tuple) else ()


def _set_keepalive(connection: socket.socket, dead_after: float) -> socket.socket:
    """Lets the kernel find out that the other machine is gone, so that long time-outs are for slow ones only."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    seconds = max(1, round(dead_after / _PROBES))
    for option, value in (
        ("TCP_KEEPIDLE", seconds),
        ("TCP_KEEPINTVL", seconds),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", round(dead_after * 1000)),
    ):
        if hasattr(socket, option):  # not every system has them all
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return connection
