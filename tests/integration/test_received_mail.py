"""Mail that comes back: stored before it is accepted, handled once, and believed only if it proves to answer ours."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from mailer.inbound.reception.session import MAX_UNKNOWN
from mailer.policy.refusal_suspicion import LEAST_REFUSALS
from mailer.ports.received_mail import MAX_OCTETS, LetterEnd
from tests.factories import BRAND, World
from tests.inbound import (
    DOMAIN,
    Reception,
    bounce,
    complaint,
    dialogue,
    handed_over,
    letter,
    open_reception,
    return_path,
)
from tests.letters import answerer

ADA = "user-1@people.example"


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world."""
    async with open_reception(world) as opened:
        yield opened


async def test_a_hard_bounce_to_our_return_path_ends_mail_to_the_address(reception: Reception) -> None:
    """The address is dead, with an entry in the ledger, and nothing more goes to it."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    reply = await reception.send(return_path(world.links, mailing, ada), bounce(ADA))
    assert reply == "250 2.0.0 Ok: stored"
    await reception.handle_stored()
    assert await reception.effects() == [("bounce", "address_dead")]
    again, _ = await handed_over(world)
    assert await world.states(again) == {"user-1": ("suppressed", "address_dead")}
    [entry] = [entry for entry in await world.entries(kind="action") if entry["reason"] == "address_dead"]
    assert entry["rule"] == "action:fake 5.1.1"


async def test_a_bounce_with_a_forged_return_path_is_refused(reception: Reception) -> None:
    """A return path that we did not sign is no mailbox: one changed character, another person, another prefix."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    path = return_path(world.links, mailing, ada)
    changed = path.replace(path[5], "a" if path[5] != "a" else "b", 1)
    other = return_path(type(world.links)("https://mail.example", ["another key of somebody"]), mailing, ada)
    for forged in (changed, other, f"b+{ada}@{DOMAIN}", f"b+@{DOMAIN}", f"nobody@{DOMAIN}", "ada@elsewhere.example"):
        assert (await reception.send(forged, bounce(ADA))).startswith("550 5.1.1"), forged
    assert await reception.effects() == []


async def test_a_report_about_another_address_acts_on_nobody(reception: Reception) -> None:
    """Mail may be forwarded to an address that does not exist, or the person may have moved since."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    await reception.send(return_path(world.links, mailing, ada), bounce("forwarded@elsewhere.example"))
    await reception.handle_stored()
    assert await reception.effects() == [("bounce", "none")]
    again, _ = await handed_over(world)
    assert await world.states(again) == {"user-1": ("handed_over", "")}


@pytest.mark.parametrize("action", ["delayed", "relayed", "expanded", "delivered"])
async def test_what_has_not_failed_is_no_hard_bounce(reception: Reception, action: str) -> None:
    """Delayed, relayed and expanded mail never suppresses, whatever status the report gives it."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    await reception.send(return_path(world.links, mailing, ada), bounce(ADA, "5.1.1", action))
    await reception.handle_stored()
    assert [effect for _, effect in await reception.effects()] == ["none"]


