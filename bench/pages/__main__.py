"""`python -m bench pages [--people N] [--seconds N]`: the pages over a large database, beside a running mailing.

It fills a private database with people and ten deliveries for each, checks what each page's statements read, opens all
pages at 20 requests a second while a worker hands a mailing over, then measures the pages with much load: opt-outs by
one click, pixels and preference centres, beside a handler of the same server that only answers. What is not met is
said, with status 1.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import asyncpg
import httpx
import structlog
import uvloop

from bench.pages.fill import FILLING, set_server
from bench.pages.load import as_many, at_rate, request
from bench.pages.plans import faults_of, watched
from bench.pages.report import Loaded, Round, put_section, section
from bench.pages.rows import BRAND, console_rows, recipient_rows, routes_without_row
from bench.pages.scene import Scene, SceneParts, cookie_of, make_scene
from bench.setting import ADDRESS_KEY, LEDGER_KEY, SECRET_KEY, let_publish
from bench.speed.machine import Program, cpu, free_port, peak_mib, until
from bench.speed.ours import MAILER, Ours, event_of, publish
from bench.speed.room import ROOT, Room, copy_templates
from mailer import bundled_files
from mailer.app import open_app
from mailer.embedded import postgres
from mailer.postgres.migrations import apply_migrations
from mailer.rendering.link_tokens import OpenToken, PreferencesToken, UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks
from mailer.settings import read_settings
from mailer.web.app import create_app
from mailer.web_serving import build_web_context

PEOPLE = 1_000_000
RATE = 20.0
"""Requests a second while a mailing runs."""
SECONDS = 90
MOST = 100.0
"""Milliseconds that 95 of 100 requests of each page may take."""
MOST_MEMORY = 200.0
"""MiB that the web process may have had, once it has served all pages."""
ROUNDS = 3
CONNECTIONS = 128
LOADED = {"/u": (20_000, 2_000.0), "/o": (30_000, None), "/preferences": (6_000, 500.0)}
"""The pages with much load: requests a round, and the rate that is asked for."""
LEAST_OF_BARE = 0.4
"""The rate of the pixel over that of the bare handler."""
PUBLIC_URL = "https://mail.example"


@dataclass(frozen=True)
class Stage:
    """The running services, and what they show.

    Attributes:
        port, web: the port and the process of the web app.
    """

    room: Room
    scene: Scene
    links: SignedLinks
    port: int
    web: int


def main() -> int:
    """Measures, prints, and returns the exit status: 1 if something is not met."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asked = _arguments()
    with _filled_room(asked.people) as (room, scene, faults):
        links = SignedLinks(PUBLIC_URL, (SECRET_KEY,))
        with _serving(room) as (port, web):
            stage = Stage(room, scene, links, port, web)
            latencies, flowed = _pages_beside_mailing(stage, asked.seconds)
            memory = peak_mib(web)
        with _serving(room) as (port, web):
            stage = Stage(room, scene, links, port, web)
            loaded = _loaded_pages(stage, min(1.0, asked.people / 100_000))
        text = section(asked.people, latencies, loaded, room.settings())
    print(text)
    if out := os.environ.get("BENCH_OUT"):
        put_section(Path(out), text)
    faults += [f"{name}: 95 of 100 within {late:.0f} ms" for name, late in _late(latencies)]
    faults += [fault for row in loaded for fault in row.faults()]
    print(f"the web process had {memory:,.0f} MiB at most", file=sys.stderr)
    faults += [f"web: {memory:,.0f} MiB"] if memory > MOST_MEMORY else []
    faults += [] if flowed else ["the mailing was through before the measurement"]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


