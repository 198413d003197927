"""People whose addresses their operators gave out before they kept to RFC 5321."""

import time
from email import message_from_bytes
from pathlib import Path

from mailer.processors.capture.folder import CaptureFolder
from mailer.processors.capture.server import CaptureServer
from mailer.processors.smtp.processor import smtp_processor_from_url
from tests.factories import World, person, plain_event, received

OLD = ["a..b@docomo.ne.jp", "a.@ezweb.ne.jp"]
QUOTED = ['"a..b"@docomo.ne.jp', '"a."@ezweb.ne.jp']


async def test_they_get_mandatory_mail_and_refuse_nobody_elses(world: World, tmp_path: Path) -> None:
    """Case S20: each is handed over with the local part quoted, in the envelope and in To, and a relay takes it."""
    people = [person(number, email=email) for number, email in enumerate([*OLD, "ada@people.example"])]
    context = {"done": "erased", "message": "Your account is erased."}
    event = plain_event(people, "service") | {"category": "rights", "template": "rights-answer", "context": context}
    taken = received(event)
    await world.intake().accept_event_messages("service", [taken])
    assert taken.settled == "ack"
    await world.release_newest()
    assert world.processor.recipients == sorted([*QUOTED, "ada@people.example"])
    for sent in world.processor.sent:
        assert message_from_bytes(sent.content)["To"] == sent.recipient
    async with CaptureServer(tmp_path) as server:
        relay = smtp_processor_from_url(f"smtp://127.0.0.1:{server.port}")
        await relay.send(world.processor.sent, time.monotonic() + 60, lambda index: None)
        await relay.close()
    assert len(CaptureFolder(tmp_path).list_mails()) == 3


async def test_either_spelling_is_the_same_mailbox(world: World) -> None:
    """A person who left under the address as their operator wrote it has left under the quoted one as well."""
    await world.known(1, email=OLD[0])
    await world.standings.record_opt_out("interpals", await world.id_of("user-1"), "*", "test")
    accepted = await world.accept([person(2, email=QUOTED[0]), person(3)])
    await world.handover().hand_over_batches(accepted.batches)
    assert world.processor.recipients == ["user-3@people.example"]
