"""The IP addresses of a relay's name, and connecting to the first one that accepts (RFC 8305)."""

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
"""Seconds to wait for one address before the next one is tried too (RFC 8305 5)."""
_PROBES: Final = 3
"""The number of keepalives without an answer after which a connection counts as dead."""


@dataclass(frozen=True, slots=True)
class OpenedConnection:
    """A TCP connection, with the address and port of the relay, and our own IP address."""

    connection: socket.socket
    peer: tuple[object, ...]
    own: str


class RelayTcpConnector:
    """Resolves the relay's name and connects. Addresses at which a session failed are tried last from then on."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._failed: dict[tuple[object, ...], float] = {}
        """The addresses that accepted a connection but where the session failed, with the time of the last failure."""

    async def resolve_addresses(self) -> list[Address]:
        """Returns all addresses of the relay, in the order in which to try them.

        Raises:
            OSError, UnicodeError: the resolver finds no address.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return sorted(
            dict.fromkeys(found),
            key=lambda address: self._failed.get(_host_and_port_of_socket_address(address[4]), 0.0),
        )

    async def connect_to_first_accepting(self, addresses: list[Address], dead_after: float) -> OpenedConnection:
        """Connects to the first address that accepts. Every address is tried, even if others do not answer.

        Args:
            addresses: the addresses to try, in this order.
            dead_after: seconds after which a peer without any TCP acknowledgement counts as gone. A peer that is only
                slow still acknowledges.

        Raises:
            OSError: no address accepts a connection.
        """

        def made(address: Address) -> socket.socket:
            return _set_keepalive(socket.socket(address[0], address[1], address[2]), dead_after)

        # Interleaving IPv4 and IPv6 could put addresses that failed before first again.
        connection = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=STAGGER, interleave=0 if self._failed else 1, socket_factory=made
        )
        try:
            return OpenedConnection(
                connection, _host_and_port_of_socket_address(connection.getpeername()), connection.getsockname()[0]
            )
        except OSError:  # the connection has ended already
            connection.close()
            raise

    def mark_failed_and_return_others(self, addresses: list[Address], peer: tuple[object, ...]) -> list[Address]:
        """Notes that a session with a peer failed. Returns the other addresses."""
        self._failed[peer] = time.monotonic()
        return [address for address in addresses if _host_and_port_of_socket_address(address[4]) != peer]


def _host_and_port_of_socket_address(address: object) -> tuple[object, ...]:
    """Returns the host and port of a socket address; () if it is no tuple."""
    return tuple(address[:2]) if isinstance(address, tuple) else ()


def _set_keepalive(connection: socket.socket, dead_after: float) -> socket.socket:
    """Turns keepalive on, so that the kernel notices a dead peer long before the SMTP timeouts end."""
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
