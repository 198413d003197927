"""Uploaded files by real processes: the timekeeper is killed again and again, and nobody holds a whole file."""

import asyncio
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.processes import Process, Stack, until

ROWS, GOOD = 200_000, 30_000
"""Only the first rows have an address: those cost the database's time, and the others the reading's."""
KILLS = 3
IMPORTS = "/api/v1/imports/interpals"
MOST_GROWTH = 120 * 1024 * 1024
"""The octets by which a process may grow with a file of 12 MB: a chunk of 5,000 rows, and 24 octets a person."""


def _file() -> Iterator[bytes]:
    """The parts of a file of many rows, of which the first ones have an address."""
    yield b"ref,email,name,country\n"
    for start in range(0, ROWS, 1_000):
        at = "@people.example" if start < GOOD else " is away"
        lines = (f"person-{number},person-{number}{at},Ada Lovelace,DE\n" for number in range(start, start + 1_000))
        yield "".join(lines).encode()


def _most_memory(process: Process) -> int:
    """The most memory that a process has had, in octets."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def _shown(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _in_state(client: httpx.AsyncClient, path: str, state: str) -> Any:
    async def found() -> Any:
        one = await _shown(client, path)
        assert one["state"] != "failed", one["problem"]
        return one if one["state"] == state and one["mapping"] else None

    return await until(found, f"the import to be {state}", 240)


async def _expire_lease(stack: Stack) -> None:
    """Lets the minute of a dead process's lease go by."""
    await stack.query("UPDATE recipient_imports SET lease_until = now()")


async def test_a_large_file_survives_kills_in_little_memory(stack: Stack) -> None:
    """Killed between chunks and within them, each row is counted once; web and timekeeper stay small."""
    chance = random.Random(18)
    async with stack.running("web") as [web], stack.client(await stack.api_key("shop")) as client:
        before = _most_memory(web)
        answer = await client.post(f"{IMPORTS}?file_name=people.csv", content=_pieces())
        assert answer.status_code == 201, answer.text
        assert _most_memory(web) - before < MOST_GROWTH
        path = f"{IMPORTS}/{answer.json()['id']}"
        async with stack.running("timekeeper") as [timekeeper]:
            before = _most_memory(timekeeper)
            one = await _in_state(client, path, "uploaded")
            assert (await client.post(f"{path}/mapping", json=one["mapping"])).status_code == 200
            one = await _in_state(client, path, "previewed")
            assert _most_memory(timekeeper) - before < MOST_GROWTH
        assert (await client.post(f"{path}/start", json={"seen": one["seen"]})).status_code == 200
        done = 0
        for _ in range(KILLS):
            async with stack.starting("timekeeper") as [timekeeper]:
                await _expire_lease(stack)
                await until(partial(_has_gone_on, stack, done), "the import to go on", 120)
                await asyncio.sleep(chance.uniform(0, 0.2))
                await timekeeper.kill()
            done = await stack.value("SELECT rows_done FROM recipient_imports")
            assert done < GOOD, "it was killed too late to show something"
        await _expire_lease(stack)
        async with stack.running("timekeeper"):
            last = await _in_state(client, path, "done")
    refused = ROWS - GOOD
    assert last["counts"] == one["counts"]
    assert (last["counts"]["new"], last["counts"]["refused"], last["rows_done"]) == (GOOD, refused, ROWS)
    assert await stack.value("SELECT count(*) FROM recipients WHERE ref LIKE 'person-%'") == GOOD
    parts = await stack.query("SELECT content FROM recipient_import_parts WHERE kind = 'refused' ORDER BY number")
    lines = b"".join(row["content"] for row in parts).decode("utf-8-sig").splitlines()
    assert len(set(lines)) == len(lines) == refused + 1
    assert (await stack.done("ledger", "verify")).status == 0


async def _pieces() -> Any:
    for piece in _file():
        yield piece


async def _has_gone_on(stack: Stack, done: int) -> bool:
    return bool(await stack.value("SELECT rows_done FROM recipient_imports") > done)
