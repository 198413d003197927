"""The crash points of a hand-over by SMTP: the messages that the server has when the process dies there."""

import asyncio
import os
import signal
import sys

import pytest

from mailer.crash_points import CrashPoint
from tests.integration.smtp_world import CONTENT, Scripted, scripted

SEND = """
import asyncio, sys
from mailer.ports.processor import OutgoingMessage
from mailer.processors.smtp.processor import smtp_processor_from_url
async def main():
    window = [OutgoingMessage("b@example.com", f"r{n}@example.org", sys.argv[2].encode()) for n in range(3)]
    loop = asyncio.get_running_loop()
    relay = smtp_processor_from_url(f"smtp://127.0.0.1:{sys.argv[1]}?pool=1")
    await relay.send(window, loop.time() + 60, lambda index: None)
asyncio.run(main())
"""


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)], ids=["plain", "pipelined"])
@pytest.mark.parametrize(("point", "taken"), [(CrashPoint.IN_MESSAGE, 1), (CrashPoint.AFTER_FINAL_DOT, 2)])
async def test_dying_in_the_second_message(extensions: tuple[str, ...], point: CrashPoint, taken: int) -> None:
    """Before its final dot its content has left and the server takes nothing; after the dot the server has taken it."""
    async with scripted(extensions=extensions) as server:
        assert await crash(server, point) == -signal.SIGKILL
        await asyncio.gather(*server.serving)
        stuffed = CONTENT.replace(b"\r\n.", b"\r\n..")
        assert server.cut == ([stuffed] if point is CrashPoint.IN_MESSAGE else [])
        assert server.taken == [f"r{n}@example.org" for n in range(taken)]


async def crash(server: Scripted, point: CrashPoint) -> int:
    """Runs a process that sends three messages and dies at the second time that it reaches a point."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SEND,
        str(server.port),
        CONTENT.decode(),
        env=os.environ | {"MAILER_CRASH_AT": f"{point}:2"},
    )
    return await child.wait()
