"""Reads people portion by portion, the next one while the caller works on this one."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
P = TypeVar("P")


async def iterate_ahead(portions: Iterable[P], read: Callable[[P], Awaitable[T]]) -> AsyncGenerator[T, None]:
    """Yields what is read for each portion, in order. One portion is read at a time, as a connection does.

    Args:
        portions: what `read` is called with.
        read: reads one portion.
    """
    coming: asyncio.Task[T] | None = None
    try:
        for portion in portions:
            ready, coming = coming, asyncio.create_task(_read_after(read, portion, coming))
            if ready is not None:
                yield await ready
        if coming is not None:
            yield await coming
    finally:
        if coming is not None and not coming.done():
            coming.cancel()
            await asyncio.wait([coming])


async def _read_after(read: Callable[[P], Awaitable[T]], portion: P, before: "asyncio.Task[T] | None") -> T:
    """Reads a portion once the one before is read: a connection does one thing at a time."""
    if before is not None:
        await asyncio.wait([before])
    return await read(portion)
