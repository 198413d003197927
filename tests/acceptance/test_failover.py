"""A replica takes the place of its primary: real servers, real processes, and one URL for both servers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.acceptance.samples import event
from tests.acceptance.test_leaving import unsubscribe
from tests.processes import Process, Stack, free_port, open_stack, until
from tests.replicas import Cluster, make_data, open_cluster
from tests.server_folders import server_folder

READERS = [f"reader{number}" for number in range(8)]
LEAVERS = READERS[:3]
STOPPED = "SELECT count(*) FROM halts WHERE scope = 'everything'"


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A migrated database whose server is stopped."""
    with server_folder() as folder, asyncio.Runner() as runner:
        runner.run(make_data(Path(folder, "data")))
        yield Path(folder, "data")


@pytest.fixture
async def cluster(data: Path) -> AsyncIterator[Cluster]:
    """A primary and a replica that follows it."""
    with server_folder() as folder:
        async with open_cluster(Path(folder), data) as opened:
            yield opened


@pytest.fixture
async def shop(tmp_path: Path, cluster: Cluster) -> AsyncIterator[Stack]:
    """A stack over the cluster in which eight people are known, who got a newsletter."""
    async with open_stack(tmp_path, cluster.url, "memory://") as stack:
        lines = [f"{name},{name}@example.org,US,sign-up,yes\n" for name in READERS]
        (tmp_path / "readers.csv").write_text("ref,email,country,source,paid\n" + "".join(lines))
        await stack.done("recipients", "import", "readers.csv", "--brand", "interpals")
        yield stack


async def publish(stack: Stack, name: str) -> None:
    """A newsletter for everybody."""
    await stack.application("publish", event(name, "interpals", "newsletter", {"refs": READERS}))


async def leave(stack: Stack, client: httpx.AsyncClient) -> None:
    """Three people leave by one click, and are told that they have."""
    for name in LEAVERS:
        answer = await client.post(unsubscribe(stack, name), data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200


async def stopped(stack: Stack) -> None:
    """Returns once the promoted server says that everything stands still."""
    await until(lambda: stack.value(STOPPED), "everything to stand still")


async def lose_opt_outs(cluster: Cluster, stack: Stack, client: httpx.AsyncClient) -> None:
    """Answers from here on are on the primary alone."""
    await publish(stack, "first")
    await stack.finished("first")
    await cluster.cut()
    await leave(stack, client)


async def goes_on(stack: Stack, *, answer: str = "resume") -> None:
    """An operator is told, says how to go on, and nobody who has left gets anything."""
    refused = await stack.run("start")
    assert (refused.status, "the database went back" in refused.err) == (1, True)
    await stack.done("start", "--after-restore", answer, "--by", "Dana")
    await publish(stack, "last")
    await stack.finished("last")
    states = await stack.states("last")
    assert [name for name in READERS if states[name] == ("suppressed", "opted_out")] == LEAVERS
    assert await stack.value("SELECT count(*) FROM suppressions WHERE reason = 'opt_out'") == len(LEAVERS)


async def test_living_processes_notice_opt_outs_that_were_lost(cluster: Cluster, shop: Stack) -> None:
    """Idle or not: web and worker find it out, nothing is sent, and the opt-outs are made again by themselves."""
    async with shop.running("worker", "web"), shop.client() as client:
        await lose_opt_outs(cluster, shop, client)
        await cluster.fail_over()
        await publish(shop, "between")
        await stopped(shop)
        await goes_on(shop)
        await shop.finished("between")
    assert (await shop.states("between"))["reader0"] == ("suppressed", "opted_out")
    assert len(shop.mails(To="reader0@example.org")) == 1


async def test_processes_that_restart_together_remember(cluster: Cluster, shop: Stack) -> None:
    """Processes that were killed with the primary know by `MAILER_DATA` what was answered and handed over."""
    async with shop.running("worker", "web") as processes, shop.client() as client:
        await lose_opt_outs(cluster, shop, client)
        await publish(shop, "lost")
        await shop.finished("lost")
        for process in processes:
            await process.kill()
    await cluster.fail_over()
    async with shop.running("worker", "web"):
        await stopped(shop)
        await publish(shop, "lost")  # its publisher is not sure either
        await goes_on(shop)
        await shop.finished("lost")
    assert [len(shop.mails(To=f"{name}@example.org")) for name in LEAVERS] == [1] * len(LEAVERS)


async def test_another_machine_is_waited_for(cluster: Cluster, shop: Stack, tmp_path: Path) -> None:
    """The worker's machine knows nothing of the opt-outs. It sends nothing until that of the web process is back."""
    web = shop.having(DATA=str(tmp_path / "elsewhere"), PORT=str(free_port()))
    async with AsyncExitStack() as machines:
        [answering] = await machines.enter_async_context(web.running("web"))
        async with web.client() as client:
            async with shop.running("worker"):
                await publish(shop, "first")
                await shop.finished("first")
            await cluster.cut()
            await leave(shop, client)
        await answering.kill()
    await cluster.fail_over()
    async with shop.running("worker") as (worker,):
        await publish(shop, "between")
        await until(lambda: waits(worker), "the worker to wait for the other machine")
        refused = await shop.run("start")
        assert (refused.status, "with its MAILER_DATA" in refused.err) == (1, True)
        async with web.running("web"):
            await stopped(shop)
            await goes_on(shop)
            await shop.finished("between")
    assert (await shop.states("between"))["reader0"] == ("suppressed", "opted_out")


async def waits(process: Process) -> bool:
    """Tells whether a process says that it waits for another machine."""
    return "waiting for who remembers" in process.log


async def test_a_planned_switchover_needs_nobody(cluster: Cluster, shop: Stack) -> None:
    """Nothing is lost, all processes say so, and mail flows again without an operator."""
    async with shop.running("worker", "web"), shop.client() as client:
        await publish(shop, "first")
        await shop.finished("first")
        await leave(shop, client)
        await cluster.caught_up()
        await cluster.fail_over()
        await publish(shop, "second")
        await shop.finished("second")
    states = await shop.states("second")
    assert [name for name in READERS if states[name] == ("suppressed", "opted_out")] == LEAVERS
    assert await shop.value(STOPPED) == 0


async def test_the_operator_s_word_is_enough_where_a_machine_is_gone(
    cluster: Cluster, shop: Stack, tmp_path: Path
) -> None:
    """Nobody can know what it remembered: mail flows once somebody says that it is gone for good."""
    gone = shop.having(DATA=str(tmp_path / "gone"), PORT=str(free_port()))
    async with gone.running("web") as (process,), gone.client():
        await cluster.caught_up()
        await process.kill()
    await cluster.fail_over()
    async with shop.running("worker") as (worker,):
        await publish(shop, "first")
        await until(lambda: waits(worker), "the worker to wait for the other machine")
        await shop.done("start", "--after-restore", "resume", "--by", "Dana")
        await shop.finished("first")
