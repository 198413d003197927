"""Hand-over by the API of a service: its answers decide about deliveries as a relay's replies do."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from tests.email_apis import SERVICES
from tests.factories import World, person
from tests.integration.api_world import CUT_WITHOUT_ANSWER, Canned, api_double, opened

REFUSALS: Sequence[tuple[Canned, str]] = (
    (Canned(401), "auth_refused"),
    (Canned(402), "misconfigured"),
    (Canned(301, b"", "location: https://elsewhere.example/\r\n"), "misconfigured"),
    (Canned(429, b"{}", "retry-after: 60\r\n"), "down"),
)
"""Answers about the service, and the state that operators see."""


async def test_a_service_that_refuses_us_fails_nobody(world: World) -> None:
    """Each delivery waits, and operators see the state of the processor."""
    for at, (answer, state) in enumerate(REFUSALS):
        accepted = await world.accept([person(2 * at), person(2 * at + 1)])
        async with (
            api_double("sendgrid", [answer] * 4) as double,
            opened(SERVICES["sendgrid"].url("sendgrid", double.port)) as processor,
        ):
            handover = world.handover_by([processor])
            await handover.hand_over_batches(accepted.batches)
        assert set((await world.states(accepted.mailing_id)).values()) == {("queued", "")}
        assert [found.state for found in handover.routes.condition_by_processor.values()] == [state]
        assert double.taken == []


async def test_another_processor_takes_over_at_once(world: World) -> None:
    """Mail that a service refuses for its own trouble goes by another one under the same claim."""
    accepted = await world.accept([person(1), person(2)])
    async with (
        api_double("ses", [Canned(403)] * 4) as broken,
        api_double("postmark") as double,
        opened(SERVICES["ses"].url("ses", broken.port, "&name=ses")) as first,
        opened(SERVICES["postmark"].url("postmark", double.port, "&name=postmark")) as second,
    ):
        await world.handover_by([first, second]).hand_over_batches(accepted.batches)
    assert {state for state, _ in (await world.states(accepted.mailing_id)).values()} == {"handed_over"}
    assert len(double.taken) == 2


async def test_optional_mail_in_doubt_goes_to_nobody_else(world: World) -> None:
    """A lost answer ends optional mail, although another processor could take it."""
    accepted = await world.accept([person(1)])
    async with api_double("ses", [CUT_WITHOUT_ANSWER]) as double, api_double("ses") as other:
        await hand_over_twice(world, accepted.batches, double.port, other.port)
        assert await world.states(accepted.mailing_id) == {"user-1": ("failed", "in_doubt")}
        assert (len(double.taken), len(other.taken)) == (1, 0)


async def test_mandatory_mail_in_doubt_goes_again(world: World) -> None:
    """A lost answer makes a second copy of mandatory mail, by any processor."""
    await world.paying(1)
    accepted = await world.accept({"refs": ["user-1"]}, "service")
    async with api_double("ses", [CUT_WITHOUT_ANSWER]) as double, api_double("ses") as other:
        await hand_over_twice(world, accepted.batches, double.port, other.port)
        assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}
        assert (len(double.taken), len(other.taken)) == (1, 1)


async def hand_over_twice(world: World, batches: Sequence[int], *ports: int) -> None:
    """Hands batches over by several processors, and then whatever is due again."""
    async with AsyncExitStack() as stack:
        urls = [
            SERVICES["ses"].url("ses", port, f"&name=ses-{port}&weight={at}") for at, port in enumerate(ports[::-1])
        ]
        processors = [await stack.enter_async_context(opened(url)) for url in urls]
        handover = world.handover_by(processors)
        await handover.hand_over_batches(batches)
        for _ in range(3):
            await world.due_now()
            await world.timekeeper().run_all_steps_once()
            for batch in [row["id"] for row in await world.pool.fetch("SELECT id FROM batches")]:
                await handover.hand_over_batches([batch])
