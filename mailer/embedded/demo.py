"""The demo: applications, an operator and recipients use mailer, in one story. The demo checks each of its statements.

It uses mailer from outside: over HTTP, by captured mail, and by the few commands of `DemoCommands`.
"""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mailer.embedded.demo_http import HttpAnswer, send_http_request
from mailer.embedded.demo_interfaces import CapturedMailLookup, DemoCommands
from mailer.embedded.demo_mail_reading import (
    form_body_posted_by_each_button,
    has_no_unsubscribe_link_or_pixel,
    header_field,
    is_newsletter_of_brand,
    one_click_unsubscribe_link,
    pixel_url,
)
from mailer.embedded.demo_report import DemoPrinter, count_deliveries_in_state
from mailer.embedded.demo_waiting import wait_until
from mailer.events import Audience, MessageEvent, People, Refs, parse_event
from mailer.ports.captured_mail import CapturedMail
from mailer.ports.deliveries import DeliveryState
from mailer.ports.mailings import MailingStatus

PALTALK, INTERPALS = BRANDS = ("paltalk-2006", "interpals")
APPLICATION, SECURITY_OFFICER = "paltalk-app", "dana"
ADA, BEN = "ada.lovelace@example.org", "ben.okafor@example.com"
QUIET, GONE = "quiet@example.org", "gone@example.org"
"""`QUIET` has opted out of everything optional, `GONE` has closed the account."""

_MAIL_PROGRAM = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0"}
_IMAGE_PROXY = {"user-agent": "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)"}
_FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class DemoCommandsMailboxAndSite:
    """The parts that the story uses.

    Attributes:
        pipeline: the commands.
        mailbox: the captured mail.
        site: the address of the web app, such as `http://127.0.0.1:8025`.
        examples: the folder with recipients and events.
        data: the folder for rejected lines.
        narrator: the printer.
    """

    pipeline: DemoCommands
    mailbox: CapturedMailLookup
    site: str
    examples: Path
    data: Path
    narrator: DemoPrinter


async def run_demo_and_return_statuses(stage: DemoCommandsMailboxAndSite) -> list[MailingStatus]:
    """Runs the story; returns the status of each event's mailing.

    Raises:
        DemoCheckFailed: a statement of the demo is not true.
    """
    story = _DemoStory(stage)
    await story.imports_recipients()
    events = await story.publishes_by_http_and_broker()
    await story.checks_breach_notices_wait_for_release(events)
    await story.checks_that_pixel_names_nobody(events)
    await story.unsubscribes_two_people()
    again = await story.publishes_newsletter_and_service_again(events)
    await story.checks_leavers_get_only_service_mail(events, again)
    return await story.checks_and_prints_final_results([*events.values(), *again.values()])


Events = dict[tuple[str, str], MessageEvent]
"""Events by brand and category."""


