"""The tour of every page for recipients, as one person takes it: each page, each button, each problem."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, cast
from unittest.mock import patch
from uuid import UUID

from mailer.policy.data_requests import DataRequestKind
from mailer.policy.public_notices import PARTS, PublicNotice
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.requests_identified_by_address import LEAVE
from mailer.postgres.public_notices import PostgresPublicNotices
from mailer.postgres.requests_identified_by_address import BRAND_AN_HOUR
from mailer.rendering.link_tokens import ConfirmToken, MailReportToken, PreferencesToken, UnsubscribeToken, WebCopyToken
from mailer.rendering.signed_links import SERVICE
from mailer.web.languages import LANGUAGES, PageLanguage
from mailer.web.personal_data_html import COPY_TEXTS
from tests.browser.tours import Tour
from tests.data_requests import link_of
from tests.factories import BRAND, World, person
from tests.integration.web_world import PUBLIC_URL
from tests.letters import LINKS, answers, read
from tests.released_campaigns import release

OTHER, CLOSABLE, BUSY = "peerstream", "paltalk-2002", "paltalk-2006"
"""A brand without notices, one whose account is closed by the link of service mail, and one with too many requests."""


@dataclass(frozen=True)
class Reader:
    """A person who looks at the pages.

    Attributes:
        id, address: at `BRAND`. closable_id: at `CLOSABLE`.
        mailing, invitation: the mailings that the person got. subject: of the first of them.
    """

    language: PageLanguage
    id: int
    closable_id: int
    address: str
    mailing: UUID
    invitation: UUID
    subject: str

    def says(self, *names: str | int, brand: str = "InterPals") -> str:
        """A text of the pages in the person's language."""
        text: Any = self.language.texts
        for name in names:
            text = text[name]
        return str(text).format(brand=self.language.isolate_name_in_rtl_text(brand))

    def leaving(self, generation: int = 1) -> str:
        """The path of the link to leave the newsletter."""
        return _path(LINKS.unsubscribe_link(UnsubscribeToken(BRAND, self.id, "newsletter", self.mailing, generation)))

    @property
    def choosing(self) -> str:
        """The path of the link to the preferences."""
        return _path(LINKS.preferences_link(PreferencesToken(BRAND, self.id, 1)))


def _path(link: str) -> str:
    return link.removeprefix(PUBLIC_URL)


async def add_reader(world: World, number: int, code: str) -> Reader:
    """Makes a person known who reads a language, with a newsletter and an invitation."""
    who = person(number, locale=code)
    mailing = await world.accept([who])
    await world.handover().hand_over_batches(mailing.batches)
    subject = read(world.processor.sent[-1])["Subject"]
    invitation = await world.accept([who], "invitation", inviter=f"member-{number}")
    await world.accept([who], brand=CLOSABLE, controller="paltalk")
    known, closable = await world.id_of(who["ref"]), await world.id_of(who["ref"], CLOSABLE)
    return Reader(LANGUAGES[code], known, closable, who["email"], mailing.mailing_id, invitation.mailing_id, subject)


async def add_notice_and_busy_brand(world: World) -> None:
    """Releases a public notice in each language, and uses up the requests of a brand for this hour and the next."""
    store, today = PostgresPublicNotices(world.pool, world.writers), datetime.now(UTC).date()
    said = {
        code: {"title": f"Notice in {code}", **dict.fromkeys(PARTS, "There is something to be said here.")}
        for code in LANGUAGES
    }
    await store.add_draft(PublicNotice(UUID(int=7), BRAND, said, today, today + timedelta(days=30), "Ada"))
    assert await store.release(UUID(int=7), "Dana")
    await world.requests.by_address.store_request_within_limits(BUSY, "paltalk", "busy@people.example", None)
    await world.pool.execute(
        "UPDATE leave_request_counts SET n = $1 WHERE brand = $2 AND counted = 'brand'", BRAND_AN_HOUR, BUSY
    )
    await world.pool.execute(
        "INSERT INTO leave_request_counts SELECT brand, counted, key, since + interval '1 hour', n"
        " FROM leave_request_counts WHERE counted = 'brand'"
    )


async def add_newsletter(world: World) -> None:
    """Sends a newsletter that everybody can read in the archive."""
    campaign = await release(world, {"a": [person(900)]}, is_in_archive=True)
    await campaign.hand_over(world)


async def take_tour(tour: Tour, world: World, reader: Reader) -> None:
    """Opens every page for recipients and presses every button. The person is erased at the end."""
    parts: list[Callable[[Tour, World, Reader], Awaitable[None]]] = [
        *(
            _read_mail,
            _leave,
            _choose,
            _confirm,
            _ask_why,
            _close,
            _write_address,
            _read_notices,
            _read_newsletters,
            _meet_problems,
            _ask_for_data,
        ),
    ]
    for part in parts:
        await part(tour, world, reader)


