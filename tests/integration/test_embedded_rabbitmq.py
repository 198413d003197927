"""The private RabbitMQ node: ready when it says so, restartable, and gone without a trace of its processes."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import pytest

from mailer.embedded import PrivateServiceUnavailable, rabbitmq
from tests.server_folders import server_folder

HOST_THAT_NEVER_STOPS = """
import sys, signal
from pathlib import Path
from mailer.embedded import rabbitmq
node = rabbitmq.start_rabbitmq(Path(sys.argv[1]))
print(node.url, flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def node() -> Iterator[rabbitmq.PrivateRabbit]:
    """A node that is stopped at the end, or by the last test that asks for it."""
    with server_folder() as folder, rabbitmq.start_rabbitmq(folder) as node:
        yield node


def listens(url: str) -> bool:
    """True if a process accepts connections at a URL's port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


async def test_confirmed_messages_outlive_a_restart(node: rabbitmq.PrivateRabbit) -> None:
    """A durable message is there after the node was restarted, at the same address."""
    url = node.url
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"hello", delivery_mode=2), "kept")
    node.restart()
    assert node.url == url
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        message = await queue.get(timeout=60)
        assert message.body == b"hello"


def test_two_nodes_run_side_by_side(node: rabbitmq.PrivateRabbit) -> None:
    """Each has its own files and ports, and stopping one leaves the other."""
    with server_folder() as folder, rabbitmq.start_rabbitmq(folder) as other:
        assert other.url != node.url
    assert not listens(other.url)
    assert listens(node.url)


def test_a_stopped_node_is_gone(node: rabbitmq.PrivateRabbit) -> None:
    """Nobody listens any more, and stopping again does nothing. It is the last test of the node that they share."""
    assert listens(node.url)
    node.stop()
    assert not listens(node.url)
    node.stop()


def test_a_node_dies_with_its_host(tmp_path: Path) -> None:
    """A host that died by SIGKILL leaves no node behind."""
    host = subprocess.Popen([sys.executable, "-c", HOST_THAT_NEVER_STOPS, str(tmp_path)], stdout=subprocess.PIPE)
    assert host.stdout is not None
    url = host.stdout.readline().decode().strip()
    assert listens(url)
    host.kill()
    host.communicate()
    deadline = time.monotonic() + 30
    while listens(url):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_node_that_fails_says_where_its_words_are(tmp_path: Path) -> None:
    """The error is one line that names the log."""
    server = tmp_path / "lib" / "rabbitmq_server-0" / "sbin" / "rabbitmq-server"
    server.parent.mkdir(parents=True)
    server.write_text("#!/bin/sh\necho no luck\nexit 1\n")
    server.chmod(0o755)
    with pytest.raises(PrivateServiceUnavailable, match=r"does not start; see \S+output\.log$"):
        rabbitmq.start_rabbitmq(tmp_path / "node", prefix=tmp_path)
    assert "no luck" in (tmp_path / "node" / "output.log").read_text()


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """The error says what to install, if RabbitMQ is missing."""
    with pytest.raises(PrivateServiceUnavailable, match="apt-get install rabbitmq-server"):
        rabbitmq.start_rabbitmq(tmp_path / "node", prefix=tmp_path)
