import asyncio
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from mailer.runtime.operator_http_server import CLIENTS, HttpAnswer, OperatorHttpServer
from mailer.runtime.process_monitoring import STUCK, LoopHeartbeat, operator_port_routes, serving_operator_port
from mailer.runtime.readiness import Readiness
from tests.acceptance.samples import event, people
from tests.processes import SECONDS, Stack, free_port, until


def _said(text: str) -> Callable[[], HttpAnswer]:
    return lambda: HttpAnswer(200, [("content-type", "text/plain")], text.encode())


@asynccontextmanager
async def _client(operators: OperatorHttpServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{operators.port}", timeout=SECONDS) as client:
        yield client


async def test_it_answers_get_and_head_of_its_paths() -> None:
    """Other methods, other paths and what is no HTTP are refused in words; a query is no part of a path."""
    with OperatorHttpServer("127.0.0.1", 0, {"/hello": _said("hello\n")}) as operators:
        async with _client(operators) as client:
            got = await client.get("/hello?name=x")
            head = await client.head("/hello")
            posted = await client.post("/hello", content=b"x")
            elsewhere = await client.get("/metrics/x")
        garbage = await _exchange(operators.port, b"\x16\x03\x01 hello\r\n\r\n")
    assert (got.status_code, got.text, got.headers["content-type"]) == (200, "hello\n", "text/plain")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "6")
    assert (posted.status_code, posted.text) == (405, "GET and HEAD only\n")
    assert (elsewhere.status_code, elsewhere.text) == (404, "there are /hello\n")
    assert garbage.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_path_that_fails_ends_nothing() -> None:
    """A path that fails gets 500, without the error's words. The next request is served."""

    def fail() -> HttpAnswer:
        raise KeyError("ada@example.org")

    with OperatorHttpServer("127.0.0.1", 0, {"/bad": fail, "/good": _said("good")}) as operators:
        async with _client(operators) as client:
            bad = await client.get("/bad")
            good = await client.get("/good")
    assert (bad.status_code, bad.text) == (500, "it failed; the log says where\n")
    assert good.status_code == 200


async def test_slow_clients_keep_nobody_waiting() -> None:
    """However many connections say nothing, or read nothing, a request is answered; they are closed, oldest first."""
    with OperatorHttpServer("127.0.0.1", 0, {"/large": _said("x" * 20_000_000), "/hello": _said("hello")}) as operators:
        silent = [await asyncio.open_connection("127.0.0.1", operators.port) for _ in range(CLIENTS)]
        greedy = [await asyncio.open_connection("127.0.0.1", operators.port, limit=1) for _ in range(CLIENTS)]
        for _, writer in greedy:
            writer.write(b"GET /large HTTP/1.1\r\n\r\n")
        async with _client(operators) as client:
            answers = [await client.get("/hello") for _ in range(3)]
        closed = await asyncio.gather(*(reader.read() for reader, _ in silent), return_exceptions=True)
        for _, writer in silent + greedy:
            writer.close()
    assert [answer.status_code for answer in answers] == [200] * 3
    assert all(end == b"" or isinstance(end, ConnectionResetError) for end in closed)


async def test_it_answers_while_the_process_is_busy() -> None:
    """A process whose event loop does not turn shows its metrics, and says that it does not live."""
    now = [1000.0]
    pulse, registry = LoopHeartbeat(lambda: now[0]), CollectorRegistry()
    Counter("mailer_things", "Things.", registry=registry).inc()
    with OperatorHttpServer("127.0.0.1", 0, operator_port_routes(Readiness(), pulse, [registry])) as operators:
        beating = asyncio.create_task(pulse.keep_beating())
        await asyncio.sleep(0)
        well = await asyncio.to_thread(_get, operators.port, "/livez")
        now[0] += STUCK
        answered = threading.Event()
        seen: dict[str, tuple[int, str]] = {}

        def ask() -> None:
            seen.update({path: _get(operators.port, path) for path in ("/livez", "/metrics")})
            answered.set()

        threading.Thread(target=ask).start()
        answered.wait(30)  # the event loop stands still meanwhile
        beating.cancel()
    assert well[0] == 200
    assert seen["/livez"][0] == 503
    assert json.loads(seen["/livez"][1]) == {"live": False, "loop_silence_seconds": STUCK}
    assert "mailer_things_total 1.0" in seen["/metrics"][1]


async def test_readyz_names_each_problem() -> None:
    """A process that cannot do its work answers 503 with a line a problem, in its metrics too, until all are over."""
    readiness, port = Readiness(), free_port()
    async with (
        serving_operator_port("worker", "127.0.0.1", port, readiness, []) as operators,
        _client(operators) as client,
    ):
        ready = await client.get("/readyz")
        readiness.set_or_clear_problem("database", "it refuses writes; point MAILER_DATABASE_URL to the primary")
        readiness.set_or_clear_problem("consumers", "none")
        down = await client.get("/readyz")
        shown = (await client.get("/metrics")).text
        lives = await client.get("/livez")
        readiness.set_or_clear_problem("database", None)
        readiness.set_or_clear_problem("consumers", None)
        again = await client.get("/readyz")
        over = (await client.get("/metrics")).text
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "problems": {}})
    assert down.status_code == 503
    assert down.json() == {"ready": False, "problems": dict(down.json()["problems"])}
    assert '  "database": "it refuses writes; point MAILER_DATABASE_URL to the primary",\n' in down.text
    assert re.findall(r"^mailer_(?:ready|problem).*", shown, re.MULTILINE) == [
        "mailer_ready 0.0",
        'mailer_problem{name="database"} 1.0',
        'mailer_problem{name="consumers"} 1.0',
    ]
    assert lives.status_code == 200
    assert (again.status_code, "mailer_problem{" in over, "mailer_ready 1.0" in over) == (200, False, True)


