"""Connections to RabbitMQ. They open at first use, and again after they were lost. Errors become errors of the port."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

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

from mailer.broker.amqp_frame_filter import BodyMemoryBudget, FilteredTransportFactory
from mailer.ports.broker import BrokerAccessRefused, BrokerUnavailable, QueueRefusedMessage

_T = TypeVar("_T")

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0
_LOST = (AMQPError, PAMQPException, OSError, RuntimeError, StopAsyncIteration, EOFError)
"""The errors of the library when a connection or a channel ends."""

# The library's own log lines contain the URL. This module reports the same errors once, without it.
for name in ("aiormq.connection", "aiormq.channel"):
    logging.getLogger(name).setLevel(logging.CRITICAL)


class RabbitConnection:
    """A connection to RabbitMQ that opens at first use.

    Args:
        url: the URL with user, password and virtual host.
        purpose: a word for the connection's name in RabbitMQ's own tools.
        room: the most octets of large bodies that its consumers may hold; None: no limit.
    """

    def __init__(self, url: URL, purpose: str, room: int | None = None) -> None:
        self._url = url
        self._purpose = purpose
        self._most = room
        self._opening = asyncio.Lock()
        self._connection: aiormq.Connection | None = None
        self.room: BodyMemoryBudget | None = None

    @property
    def server_address(self) -> str:
        """Returns the host and port of the server as a text for messages."""
        return f"RabbitMQ at {self._url.host}:{self._url.port or (5671 if self._url.scheme == 'amqps' else 5672)}"

    async def open_channel(self, *, confirms: bool) -> AbstractChannel:
        """Opens a new channel, and the connection if necessary.

        Raises:
            BrokerAccessRefused: RabbitMQ refuses our user, password or virtual host.
            BrokerUnavailable: RabbitMQ cannot be reached, or the connection ended.
        """
        with translating_errors(self.server_address):
            connection = await self._get_connection()
            async with asyncio.timeout(CONNECT_SECONDS):
                return await connection.channel(publisher_confirms=confirms, on_return_raises=True)

    @asynccontextmanager
    async def brief_channel(self) -> AsyncIterator[AbstractChannel]:
        """Yields a channel for a few requests, and closes it afterwards. Translates errors of the library."""
        channel = await self.open_channel(confirms=False)
        try:
            with translating_errors(self.server_address):
                yield channel
        finally:
            await close_channel(channel)

    async def server_version(self) -> str:
        """Returns the version that the server reports at the start of the connection.

        Raises:
            BrokerAccessRefused, BrokerUnavailable: see `open_channel`.
        """
        with translating_errors(self.server_address):
            said = (await self._get_connection()).server_properties.get("version", "")
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)

    async def close(self) -> None:
        """Closes the connection. RabbitMQ then puts unsettled messages back into their queues."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # Any error means that the connection has ended. The library has no class for some of them.
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.close()

    async def _get_connection(self) -> aiormq.Connection:
        async with self._opening:
            if self._connection is None or not self._connection.is_opened:
                await self.close()
                self._connection = await self._open_connection()
            return self._connection

    async def _open_connection(self) -> aiormq.Connection:
        self.room = None if self._most is None else BodyMemoryBudget(self._most)
        transport = FilteredTransportFactory(self.room)
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
        """Returns the error for a failed connect: BrokerAccessRefused if an operator has to mend something."""
        user, code, text = self._url.user or "guest", *(farewell or (0, ""))
        if code == 403 and "vhost" not in text:
            return BrokerAccessRefused(
                f"{self.server_address} refuses user {user!r}: the password is wrong, or there is no such user"
            )
        if code in (402, 403, 530):
            where = self._url.path.lstrip("/") or "/"
            return BrokerAccessRefused(
                f"{self.server_address} does not let user {user!r} into the virtual host {where!r}: {text}"
            )
        if farewell:
            return BrokerUnavailable(f"{self.server_address} ended the connection: {code} {text}")
        return BrokerUnavailable(f"{self.server_address} does not answer: {_network_error_text(error)}")


def _network_error_text(error: BaseException) -> str:
    """Returns the text of the network error behind an error of the library."""
    cause = error.__cause__ if isinstance(error, AMQPError) and error.__cause__ else error
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(words.split())


async def shield_channel_request_from_cancellation(request: Awaitable[_T]) -> _T:
    """Returns the answer to a request on a channel. If the caller is cancelled, the request goes on by itself.

    If a request is broken off, the library takes its channel for closed, while RabbitMQ still sends to it. The library
    then waits for ever to pass on what comes, and reads nothing more of the whole connection (aiormq 7.2).
    """
    answering = asyncio.ensure_future(request)
    answering.add_done_callback(_ignore_result)
    await asyncio.wait({answering})
    return answering.result()


async def close_channel(channel: AbstractChannel) -> None:
    """Closes a channel. RabbitMQ then puts unsettled messages back. Ignores the errors of a channel that was lost.

    RabbitMQ may answer late, as while nothing is read because too many octets are in memory. A second request to close
    would then end the whole connection (504). So after `CLOSE_SECONDS` the first one is only not waited for any more.
    """
    closing = asyncio.ensure_future(channel.close())
    # A task of its own: the library cancels the tasks that wait on a connection which is lost.
    closing.add_done_callback(_ignore_result)
    await asyncio.wait({closing}, timeout=CLOSE_SECONDS)


def _ignore_result(task: asyncio.Future[Any]) -> None:
    """Marks the error of a task as seen. asyncio would log it otherwise."""
    if not task.cancelled():
        task.exception()


class ChannelEnded(BrokerUnavailable):
    """RabbitMQ closed the channel because of a request on it, perhaps another caller's.

    Attributes:
        code: the reply code (AMQP 0-9-1, 1.2); 0: unknown, as the channel had ended before.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


_CODES = {ChannelAccessRefused: 403, ChannelNotFoundEntity: 404, ChannelPreconditionFailed: 406}


@contextmanager
def translating_errors(place: str) -> Iterator[None]:
    """Translates errors of the library into errors of `mailer.ports.broker` and `ChannelEnded`.

    In tasks that wait on a connection that it closes, the library also raises CancelledError or an exception of the
    class `Exception` itself. Both become BrokerUnavailable, unless the task itself was cancelled.
    """
    try:
        yield
    except (PublishError, BrokerUnavailable):
        raise
    except tuple(_CODES) as error:
        raise ChannelEnded(f"{place}: {' '.join(map(str, error.args))}", _CODES[type(error)]) from error
    except (ChannelClosed, ChannelInvalidStateError, ConnectionChannelError) as error:  # after another caller's request
        raise ChannelEnded(f"{place} ended the channel: {_network_error_text(error)}", 0) from error
    except DeliveryError as error:
        raise QueueRefusedMessage(
            f"{place} did not take a message; its queue may be full, or without a majority"
        ) from error
    except TimeoutError as error:
        raise BrokerUnavailable(f"{place} did not answer in time") from error
    except _LOST as error:
        raise BrokerUnavailable(f"{place} did not answer: {_network_error_text(error)}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable(f"{place}: the connection was closed") from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise BrokerUnavailable(f"{place}: the connection was closed") from error
