"""OAuth 2 access tokens for a relay, from a file that somebody keeps fresh or from a command that prints one."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEPT: Final = 300.0
"""Seconds for which a command's token is used again: shorter than any token lives."""
MECHANISMS: Final = ("xoauth2", "oauthbearer")
"""The mechanisms of AUTH that take a token; of those that a relay offers, the first one is used."""
COMMAND_SECONDS: Final = 30.0
"""The time that a command may take."""
_TOKEN: Final = re.compile(r"[!-~]{1,16384}")
"""A token as RFC 6750 2.1 has it, and a little more: printable ASCII."""


class TokenUnavailable(Exception):
    """There is no token. The text says why, and holds nothing that the file or the command said."""


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The source of a relay's tokens: one of the two.

    Attributes:
        file: its first line is the token; read for each connection.
        command: a program and its arguments, run without a shell; its first line of output is the token.
        mechanism: `xoauth2` or `oauthbearer` (RFC 7628); None: the one that the relay offers.
    """

    file: Path | None = None
    command: tuple[str, ...] = field(default=(), repr=False)
    mechanism: str | None = None


class TokenProvider:
    """Gives a relay's token, asking the command once for all connections."""

    def __init__(self, bearer: TokenSource) -> None:
        self._bearer = bearer
        self._asking = asyncio.Lock()
        self._kept = ("", 0.0)

    async def get_token(self, refused: str | None = None) -> str:
        """The token, another one than that which the relay has refused if there is another one.

        Raises:
            NoToken: the file or the command gives none.
        """
        if self._bearer.file is not None:
            return await _read_token_file(self._bearer.file)
        async with self._asking:
            token, since = self._kept
            if token in ("", refused) or time.monotonic() - since > KEPT:
                token = await _run_token_command(self._bearer.command)
                self._kept = token, time.monotonic()
            return token


async def _read_token_file(file: Path) -> str:
    try:
        return _validate_token(await asyncio.to_thread(file.read_bytes), f"the token file {file}")
    except OSError as error:
        raise TokenUnavailable(f"the token file {file} cannot be read: {error.strerror}") from None


async def _run_token_command(command: tuple[str, ...]) -> str:
    what = f"the token command {command[0]}"
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise TokenUnavailable(f"{what} cannot be run: {error.strerror}") from None
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            said, _ = await process.communicate()
    except TimeoutError:
        raise TokenUnavailable(f"{what} took longer than {COMMAND_SECONDS:.0f} seconds") from None
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise TokenUnavailable(f"{what} ended with status {process.returncode}")
    return _validate_token(said, what)


def _validate_token(said: bytes, what: str) -> str:
    token = said.partition(b"\n")[0].strip().decode("ascii", "replace")
    if not _TOKEN.fullmatch(token):
        raise TokenUnavailable(f"{what} gives no token: its first line must be the token alone")
    return token
