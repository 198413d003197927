"""Prepares the tour of the console: people of staff, a mailing under way, one that waits, and things to look up."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from mailer.embedded.demo import ADA, INTERPALS, PALTALK, DemoCommandsMailboxAndSite, read_example_events
from mailer.embedded.demo_http import send_http_request
from mailer.embedded.demo_tour import MIRA, OTTO, PETRA, TOUR_STAFF, PreparedTour
from mailer.embedded.demo_waiting import wait_until
from mailer.events import MessageEvent
from mailer.policy.public_notices import PublicNotice
from mailer.ports.mailings import MailingStatus

_ADA_REF = "member-0001"
_NOTICE_STANDS = timedelta(days=90)
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_DATA_REQUEST_LINK = re.compile(r"http://\S+/data-request/[\w.-]+")
_NOTICE_TEXT = {
    "title": "Notice of Data Breach",
    "what_happened": "On 11 February somebody read a backup of our mail database. We found it three days later.",
    "what_information": "E-mail addresses and names. No passwords.",
    "what_we_do": "We have closed the way in, and told the authority.",
    "what_you_can_do": "Be careful with mail that asks for your password.",
    "more_information": "Write to privacy@interpals.example.",
}


async def prepare_tour(stage: DemoCommandsMailboxAndSite) -> PreparedTour:
    """Prepares all pages of the tour, after the story has imported people and mailed them.

    Raises:
        DemoCheckFailed: something of it did not come about.
    """
    stage.narrator.print_chapter_title("The console gets people, and work for them")
    setting = _TourPreparation(stage)
    await stage.pipeline.limit_brand_to_one_a_second(PALTALK, OTTO)  # it holds within a second
    links = {name: await stage.pipeline.add_staff_member(name, role) for name, role in TOUR_STAFF.items()}
    stage.narrator.say(f"      {len(links)} people of staff, one of each role")
    await setting.ask_for_data_of_ada()
    await setting.put_up_public_notice()
    slow, breach = await setting.publish_events_that_staff_see()
    people = {
        "ada": await setting.person_path_part(PALTALK, _ADA_REF),
        "ada_at_interpals": await setting.person_path_part(INTERPALS, _ADA_REF),
    }
    return PreparedTour(links, {"slow": str(slow.id), "breach": str(breach.id), **people})


class _TourPreparation:
    """The parts of the tour's setting."""

    def __init__(self, stage: DemoCommandsMailboxAndSite) -> None:
        self._stage = stage
        self._pipeline = stage.pipeline
        self._claim = stage.narrator.print_statement_or_fail

    async def publish_events_that_staff_see(self) -> tuple[MailingStatus, MailingStatus]:
        """Publishes as staff. Returns the mailing that goes out slowly, and the one that waits for a second person."""
        events = read_example_events(self._stage.examples)
        newsletter = _event_with_new_id(events[PALTALK, "newsletter"], "summer-letter")
        breach = _event_with_new_id(events[INTERPALS, "breach"], "breach-tour")
        refused = _event_with_new_id(events[PALTALK, "service"], "maintenance-tour")
        await self._pipeline.allow_publishing_as_person(MIRA, PALTALK, ("newsletter",))
        await self._pipeline.allow_publishing_as_person(OTTO, INTERPALS, ("breach",))
        for person, event in ((MIRA, newsletter), (OTTO, breach), (MIRA, refused)):
            await self._pipeline.publish_on_broker(event, person)
        await self._wait_until_dead_letter_is_kept()
        return await self._wait_for_mailing_in_state(newsletter, "running"), await self._wait_for_mailing_in_state(
            breach, "awaiting_release"
        )

    async def ask_for_data_of_ada(self) -> None:
        """Asks for a copy of Ada's data by the form of a brand, and confirms it by the link in the mail."""
        form = urlencode({"email": ADA, "wanted": "copy"}).encode()
        asked = await send_http_request("POST", f"{self._stage.site}/data/{INTERPALS}", form, _FORM)
        found: list[str] = []

        async def has_mail() -> bool:
            mails = await asyncio.to_thread(self._stage.mailbox.mails_received_by, ADA)
            found[:] = [link for mail in mails[:5] for link in _DATA_REQUEST_LINK.findall(mail.text or "")]
            return bool(found)

        await wait_until(self._stage.narrator, has_mail, "a mail brings Ada the link to her request")
        done = await send_http_request("POST", found[0], b"confirm=yes", _FORM)
        self._claim(
            f"Ada asks {INTERPALS} for a copy of her data, and confirms it by the link in a mail",
            (asked.status, done.status) == (200, 200),
        )

    async def put_up_public_notice(self) -> None:
        """Puts a notice of a breach on the public page of a brand; two people are needed."""
        today = datetime.now(UTC).date()
        notice = PublicNotice(
            UUID(int=1), INTERPALS, {"en": _NOTICE_TEXT}, today, today + _NOTICE_STANDS, drafted_by=OTTO
        )
        own = await self._pipeline.draft_and_release_public_notice(notice, OTTO)
        second = await self._pipeline.release_public_notice(notice.id, PETRA)
        page = await send_http_request("GET", f"{self._stage.site}/notices/{INTERPALS}")
        self._claim(
            f"{OTTO} drafts a public notice and cannot release it, {PETRA} can",
            not own and second and _NOTICE_TEXT["title"] in page.text,
        )

    async def person_path_part(self, brand: str, ref: str) -> str:
        """Returns the part of the path of a person's page that names them."""
        return f"{brand}/{await self._pipeline.find_recipient_id(brand, ref)}"

    async def _wait_until_dead_letter_is_kept(self) -> None:
        async def is_kept() -> bool:
            return await self._pipeline.count_dead_letters() > 0

        await wait_until(self._stage.narrator, is_kept, f"service mail of {MIRA}, who has no right to it, is refused")

    async def _wait_for_mailing_in_state(self, event: MessageEvent, state: str) -> MailingStatus:
        """Waits until an event's mailing is in a state, and returns it."""
        found: list[MailingStatus] = []

        async def is_there() -> bool:
            status = await self._pipeline.find_mailing_status_of_event(event.brand, event.id)
            found[:] = [status] if status and status.audience_size is not None else []
            return bool(found) and found[0].state == state

        says = f"{event.brand} {event.id} is {state.replace('_', ' ')}"
        await wait_until(self._stage.narrator, is_there, says)
        self._claim(says, True)
        return found[0]


def _event_with_new_id(event: MessageEvent, id_: str) -> MessageEvent:
    """Returns the same event as a new one, in a campaign of its own name."""
    return event.model_copy(update={"id": id_, "campaign": id_})
