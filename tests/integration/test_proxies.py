"""The proxies of the docs, as Debian has them, in front of a server: the paths that they pass on, and their logs."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from mailer.web.app import _app_with_routes
from tests.processes import free_port, until

DOCS = Path(__file__).resolve().parents[2] / "docs" / "proxy"
TOKEN = "a-token-that-acts-for-its-reader"
CONSOLE = ("/console", "/console/sign-in", "/console/staff")
"""Paths of the staff's, which only a proxy passes on that limits how often a client tries to sign in."""
OURS = (
    "/metrics",
    "/readyz",
    "/livez",
    "/healthz",
    "/inbox",
    "/inbox/1",
    "/",
    "/.env",
    "/ux",
)
"""Paths that are not the public's."""


ROUTES = sorted(
    {(route.path, min(route.methods or ())) for route in _app_with_routes().routes if isinstance(route, Route)}
)
PUBLIC = [(path, method) for path, method in ROUTES if not path.startswith((*OURS[:-3], "/console"))]
STAFFS = [(path, method) for path, method in ROUTES if path.startswith("/console")]


@dataclass
class Upstream:
    """A server that keeps the paths of its requests."""

    seen: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request a connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.seen.append(head.split(b" ")[1].decode())
        length = re.search(rb"content-length: (\d+)", head.lower())
        with suppress(asyncio.IncompleteReadError, OSError):  # the proxy found the body too large
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        writer.close()


def nginx(folder: Path, port: int, upstream: int) -> list[str]:
    """Nginx over the file of the docs, with other places and no TLS."""
    site = (DOCS / "nginx.conf").read_text("utf-8")
    site = re.sub(r" *ssl_certificate.*\n", "", site.replace("listen 443 ssl", f"listen 127.0.0.1:{port}"))
    site = site.replace("127.0.0.1:8025", f"127.0.0.1:{upstream}").replace("/var/log/nginx", str(folder))
    (folder / "mailer.conf").write_text(site)
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log {folder}/main.log; events {{}}"
        f" http {{ access_log {folder}/access.log; {places} include {folder}/mailer.conf; }}"
    )
    return ["/usr/sbin/nginx", "-e", f"{folder}/main.log", "-c", f"{folder}/nginx.conf", "-g", "daemon off;"]


def caddy(folder: Path, port: int, upstream: int) -> list[str]:
    """Caddy over the file of the docs, with other places and no TLS."""
    site = (DOCS / "Caddyfile").read_text("utf-8")
    site = site.replace("mail.example.org", f"http://127.0.0.1:{port}").replace(
        "127.0.0.1:8025", f"127.0.0.1:{upstream}"
    )
    (folder / "Caddyfile").write_text(site.replace("{\n\tlog default", "{\n\tadmin off\n\tlog default", 1))
    return ["/usr/bin/caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


@dataclass
class Proxy:
    """A running proxy, a client of it, the server behind it, and the folder of its files."""

    client: httpx.AsyncClient
    upstream: Upstream
    listener: asyncio.Server
    folder: Path

    def written(self) -> str:
        """All text that it has written, in any file."""
        return "\n".join(file.read_text("utf-8", "replace") for file in self.folder.rglob("*") if file.is_file())


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[Proxy]:
    """A proxy in front of a server."""
    upstream, port = Upstream(), free_port()
    listener = await asyncio.start_server(upstream.answer, "127.0.0.1", 0)
    command = {"nginx": nginx, "caddy": caddy}[name](folder, port, listener.sockets[0].getsockname()[1])
    with (folder / "output").open("wb") as output:
        environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, env=environment)
    try:
        async with listener, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            async def is_up() -> bool:
                assert process.returncode is None, (folder / "output").read_text()
                try:
                    return (await client.get("/")).status_code == 404
                except httpx.TransportError:
                    return False

            await until(is_up, f"{name} to take connections")
            yield Proxy(client, upstream, listener, folder)
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("name", ["nginx", "caddy"])
async def test_a_proxy_passes_on_what_is_public_and_writes_no_token(name: str, tmp_path: Path) -> None:
    """Every route of the app that is the public's, and nothing that is the operators'; also where web is away."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    assert {"/u/{token}", "/preferences/{token}", "/api/v1/events"} <= {path for path, _ in PUBLIC}
    async with running(name, folder) as proxy:
        passed = [*PUBLIC, *(STAFFS if name == "nginx" else ())]
        paths = [(method, re.sub(r"\{[^}]*\}", TOKEN, path)) for path, method in passed]
        for method, path in paths:
            answer = await proxy.client.request(method, f"{path}?q={TOKEN}", headers={"referer": f"https://a/{TOKEN}"})
            assert answer.status_code == 200, path
        assert proxy.upstream.seen == [f"{path}?q={TOKEN}" for _, path in paths]
        for path in (*OURS, "/consoles", *(CONSOLE if name == "caddy" else ())):
            assert (await proxy.client.get(path)).status_code == 404, path
        large = await proxy.client.post(f"/u/{TOKEN}", content=b"x" * (5 * 1024 * 1024))
        assert large.status_code in (413, 502)
        assert len(proxy.upstream.seen) <= len(paths) + 1
        uploads = ["/api/v1/imports/harbour", *(["/console/imports/to/harbour"] if name == "nginx" else [])]
        for path in uploads:
            file = await proxy.client.post(path, content=b"x" * (5 * 1024 * 1024))
            assert (file.status_code, proxy.upstream.seen[-1]) == (200, path)
        proxy.listener.close()
        away = await proxy.client.post(f"/u/{TOKEN}")
        assert away.status_code == 502
    assert TOKEN not in proxy.written()


@pytest.mark.parametrize(
    "path", ["/console/sign-in", "/console/second-step/passkey/check", "/leave/harbour", "/data/harbour"]
)
async def test_nginx_limits_a_client(path: str, tmp_path: Path) -> None:
    """A client with too many tries gets 429 from nginx, and does not reach us. Other pages are not limited."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    async with running("nginx", folder) as proxy:
        answers = [(await proxy.client.post(path)).status_code for _ in range(40)]
        assert answers[:10] == [200] * 10
        assert answers.count(200) < 30
        assert set(answers) == {200, 429}
        assert len(proxy.upstream.seen) == answers.count(200)
        assert {(await proxy.client.get("/console/staff")).status_code for _ in range(40)} == {200}