async def test_a_full_mailbox_is_counted_once_a_day(reception: Reception) -> None:
    """Soft bounces make nobody unreachable."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    for number in range(3):
        full = bounce(ADA, "5.2.2", reply=f"552 mailbox full, said for the {number}. time")
        await reception.send(return_path(world.links, mailing, ada), full)
    await reception.handle_stored()
    assert await reception.effects() == [("bounce", "soft_bounce")] * 3
    assert await world.pool.fetchval("SELECT count(*) FROM soft_bounces") == 1
    again, _ = await handed_over(world)
    assert await world.states(again) == {"user-1": ("handed_over", "")}


async def test_a_mass_of_hard_bounces_is_quarantined(reception: Reception) -> None:
    """A broken receiver reports everybody as dead: a few of them are believed, the rest waits for a person."""
    world, people = reception.world, LEAST_REFUSALS + 5
    mailing, ids = await handed_over(world, people)
    for number, recipient_id in enumerate(ids, 1):
        path = return_path(world.links, mailing, recipient_id)
        await reception.send(path, bounce(f"user-{number}@people.example"))
    await reception.handle_stored()
    effects = [effect or "" for _, effect in await reception.effects()]
    assert sorted(effects) == ["address_dead"] * (LEAST_REFUSALS - 1) + ["quarantined"] * 6


async def test_one_person_has_nobody_elses_bounce_doubted(reception: Reception) -> None:
    """Whoever gets our mail may report their own address as dead a hundred times: others are believed as before."""
    world = reception.world
    mailing, [mallory, bob] = await handed_over(world, 2)
    for number in range(LEAST_REFUSALS + 5):
        dead = bounce(ADA, reply=f"550 no such user, said for the {number}. time")
        await reception.send(return_path(world.links, mailing, mallory), dead)
    await reception.handle_stored()
    await reception.send(return_path(world.links, mailing, bob), bounce("user-2@people.example"))
    await reception.handle_stored()
    assert {effect for _, effect in await reception.effects()} == {"address_dead"}


async def test_a_complaint_that_quotes_our_link_ends_optional_mail(reception: Reception) -> None:
    """The link in the quoted header proves it. Without our signature, or as `not-spam`, it acts on nobody."""
    world = reception.world
    await handed_over(world)
    [sent] = world.processor.sent
    [link] = re.findall(rb"List-Unsubscribe: <([^>]+)>", sent.content.replace(b"\r\n ", b""))
    reports = [complaint(link.decode()[:-4]), complaint(link.decode(), "not-spam"), complaint(link.decode())]
    for report in reports:
        await reception.send(f"abuse@{DOMAIN}", report, "feedback@people.example")
    await reception.handle_stored()
    assert await reception.effects() == [("complaint", "none"), ("complaint", "none"), ("complaint", "complaint")]
    again, _ = await handed_over(world)
    assert [state for state, _ in (await world.states(again)).values()] == ["suppressed"]
    must, _ = await handed_over(world, category="breach")
    await world.release_newest()
    await world.run_published()
    assert await world.states(must) == {"user-1": ("handed_over", "")}
    [entry] = [entry for entry in await world.entries(kind="action") if entry["reason"] == "complaint"]
    assert (entry["category"], entry["rule"]) == ("*", "action:feedback report")


async def test_an_automatic_reply_is_no_request(reception: Reception) -> None:
    """An out-of-office to the return path or to the opt-out mailbox is neither a bounce nor an opt-out."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    away = (
        b"From: Ada <user-1@people.example>\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\n"
        b"I am away. To stop these mails, unsubscribe me. 550 5.1.1 user unknown\r\n"
    )
    for mailbox in (return_path(world.links, mailing, ada), f"opt-out@{DOMAIN}"):
        await reception.send(mailbox, away, ADA)
    await reception.handle_stored()
    assert await reception.effects() == [("automatic_reply", "none")] * 2


async def test_a_message_is_handled_once(reception: Reception) -> None:
    """Its id may arrive twice, or be handled by two processes at the same time: one entry, one effect."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    await reception.send(return_path(world.links, mailing, ada), bounce(ADA))
    [mail] = await reception.store.list_mail(None, waiting=False, limit=10)
    stored = (await reception.store.get_unhandled_mails([mail.id])).get(mail.id)
    assert stored is not None
    await asyncio.gather(*(reception.handle_ids(mail.id) for _ in range(4)))
    await reception.handle_stored()
    dead = [entry for entry in await world.entries(kind="action") if entry["reason"] == "address_dead"]
    assert len(dead) == 1
    assert (await reception.store.get_unhandled_mails([mail.id])).get(mail.id) is None


async def test_a_message_that_is_sent_again_is_stored_once(reception: Reception) -> None:
    """A sender that got no answer sends the same octets again: they are accepted, and nothing is done twice."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    for _ in range(3):
        assert (await reception.send(return_path(world.links, mailing, ada), bounce(ADA))).startswith("250")
    await reception.handle_stored()
    assert await reception.effects() == [("bounce", "address_dead")]


@pytest.mark.parametrize(
    ("text", "suppressed"),
    [
        ("Please unsubscribe me from all your mails.", {"newsletter", "promotional"}),
        ("STOP", {"newsletter", "promotional"}),
    ],
)
async def test_a_letter_opts_its_writer_out(reception: Reception, text: str, suppressed: set[str]) -> None:
    """A plain letter to the opt-out mailbox, from an address whose domain vouches for it, is done at once."""
    world = reception.world
    [ada, bob] = await world.known(1, 2)
    reception.proven.add(ADA)
    await reception.send(f"opt-out@{DOMAIN}", letter(text), ADA)
    await reception.handle_stored()
    assert await reception.effects() == [("reply", "opt_out")]
    for category in ("newsletter", "promotional"):
        mailing, _ = await handed_over(world, 2, category)
        states = await world.states(mailing)
        assert states["user-1"] == ("suppressed", "opted_out")
    [entry] = [entry for entry in await world.entries(kind="action") if entry["reason"] == "opt_out"]
    assert (entry["category"], entry["rule"]) == ("*", "action:mail")
    rows = await world.pool.fetch("SELECT recipient_id FROM received_mail")
    assert [row["recipient_id"] for row in rows] == [ada]
    assert bob != ada