async def _read_mail(tour: Tour, world: World, reader: Reader) -> None:
    link = LINKS.web_copy_link(WebCopyToken(BRAND, reader.id, reader.mailing, 1))
    await tour.open(_path(link), reader.subject)
    assert await tour.page.frame_locator("iframe").locator("a").count() > 0


async def _leave(tour: Tour, world: World, reader: Reader) -> None:
    await tour.open(reader.leaving(), reader.says("ask_title"))
    await tour.press("button.main", reader.says("done_title"))
    await tour.press("[name=undo]", reader.says("undone_title"))
    await tour.open(reader.leaving(), reader.says("ask_title"))
    await tour.press("button.main", reader.says("done_title"))
    await tour.press("[value='weekly']", reader.says("own_cap_weekly_title"))
    await tour.open(reader.leaving(), reader.says("left_title"))
    await tour.press("[value='30']", reader.says("own_pause_title"))
    await tour.open(reader.leaving(), reader.says("left_title"))
    await tour.press("[name=back]", reader.says("mailed_title"))
    await tour.open(reader.leaving(generation=9), reader.says("ask_title"))


async def _choose(tour: Tour, world: World, reader: Reader) -> None:
    heading = reader.says("preferences_title")
    await tour.open(reader.choosing, heading)
    await tour.press("button.main", heading, {}, "[name=stop][value=promotional]")
    assert reader.says("saved_title") in await tour.page.inner_text(".note")
    for _ in range(await tour.page.locator("details:not([open])").count()):
        await tour.page.locator("details:not([open]) > summary").first.click()
    await tour.look_at(heading)
    wanted = "[name=want][value=newsletter]", "[name=want][value=notices-in-writing]"
    await tour.press("form:has([name=want]) button", heading, {}, *wanted)
    assert reader.says("mailed_title") in await tour.page.inner_text(".note")
    await tour.press("[value=monthly]", heading)
    assert reader.says("own_cap_monthly_title") in await tour.page.inner_text(".note")


async def _confirm(tour: Tour, world: World, reader: Reader) -> None:
    body = await world.pool.fetchval("DELETE FROM outbox RETURNING body")
    [link] = re.findall(r"https://mail\.example/confirm/[\w.-]+", str(body))
    await tour.open(_path(link), reader.says("confirm_title"))
    await tour.press("button.main", reader.says("confirm_title"))
    await tour.press("button.main", reader.says("confirmed_title"))
    standing = await world.standings.get_standing(BRAND, reader.id)
    assert standing is not None
    assert standing.electronic_refused
    assert standing.opted_out == {"promotional"}, "the press ended one opt-out"


async def _ask_why(tour: Tour, world: World, reader: Reader) -> None:
    for mailing, button in ((reader.invitation, "inviter"), (reader.mailing, "not_mine")):
        link = LINKS.link_to_report_mail(MailReportToken(BRAND, reader.id, mailing, 1))
        await tour.open(_path(link), reader.says("why_title"))
        await tour.press(f"[name={button}]", reader.says(f"{button}_done_title"))


async def _close(tour: Tour, world: World, reader: Reader) -> None:
    link = LINKS.unsubscribe_link(UnsubscribeToken(CLOSABLE, reader.closable_id, SERVICE, reader.mailing, 1))
    name = world.policies[CLOSABLE].name
    await tour.open(_path(link), reader.says("close_title", brand=name))
    await tour.press("button.main", reader.says("mailed_title"))


async def _write_address(tour: Tour, world: World, reader: Reader) -> None:
    first = reader.says("by_address_title")
    await tour.open(f"/leave/{BRAND}", first)
    await tour.press("button.main", first, {"#email": "ada at people.example"})
    assert await tour.page.inner_text("#fault") == reader.says("by_address_fault")
    await tour.press("button.main", reader.says("by_address_done_title"), {"#email": reader.address})
    await tour.open(f"/leave/{BUSY}", reader.says("by_address_title", brand=world.policies[BUSY].name))
    await tour.press("button.main", reader.says("by_address_busy_title"), {"#email": reader.address})


async def _read_notices(tour: Tour, world: World, reader: Reader) -> None:
    await tour.open(f"/notices/{OTHER}", reader.says("notices_title", brand=world.policies[OTHER].name))
    await tour.open(f"/notices/{BRAND}", reader.says("notices_title"))
    assert await tour.page.inner_text("article h2") == f"Notice in {reader.language.code}"
    assert await tour.page.locator("article h3").first.inner_text() == reader.says("notice_parts", "what_happened")


async def _read_newsletters(tour: Tour, world: World, reader: Reader) -> None:
    await tour.open(f"/archive/{OTHER}", reader.says("archive_title", brand=world.policies[OTHER].name))
    await tour.open(f"/archive/{BRAND}", reader.says("archive_title"))
    subject = await tour.page.inner_text(".newsletters a")
    await tour.press(".newsletters a", subject)
    assert await tour.page.frame_locator("iframe").locator("a").count() > 0


