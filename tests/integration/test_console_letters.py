"""The pages of letters that wait for a person."""

from uuid import uuid4

from mailer.policy.staff_rights import StaffRole
from tests.factories import BRAND, World
from tests.inbound import handed_over, letter, mailto_of, open_reception, receive_letter
from tests.integration.console_browser import open_browser

LETTERS, OTHER = "/console/letters", "peerstream"
HOSTILE = (
    "From: =?utf-8?q?Eve_<script>alert(1)</script>?= <eve@people.example>\r\nSubject: \u202eolleh <b>now</b>\r\n"
    "Content-Type: text/html; charset=utf-8\r\n\r\n"
    "<p>Who are <b>you</b>?</p><script>alert(2)</script><img src=https://evil.example/pixel.gif>&lt;i&gt;\r\n"
).encode()


async def said_of_letters(world: World) -> list[tuple[str, str | None, str, str]]:
    """The ledger's entries about letters: what was done, the end, by whom, and the letter."""
    entries = [one for one in await world.entries(kind="control") if str(one["rule"]).startswith("received:")]
    return [(one["reason"], one["category"], one["actor"], one["rule"]) for one in entries]


async def test_a_letter_is_read_and_closed(world: World) -> None:
    """The list says what it may ask for, without personal data; to read and to close it stands in the ledger."""
    [ada] = await world.known(1)
    mail_id = await receive_letter(world, "user-1@people.example", HOSTILE, ada, BRAND, "objection", "question")
    path = f"{LETTERS}/{mail_id}"
    async with open_browser(world) as officer:
        await officer.enter(role=StaffRole.PRIVACY_OFFICER)
        assert f'href="{LETTERS}">Received mail' in (await officer.open("/console/flow")).text
        for page in (await officer.open(LETTERS), await officer.open(path)):
            assert "no marketing of the company, question" in page.text
            assert "it has to be read" in page.text
            assert "people.example" not in page.text
        assert f'href="/console/people/{BRAND}/{ada}/acts/object"' in page.text
        assert await said_of_letters(world) == []
        text = (await officer.send(f"{path}/text", on=path)).text
        for unsafe in ("<script>alert", "<b>", "<img", "pixel.gif", "\u202e", "<i>"):
            assert unsafe not in text, unsafe
        assert "Who are you?" in text
        assert "eve@people.example" in text
        assert (await officer.send(f"{path}/close", {"end": "nonsense"}, path)).status_code == 422
        closed = await officer.send(f"{path}/close", {"end": "answered"}, path)
        assert closed.headers["location"].endswith(LETTERS)
        again = await officer.send(f"{path}/close", {"end": "done"}, LETTERS)
        assert (again.status_code, "does not wait any more" in again.text) == (422, True)
        assert "No letter waits." in (await officer.open(LETTERS)).text
    by = ("person:Dana Duty", f"received:{mail_id}")
    assert await said_of_letters(world) == [("received_read", None, *by), ("received_closed", "answered", *by)]
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_other_brands_and_roles_are_refused(world: World) -> None:
    """Letters of other brands are neither listed nor read nor closed; support reads, and closes nothing."""
    own = await receive_letter(world, "eve@people.example", HOSTILE)
    theirs = await receive_letter(world, "eve@people.example", HOSTILE, None, OTHER)
    async with open_browser(world) as officer, open_browser(world) as support:
        await officer.enter("Eli", StaffRole.PRIVACY_OFFICER, BRAND)
        listed = (await officer.open(LETTERS)).text
        assert (str(own) in listed, str(theirs) in listed) == (True, False)
        for mail_id in (theirs, uuid4()):
            assert (await officer.open(f"{LETTERS}/{mail_id}")).status_code == 404
            for act in ("text", "close"):
                answer = await officer.send(f"{LETTERS}/{mail_id}/{act}", {"end": "spam"}, LETTERS)
                assert answer.status_code == 404
        await support.enter("Sam", StaffRole.SUPPORT, BRAND)
        page = (await support.open(f"{LETTERS}/{own}")).text
        assert f"{own}/close" not in page
        assert "Nothing proves who has written it." in page
        assert (await support.send(f"{LETTERS}/{own}/close", {"end": "spam"}, LETTERS)).status_code == 403
    assert await world.pool.fetchval("SELECT count(*) FROM received_mail WHERE state = 'waiting'") == 2
    assert await said_of_letters(world) == []


