"""The pages that show a mail, for pictures: its web copy, and the inbox of captured mail."""

import time
from collections.abc import Iterator
from pathlib import Path

from mailer.processors.capture.folder import CaptureFolder
from mailer.processors.capture.server import CaptureServer
from mailer.processors.smtp.processor import SmtpProcessor, smtp_processor_from_url
from mailer.rendering.link_tokens import WebCopyToken
from mailer.rendering.signed_links import SignedLinks
from mailer.web.app import create_app
from mailer.web.captured_mail_inbox import create_inbox_app
from scripts.picture_taking import NARROW, SITE, VIEWS, WIDE, Shot, Sitting
from tests.factories import BRAND, KEY, World, person
from tests.integration.web_world import site_over


async def mail_sittings(world: World, folder: Path) -> list[Sitting]:
    """Sends mail in two languages to an inbox in a folder. Returns the pages that show it."""
    people = [person(101, name="Ada Lovelace", locale="en-GB"), person(102, name="ليلى حداد", locale="ar")]
    for category in ("newsletter", "service", "account"):
        accepted = await world.accept(people, category)
        await world.handover().hand_over_batches(accepted.batches)
        if category == "newsletter":
            newsletter = accepted.mailing_id
    await _hand_over_to_inbox(world, folder)
    links = SignedLinks(SITE, [KEY])
    ids = {"en": await world.id_of("user-101"), "ar": await world.id_of("user-102")}
    copies = [
        Shot(
            "view" if language == "en" else f"view-{language}",
            links.web_copy_link(WebCopyToken(BRAND, id_, newsletter, 1)),
            language=language,
            views=VIEWS if language == "en" else (NARROW, WIDE),
        )
        for language, id_ in ids.items()
    ]
    inbox = CaptureFolder(folder)
    return [Sitting(create_app(site_over(world)), copies), Sitting(create_inbox_app(inbox), list(_inbox_shots(inbox)))]


async def _hand_over_to_inbox(world: World, folder: Path) -> None:
    """Hands the mails that the world's processor has got to a real SMTP server, which keeps them."""
    async with CaptureServer(folder) as server:
        sender: SmtpProcessor = smtp_processor_from_url(f"smtp://127.0.0.1:{server.port}")
        await sender.send(world.processor.sent, time.monotonic() + 60, lambda index: None)
        await sender.close()


def _inbox_shots(inbox: CaptureFolder) -> Iterator[Shot]:
    newest = inbox.list_mails()[0]
    yield Shot("inbox", f"{SITE}/inbox")
    yield Shot("inbox-mail", f"{SITE}/inbox/{newest.id}")
    yield Shot("inbox-mail-headers", f"{SITE}/inbox/{newest.id}/headers")
