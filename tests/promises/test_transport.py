"""Mail on its way to a relay, and on this machine: encrypted, on record, and its owner's alone."""

import json
import ssl
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP

from mailer.processors.smtp.relay_url import TlsMode, parse_relay_url
from tests.factories import World, person
from tests.integration.smtp_world import Keep, processor, real, scripted
from tests.integration.test_smtp_tls import certificate

__all__ = ["certificate"]


async def taken(world: World, mailing_id: UUID) -> list[dict[str, Any]]:
    """The entries of a mailing's messages that were accepted."""
    return [entry for entry in await world.entries(mailing_id, "outcome") if entry["reason"] == "accepted"]


@pytest.mark.promise("interpals-29", "paltalk06-27")
async def test_mail_leaves_encrypted_or_not_at_all(
    world: World, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """A relay gets mail once its certificate is checked, and the ledger says so; one without TLS gets nothing."""
    keep = Keep()
    accepted = await world.accept([person(1), person(2)])
    async with real(lambda: SMTP(keep, hostname="test", tls_context=certificate[0], require_starttls=True)) as port:
        async with processor(port, tls=TlsMode.STARTTLS) as distrusting:
            await world.handover_by([distrusting]).hand_over_batches(accepted.batches)
        assert (keep.envelopes, await taken(world, accepted.mailing_id)) == ([], [])
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        async with processor(port, tls=TlsMode.STARTTLS, context=certificate[1]) as trusting:
            for message in world.broker.take():
                await world.handover_by([trusting]).hand_over_batches([json.loads(message.body)["batch"]])
    assert len(keep.envelopes) == 2
    assert [entry["rule"] for entry in await taken(world, accepted.mailing_id)] == ["tls:TLSv1.3 verified"] * 2
    async with scripted() as server, processor(server.port, tls=TlsMode.STARTTLS) as plain:
        accepted = await world.accept([person(3)])
        await world.handover_by([plain]).hand_over_batches(accepted.batches)
        assert [command.split()[0] for command in server.commands] == ["EHLO"]
    for url in (
        "smtp://relay.example?tls=none&country=US&contract=c&name=a",
        "smtp://10.1.2.3:25?tls=none&country=US&contract=c&name=a",
    ):
        with pytest.raises(ValueError, match="tls=none is only for loopback"):
            parse_relay_url(url)
