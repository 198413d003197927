"""Connections to RabbitMQ, opened when they are needed, again after they were lost; and what goes wrong in words."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import aiormq
from aiormq.abc import AbstractChannel
from aiormq.exceptions import (
    AMQPError,
    ChannelAccessRefused,
    ChannelClosed,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionChannelError,
    DeliveryError,
    PublishError,
)
from pamqp.exceptions import PAMQPException
from yarl import URL

from mailer.broker.amqp_frames import BodyMemory, FilteredTransport
from mailer.ports.broker import BrokerRefused, BrokerUnavailable, QueueRefused

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0
_LOST = (AMQPError, PAMQPException, OSError, RuntimeError, StopAsyncIteration, EOFError)
"""The ways in which the library fails when a connection or a channel ends."""

# What it logs by itself is said again here, once, in words, and without the URL.
for name in ("aiormq.connection", "aiormq.channel"):
    logging.getLogger(name).setLevel(logging.CRITICAL)


class RabbitConnection:
    """A connection to RabbitMQ.

    Args:
        url: with user, password and virtual host.
        purpose: shown by RabbitMQ's own tools.
        room: the octets of large bodies that may be in hand; None: any number.
    """

    def __init__(self, url: URL, purpose: str, room: int | None = None) -> None:
        self._url = url
        self._purpose = purpose
        self._most = room
        self._opening = asyncio.Lock()
        self._connection: aiormq.Connection | None = None
        self.room: BodyMemory | None = None

    @property
    def server_address(self) -> str:
        """The server that it is connected to, in words."""
        return f"RabbitMQ at {self._url.host}:{self._url.port or (5671 if self._url.scheme == 'amqps' else 5672)}"

    async def open_channel(self, *, confirms: bool) -> AbstractChannel:
        """A new channel.

        Raises:
            BrokerRefused: RabbitMQ does not let us in.
            BrokerUnavailable: it cannot be reached, or the connection ended.
        """
        with translating_errors(self.server_address):
            connection = await self._get_connection()
            async with asyncio.timeout(CONNECT_SECONDS):
                return await connection.channel(publisher_confirms=confirms, on_return_raises=True)

    @asynccontextmanager
    async def brief_channel(self) -> AsyncIterator[AbstractChannel]:
        """A channel for a few questions, whose errors come in words."""
        channel = await self.open_channel(confirms=False)
        try:
            with translating_errors(self.server_address):
                yield channel
        finally:
            await close_channel(channel)

    async def server_version(self) -> str:
        """The server's version, as it says itself when it is connected to.

        Raises:
            BrokerRefused, BrokerUnavailable: see `open_channel`.
        """
        with translating_errors(self.server_address):
            said = (await self._get_connection()).server_properties.get("version", "")
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)

    async def close(self) -> None:
        """Ends the connection, with which RabbitMQ takes back what is unsettled."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(TimeoutError, *_LOST):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.close()

    async def _get_connection(self) -> aiormq.Connection:
        async with self._opening:
            if self._connection is None or not self._connection.is_opened:
                await self.close()
                self._connection = await self._open_connection()
            return self._connection

    async def _open_connection(self) -> aiormq.Connection:
        self.room = None if self._most is None else BodyMemory(self._most)
        transport = FilteredTransport(self.room)
        connection = aiormq.Connection(
            self._url,
            client_properties={"connection_name": f"mailer {self._purpose}"},
            transport_factory=transport,
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()
        except TimeoutError:
            raise BrokerUnavailable(
                f"{self.server_address} did not answer within {CONNECT_SECONDS:.0f} seconds"
            ) from None
        except (AMQPError, PAMQPException, OSError, EOFError, StopAsyncIteration, RuntimeError) as error:
            farewell = transport.frames.farewell if transport.frames else None
            raise self._connect_error(error, farewell) from error
        return connection

    def _connect_error(self, error: BaseException, farewell: tuple[int, str] | None) -> BrokerUnavailable:
        """Why RabbitMQ did not let us in: a refusal stays one until somebody mends it."""
        user, code, text = self._url.user or "guest", *(farewell or (0, ""))
        if code == 403 and "vhost" not in text:
            return BrokerRefused(
                f"{self.server_address} refuses user {user!r}: the password is wrong, or there is no such user"
            )
        if code in (402, 403, 530):
            where = self._url.path.lstrip("/") or "/"
            return BrokerRefused(
                f"{self.server_address} does not let user {user!r} into the virtual host {where!r}: {text}"
            )
        if farewell:
            return BrokerUnavailable(f"{self.server_address} ended the connection: {code} {text}")
        return BrokerUnavailable(f"{self.server_address} does not answer: {_plain_error_text(error)}")


def _plain_error_text(error: BaseException) -> str:
    """The words of an error of the network, without what the library puts around them."""
    cause = error.__cause__ if isinstance(error, AMQPError) and error.__cause__ else error
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(words.split())


async def close_channel(channel: AbstractChannel) -> None:
    """Closes a channel, with which RabbitMQ takes back what is unsettled; a lost one has been taken back already."""
    with suppress(TimeoutError, asyncio.InvalidStateError, *_LOST):
        async with asyncio.timeout(CLOSE_SECONDS):
            await channel.close()


class ChannelEnded(BrokerUnavailable):
    """RabbitMQ ended the channel because of something that was asked on it, by whomever.

    Attributes:
        code: its reply code (AMQP 0-9-1, 1.2); 0: it is not known, since the channel had ended before.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


_CODES = {ChannelAccessRefused: 403, ChannelNotFoundEntity: 404, ChannelPreconditionFailed: 406}


@contextmanager
def translating_errors(place: str) -> Iterator[None]:
    """Gives the ways in which the library fails the names of the port.

    It also throws CancelledError at whoever waits on a connection that it closes, which must not pass for a
    cancellation of the waiting task.
    """
    try:
        yield
    except (PublishError, BrokerUnavailable):
        raise
    except tuple(_CODES) as error:
        raise ChannelEnded(f"{place}: {' '.join(map(str, error.args))}", _CODES[type(error)]) from error
    except (ChannelClosed, ChannelInvalidStateError, ConnectionChannelError) as error:  # for another's sake
        raise ChannelEnded(f"{place} ended the channel: {_plain_error_text(error)}", 0) from error
    except DeliveryError as error:
        raise QueueRefused(f"{place} did not take a message; its queue may be full, or without a majority") from error
    except TimeoutError as error:
        raise BrokerUnavailable(f"{place} did not answer in time") from error
    except _LOST as error:
        raise BrokerUnavailable(f"{place} did not answer: {_plain_error_text(error)}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable(f"{place}: the connection was closed") from error