@contextmanager
def _filled_room(people: int) -> Iterator[tuple[Room, Scene, list[str]]]:
    """Starts PostgreSQL and fills it: the room, the scene, and what the statements of pages read too much of."""
    with TemporaryDirectory(prefix="mailer-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # the database runs as a user of its own
        server = stack.enter_context(postgres.start_postgres(folder / "postgres"))
        apply_migrations(server.url(), bundled_files.bundled_folder("migrations"))
        asyncio.run(let_publish(server.url()))
        postmaster = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        copy_templates(folder / "templates")
        begun = time.monotonic()
        scene, faults = uvloop.run(_fill_and_check(server.url(), folder, people))
        print(f"filled and checked in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        yield Room(folder, server, postmaster, "memory://", 0, False), scene, faults


async def _fill_and_check(url: str, folder: Path, people: int) -> tuple[Scene, list[str]]:
    settings = read_settings(
        database_url=url,
        broker_url="memory://",
        data=folder / "data",
        templates=folder / "templates",
        public_url=PUBLIC_URL,
        address_key=ADDRESS_KEY,
        ledger_key=LEDGER_KEY,
        secret_keys=(SECRET_KEY,),
    )
    connection = await asyncpg.connect(url)
    await set_server(connection, *FILLING)
    async with open_app(settings) as app:
        parts = SceneParts(
            app.hasher, app.policies, app.templates, app.mailings, app.publishers, app.staff, app.people, app.ledger
        )
        scene = await make_scene(parts, connection, people)
        await connection.execute("VACUUM")
        await set_server(connection)
        await connection.execute("CHECKPOINT")
        transport = httpx.ASGITransport(create_app(build_web_context(app)))
        faults = [f"{path}: no row in bench/pages/rows.py" for path in routes_without_row(_rows(scene, app.links))]
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            for name, addresses in _rows(scene, app.links).items():
                for address in addresses:
                    async with watched(app.pool, 32) as executed:
                        cookie = {"cookie": cookie_of(scene, address)}
                        status = (await client.get(address, headers=cookie)).status_code
                    faults += [f"{address}: {status}"] if status >= 400 else []
                    async with app.pool.acquire() as reading:
                        faults += [f"{name}: {fault}" for fault in await faults_of(reading, executed)]
    await connection.close()
    return scene, faults


def _rows(scene: Scene, links: SignedLinks) -> dict[str, list[str]]:
    return {**console_rows(scene.known), **recipient_rows(scene.known, links)}


@contextmanager
def _serving(room: Room) -> Iterator[tuple[int, int]]:
    """Runs `mailer web`; its port and its process."""
    port = free_port()
    environment = Ours("pages", "pages", 0, rabbit=False).environment(room, 2525) | {"MAILER_PORT": str(port)}
    with Program([*MAILER, "web"], room.folder / f"web-{port}.log", environment) as web:
        web.up("web started")
        yield port, web.pid


def _pages_beside_mailing(stage: Stage, seconds: int) -> tuple[dict[str, list[float]], bool]:
    """The milliseconds of each page's requests while a mailing runs, and whether mail flowed until the end."""
    ours, port, room = Ours("pages", "pages", 0, rabbit=False), free_port(), stage.room
    paths = [
        (name, address.removeprefix(PUBLIC_URL))
        for name, rows in _rows(stage.scene, stage.links).items()
        for address in rows
    ]
    named = [(name, request(path, "mail.example", cookie_of(stage.scene, path))) for name, path in paths]
    wanted = [named[number % len(named)] for number in range(int(seconds * RATE))]
    sink = [sys.executable, "-m", "bench.sink", str(port), str(room.folder / "answers")]
    with Program(sink, room.folder / "sink.log", cwd=ROOT) as program, ours.processes(room, port):
        program.up("listening")
        uvloop.run(at_rate(stage.port, named, RATE))  # everything is warm then
        before = room.handed_over()
        kinds = {"newsletter": "weekly", "service": "maintenance"}  # one alone is through too early
        publish(room, False, [event_of(*kind, {"audience": "everyone"}) for kind in kinds.items()])
        until(lambda: room.handed_over() > before, "mail to flow", 120)
        before, begun = room.handed_over(), time.monotonic()
        took = uvloop.run(at_rate(stage.port, wanted, RATE))
        rate = (room.handed_over() - before) / (time.monotonic() - begun)
        flowed = bool(room.sql("SELECT FROM batches WHERE due_at < 'infinity' LIMIT 1"))
        print(f"mail meanwhile: {rate:,.0f} a second", file=sys.stderr)
        room.sql("UPDATE mailings SET expires_at = now() WHERE finished_at IS NULL")
    return took, flowed


def _late(latencies: dict[str, list[float]]) -> Iterator[tuple[str, float]]:
    for name, took in latencies.items():
        if (late := quantiles(took, n=20)[18]) > MOST:
            yield name, late


def _loaded_pages(stage: Stage, share: float) -> list[Loaded]:
    """Measures the pages with much load, and the bare handler beside each round of them."""
    bare_port, rows = free_port(), []
    bare = [sys.executable, "-m", "bench.pages.bare", str(bare_port)]
    with Program(bare, stage.room.folder / "bare.log", cwd=ROOT) as program:
        program.up("listening")
        requests = _loads(stage, share)
        for name, (_, wanted) in LOADED.items():
            rounds, bares = [], []
            for number in range(ROUNDS):
                plain = [request("/", "mail.example")] * int(30_000 * share)
                bares.append(_round(bare_port, plain, program.pid, stage.room.postmaster))
                rounds.append(_round(stage.port, requests[name](number), stage.web, stage.room.postmaster))
            least = LEAST_OF_BARE if name == "/o" else None
            rows.append(Loaded(name, rounds, bares, wanted if share == 1 else None, least))
    made = stage.room.sql("SELECT count(*) FROM suppressions WHERE source = 'one-click'")[0][0]
    if made < (expected := ROUNDS * int(LOADED["/u"][0] * share)):
        print(f"{made:,} opt-outs were committed of {expected:,}", file=sys.stderr)
    return rows


def _round(port: int, requests: Sequence[bytes], server: int, postmaster: int) -> Round:
    """Sends requests, and returns their rate, with the processor time of the server and of PostgreSQL for each."""
    before = cpu(server), cpu(postmaster)
    rate, statuses = uvloop.run(as_many(port, requests, CONNECTIONS))
    if set(statuses) != {200}:
        raise SystemExit(f"answers of other kinds than 200: {dict(statuses)}")
    served, stored = ((cpu(pid) - then) / len(requests) for pid, then in zip((server, postmaster), before, strict=True))
    return Round(rate, served * 1e6, stored * 1e6)


def _loads(stage: Stage, share: float) -> dict[str, Callable[[int], list[bytes]]]:
    """The requests of a round, by page: each opt-out is another person's, of whom nobody had left."""
    people = [
        row["id"]
        for row in stage.room.sql("SELECT id FROM recipients WHERE brand = 'interpals' AND id % 10 <> 3 LIMIT 100000")
    ]
    links, mailing = stage.links, stage.scene.known.filled.large
    size = {name: int(count * share) for name, (count, _) in LOADED.items()}

    def opt_outs(number: int) -> list[bytes]:
        mine = people[number * size["/u"] : (number + 1) * size["/u"]]
        made = (links.unsubscribe_link(UnsubscribeToken(BRAND, one, "newsletter", mailing, 1)) for one in mine)
        return [_to(link, "List-Unsubscribe=One-Click") for link in made]

    def pixels(number: int) -> list[bytes]:
        return [_to(links.pixel_url(OpenToken(mailing, f"{number}-{n}"))) for n in range(size["/o"])]

    def preferences(number: int) -> list[bytes]:
        chosen = people[: size["/preferences"]]
        return [_to(links.preferences_link(PreferencesToken(BRAND, one, 1))) for one in chosen]

    return {"/u": opt_outs, "/o": pixels, "/preferences": preferences}


def _to(link: str, body: str | None = None) -> bytes:
    return request(link.removeprefix(PUBLIC_URL), "mail.example", body=body)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench pages", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of the pages beside a mailing")
    return parser.parse_known_args(sys.argv[1:])[0]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    sys.exit(main())
