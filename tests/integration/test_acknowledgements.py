"""The one automatic answer to a letter: who gets it, in which words, how often, and who never does."""

import asyncio
import json
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from mailer.actions.privacy_rights import erase_recipient
from mailer.ports.received_mail import ACKNOWLEDGEMENTS_A_DAY
from tests.factories import World
from tests.inbound import DOMAIN, LANGUAGES, Reception, open_reception
from tests.letters import ADA, consents, event_of, known, parts, told

ADDRESS, SUPPORT = str(ADA["email"]), f"support@{DOMAIN}"


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world that knows Ada, whose domain vouches for her mail."""
    await known(world, "interpals", ADA)
    async with open_reception(world) as opened:
        opened.proven.add(ADDRESS)
        yield opened


async def answers_to(
    reception: Reception, text: str, *more: str, to: str = SUPPORT, envelope: str | None = None
) -> list[EmailMessage]:
    """Sends a letter of Ada with more header fields. Returns the mails that are handed over for it."""
    head = "".join(f"{line}\r\n" for line in (f"From: Ada <{ADDRESS}>", f"To: {to}", *more))
    content = f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode()
    assert (await reception.send(to, content, ADDRESS if envelope is None else envelope)).startswith("250")
    await reception.handle_stored()
    query = "DELETE FROM outbox WHERE exchange = 'mailer.events' RETURNING body"
    published = [json.loads(row["body"]) for row in await reception.world.pool.fetch(query)]
    return [mail for event in published for mail in await told(reception.world, event)]


async def test_an_inquiry_is_acknowledged_as_an_automatic_answer(reception: Reception) -> None:
    """The answer goes to the address on record, belongs to the letter's thread, and says that a machine wrote it."""
    [mail] = await answers_to(reception, "Who runs this site?", "Message-ID: <one@people.example>")
    assert mail["To"].addresses[0].addr_spec == ADDRESS
    assert (mail["Auto-Submitted"], mail["In-Reply-To"]) == ("auto-replied", "<one@people.example>")
    assert mail["References"] == "<one@people.example>"
    assert "Who runs" not in str(mail)
    text, page = parts(mail)
    for part in (text, page):
        assert "A person reads your letter" in part
    kinds = [entry["kind"] for entry in await reception.world.entries() if entry["category"] == "rights"]
    assert {"decision", "hand_over"} <= set(kinds)
    [letter] = await reception.store.list_mail(None, waiting=True, limit=10)
    assert letter.is_writer_proven


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Unsubscribe me from all your mails, please.", "want no more of this mail"),
        ("I object to all direct marketing by your company.", "object to all marketing"),
        ("I unsubscribed, but you still send me mails.", "you complain"),
        ("Please correct my name, it is misspelled in my account data.", "about your data"),
    ],
)
async def test_it_says_what_was_understood(reception: Reception, text: str, words: str) -> None:
    """Each kind of letter has words of its own; those of a plain opt-out say that it is done."""
    await consents(reception.world, "interpals", "newsletter")
    [mail] = await answers_to(reception, text)
    assert words in parts(mail)[0]


@pytest.mark.parametrize(
    ("language", "letter", "words"),
    [
        ("en", "Please unsubscribe me from all your mails.", "want no more of this mail"),
        ("fr", "Je me suis désabonné, mais vous m'envoyez encore des mails.", "vous vous plaignez"),
        ("es", "Quiero darme de baja de todos los correos.", "ya no quieres recibir"),
        ("ar", "أرجو إلغاء اشتراكي من جميع الرسائل.", "لا تريد هذه الرسائل"),
        ("ja", "すべてのメールの配信を停止してください。", "停止"),
    ],
)
async def test_it_is_in_the_language_of_the_letter(
    reception: Reception, language: str, letter: str, words: str
) -> None:
    """The letter's language comes before the one on record, which is German."""
    assert language in LANGUAGES
    await reception.world.pool.execute("UPDATE recipients SET locale = 'de' WHERE ref = 'ada'")
    [mail] = await answers_to(reception, letter)
    text, page = parts(mail)
    assert words in text
    assert f'lang="{language}"' in page


AUTOMATIC = [
    "Auto-Submitted: auto-generated",
    "Precedence: bulk",
    "List-Id: <people.example>",
    "X-Auto-Response-Suppress: All",
    "Feedback-ID: a:b:c:d",
    "X-Loop: yes",
]


async def test_whoever_must_not_get_one_does_not(reception: Reception) -> None:
    """No machine, list, null or other envelope sender, no unproven sender, and nobody whom the brand does not know."""
    for number, field in enumerate(AUTOMATIC):
        assert await answers_to(reception, f"Who are you, number {number}?", field) == []
    for number, sender in enumerate(("", "bounces@people.example", "no-reply@people.example", f"opt-out@{DOMAIN}")):
        assert await answers_to(reception, f"What is this, {number}?", envelope=sender) == []
    reception.proven.clear()
    assert await answers_to(reception, "Who are you?") == []
    reception.proven.add(ADDRESS)
    ada = await reception.world.id_of("ada", "interpals")
    await erase_recipient(reception.world.rights, reception.world.policies["interpals"], ada, "letter")
    assert await answers_to(reception, "Who are you now?") == []