async def _meet_problems(tour: Tour, world: World, reader: Reader) -> None:
    await tour.open("/u/bad", reader.says("bad_link_title"), 400)
    await tour.open(reader.leaving()[:-5], reader.says("bad_link_title"), 400)
    await tour.open("/nothing", reader.says("not_found_title"), 404)
    stale = LINKS.confirmation_link(ConfirmToken(BRAND, reader.id, UUID(int=1), 1))
    await tour.open(_path(stale), reader.says("stale_title"), 410)
    with patch.object(world.standings, "get_standing", side_effect=DatabaseUnavailable("gone")):
        await tour.open(reader.choosing, reader.says("failed_title"), 503)
    await tour.page.set_content(f'<form method="post" action="/notices/{BRAND}"><button>Go</button></form>')
    await tour.press("button", reader.says("refused_title"))


async def _ask_for_data(tour: Tour, world: World, reader: Reader) -> None:
    """Asks for each kind of answer; the last of them erases the person."""
    await world.pool.execute("DELETE FROM leave_requests")
    await world.pool.execute("DELETE FROM leave_request_counts WHERE counted = 'address'")
    form = reader.says("data_title")
    await tour.open(f"/data/{BRAND}", form)
    await tour.press("button.main", form)
    assert await tour.page.inner_text("#fault") == reader.says("by_address_fault")
    assert await tour.page.inner_text("#no-choice") == reader.says("data_no_choice")
    typed = {"#email": reader.address}
    await tour.press("button.main", reader.says("by_address_done_title"), typed, "[value=copy]")
    for kind in ("correction", "restriction", "erasure"):
        await world.pool.execute("DELETE FROM leave_request_counts WHERE counted = 'address'")
        await world.requests.by_address.store_request_within_limits(BRAND, BRAND, reader.address, None, kind)
    links = {await _kind_of_mail(world, mail): _path(link_of(mail)) for mail in await answers(world)}
    assert links.keys() == set(DataRequestKind) - {LEAVE}
    await _save_copy(tour, reader, links["copy"])
    await _correct(tour, world, reader, links["correction"])
    await tour.open(links["restriction"], reader.says("data_ask", "restriction", 0))
    await tour.press("[name=confirm]", reader.says("data_done", "restriction", 0))
    await tour.open(links["erasure"], reader.says("data_ask", "erasure", 0))
    await tour.press("[name=confirm]", reader.says("data_done", "erasure", 0))
    await tour.open(reader.choosing, reader.says("gone_title"), 410)


async def _kind_of_mail(world: World, mail: EmailMessage) -> str:
    token = LINKS.read_data_request_token(link_of(mail).rpartition("/")[2])
    assert token is not None
    found = await world.requests.data.find_data_request(token.request)
    assert found is not None
    return found.wanted


async def _save_copy(tour: Tour, reader: Reader, link: str) -> None:
    """Saves the copy and opens the file, which is in the person's language."""
    await tour.open(link, reader.says("data_ask", "copy", 0))
    await tour.press("[name=confirm]", reader.says("data_done", "copy", 0))
    async with tour.page.expect_download() as saving:
        await tour.page.click("[value=page]")
    file = (await (await saving.value).path()).read_text("utf-8")
    assert reader.address in file
    await tour.page.set_content(file)
    await tour.look_at(str(COPY_TEXTS[reader.language.code]["title"]))


async def _correct(tour: Tour, world: World, reader: Reader, link: str) -> None:
    """Corrects name and country, then leaves a note, which staff answer."""
    await tour.open(link, reader.says("data_ask", "correction", 0))
    await tour.press("[name=confirm]", reader.says("data_ask", "correction", 0))
    assert await tour.page.inner_text("#nothing-fault") == reader.says("data_faults", "nothing")
    await tour.page.get_by_label(reader.says("data_name"), exact=True).fill("Ada Lovelace")
    await tour.page.get_by_label(reader.says("data_country"), exact=True).select_option("FR")
    await tour.press("[name=confirm]", reader.says("data_done", "correction", 0))
    row = await world.pool.fetchrow("SELECT name, country FROM recipients WHERE id = $1", reader.id)
    assert row is not None
    assert tuple(row) == ("Ada Lovelace", "FR")
    token = LINKS.read_data_request_token(link.rpartition("/")[2])
    assert token is not None
    await world.pool.execute(
        "UPDATE data_requests SET answer = NULL, answered_at = NULL, note = 'n' WHERE id = $1", token.request
    )
    await tour.open(link, reader.says("data_waiting_title"))
    found = cast(Any, await world.requests.data.find_data_request(token.request))
    assert await world.requests.data.record_answer(found, "refused", "We need proof of this.", "Dana")
    await tour.open(link, reader.says("data_refused_title"))
