"""Two real PostgreSQL servers change places under running processes, and nothing is restarted but the servers."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.acceptance.samples import event, people
from tests.chaos.proxy import Link
from tests.processes import Stack, field, free_port, open_stack, until
from tests.replicas import Cluster, Member, open_cluster
from tests.server_folders import server_folder

BRAND = "interpals"


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """A primary and its replica, in a folder that the servers' user may enter."""
    with server_folder() as folder:
        async with open_cluster(folder) as opened:
            yield opened


def socket_of(member: Member) -> str:
    """The place at which a server of the cluster listens."""
    return f"{parse_qs(urlsplit(member.url).query)['host'][0]}/.s.PGSQL.5432"


async def switch_over(cluster: Cluster) -> None:
    """The replica becomes the primary, and the old primary comes back as its replica."""
    old, new = cluster.primary, cluster.replica
    await cluster.caught_up()
    await cluster.fail_over()
    data = old.folder / "data"
    (data / "standby.signal").touch()
    following = parse_qs(urlsplit(new.url).query)["host"][0]
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = 'host={following} user=postgres'\n")
    await old.start()
    cluster.primary, cluster.replica = new, old


@asynccontextmanager
async def processes(stack: Stack) -> AsyncIterator[tuple[Stack, list[str]]]:
    """A worker and a web process; the stack with the web process's port, and the operators' ports of both."""
    ports = [free_port(), free_port()]
    own = [stack.having(METRICS_PORT=str(port)) for port in ports]
    async with own[0].running("worker"), own[1].running("web"):
        yield own[1], [f"http://127.0.0.1:{port}/readyz" for port in ports]


async def all_answer(urls: list[str], status: int) -> bool:
    """Tells whether each operators' port answers so."""
    async with httpx.AsyncClient() as client:
        return [(await client.get(url)).status_code for url in urls] == [status] * len(urls)


async def handed_over(stack: Stack, event_id: str) -> bool:
    """Tells whether somebody has got an event's mail."""
    return ("handed_over", "") in (await stack.states(event_id)).values()


async def leave(stack: Stack, ref: str) -> httpx.Response:
    """One click on the link of a person's newsletter."""
    [mail] = stack.mails(to=f"{ref}@example.org")
    link = urlsplit(field(mail, "List-Unsubscribe").partition(">")[0].lstrip("<")).path
    async with stack.client() as client:
        return await client.post(link, data={"List-Unsubscribe": "One-Click"})


async def test_one_address_that_leads_to_a_replica_for_a_while(cluster: Cluster, tmp_path: Path) -> None:
    """Opt-outs are told to come again while the address names the old primary, and work once it names the new one."""
    link = Link(socket_of(cluster.primary))
    await link.listen()
    url = f"postgresql://postgres@127.0.0.1:{link.port}/mailer?sslmode=disable"
    async with open_stack(tmp_path, url, "memory://") as stack, processes(stack) as (running, readiness):
        await running.application("publish", event("before", BRAND, "newsletter", people("ada", "grace")))
        await running.finished("before")
        await switch_over(cluster)
        await until(lambda: all_answer(readiness, 503), "both processes to be not ready")
        async with httpx.AsyncClient() as client:

            async def says_why() -> bool:
                return "replica, which is read-only" in (await client.get(readiness[0])).text

            await until(says_why, "the worker to say that its server is a replica")
        answer = await leave(running, "ada")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0

        link.lead_to(socket_of(cluster.primary))
        await until(lambda: all_answer(readiness, 200), "both processes to be ready")
        assert (await leave(running, "ada")).status_code == 200
        await running.application("publish", event("after", BRAND, "newsletter", people("ada", "grace")))
        await running.finished("after")
        assert await running.states("after") == {"ada": ("suppressed", "opted_out"), "grace": ("handed_over", "")}
        link.drop()


async def test_a_url_that_names_both_servers(cluster: Cluster, tmp_path: Path) -> None:
    """The writable server is used before and after they change places. Mail in flight goes out once."""
    link, other = Link(socket_of(cluster.primary)), Link(socket_of(cluster.replica))
    await link.listen()
    await other.listen()
    servers = f"127.0.0.1:{link.port},127.0.0.1:{other.port}"
    url = f"postgresql://postgres@{servers}/mailer?sslmode=disable&target_session_attrs=read-write"
    async with open_stack(tmp_path, url, "memory://") as stack, processes(stack) as (running, readiness):
        await running.application("publish", event("before", BRAND, "newsletter", people("ada")))
        await running.finished("before")
        flying = [f"user-{n}" for n in range(400)]
        await running.application("publish", event("flying", BRAND, "newsletter", people(*flying)))
        await until(lambda: handed_over(running, "flying"), "a mailing to be under way")
        await switch_over(cluster)
        await until(lambda: all_answer(readiness, 200), "both processes to be ready again")
        assert (await leave(running, "ada")).status_code == 200
        await running.application("publish", event("after", BRAND, "newsletter", people("ada", "grace")))
        await running.finished("after")
        assert await running.states("after") == {"ada": ("suppressed", "opted_out"), "grace": ("handed_over", "")}
        await running.finished("flying")
        assert set((await running.states("flying")).values()) == {("handed_over", "")}
        sent = Counter(field(mail, "To") for mail in running.mails(to="@example.org"))
        assert {sent[f"{ref}@example.org"] for ref in flying} == {1}
        link.drop()
        other.drop()