async def test_a_thread_gets_one_answer_and_a_person_few(reception: Reception) -> None:
    """An answer to the answer gets none, in whatever order its fields are; and new threads end with the day's limit."""
    assert len(await answers_to(reception, "Who are you?", "Message-ID: <1@people.example>")) == 1
    again = "References: <1@people.example> <ours@interpals.example>"
    assert await answers_to(reception, "Thanks, but who?", "Message-ID: <2@people.example>", again) == []
    assert await answers_to(reception, "Hello?", "Message-ID: <3@x.example>", "In-Reply-To: <2@people.example>") == []
    many = [
        await answers_to(reception, f"Question {number}?", f"Message-ID: <q{number}@people.example>")
        for number in range(ACKNOWLEDGEMENTS_A_DAY + 2)
    ]
    assert sum(map(len, many)) == ACKNOWLEDGEMENTS_A_DAY - 1


async def test_a_header_cannot_be_put_into_the_answer(reception: Reception) -> None:
    """A Message-ID that is none is not quoted."""
    [mail] = await answers_to(reception, "Who are you?", "Message-ID: <a b@x>\r\n Bcc: eve@evil.example")
    assert (mail["In-Reply-To"], mail["Bcc"]) == (None, None)
    assert mail["Auto-Submitted"] == "auto-replied"


async def test_a_letter_that_is_handled_twice_is_answered_once(reception: Reception) -> None:
    """The answer commits with the result of the letter, so a repeated id publishes nothing."""
    content = f"From: {ADDRESS}\r\nTo: {SUPPORT}\r\nMessage-ID: <1@people.example>\r\n\r\nWho are you?\r\n".encode()
    await reception.send(SUPPORT, content, ADDRESS)
    mail_id = await reception.world.pool.fetchval("SELECT id FROM received_mail")
    await reception.handle_ids(mail_id, mail_id)
    await reception.handle_ids(mail_id)
    count = "SELECT count(*) FROM outbox WHERE exchange = 'mailer.events'"
    assert await reception.world.pool.fetchval(count) == 1


async def test_an_answer_that_cannot_be_stored_undoes_the_result(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A break between result and answer leaves neither: the letter is handled again, and answered."""

    async def break_off(*_: object) -> None:
        raise ConnectionError("the database went away")

    content = f"From: {ADDRESS}\r\nTo: {SUPPORT}\r\nMessage-ID: <1@people.example>\r\n\r\nWho are you?\r\n".encode()
    await reception.send(SUPPORT, content, ADDRESS)
    mail_id = await reception.world.pool.fetchval("SELECT id FROM received_mail")
    with monkeypatch.context() as broken:
        broken.setattr("mailer.postgres.received_mail.insert_outbox_messages", break_off)
        with pytest.raises(ConnectionError):
            await reception.handle_ids(mail_id)
    assert await reception.world.pool.fetchval("SELECT state FROM received_mail") == "received"
    await reception.handle_ids(mail_id)
    count = "SELECT count(*) FROM outbox WHERE exchange = 'mailer.events'"
    assert await reception.world.pool.fetchval(count) == 1


async def test_letters_of_a_thread_at_the_same_time_get_one_answer(reception: Reception) -> None:
    """Two processes handle two letters of a thread: one of them waits for the other."""
    for number in (1, 2):
        head = f"From: {ADDRESS}\r\nTo: {SUPPORT}\r\nMessage-ID: <{number}@people.example>\r\n"
        content = f"{head}References: <0@people.example>\r\n\r\nWho are you, {number}?\r\n".encode()
        await reception.send(SUPPORT, content, ADDRESS)
    ids = [row["id"] for row in await reception.world.pool.fetch("SELECT id FROM received_mail")]
    await asyncio.gather(*(reception.handle_ids(mail_id) for mail_id in ids))
    count = "SELECT count(*) FROM outbox WHERE exchange = 'mailer.events'"
    assert await reception.world.pool.fetchval(count) == 1


async def test_an_answer_to_a_mail_for_somebody_else_is_told_nothing(reception: Reception) -> None:
    """Bob answers a newsletter that Ada forwarded: it is obeyed for Ada, and he is not told that his mail stopped."""
    world, bob = reception.world, "bob@people.example"
    await known(world, "interpals", {**ADA, "ref": "bob", "email": bob})
    await consents(world, "interpals", "newsletter")
    [mail] = await told(world, event_of("interpals", "weekly", to={"refs": ["ada"]}))
    [sent] = world.processor.sent
    reception.proven.add(bob)
    content = f"From: {bob}\r\nTo: {sent.sender}\r\n\r\nPlease take me off this list.\r\n".encode()
    await reception.send(sent.sender, content, bob)
    await reception.handle_stored()
    assert mail["To"].addresses[0].addr_spec == ADDRESS
    assert await reception.effects() == [("reply", "opt_out")]
    assert await world.pool.fetchval("SELECT count(*) FROM outbox WHERE exchange = 'mailer.events'") == 0