@pytest.mark.parametrize("forged", [True, False])
async def test_a_letter_from_elsewhere_asks_the_address_on_record(reception: Reception, forged: bool) -> None:
    """Anybody can write any From: nothing changes, and a link goes to the address on record, if it is somebody's."""
    world = reception.world
    await world.known(1)
    sender = ADA if forged else "stranger@elsewhere.example"
    await reception.send(f"opt-out@{DOMAIN}", letter("Please unsubscribe me.", sender=sender), sender)
    await reception.send(
        f"opt-out@{DOMAIN}", letter("Please delete my account and all my data.", sender=sender), sender
    )
    await reception.handle_stored()
    assert [effect for _, effect in await reception.effects()] == ["link_sent", "link_sent"]
    assert await world.entries(kind="action") == []
    asked = await world.pool.fetch("SELECT wanted FROM leave_requests ORDER BY id")
    assert [row["wanted"] for row in asked] == ["leave", "erasure"]
    await answerer(world).answer_waiting_requests()
    mails = await world.pool.fetch("SELECT body FROM outbox WHERE exchange = 'mailer.events'")
    assert len(mails) == (2 if forged else 0)


async def test_an_answer_with_our_signature_is_obeyed_whoever_sends_it(reception: Reception) -> None:
    """A reply to the return path leaves the list that it answers, and nothing else."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    path = return_path(world.links, mailing, ada)
    await reception.send(
        path, letter("Please take me off this list.", "Re: News", "ada@work.example"), "ada@work.example"
    )
    await reception.handle_stored()
    assert await reception.effects() == [("reply", "opt_out")]
    again, _ = await handed_over(world)
    assert await world.states(again) == {"user-1": ("suppressed", "opted_out")}
    [entry] = [entry for entry in await world.entries(kind="action") if entry["reason"] == "opt_out"]
    assert entry["category"] == "newsletter"


@pytest.mark.parametrize(
    "text",
    [
        "How do I unsubscribe my neighbour from your competitor?",
        "I do not want to unsubscribe, I love it.",
        "Please do not unsubscribe me!",
        "I unsubscribed last week, and you still write to me. I will complain to the authority.",
        "Unsubscribe my husband, please.",
    ],
)
async def test_in_doubt_a_person_reads_it(reception: Reception, text: str) -> None:
    """A question, a negation, a complaint, somebody else: nothing changes, and the letter waits with a suggestion."""
    world = reception.world
    await world.known(1)
    reception.proven.add(ADA)
    await reception.send(f"opt-out@{DOMAIN}", letter(text), ADA)
    await reception.handle_stored()
    [mail] = await reception.store.list_mail(None, waiting=False, limit=10)
    assert mail.effect in ("waits", "none"), mail
    assert await world.entries(kind="action") == []
    assert await world.pool.fetchval("SELECT count(*) FROM leave_requests") == 0


async def test_an_objection_holds_for_all_brands(reception: Reception) -> None:
    """Whoever wants no marketing from the company at all has objected (GDPR Art. 21(2))."""
    world = reception.world
    await world.known(1)
    reception.proven.add(ADA)
    text = "I object to all direct marketing by your company."
    await reception.send(f"opt-out@{DOMAIN}", letter(text), ADA)
    await reception.handle_stored()
    assert await reception.effects() == [("reply", "opt_out")]
    assert [entry["reason"] for entry in await world.entries(kind="action")] == ["objection"]


async def test_what_a_person_writes_waits_for_a_person(reception: Reception) -> None:
    """A letter to postmaster or to the opt-out mailbox is kept, listed, and closed by somebody."""
    question = letter("Who are you?", "Hello")
    for mailbox in (f"POSTMASTER@{DOMAIN}", f"abuse@{DOMAIN.upper()}", f"opt-out@{DOMAIN}"):
        assert (await reception.send(mailbox, question, "ada@people.example")).startswith("250")
    await reception.handle_stored()
    waiting = await reception.store.list_mail([BRAND], waiting=True, limit=10)
    assert [mail.mailbox for mail in waiting] == ["postmaster", "abuse", "opt_out"]
    assert await reception.store.close_waiting_mail(waiting[0].id, "Olga Operator", LetterEnd.DONE)
    assert not await reception.store.close_waiting_mail(waiting[0].id, "Olga Operator", LetterEnd.DONE)
    assert len(await reception.store.list_mail([BRAND], waiting=True, limit=10)) == 2


async def test_lmtp_answers_for_each_recipient(reception: Reception) -> None:
    """LHLO greets, EHLO is refused, and a message has a reply for each recipient (RFC 2033 4.2)."""
    lines = [b"EHLO a.example\r\n", b"LHLO a.example\r\n", b"MAIL FROM:<>\r\n"]
    lines += [f"RCPT TO:<{role}@{DOMAIN}>\r\n".encode() for role in ("abuse", "postmaster", "nobody")]
    replies = await asyncio.to_thread(dialogue, reception.lmtp, [*lines, b"DATA\r\n", b"x\r\n.\r\nNOOP\r\n"])
    assert [reply[:3] for reply in replies] == [b"220", b"500", *[b"250"] * 4, b"550", b"354", b"250"]
    mails = await reception.store.list_mail(None, waiting=False, limit=10)
    assert sorted(mail.mailbox for mail in mails) == ["abuse", "postmaster"]


async def test_nobody_hides_a_message_in_another_one(reception: Reception) -> None:
    """Only CRLF, a dot and CRLF end a text: a bare line feed or carriage return does not (SMTP smuggling)."""
    inner = b"\r\nMAIL FROM:<>\r\nRCPT TO:<abuse@interpals.example>\r\nDATA\r\nhidden\r\n.\r\n"
    start = [b"EHLO a.example\r\n", b"MAIL FROM:<>\r\n", f"RCPT TO:<postmaster@{DOMAIN}>\r\n".encode(), b"DATA\r\n"]
    for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r"):
        replies = await asyncio.to_thread(
            dialogue, reception.smtp, [*start, b"shown" + repr(end).encode() + end + inner]
        )
        assert replies[-1].startswith(b"250 2.0.0")
    mails = await reception.store.list_mail(None, waiting=False, limit=100)
    assert [mail.mailbox for mail in mails] == ["postmaster"] * 5


async def test_a_long_message_is_refused_and_held_by_nobody(reception: Reception) -> None:
    """One octet too many, also in a line without an end, and what it held in memory is free again."""
    path, free = f"postmaster@{DOMAIN}", reception.limits.free_octets
    for content in (b"x" * (MAX_OCTETS + 1), b"line\r\n" * (MAX_OCTETS // 6 + 1)):
        assert (await reception.send(path, content)).startswith("552 5.3.4")
    assert (await reception.send(path, b"x" * (MAX_OCTETS - 2))).startswith("250")
    assert reception.limits.free_octets == free
    reception.limits.free_octets = 1000
    assert (await reception.send(path, b"x" * 2000)).startswith("452 4.3.1")


async def test_whoever_looks_for_addresses_is_sent_away(reception: Reception) -> None:
    """After some unknown mailboxes a session ends."""
    lines = [b"EHLO a.example\r\n", b"MAIL FROM:<>\r\n"]
    lines += [f"RCPT TO:<guess-{number}@{DOMAIN}>\r\n".encode() for number in range(MAX_UNKNOWN + 1)]
    replies = await asyncio.to_thread(dialogue, reception.smtp, lines)
    assert replies[-1].startswith(b"421 4.7.0")
    assert [reply[:3] for reply in replies[3:-1]] == [b"550"] * MAX_UNKNOWN


async def test_a_message_that_cannot_be_stored_is_not_accepted(reception: Reception) -> None:
    """The sender, while the database is away, is told to come back, and nothing is lost."""
    await reception.world.pool.execute("ALTER TABLE received_mail RENAME TO elsewhere")
    assert (await reception.send(f"postmaster@{DOMAIN}", b"x")).startswith("451 4.3.0")
    await reception.world.pool.execute("ALTER TABLE elsewhere RENAME TO received_mail")
    assert (await reception.send(f"postmaster@{DOMAIN}", b"x")).startswith("250")


async def test_nobody_signs_in(reception: Reception) -> None:
    """AUTH is neither offered nor taken, and mail to strangers is refused: it is no open relay."""
    lines = [b"AUTH PLAIN AGEAYg==\r\n", b"EHLO a.example\r\n", b"AUTH LOGIN\r\n", b"MAIL FROM:<a@b.example>\r\n"]
    replies = await asyncio.to_thread(dialogue, reception.smtp, [*lines, b"RCPT TO:<stranger@elsewhere.example>\r\n"])
    assert [reply[:3] for reply in replies] == [b"220", b"502", b"250", b"502", b"250", b"550"]
