"""Failures that no other test meets on its way; docs/what-happens-when.md has them all."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailer import link_and_dkim_signers
from mailer.ledger import writers
from mailer.pipeline import hand_over_of_claim, handover, timekeeper, window_sender
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.mailings import NewMailing
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template import Piece
from mailer.rendering.template_library import TemplateLibrary
from mailer.settings import Settings, SettingsError
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import KEY, World, make_event, new_mailing, person


def renderers(world: World, templates: TemplateLibrary) -> MailingRendererCache:
    """The renderers of a worker that was started with other templates."""
    return MailingRendererCache(world.policies, templates, SignedLinks("https://mail.example", (KEY,)), None)


async def test_a_template_that_is_removed_during_a_mailing(world: World) -> None:
    """The mailing ends with the template that it began with, though the worker has none of that name."""
    accepted = await world.accept([person(1)])
    world.renderers = renderers(world, TemplateLibrary({}))
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}


def keeping(piece: Piece, text: str) -> NewMailing:
    """A mailing to somebody that keeps another version of its template, in which a piece is this text."""
    mailing = new_mailing(make_event([person(1)]))
    source = json.loads(mailing.template_source)
    for pieces in source["sources"].values():
        pieces[piece] = text
    return replace(mailing, template_version="another", template_source=json.dumps(source))


async def test_a_template_that_is_changed_during_a_mailing(world: World) -> None:
    """Mail accepted before the change keeps the old words. Mail accepted after it has the new ones."""
    [before] = await world.mailings.accept_mailings([keeping("subject", "As it was")])
    after = await world.accept([person(2)])
    await world.handover().hand_over_batches([*before.batches, *after.batches])
    subjects = {mail.recipient: b"Subject: As it was\r\n" in mail.content for mail in world.processor.sent}
    assert subjects == {"user-1@people.example": True, "user-2@people.example": False}


async def test_a_template_that_only_newer_workers_can_read(world: World) -> None:
    """A worker that cannot compile what a mailing keeps leaves it to the others, and goes on with the rest."""
    [strange] = await world.mailings.accept_mailings([keeping("text", "{{ name | filter_of_the_future }}")])
    usual = await world.accept([person(2)])
    with structlog.testing.capture_logs() as logs:
        await world.handover().hand_over_batches([*strange.batches, *usual.batches])
    assert [line["event"] for line in logs] == ["left to workers that know it"]
    assert await world.states(strange.mailing_id) == {"user-1": ("queued", "")}
    assert await world.states(usual.mailing_id) == {"user-2": ("handed_over", "")}


async def test_a_message_that_breaks_each_connection(world: World) -> None:
    """All other mail arrives if the relay breaks at one message. That one is tried again, and given up in the end."""
    lost = Outcome(OutcomeKind.DEFERRED, text="lost before the final dot")
    relay = FakeProcessor(lambda outgoing: lost if outgoing.recipient.startswith("user-7@") else ACCEPTED)
    accepted = await world.accept([person(n) for n in range(100)])
    await world.handover(relay).hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 99, ("deferred", "deferred"): 1}
    await world.pool.execute("UPDATE deliveries SET tried_at = now() - interval '3 days' WHERE tried_at IS NOT NULL")
    for _ in range(2):
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        await world.run_published(relay)
    assert (await world.states(accepted.mailing_id))["user-7"] == ("failed", "gave_up deferred")
    assert len([mail for mail in relay.sent if mail.recipient.startswith("user-7@")]) == 2


@dataclass
class Clock:
    """A wall clock that is wrong."""

    wrong: timedelta

    def now(self, zone: object) -> datetime:
        """Returns a wrong time, in the way of `datetime.now`."""
        assert zone is UTC
        return datetime.now(UTC) + self.wrong


@pytest.mark.parametrize("hours", [-1, 1])
async def test_clocks_that_differ(world: World, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """Leases hold if a worker's clock is an hour off: they go by the database's clock and the worker's uptime."""
    for module in (handover, hand_over_of_claim, window_sender, writers):
        monkeypatch.setattr(module, "datetime", Clock(timedelta(hours=hours)))

    class Watched(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            await world.timekeeper().run_all_steps_once()
            return await super().send(window, deadline, permit, urgent=urgent)

    accepted = await world.accept([person(n) for n in range(100)])
    await world.handover(relay := Watched()).hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 100}
    assert len(relay.sent) == 100
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_mailings_wait_for_a_timekeeper(world: World) -> None:
    """Due mail waits if no timekeeper runs. The first tick of the next one goes on with it."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    accepted = await world.accept([person(1)], send_at=later)
    await world.due_now()
    await world.pool.execute("UPDATE mailings SET send_at = now()")
    assert world.broker.take() == []
    await asyncio.wait_for(world.timekeeper().run_all_steps_once(), timekeeper.RARELY)
    await world.run_published()
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}


def test_a_dkim_key_that_is_missing(tmp_path: Path) -> None:
    """A file that is not there is refused by name; mail of a domain that has no key goes unsigned."""
    file = tmp_path / "key.pem"
    settings = Settings(dkim=(f"example.org:s1:{file}",))
    with pytest.raises(SettingsError, match=r"MAILER_DKIM.*key\.pem"):
        link_and_dkim_signers.build_dkim_sign_function_from_settings(settings)
    key = rsa.generate_private_key(65537, 2048)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    sign = link_and_dkim_signers.build_dkim_sign_function_from_settings(settings)
    assert sign is not None
    mail = b"From: a@example.org\r\nSubject: hello\r\n\r\nbye\r\n"
    assert sign("example.org", mail, 0).startswith(b"DKIM-Signature: ")
    assert sign("another.example", mail, 0) == mail
