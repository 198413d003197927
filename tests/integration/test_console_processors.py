"""The pages of processors and of the flow."""

from datetime import UTC, datetime

from mailer.policy.staff_rights import StaffRole
from mailer.ports.processor_states import ReportedProcessorState
from mailer.ports.rates import RateLimit
from mailer.ports.stream_pauses import StreamPause
from mailer.postgres.stream_pauses import PostgresStreamPauses
from tests.factories import BRAND, World, person
from tests.integration.console_browser import open_browser

PAGE = "/console/processors"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"


async def controls(world: World) -> list[tuple[str, str, str, str]]:
    """The ledger's entries about processors."""
    return [
        (entry["reason"], entry["processor"], entry["actor"], entry["reply"])
        for entry in await world.entries(kind="control")
        if entry["processor"]
    ]


async def test_a_processor_is_shown_paused_and_resumed(world: World) -> None:
    """The page shows state, error, limit and streams. A second press does nothing. The ledger has each change."""
    states = [ReportedProcessorState("relay-us", "down", NOW, "421 go away", "look at the relay", 7)]
    await world.processors.store_processor_states_seen_by_worker("worker-1", states)
    await world.rates.set_limit(RateLimit("processor", "relay-us", "minute", 600), "Grace")
    pause = StreamPause("relay-us", "newsletter", "gmail.com", datetime(2100, 1, 1, tzinfo=UTC), says="550 no")
    await PostgresStreamPauses(world.pool).add_pauses([pause])
    before = await controls(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        page = (await browser.open(PAGE)).text
        for text in (
            "Does not answer",
            "421 go away",
            "look at the relay",
            "0 of 600 used in this minute",
            "gmail.com",
            "capture",
        ):
            assert text in page
        fields: dict[str, str | list[str]] = {"processor": "relay-us", "reason": "maintenance"}
        for _ in range(2):
            assert (await browser.send(f"{PAGE}/pause", fields, PAGE)).status_code == 303
        assert "Dana Duty" in (await browser.open(PAGE)).text
        for _ in range(2):
            assert (await browser.send(f"{PAGE}/resume", fields, PAGE)).status_code == 303
        assert "gmail.com" not in (await browser.open(PAGE)).text
        for odd, status in (("", 404), ("nobody", 404), ("x" * 5000, 422)):
            assert (await browser.send(f"{PAGE}/pause", {"processor": odd}, PAGE)).status_code == status
    assert (await controls(world))[len(before) :] == [
        ("paused", "relay-us", "person:Dana Duty", "maintenance; from 192.0.2.0/24"),
        ("resumed", "relay-us", "person:Dana Duty", "from 192.0.2.0/24"),
        ("streams_resumed 1", "relay-us", "person:Dana Duty", "from 192.0.2.0/24"),
    ]


async def test_one_brands_ops_pause_no_processor(world: World) -> None:
    """A processor serves all brands. A role for one brand sees its state, and cannot pause it."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        page = await browser.open(PAGE)
        assert (page.status_code, "/pause" in page.text) == (200, False)
        for act in ("pause", "resume"):
            assert (await browser.send(f"{PAGE}/{act}", {"processor": "capture"}, PAGE)).status_code == 403
    assert await controls(world) == []


async def test_the_flow_shows_what_waits_and_who_runs(world: World) -> None:
    """The page shows figures of the database, and processes by their own reports. One whose lease is over is marked."""
    accepted = await world.accept([person(1)])
    await world.processors.store_processor_states_seen_by_worker(
        "host-1/77", [ReportedProcessorState("relay-us", "working", NOW)]
    )
    await world.pool.execute(
        "UPDATE batches SET state = 'claimed', owner = 'host-1/88', lease_until = now() - interval '1 hour'"
        " WHERE mailing_id = $1",
        accepted.mailing_id,
    )
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        page = (await browser.open("/console/flow")).text
    for text in ("newsletter, queued: <strong>1</strong>", "host-1/77", "host-1/88", "(over)", "mailer_outbox_rows"):
        assert text in page


async def test_stored_script_is_only_text(world: World) -> None:
    """Script in a relay's words, in names and in reasons is only text."""
    states = [ReportedProcessorState(SCRIPT, SCRIPT, NOW, SCRIPT, SCRIPT, 7)]
    await world.processors.store_processor_states_seen_by_worker(SCRIPT, states)
    pause = StreamPause(SCRIPT, SCRIPT, SCRIPT, datetime(2100, 1, 1, tzinfo=UTC), says=SCRIPT)
    await PostgresStreamPauses(world.pool).add_pauses([pause])
    await world.pool.execute("INSERT INTO halts (scope, key, by, reason) VALUES ('processor', $1, $1, $1)", SCRIPT)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        for path in (PAGE, "/console/flow", "/console/halts"):
            page = await browser.open(path)
            assert page.status_code == 200
            assert SCRIPT not in page.text
            assert "&lt;script&gt;" in page.text