async def test_a_port_in_use_is_said() -> None:
    """The error names the setting, the port and what to do."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match=r"^MAILER_METRICS_PORT: cannot listen on port \d+ of 127.0.0.1 \(Address already"),
    ):
        async with serving_operator_port("web", "127.0.0.1", taken.getsockname()[1], Readiness(), []):
            pass


async def test_port_0_opens_nothing() -> None:
    """A process without a port does its work all the same."""
    async with serving_operator_port("web", "127.0.0.1", 0, Readiness(), []) as operators:
        assert operators.port == 0


async def test_each_process_shows_what_it_does_itself(stack: Stack) -> None:
    """Worker, timekeeper and web answer on ports of their own, and none of them shows a zero for another one's work."""
    ports = {name: free_port() for name in ("worker", "timekeeper", "web")}
    async with asyncio.timeout(180), _processes(stack, ports):
        await stack.done("publish", "-", stdin=json.dumps(event("e1", "interpals", "newsletter", people("ada"))))
        async with stack.client() as client:
            await client.get("/u/nonsense")
        shown = {
            name: await until(partial(_shows, port, *_OWN[name]), f"{name} to show its work")
            for name, port in ports.items()
        }
        lives = [await asyncio.to_thread(_get, port, "/livez") for port in ports.values()]
    assert [status for status, _ in lives] == [200] * 3
    for name in ports:
        assert shown[name][f'mailer_info{{process="{name}",version="0.1.0"}}'] == 1
        assert shown[name]["process_resident_memory_bytes"] > 10_000_000
        others = [metric.partition("{")[0] for other in ports if other != name for metric in _OWN[other]]
        families = {metric.partition("{")[0] for metric in shown[name]}
        assert families & set(others) == {"mailer_ready"}, name
    assert shown["worker"]['mailer_event_to_hand_over_seconds_count{lane="newsletter"}'] == 1
    assert shown["timekeeper"]['mailer_queue_messages{queue="mailer.events.newsletter"}'] == 0


_OWN: Mapping[str, Sequence[str]] = {
    "worker": (
        "mailer_ready",
        'mailer_events_total{lane="newsletter",result="accepted"}',
        'mailer_outcomes_total{processor="relay",result="accepted"}',
        'mailer_relay_state{relay="relay",state="working"}',
    ),
    "timekeeper": (
        "mailer_ready",
        "mailer_timekeeper_last_tick_seconds",
        "mailer_figures_sampled_seconds",
        "mailer_outbox_rows",
        'mailer_dead_letters_open{kind="refused"}',
        'mailer_oldest_due_seconds{lane="service"}',
    ),
    "web": ("mailer_ready", 'mailer_http_requests_total{method="GET",route="/u/{token}",status="400"}'),
}
"""Text that each shows, and no other one."""


async def _shows(port: int, *metrics: str) -> Mapping[str, float]:
    """All samples of a process, once it is ready and has those that are asked for; none before."""
    try:
        found = _samples((await asyncio.to_thread(_get, port, "/metrics"))[1])
    except httpx.TransportError:
        return {}
    return found if all(name in found for name in metrics) and found["mailer_ready"] == 1 else {}


@asynccontextmanager
async def _processes(stack: Stack, ports: Mapping[str, int]) -> AsyncIterator[None]:
    """A process of each name with a port for its operators."""
    (name, port), *others = ports.items()
    async with stack.having(METRICS_PORT=str(port)).running(name):
        if not others:
            yield
            return
        async with _processes(stack, dict(others)):
            yield


async def test_a_process_says_that_it_waits(stack: Stack) -> None:
    """A process without its database lives, is not ready, and says what it waits for."""
    port = free_port()
    away = stack.having(METRICS_PORT=str(port), DATABASE_URL="postgresql://mailer@127.0.0.1:1/none")
    async with away.starting("timekeeper"):
        await until(lambda: asyncio.to_thread(_is_open, port), "the port to be open")
        lives, ready = [await asyncio.to_thread(_get, port, path) for path in ("/livez", "/readyz")]
    assert lives[0] == 200
    assert (ready[0], json.loads(ready[1])["problems"]) == (503, {"start": "it starts, and waits for the database"})


async def test_a_process_whose_port_is_taken_ends_in_words(stack: Stack, tmp_path: Path) -> None:
    """The process says so in one line, and ends with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = await stack.having(METRICS_PORT=str(port)).run("worker")
    assert done.status == 1
    [line] = done.err.splitlines()
    assert line.startswith(f"mailer: MAILER_METRICS_PORT: cannot listen on port {port} of 127.0.0.1 (Address already")


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def _get(port: int, path: str) -> tuple[int, str]:
    answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30)
    return answer.status_code, answer.text


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _samples(text: str) -> dict[str, float]:
    """Each sample by its name and labels."""
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}
