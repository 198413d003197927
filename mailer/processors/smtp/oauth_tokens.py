"""OAuth 2 access tokens for a relay, read from a file that another program updates, or printed by a command."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEPT: Final = 300.0
"""Seconds for which a command's token is used again. It is shorter than the lifetime of any token."""
MECHANISMS: Final = ("xoauth2", "oauthbearer")
"""The AUTH mechanisms that take a token. The first one that the relay offers is used."""
COMMAND_SECONDS: Final = 30.0
"""Seconds after which the command is ended."""
_TOKEN: Final = re.compile(r"[!-~]{1,16384}")
"""The form of a token: printable ASCII, which is slightly more than RFC 6750 2.1 allows."""


class TokenUnavailable(Exception):
    """The token cannot be had. The text gives the reason, and quotes neither the file nor the command's output."""


@dataclass(frozen=True, slots=True)
class TokenFileOrCommand:
    """The source of a relay's tokens: either a file or a command.

    Attributes:
        file: a file whose first line is the token. It is read for each connection.
        command: a program and its arguments, run without a shell. The first line of its output is the token.
        mechanism: `xoauth2` or `oauthbearer` (RFC 7628). None: the first one that the relay offers.
    """

    file: Path | None = None
    command: tuple[str, ...] = field(default=(), repr=False)
    mechanism: str | None = None


class FileOrCommandTokenProvider:
    """Gives a relay's token. All connections share the token of one run of the command."""

    def __init__(self, bearer: TokenFileOrCommand) -> None:
        self._bearer = bearer
        self._asking = asyncio.Lock()
        self._kept = ("", 0.0)

    async def get_token(self, refused: str | None = None) -> str:
        """Returns the token. If the relay refused the stored one, runs the command again; a file is always read again.

        Raises:
            TokenUnavailable: the file or the command gives no token.
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
        return _first_line_as_token(await asyncio.to_thread(file.read_bytes), f"the token file {file}")
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
    return _first_line_as_token(said, what)


def _first_line_as_token(said: bytes, what: str) -> str:
    token = said.partition(b"\n")[0].strip().decode("ascii", "replace")
    if not _TOKEN.fullmatch(token):
        raise TokenUnavailable(f"{what} gives no token: its first line must be the token alone")
    return token
