"""One of the messages that this pipeline sends, for the peers to send the same."""

import json
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from bench.speed.machine import Program, free_port, until
from bench.speed.ours import Ours, publish
from bench.speed.room import AUDIENCES, ROOT, Room


def sample(room: Room) -> Path:
    """The file with it, as it went over the wire without a signature; made by a worker if it is not there."""
    file = room.folder / "sample.eml"
    if not file.exists():
        ours, port = Ours("sample", "sample", AUDIENCES[0]), free_port()
        sink = Program([sys.executable, "-m", "bench.sink", str(port), str(file)], room.folder / "sample.log", cwd=ROOT)
        with sink:
            sink.up("listening")
            before = room.handed_over()
            with ours.processes(room, port):
                publish(room, ours.rabbit, ours.events(ours.size))
                until(lambda: room.handed_over() == before + ours.size, "a sample")
        file.with_name(f"{file.name}.json").write_text(json.dumps(_parts(file.read_bytes())))
    return file


def _parts(content: bytes) -> dict[str, object]:
    """The message as nodemailer takes it to build it again."""
    parsed = message_from_bytes(content, EmailMessage, policy=policy.default)
    found = {name: parsed.get_body((kind,)) for name, kind in (("text", "plain"), ("html", "html"))}
    headers = {name: str(parsed[name]) for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id")}
    fields = {"from": str(parsed["From"]), "subject": str(parsed["Subject"]), "headers": headers}
    return fields | {name: part.get_content() for name, part in found.items() if part is not None}
