"""The whole round: mailer sends by a real Postfix, whose destinations refuse, and its bounces come back to mailer."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mailer.processors.capture.folder import CaptureFolder
from mailer.processors.capture.server import CaptureServer
from tests.acceptance.samples import event, people
from tests.inbound import listening_port
from tests.processes import Stack, free_port, until
from tests.relays.postfix import postfix
from tests.relays.world import Certificate, Manner

ANSWERS = {
    "dead@example.org": "550 5.1.1 <dead@example.org>: Recipient address rejected: User unknown",
    "full@example.org": "552 5.2.2 <full@example.org>: Mailbox full",
    "blocked@example.org": "550 5.7.1 Message rejected as spam by policy",
    "later@example.org": "450 4.2.1 Try again later",
}
"""Replies of the destination to RCPT."""
EFFECTS = {"dead": "address_dead", "full": "soft_bounce", "blocked": "sender_fault", "later": "soft_bounce"}
_EXPIRES_SOON = {
    "maximal_queue_lifetime": "2s",
    "bounce_queue_lifetime": "2s",
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "1s",
    "queue_run_delay": "1s",
}
"""Postfix gives a message up after seconds, and not after days."""


def _transports(sink: int, lmtp: int) -> dict[str, str]:
    """Lines of main.cf: the people's domain is the sink's, and the brand's is that of `mailer inbound`."""
    routes = f"{{ example.org = smtp:[127.0.0.1]:{sink} }}, {{ interpals.example = lmtp:inet:[127.0.0.1]:{lmtp} }}"
    return {
        "virtual_mailbox_domains": "",
        "relay_domains": "example.org, interpals.example",
        "transport_maps": f"inline:{{ {routes} }}",
        "disable_dns_lookups": "yes",
        **_EXPIRES_SOON,
    }


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[int]:
    """The port of the people's mail server."""
    async with CaptureServer(tmp_path / "people", answer=ANSWERS.get) as server:
        yield server.port


async def test_bounces_of_a_real_server_come_back(
    small_stack: Stack, sink: int, place: Path, vouched: Certificate, tmp_path: Path
) -> None:
    """An address that does not exist is dead; a full or busy mailbox and a refusal of ours harm nobody."""
    lmtp, names = free_port(), ("good", *EFFECTS)
    async with AsyncExitStack() as running:
        relay, _ = await running.enter_async_context(
            postfix(Manner.PLAIN, place, free_port(), vouched, changed=_transports(sink, lmtp))
        )
        url = f"smtp://127.0.0.1:{relay.port}?name=relay&country=DE&contract=DPA-9&tls=none"
        stack = small_stack.having(PROCESSORS=url, INBOUND=f"lmtp://127.0.0.1:{lmtp}")
        _, inbound = await running.enter_async_context(stack.running("worker", "inbound"))
        assert await listening_port(inbound) == lmtp
        await stack.application("transaction", event("news", "interpals", "newsletter", people(*names)))
        await stack.finished("news")
        assert {state for state, _ in (await stack.states("news")).values()} == {"handed_over"}
        wanted = {(f"{name}", effect) for name, effect in EFFECTS.items()}
        seen = "SELECT r.ref, m.effect FROM received_mail m JOIN recipients r ON r.id = m.recipient_id"

        async def all_back() -> bool:
            return {(row["ref"], row["effect"]) for row in await stack.query(seen)} >= wanted

        await until(all_back, "all bounces to come back and be handled")
        assert {(row["ref"], row["effect"]) for row in await stack.query(seen)} == wanted
        await stack.application("transaction", event("again", "interpals", "newsletter", people(*names)))
        await stack.finished("again")
        again = await stack.states("again")
    assert again.pop("dead") == ("suppressed", "address_dead")
    assert {state for state, _ in again.values()} == {"handed_over"}
    good = [
        mail for mail in CaptureFolder(tmp_path / "people").list_mails() if mail.recipients == ("good@example.org",)
    ]
    assert len(good) == 2
