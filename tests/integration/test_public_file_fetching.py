"""The fetcher of files at pinned URLs, against real servers with TLS on loopback."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from mailer.processors import public_page_fetching
from mailer.processors.public_page_fetching import MAX_FILE, PublicFileFetcher, is_public_peer
from tests.integration.test_smtp_tls import certificate

__all__ = ["certificate"]
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
"""The server's context, and one of a client that trusts it."""


@asynccontextmanager
async def serving(answer: bytes, context: ssl.SSLContext | None, asked: list[bytes]) -> AsyncIterator[str]:
    """A server that gives one answer to each request, and notes each. An empty answer is none."""

    async def answer_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if not answer:
            await reader.read()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(answer_request, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def ok(body: bytes, head: bytes = b"") -> bytes:
    """A good answer."""
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + b"\r\n" + body


async def test_a_file_is_fetched(certificate: Contexts) -> None:
    """Its query is sent as it is, and no more than one request is made."""
    asked = list[bytes]()
    ours, trusting = certificate
    async with serving(ok(b"x" * MAX_FILE), ours, asked) as url:
        fetched = await PublicFileFetcher(trusting, lambda _: True).fetch_file(f"{url}/a?Action=Confirm&T=%3A")
    assert len(fetched) == MAX_FILE
    assert [one.partition(b"\r\n")[0] for one in asked] == [b"GET /a?Action=Confirm&T=%3A HTTP/1.1"]


async def test_an_address_that_is_not_public_is_sent_nothing(certificate: Contexts) -> None:
    """The name may lead anywhere: nothing is said to a machine of ours."""
    asked = list[bytes]()
    ours, trusting = certificate
    async with serving(ok(b"secret"), ours, asked) as url:
        with pytest.raises(OSError, match="not public"):
            await PublicFileFetcher(trusting).fetch_file(url)
    assert asked == []
    private = (
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "fe80::1",
        "fd00::1",
        "100.64.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "ff02::1",
        "224.0.0.1",
    )
    assert [address for address in private if is_public_peer(address)] == []
    assert is_public_peer("52.94.5.1")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        ok(b"x" * (MAX_FILE + 1)),
        b"not HTTP at all\r\n\r\n",
        b"",
    ],
    ids=["redirect", "failure", "too long", "no HTTP", "silent"],
)
async def test_other_answers_are_none(
    answer: bytes,
    certificate: Contexts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A redirect is not followed; a long or late answer is cut off."""
    monkeypatch.setattr(public_page_fetching, "FILE_SECONDS", 1.0)
    asked = list[bytes]()
    ours, trusting = certificate
    async with serving(answer, ours, asked) as url:
        with pytest.raises(OSError):  # noqa: PT011 - any kind of it
            await PublicFileFetcher(trusting, lambda _: True).fetch_file(url)
    assert len(asked) == 1


async def test_a_server_without_a_trusted_certificate_is_asked_nothing(
    certificate: Contexts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither one that nobody vouches for, nor one without TLS; other URLs are none."""
    monkeypatch.setattr(public_page_fetching, "FILE_SECONDS", 0.3)
    asked = list[bytes]()
    for context in (certificate[0], None):
        async with serving(ok(b"x"), context, asked) as url:
            with pytest.raises(OSError):  # noqa: PT011 - ssl.SSLError is one
                await PublicFileFetcher(is_allowed=lambda _: True).fetch_file(url)
    for url in ("http://localhost/", "https:///x", "file:///etc/passwd"):
        with pytest.raises(OSError, match="not an https URL"):
            await PublicFileFetcher().fetch_file(url)
    assert asked == []


@pytest.mark.parametrize(
    "drop", [b"HTTP/1.1 100 Continue\r\n\r\n", b"x"], ids=["interim answers", "a head without an end"]
)
async def test_an_answer_without_an_end_holds_no_thread(
    drop: bytes,
    certificate: Contexts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each octet would begin the time of the socket anew, and a few such servers would hold all threads."""
    monkeypatch.setattr(public_page_fetching, "FILE_SECONDS", 0.3)
    began, ended = threading.Event(), threading.Event()
    fetch = public_page_fetching._fetch_file_blocking

    def noted(*arguments: Any) -> bytes:
        began.set()
        try:
            return fetch(*arguments)
        finally:
            ended.set()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 " if drop == b"x" else b"")
        with suppress(OSError):
            while not ended.is_set():
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()

    monkeypatch.setattr(public_page_fetching, "_fetch_file_blocking", noted)
    server = await asyncio.start_server(drip, "127.0.0.1", 0, ssl=certificate[0])
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(OSError):  # noqa: PT011 - TimeoutError is one
            await PublicFileFetcher(certificate[1], lambda _: True).fetch_file(url)
        assert began.is_set()
        assert await asyncio.to_thread(ended.wait, 3)
        ended.set()
