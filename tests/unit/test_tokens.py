"""OAuth 2 tokens from a file or a command."""

import stat
from pathlib import Path

import pytest

from mailer.processors.smtp.oauth_tokens import FileOrCommandTokenProvider, TokenFileOrCommand, TokenUnavailable


def script(folder: Path, text: str) -> tuple[str, ...]:
    """A command of this text."""
    file = folder / "command"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(stat.S_IRWXU)
    return (str(file),)


async def test_a_file_is_read_anew(tmp_path: Path) -> None:
    """A file is read anew for each token, so that the program that renews it need not tell anybody."""
    file = tmp_path / "token"
    tokens = FileOrCommandTokenProvider(TokenFileOrCommand(file=file))
    for token in ("one", "two"):
        file.write_text(f"{token}\n")
        assert await tokens.get_token() == token


async def test_a_command_is_run_again_only_if_its_token_is_refused(tmp_path: Path) -> None:
    """A command's token serves all connections until it is refused."""
    tokens = FileOrCommandTokenProvider(
        TokenFileOrCommand(command=script(tmp_path, f"echo x >>{tmp_path}/runs; wc -l <{tmp_path}/runs"))
    )
    assert [await tokens.get_token() for _ in range(3)] == ["1"] * 3
    assert await tokens.get_token(refused="1") == "2"
    assert await tokens.get_token(refused="1") == "2"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit 3", "ended with status 3"),
        ("true", "gives no token"),
        ("echo two words", "gives no token"),
        ("printf 'secret\\001'", "gives no token"),
        ("echo secret; exit 1", "ended with status 1"),
    ],
)
async def test_a_command_that_gives_none(tmp_path: Path, text: str, reason: str) -> None:
    """The error says what the command did, and nothing of its output."""
    with pytest.raises(TokenUnavailable, match=reason) as caught:
        await FileOrCommandTokenProvider(TokenFileOrCommand(command=script(tmp_path, text))).get_token()
    assert "secret" not in str(caught.value)


async def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    """A source that does not exist, a file or a command, gives an error."""
    with pytest.raises(TokenUnavailable, match="cannot be read: No such file"):
        await FileOrCommandTokenProvider(TokenFileOrCommand(file=tmp_path / "token")).get_token()
    with pytest.raises(TokenUnavailable, match="cannot be run: No such file"):
        await FileOrCommandTokenProvider(TokenFileOrCommand(command=(str(tmp_path / "command"),))).get_token()