async def test_a_stranger_with_somebodys_mail_is_not_taken_for_them(world: World) -> None:
    """Whoever has a forwarded mail can answer it, and ask for more: the page offers no act on its person."""
    async with open_reception(world) as reception:
        await handed_over(world)
        address, subject = mailto_of(world)
        words = "Please delete my account and all my data, too."
        await reception.send(address, letter(words, subject, "eve@elsewhere.example"), "eve@elsewhere.example")
        await reception.handle_stored()
        [mail] = await reception.store.list_mail(None, waiting=True, limit=10)
    assert "erasure" in mail.suggested
    async with open_browser(world) as officer:
        await officer.enter(role=StaffRole.PRIVACY_OFFICER)
        page = (await officer.open(f"{LETTERS}/{mail.id}")).text
    assert f'href="/console/people/{BRAND}/{mail.recipient_id}"' in page
    assert "Nothing proves who has written it." in page
    assert "/acts/" not in page


async def test_a_letter_whose_text_is_gone_says_so(world: World) -> None:
    """The person it was about was erased meanwhile: the page is there, and the text is not."""
    mail_id = await receive_letter(world, "eve@people.example", HOSTILE)
    await world.pool.execute("UPDATE received_mail SET content = NULL")
    async with open_browser(world) as officer:
        await officer.enter(role=StaffRole.PRIVACY_OFFICER)
        answer = await officer.send(f"{LETTERS}/{mail_id}/text", on=f"{LETTERS}/{mail_id}")
        assert "The text is deleted by now." in answer.text


async def test_many_letters_of_nothing_bury_none_that_asks(world: World) -> None:
    """Sixty letters of one writer hide no request: it is listed apart, and what is ticked closes at once."""
    [ada] = await world.known(1)
    noise = [
        await receive_letter(world, "eve@people.example", HOSTILE + str(n).encode(), ada, BRAND) for n in range(60)
    ]
    asks = await receive_letter(world, "user-1@people.example", b"Subject: x\r\n\r\nErase me", ada, BRAND, "erasure")
    async with open_browser(world) as officer, open_browser(world) as support:
        await officer.enter(role=StaffRole.PRIVACY_OFFICER)
        first = (await officer.open(LETTERS)).text
        assert str(asks) not in first
        later = (await officer.open(f"{LETTERS}?after={noise[49]}")).text
        assert (str(noise[50]) in later, str(asks) in later, str(noise[49]) in later) == (True, True, False)
        apart = (await officer.open(f"{LETTERS}?only=asking")).text
        assert (str(asks) in apart, str(noise[0]) in apart) == (True, False)
        assert (await officer.send(f"{LETTERS}/close", {"end": "spam"}, LETTERS)).status_code == 422
        ticked: dict[str, str | list[str]] = {"end": "spam", "letter": [str(one) for one in noise[:50]]}
        await support.enter("Sam", StaffRole.SUPPORT, BRAND)
        assert (await support.send(f"{LETTERS}/close", ticked, LETTERS)).status_code == 403
        assert (await officer.send(f"{LETTERS}/close", ticked, LETTERS)).status_code == 303
        left = (await officer.open(LETTERS)).text
        assert (str(noise[50]) in left, str(noise[49]) in left, str(asks) in left) == (True, False, True)
    assert len([one for one in await said_of_letters(world) if one[1] == "spam"]) == 50
