"""The pure parts of inbound: mailboxes, addresses to listen on, the effect of a message, and limits of memory."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.inbound.delivery_proof import find_delivery_proof
from mailer.inbound.effects import (
    decide_effect_of_bounce,
    decide_effect_of_complaint,
    decide_effect_of_other_mail,
)
from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception.limits import MAX_SESSIONS, MAX_SESSIONS_OF_PEER, ReceptionLimits
from mailer.inbound.reception.listener_url import parse_listener_url
from mailer.inbound.reports.received_report import BounceClass, RecipientAction, ReportedRecipient, ReportKind
from mailer.policy.bounce_suspicion import is_number_of_reported_bounces_suspicious
from mailer.ports.received_mail import MAX_OCTETS, Mailbox, ReceivedMailEffect, ReportedDelivery
from mailer.rendering.link_tokens import BounceToken, UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks
from tests.factories import policies

MAILING = UUID("0192f0c1-0000-7000-8000-000000000001")
LINKS = SignedLinks("https://mail.example", ["newest key of the tests", "older key of the tests"])
DELIVERY = ReportedDelivery("interpals", "newsletter", MAILING, 7, 1, "relay", "Ada@People.Example")
HARD = ReportedRecipient("ada@people.example", RecipientAction.FAILED, "5.1.1", 550, BounceClass.HARD)
SOFT, OURS = replace(HARD, bounce_class=BounceClass.SOFT), replace(HARD, bounce_class=BounceClass.SENDER_FAULT)
DIRECTORY = MailboxDirectory(policies(), LINKS)


@pytest.mark.parametrize(
    ("delivery", "failures", "effect"),
    [
        (DELIVERY, (HARD,), ReceivedMailEffect.ADDRESS_DEAD),
        (DELIVERY, (SOFT, HARD), ReceivedMailEffect.ADDRESS_DEAD),
        (DELIVERY, (OURS, SOFT), ReceivedMailEffect.SOFT_BOUNCE),
        (DELIVERY, (OURS,), ReceivedMailEffect.SENDER_FAULT),
        (DELIVERY, (replace(HARD, action=RecipientAction.DELAYED),), ReceivedMailEffect.NONE),
        (DELIVERY, (replace(HARD, address="else@people.example"), SOFT), ReceivedMailEffect.SOFT_BOUNCE),
        (DELIVERY, (replace(HARD, address=""),), ReceivedMailEffect.NONE),
        (DELIVERY, (), ReceivedMailEffect.NONE),
        (replace(DELIVERY, address=None), (HARD,), ReceivedMailEffect.NONE),
        (None, (HARD,), ReceivedMailEffect.NONE),
    ],
)
def test_a_bounce_acts_only_on_the_address_that_it_is_about(
    delivery: ReportedDelivery | None, failures: tuple[ReportedRecipient, ...], effect: ReceivedMailEffect
) -> None:
    """Hard before soft, of the person's present address alone, and with a proof."""
    decision = decide_effect_of_bounce(failures, delivery)
    assert decision.effect is effect
    assert decision.reason
    assert "@" not in decision.reason


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out", "opt-out-list", "virus", "other"])
def test_a_complaint_needs_a_proof(kind: str) -> None:
    """Without one it acts on nobody."""
    assert decide_effect_of_complaint(kind, DELIVERY).effect is ReceivedMailEffect.COMPLAINT
    assert decide_effect_of_complaint(kind, None).effect is ReceivedMailEffect.NONE


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "dmarc", "", None])
def test_feedback_that_is_no_complaint_acts_on_nobody(kind: str | None) -> None:
    """It is a receiver's note about authentication, or says the opposite."""
    assert decide_effect_of_complaint(kind, DELIVERY).effect is ReceivedMailEffect.NONE


@pytest.mark.parametrize("mailbox", Mailbox)
def test_what_nobody_understands_waits_for_a_person(mailbox: Mailbox) -> None:
    """Only machines' messages end without one."""
    for kind in (ReportKind.REPLY, ReportKind.UNREADABLE):
        assert decide_effect_of_other_mail(mailbox, kind).effect is ReceivedMailEffect.WAITS
    for kind in (ReportKind.AUTOMATIC_REPLY, ReportKind.DMARC_REPORT, ReportKind.TLS_REPORT):
        assert decide_effect_of_other_mail(mailbox, kind).effect is ReceivedMailEffect.NONE


