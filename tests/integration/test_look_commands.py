"""A faulty look is refused at both doors, in the same words: by `mailer policy check`, and as `mailer web` starts."""

import asyncio
import shutil
from pathlib import Path

import pytest

from mailer import bundled_files
from tests.conftest import Server
from tests.processes import Done, open_stack


@pytest.mark.parametrize("command", [("policy", "check"), ("web",)], ids=["policy check", "web"])
def test_nothing_starts_in_a_faulty_look(postgres_server: Server, tmp_path: Path, command: tuple[str, ...]) -> None:
    """The command ends with status 2, and one line with the file, the line, the pair of colours and their contrast."""
    looks = tmp_path / "looks"
    (looks / "interpals").mkdir(parents=True)
    for policy in bundled_files.bundled_folder("policies").glob("*.toml"):
        shutil.copy(policy, looks)
    (looks / "interpals" / "look.toml").write_text('accent = { light = "#767676", dark = "#5fd0c0" }\n')

    async def run(url: str) -> Done:
        async with open_stack(tmp_path, url, "memory://") as stack:
            return await stack.having(POLICIES=str(looks)).run(*command)

    with postgres_server.database() as url:
        done = asyncio.run(run(url))
    assert done.status == 2
    fault = "look.toml:1: accent.light is #767676: links on the page (#767676 on #f3f4f6) have a contrast of 4.12:1"
    assert fault in done.err.splitlines()[-1]
