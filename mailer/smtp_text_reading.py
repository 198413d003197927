"""Reads the text of a message from an SMTP client in large pieces, with bounded memory.

aiosmtpd reads a message line by line, which takes most of the time of a session, and it keeps a line without an end in
memory, however long it is.
"""

import asyncio
from collections.abc import Callable
from typing import Final

_END: Final = b"\r\n.\r\n"
"""The end of the text of a message (RFC 5321 4.1.1.4). Nothing else ends it, so that nobody can smuggle a message."""


async def read_smtp_text(reader: asyncio.StreamReader, may_keep: Callable[[int], bool]) -> bytes | None:
    """Reads the text after DATA up to its end, and removes the dots that the client has put before dots (4.5.2).

    Args:
        reader: the stream of the client.
        may_keep: returns False for a number of octets if the text may not become so long.

    Returns:
        The text; None if it became too long. It is read to its end then, too, so that the next command is found.
    """
    text, is_too_long = bytearray(b"\r\n"), False  # the end may come right after DATA: the line before it counts
    while not text.endswith(_END):
        try:
            text += await reader.readuntil(b".\r\n")
        except asyncio.LimitOverrunError as overrun:
            text += await reader.readexactly(overrun.consumed)
        if is_too_long or not may_keep(len(text) - len(_END)):
            is_too_long = True
            del text[: -len(_END)]
    return None if is_too_long else bytes(text[2 : -len(_END) + 2]).replace(b"\r\n.", b"\r\n").removeprefix(b".")