def test_only_addresses_of_ours_are_mailboxes() -> None:
    """Role addresses of each brand in any case, the opt-out mailbox, and return paths with a signature by any key."""
    for policy in policies().values():
        for role in ("postmaster", "Abuse"):
            found = DIRECTORY.find_mailbox(f"{role}@{policy.domain.upper()}")
            assert (found and found.mailbox) == role.lower()
        opt_out = DIRECTORY.find_mailbox((policy.opt_out_mailbox or "").swapcase())
        assert opt_out is not None
        assert (opt_out.brand, opt_out.mailbox) == (policy.brand, Mailbox.OPT_OUT)
    older = SignedLinks("https://mail.example", ["older key of the tests"])
    for maker in (LINKS, older):
        path = maker.bounce_address(MAILING, 7, "interpals.example")
        found = DIRECTORY.find_mailbox(path.upper())
        assert (found and found.mailbox) == Mailbox.RETURN_PATH
        assert DIRECTORY.find_mailbox(path.replace("interpals.example", "elsewhere.example")) is None
    forged = SignedLinks("https://mail.example", ["key of a stranger"]).bounce_address(MAILING, 7, "interpals.example")
    for stranger in (forged, "ada@interpals.example", "postmaster", "", "@", "postmaster@", "@interpals.example"):
        assert DIRECTORY.find_mailbox(stranger) is None, stranger


@given(st.text(max_size=400))
def test_no_address_breaks_the_search(text: str) -> None:
    """Whatever a client writes, it is a mailbox or none."""
    for address in (text, f"b+{text}@interpals.example", f"{text}@interpals.example"):
        found = DIRECTORY.find_mailbox(address)
        assert found is None or found.brand in policies()


def test_a_proof_is_a_signature_of_ours() -> None:
    """A return path or an unsubscribe link, wherever in a text; a changed one proves nothing."""
    path = LINKS.bounce_address(MAILING, 7, "interpals.example")
    link = LINKS.unsubscribe_link(UnsubscribeToken("interpals", 7, "newsletter", MAILING))
    for text in (path, f"Return-Path: <{path.upper()}>", f"<{link}>", f"see {link}."):
        assert find_delivery_proof(["nothing", text], LINKS) == BounceToken(MAILING, 7), text
    without_mailing = LINKS.unsubscribe_link(UnsubscribeToken("interpals", 7, "newsletter"))
    for text in (path[:-30], link[:-5], link.replace("/u/", "/u/A"), without_mailing, "b+@", "/u/"):
        assert find_delivery_proof([text], LINKS) is None, text


@given(st.text())
def test_no_text_breaks_the_search_for_a_proof(text: str) -> None:
    """A stranger's text proves nothing, and raises nothing."""
    assert find_delivery_proof([text, f"b+{text}@x.example", f"/u/{text}"], LINKS) is None


@pytest.mark.parametrize(
    ("reported", "answered", "suspicious"),
    [(19, 0, False), (20, 0, True), (20, 199, True), (20, 200, False), (1000, 9_999, True), (1000, 100_000, False)],
)
def test_a_mass_of_bounces_is_suspicious(reported: int, answered: int, suspicious: bool) -> None:
    """Few prove nothing; many are compared with what was sent in the days before."""
    assert is_number_of_reported_bounces_suspicious(reported, answered) == suspicious


def test_an_address_to_listen_on_is_read() -> None:
    """With its protocol, name and certificate."""
    url = parse_listener_url("smtp://0.0.0.0:25?name=mx.example.org&certificate=/c.pem&key=/k.pem")
    assert (url.is_lmtp, url.host, url.port, url.name) == (False, "0.0.0.0", 25, "mx.example.org")  # noqa: S104
    assert (str(url.certificate), str(url.key)) == ("/c.pem", "/k.pem")
    assert parse_listener_url("lmtp://[::1]:2424").host == "::1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("http://127.0.0.1:25", "takes lmtp://"),
        ("smtp://127.0.0.1", "takes lmtp://"),
        ("smtp://:25", "takes lmtp://"),
        ("smtp://127.0.0.1:99999", "takes lmtp://"),
        ("smtp://user@127.0.0.1:25", "takes lmtp://"),
        ("lmtp://127.0.0.1:24/path", "takes lmtp://"),
        ("smtp://127.0.0.1:25?tls=none", "tls is no option"),
        ("smtp://127.0.0.1:25?certificate=/c.pem", "belong together"),
        ("", "takes lmtp://"),
    ],
)
def test_a_wrong_address_to_listen_on_says_what_is_wrong(text: str, complaint: str) -> None:
    """The message names the form, or the option."""
    with pytest.raises(ValueError, match=complaint):
        parse_listener_url(text)


def test_the_limits_count_connections_and_octets() -> None:
    """One client, all of them, and all texts together have limits; octets that were given back are free again."""
    limits = ReceptionLimits(octets=100)
    assert [limits.add_session("192.0.2.1") for _ in range(MAX_SESSIONS_OF_PEER + 1)].count(False) == 1
    others = [limits.add_session(f"192.0.2.{2 + number // 20}") for number in range(MAX_SESSIONS)]
    assert others.count(True) == MAX_SESSIONS - MAX_SESSIONS_OF_PEER
    limits.remove_session("192.0.2.1")
    assert limits.add_session("192.0.2.1")
    first, second = limits.hold_octets(), limits.hold_octets()
    assert first.may_hold(40)
    assert first.may_hold(60)
    assert not second.may_hold(41)
    assert second.is_refused_for_room
    assert not first.may_hold(MAX_OCTETS + 1)
    first.release_octets()
    assert limits.hold_octets().may_hold(100)