class _DemoStory:
    """The chapters of the story, in their order."""

    def __init__(self, stage: DemoCommandsMailboxAndSite) -> None:
        self._stage = stage
        self._pipeline, self._mailbox, self._narrator = stage.pipeline, stage.mailbox, stage.narrator
        self._claim, self._chapter = stage.narrator.print_statement_or_fail, stage.narrator.print_chapter_title
        self._key = ""
        self._newsletters: dict[str, CapturedMail] = {}
        self._seen: set[str] = set()

    async def imports_recipients(self) -> None:
        """Imports recipients; checks that each line is taken, or rejected with a reason."""
        self._chapter("Recipients are imported, once for each brand")
        file = self._stage.examples / "recipients.csv"
        lines = await asyncio.to_thread(_count_csv_rows, file, "")
        for brand in BRANDS:
            rejected = self._stage.data / f"{brand}.rejected.csv"
            done = await self._pipeline.import_file_of_recipients(file, brand, rejected)
            reasons = await asyncio.to_thread(_count_csv_rows, rejected, "reason")
            self._claim(
                f"{brand}: {done.taken:,} of {lines:,} lines taken, {done.rejected} rejected with a reason each",
                done.taken + done.rejected == lines and done.rejected == reasons,
            )

    async def publishes_by_http_and_broker(self) -> Events:
        """Publishes the events: one application by HTTP, the other on the broker."""
        self._chapter("Two applications publish: one event for each brand and category")
        await wait_until(self._narrator, self._is_site_answering, f"the web app answers at {self._stage.site}")
        events = read_example_events(self._stage.examples)
        categories = {event.category for event in events.values()}
        self._key = await self._pipeline.create_publisher_api_key(APPLICATION, PALTALK, categories)
        await self._pipeline.allow_publishing_on_broker(INTERPALS, categories)
        for event in events.values():
            if event.brand == PALTALK:
                answer = await self._post_event(event)
                self._claim(
                    f"{event.brand} posts {event.id}, {_audience_in_words(event)}: accepted", answer.status == 202
                )
            else:
                await self._pipeline.publish_on_broker(event)
                self._narrator.say(f"      {event.brand} puts {event.id}, {_audience_in_words(event)}, on the broker")
        return events

    async def checks_breach_notices_wait_for_release(self, events: Events) -> None:
        """Waits for the mailings; checks that breach notices wait until a second person releases them."""
        self._chapter("The mailings are handed over by SMTP; breach notices wait for a second person")
        others = [event for event in events.values() if event.category != "breach"]
        breaches = [event for event in events.values() if event.category == "breach"]
        await self._wait_until_finished(others)
        for event in breaches:
            waiting = await self._mailing_status(event)
            self._claim(
                f"{event.brand} {event.id} waits: nothing of it was sent", _is_mailing_waiting_for_release(waiting)
            )
            by_publisher = await self._pipeline.approve_mailing(waiting.id, waiting.publisher)
            by_officer = await self._pipeline.approve_mailing(waiting.id, SECURITY_OFFICER)
            self._claim(
                f"its publisher ({waiting.publisher}) cannot release it, {SECURITY_OFFICER} can",
                not by_publisher and by_officer,
            )
        await self._wait_until_finished(breaches)
        mails = [mail for address in (QUIET, GONE) for mail in await self._mails_received_by(address)]
        for event in breaches:
            status = await self._mailing_status(event)
            self._claim(
                f"{event.brand} {event.id} reached {QUIET}, who opted out of everything, and {GONE}, who closed the "
                "account; the one dead address is left to written notice",
                len(await self._recipient_ids_of_captured_mails(status, mails)) == 2
                and count_deliveries_in_state(status, DeliveryState.DIVERTED) == 1,
            )

    async def checks_that_pixel_names_nobody(self, events: Events) -> None:
        """Fetches the pixel of a newsletter; checks that it names no person, and that no figure shows the fetch yet."""
        self._chapter("Ada opens her newsletter")
        for address in (ADA, BEN):
            mails = [mail for mail in await self._mails_received_by(address) if is_newsletter_of_brand(mail, PALTALK)]
            self._claim(f"{address} got one newsletter of {PALTALK}", len(mails) == 1)
            self._newsletters[address] = mails[0]
        image = pixel_url(self._newsletters[ADA]) or ""
        self._claim(
            "its pixel is the mailing's: Ben's copy has the same",
            image == (pixel_url(self._newsletters[BEN]) or "none"),
        )
        answers = [await send_http_request("GET", image, headers=agent) for agent in (_MAIL_PROGRAM, _IMAGE_PROXY)]
        status = await self._mailing_status(events[PALTALK, "newsletter"])
        self._claim(
            "her mail program fetches it, an image proxy too, and no figure tells: opens are counted by the hour, and"
            " shown from 20 on",
            all(answer.status == 200 and answer.body.startswith(b"GIF89a") for answer in answers)
            and (status.opens, status.machine_opens) == (None, None),
        )

    async def unsubscribes_two_people(self) -> None:
        """Unsubscribes two people; checks that a GET changes nothing, and that the button and one-click do."""
        self._chapter("Ada leaves by the link, Ben by one click")
        link = self._newsletter_unsubscribe_link(ADA)
        pages = [await send_http_request(method, link) for method in ("GET", "HEAD", "GET")]
        asked = form_body_posted_by_each_button(pages[0].text)
        self._claim(
            "GET and HEAD of Ada's List-Unsubscribe link change nothing: the page asks, and asks again",
            all(page.status == 200 for page in pages)
            and bool(asked)
            and form_body_posted_by_each_button(pages[2].text) == asked,
        )
        done = await send_http_request("POST", link, asked[0], _FORM)
        self._claim(
            "she presses its button: 200, and the page asks no more",
            await self._is_post_ok_and_button_gone(done, link, asked[0]),
        )
        link = self._newsletter_unsubscribe_link(BEN)
        done = await send_http_request("POST", link, b"List-Unsubscribe=One-Click", _FORM)
        self._claim(
            "Ben's mail program posts List-Unsubscribe=One-Click (RFC 8058): 200, and it holds",
            await self._is_post_ok_and_button_gone(done, link, asked[0]),
        )

    async def publishes_newsletter_and_service_again(self, events: Events) -> Events:
        """Publishes a newsletter and a service notice again, under new ids."""
        self._chapter(f"{PALTALK} publishes again: a newsletter and a service notice")
        again = {
            key: events[key].model_copy(update={"id": f"{events[key].id}-again"})
            for key in ((PALTALK, "newsletter"), (PALTALK, "service"))
        }
        self._seen = {mail.id for address in (ADA, BEN) for mail in await self._mails_received_by(address)}
        for event in again.values():
            self._claim(f"{event.id}: accepted", (await self._post_event(event)).status == 202)
        await self._wait_until_finished(list(again.values()))
        return again

    async def checks_leavers_get_only_service_mail(self, events: Events, again: Events) -> None:
        """Checks that people who left get no newsletter, with the reason in the ledger, and get the service notice."""
        first, second = [await self._mailing_status(each[PALTALK, "newsletter"]) for each in (events, again)]
        more = count_deliveries_in_state(second, DeliveryState.SUPPRESSED, "opted_out") - count_deliveries_in_state(
            first, DeliveryState.SUPPRESSED, "opted_out"
        )
        self._claim("the newsletter is suppressed as opted_out for two people more than the first one", more == 2)
        whom = await self._recipient_ids_of_captured_mails(first, list(self._newsletters.values()))
        verdicts = [
            (entry["reason"], entry["rule"], entry["policy"])
            async for entry in self._pipeline.ledger_entries_of_mailing(second.id)
            if entry["kind"] == "decision" and entry["recipient"] in whom
        ]
        policy = verdicts[0][2] if verdicts else ""
        self._claim(
            f"the ledger has both: recipients {' and '.join(map(str, sorted(whom)))}, reason opted_out, rule opt-out,"
            f" policy of {policy}",
            len(whom) == 2 and verdicts == [("opted_out", "opt-out", policy)] * 2 and bool(policy),
        )
        new = [
            mail
            for address in (ADA, BEN)
            for mail in await self._mails_received_by(address)
            if mail.id not in self._seen
        ]
        service = await self._mailing_status(again[PALTALK, "service"])
        self._claim(
            "the service notice reached both, and nothing else did; it has no unsubscribe link and no pixel",
            len(new) == 2
            and all(map(has_no_unsubscribe_link_or_pixel, new))
            and await self._recipient_ids_of_captured_mails(service, new) == whom,
        )

    async def checks_and_prints_final_results(self, events: Sequence[MessageEvent]) -> list[MailingStatus]:
        """Prints the result of every mailing; checks that all deliveries are final, and that the ledger verifies."""
        self._chapter("What became of every mailing")
        statuses = [await self._mailing_status(event) for event in events]
        self._narrator.print_mailings(statuses)
        self._claim(
            "everyone in every audience ended in one state, with its reason",
            all(sum(status.counts.values()) == status.audience_size for status in statuses)
            and all(DeliveryState(state).is_final for status in statuses for state, _ in status.counts),
        )
        sent, captured = (
            sum(count_deliveries_in_state(status, DeliveryState.HANDED_OVER) for status in statuses),
            await self._count_captured_mails(),
        )
        self._claim(f"{sent:,} were handed over, {captured:,} were captured", sent == captured)
        ledger = await self._pipeline.verify_ledger()
        self._claim(f"the ledger verifies: {ledger.entries:,} entries, {ledger.faults} faults", ledger.faults == 0)
        return statuses

    async def _post_event(self, event: MessageEvent) -> HttpAnswer:
        head = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        return await send_http_request("POST", f"{self._stage.site}/api/v1/events", event.to_json(), head)

    async def _mailing_status(self, event: MessageEvent) -> MailingStatus:
        status = await self._pipeline.find_mailing_status_of_event(event.brand, event.id)
        return status or self._narrator.fail(f"{event.brand} {event.id} was taken in")

    async def _mails_received_by(self, address: str) -> Sequence[CapturedMail]:
        return await asyncio.to_thread(self._mailbox.mails_received_by, address)

    def _newsletter_unsubscribe_link(self, address: str) -> str:
        link = one_click_unsubscribe_link(self._newsletters[address])
        return link or self._narrator.fail(f"the newsletter to {address} can be left by one click")

    async def _count_captured_mails(self) -> int:
        return await asyncio.to_thread(self._mailbox.count_mails)

    async def _is_post_ok_and_button_gone(self, done: HttpAnswer, link: str, button: bytes) -> bool:
        """Tells whether a POST was answered with 200, and the page no longer offers the button."""
        return done.status == 200 and button not in form_body_posted_by_each_button(
            (await send_http_request("GET", link)).text
        )

    async def _recipient_ids_of_captured_mails(self, mailing: MailingStatus, mails: Sequence[CapturedMail]) -> set[int]:
        """Returns the recipients of these copies of a mailing, by their ids in the ledger."""
        ids = {(header_field(mail, "Message-ID") or "").strip("<>") for mail in mails}
        entries = self._pipeline.ledger_entries_of_mailing(mailing.id)
        return {entry["recipient"] async for entry in entries if entry["message_id"] in ids}

    async def _wait_until_finished(self, events: Sequence[MessageEvent]) -> None:
        """Waits until the mailings of all given events are taken in and finished."""
        with self._narrator.show_progress_bar("handing over") as line:

            async def done() -> bool:
                found = [await self._pipeline.find_mailing_status_of_event(event.brand, event.id) for event in events]
                known = [status for status in found if status]
                final = sum(
                    n for status in known for (state, _), n in status.counts.items() if DeliveryState(state).is_final
                )
                line.show_done_of_total(final, sum(status.audience_size or 0 for status in known))
                return len(known) == len(events) and all(status.state == "finished" for status in known)

            names = ", ".join(f"{event.brand} {event.id}" for event in events)
            await wait_until(self._narrator, done, f"{names} are finished")

    async def _is_site_answering(self) -> bool:
        try:
            return (await send_http_request("GET", f"{self._stage.site}/healthz")).status == 200
        except OSError:
            return False


def _count_csv_rows(file: Path, column: str) -> int:
    """Counts the rows of a CSV file. If a column is named, it counts only rows with a value there."""
    with file.open(encoding="utf-8", newline="") as lines:
        return sum(1 for line in csv.DictReader(lines) if not column or line[column])


def read_example_events(examples: Path) -> Events:
    """Reads the events of the folder of examples."""
    events = [parse_event(file.read_bytes()) for file in sorted((examples / "events").glob("*.json"))]
    return {(event.brand, event.category): event for event in events}


def _is_mailing_waiting_for_release(status: MailingStatus) -> bool:
    return (
        status.state == "awaiting_release"
        and count_deliveries_in_state(status, DeliveryState.QUEUED) == status.audience_size
    )


def _audience_in_words(event: MessageEvent) -> str:
    """Returns the audience of an event in words."""
    match event.to:
        case Audience(audience=name):
            return f"to the audience {name}"
        case People(people=people):
            return f"to {len(people)} people that it brings along"
        case Refs(refs=refs):
            return f"to {len(refs)} refs"
