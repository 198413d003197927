"""The inbox of captured mail: search, filters, and the newest of each kind first."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import httpx

from mailer.processors.capture.folder import CaptureFolder
from mailer.web.captured_mail_inbox import create_inbox_app
from mailer.web.inbox_filter import InboxFilter, kind_of_mail, mails_in_filter, newest_of_each_kind
from tests.integration.web_world import Mail, Mails


def mail(id: str, category: str, brand: str = "interpals", person: str = "ada", subject: str = "Hello") -> Mail:
    """A captured mail of a kind."""
    headers = [("Feedback-ID", f"spring:{category}:{brand}:mailer")]
    return Mail(id, subject, None, "text", headers, recipients=(f"{person}@people.example",))


MAILS = [
    mail("m6", "newsletter", person="Bob"),
    mail("m5", "newsletter", subject="Straße & Weg"),
    mail("m4", "breach", brand="peerstream"),
    mail("m3", "newsletter", brand="peerstream"),
    mail("m2", "newsletter"),
    Mail("m1", "no kind", None, None, [("Feedback-ID", "a:nonsense:b:c")]),
]


def ids(mails: object) -> list[str]:
    """The ids of mails."""
    assert isinstance(mails, list)
    return [one.id for one in mails]


def test_mails_are_chosen() -> None:
    """Brand, category, a part of an address, a part of what the list shows, in any case: all have to fit."""
    for chosen, expected in (
        (InboxFilter(), ["m6", "m5", "m4", "m3", "m2", "m1"]),
        (InboxFilter(brand="peerstream"), ["m4", "m3"]),
        (InboxFilter(category="newsletter"), ["m6", "m5", "m3", "m2"]),
        (InboxFilter(person="bob@"), ["m6"]),
        (InboxFilter(text="STRASSE"), ["m5"]),
        (InboxFilter(text="hello", brand="interpals", category="newsletter", person="ADA"), ["m2"]),
        (InboxFilter(brand="nobody"), []),
        (InboxFilter(category="nonsense"), []),
    ):
        assert ids(mails_in_filter(MAILS, chosen)) == expected


def test_the_newest_of_each_kind() -> None:
    """One of each brand and category; what has no kind is left out."""
    assert ids(newest_of_each_kind(MAILS)) == ["m6", "m4", "m3"]


async def test_the_page_filters_and_begins_with_each_kind() -> None:
    """The filter stays in the links to other pages; a filtered list has no first part; a script is only text."""
    many = [*MAILS, *(mail(f"x{number}", "promotional", subject="Offer") for number in range(60))]
    app = create_inbox_app(Mails(many))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://operators") as client:
        first = (await client.get("/inbox")).text
        offers = (await client.get("/inbox?category=promotional&text=offer")).text
        script = (await client.get("/inbox?text=<script>1</script>&brand=<script>")).text
        long = await client.get(f"/inbox?text={'x' * 500}")
    listed = re.findall(r'href="/inbox/(\w+)"', first)
    assert listed[:4] == ["m6", "m4", "m3", "x0"]
    assert listed[4:10] == ["m6", "m5", "m4", "m3", "m2", "m1"]
    assert re.findall(r'href="/inbox/(\w+)"', offers) == [f"x{number}" for number in range(50)]
    assert 'href="/inbox?text=offer&amp;category=promotional&amp;page=2"' in offers
    assert "<script>" not in script
    assert "No mail fits." in script
    assert long.status_code == 422


def test_mail_that_an_earlier_version_captured_has_its_kind(tmp_path: Path) -> None:
    """Its facts lack the field, which is then read from the message; a noted one is not read again."""
    facts = {
        "at": datetime(2026, 11, 29, tzinfo=UTC).isoformat(),
        "sender": "a@b.example",
        "recipients": ["ada@people.example"],
        "author": "A",
        "subject": "S",
    }
    old, new = "0192f0c1-0000-7000-8000-000000000001", "0192f0c1-0000-7000-8000-000000000002"
    (tmp_path / f"{old}.eml").write_bytes(b"Feedback-ID: spring:breach:interpals:mailer\r\n\r\ntext")
    (tmp_path / f"{old}.json").write_text(json.dumps(facts))
    (tmp_path / f"{new}.json").write_text(json.dumps(facts | {"feedback_id": "spring:newsletter:interpals:mailer"}))
    folder = CaptureFolder(tmp_path)
    kinds = {mail.id: kind_of_mail(mail) for mail in folder.list_mails()}
    assert {id: kind and kind.category for id, kind in kinds.items()} == {old: "breach", new: "newsletter"}
