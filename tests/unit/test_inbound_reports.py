"""The labelled set of received messages, and the rules that no label may bend."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from mailer.inbound.reports.classification import classify_message
from mailer.inbound.reports.failure_class import class_of_failure, find_reply
from mailer.inbound.reports.received_report import (
    BounceClass,
    CandidateSource,
    ReceivedReport,
    RecipientAction,
    ReportKind,
    report_as_json,
)
from mailer.rendering.link_tokens import BounceToken, UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks
from scripts.inbound_mistakes import LABELS, WANTED_SHARE, judge_labelled_set

LINKS = SignedLinks("https://mail.example.com", ["a secret"])
PAGE = LABELS.parents[2] / "docs" / "inbound.md"
MAILING = UUID("0192f0c1-0000-7000-8000-000000000001")
OURS = f"""Return-Path: <{LINKS.bounce_address(MAILING, 7, "bounces.example.com")}>
From: Harbour <news@mail.example.com>
To: ada@example.org
Subject: Your week
Message-ID: {LINKS.stable_message_id(MAILING, 7, "mail.example.com")}
List-Unsubscribe: <{LINKS.unsubscribe_link(UnsubscribeToken("harbour", 7, "newsletter", MAILING, 1))}>,
 <mailto:leave@mail.example.com?subject=x>
Feedback-ID: spring:newsletter:harbour:mailer
X-Harbour-Ring: 4
X-Spam-Status: No
"""


REPLIES = [
    ("550 5.1.1 sorry, the recipient's account is over its storage limit", "5.1.1", "soft"),
    ("550 Account disabled for exceeding quota", "5.0.0", "soft"),
    ("550 5.2.1 mailbox disabled for this recipient; over quota", "5.2.1", "soft"),
    ("554 5.2.1 Mailbox temporarily unavailable", "5.2.1", "soft"),
    ("550 5.1.1 Sender denied by recipient", "5.1.1", "sender_fault"),
    ("550 5.1.1 Mailbox unavailable because of sender reputation", "5.1.1", "sender_fault"),
    ("550 5.1.0 Address rejected", "5.1.0", "sender_fault"),
    ("550 5.1.0 Address rejected.", "5.1.0", "sender_fault"),
    ("550 5.2.0 Mailbox inactive", "5.2.0", "hard"),
    ("550 Requested action not taken: mailbox unavailable", "5.0.0", "hard"),
    ("550 Mail content denied", "5.0.0", "sender_fault"),
    ("550 Denied by policy", "5.0.0", "sender_fault"),
    ("550 #5.1.0 Address rejected.", "5.1.0", "sender_fault"),
    ("553 sorry, your mail was administratively denied. (#5.7.1)", "5.7.1", "sender_fault"),
    ("550 Rejected: user not allowed to receive external mail", "5.0.0", "sender_fault"),
    ("550 Recipient rejected: not in whitelist", "5.0.0", "sender_fault"),
    ("550 user has no mailbox rights; too many connections", "5.0.0", "soft"),
    ("550 User suspended", "5.0.0", "hard"),
    ("550 5.1.1 recipient overquota", "5.1.1", "soft"),
    ("550 5.1.1 overquota", "5.1.1", "soft"),
    ("550 5.1.1 RP-001 Mail rejected by Outlook.com for policy reasons", "5.1.1", "sender_fault"),
    ("550 5.1.1 Inbox is full", "5.1.1", "soft"),
    ("550 5.1.1 Invalid recipient: greylisted", "5.1.1", "soft"),
    ("550 5.1.1 The mailbox is not accepting mail at this time", "5.1.1", "soft"),
    ("550 5.1.2 Host lookup failed temporarily", "5.1.2", "soft"),
    ("550 5.1.2 Bad destination system: no such domain", "5.1.2", "hard"),
    ("554 rejected due to spam URL", "5.0.0", "sender_fault"),
    ("550 5.4.4 Invalid domain", "5.4.4", "soft"),
    ("550 5.7.23 The message was rejected because of Sender Policy Framework violation", "5.7.23", "sender_fault"),
    ("550 No such user; mail rejected as spam", "5.0.0", "sender_fault"),
    ("501 5.1.3 Invalid address", "5.1.3", "hard"),
    ("550 5.1.3 Invalid sender address", "5.1.3", "sender_fault"),
    ("550 5.1.1 Unknown sender", "5.1.1", "sender_fault"),
    ("550 5.1.1 user unknown (sender address verification failed)", "5.1.1", "sender_fault"),
    ("550 5.7.13 user disabled", "5.7.13", "hard"),
    ("550 5.7.17 mailbox owner has changed", "5.7.17", "hard"),
    (
        "550 verification failed for <bounces@mail.example.com> The mail server does not recognize you",
        "5.0.0",
        "sender_fault",
    ),
    ("550 Invalid Mail From: domain does not exist", "5.0.0", "sender_fault"),
    ("550 Your domain does not exist", "5.0.0", "sender_fault"),
    ("550 Sender's domain not found", "5.0.0", "sender_fault"),
    ("550 Unknown host mail.example.com in HELO", "5.0.0", "sender_fault"),
    ("550 Invalid host name", "5.0.0", "sender_fault"),
    ("550 Client host rejected: cannot find your hostname", "5.0.0", "sender_fault"),
    ("550 inactive user", "5.0.0", "hard"),
    ("550 no mailbox here by that name", "5.0.0", "hard"),
    ("550 5.1.1 no PTR record for user unknown", "5.1.1", "sender_fault"),
    ("571 message refused", "5.0.0", "sender_fault"),
    ("550 account not verified", "5.0.0", "soft"),
    ("552 5.2.3 message too big", "5.2.3", "sender_fault"),
    ("550 mail from unknown user refused", "5.0.0", "sender_fault"),
    ("550 5.1.1 is not accepting any mail", "5.1.1", "soft"),
    ("550 5.1.1 The user does not accept mail from you", "5.1.1", "sender_fault"),
]
"""Replies as servers write them, with the Status field beside them, and the class."""


def dsn(fields: str, text: str = "It failed.", returned: str = OURS, head: str = "") -> bytes:
    """Returns a delivery status notification with the fields of its recipients."""
    return (
        f"From: MAILER-DAEMON@mx.example.org\nSubject: Undelivered Mail Returned to Sender\n{head}"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\n{text}\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n"
        f"Original-Envelope-Id: QQ3141\n\n{fields}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{returned}\n--b--\n"
    ).encode()


def only_class(report: ReceivedReport) -> BounceClass:
    """Returns the class of the only recipient."""
    [recipient] = report.recipients
    return recipient.bounce_class


def test_the_labelled_set_is_judged_right_and_nobody_is_falsely_hard() -> None:
    """At least 98 % of at least 250 messages are right, and no recipient is hard against its label."""
    result = judge_labelled_set(LABELS)
    assert result.messages >= 250
    assert not result.false_hard
    assert result.share >= WANTED_SHARE, result.mistakes
    assert result.summary in PAGE.read_text()  # docs/inbound.md shows the last result


def test_every_message_of_the_set_has_a_label() -> None:
    """Each file of the set is labelled, and each label has its file."""
    found = {
        str(path.relative_to(LABELS.parent)) for path in LABELS.parent.rglob("*") if path.suffix in (".eml", ".txt")
    }
    assert found == json.loads(LABELS.read_text()).keys()


@pytest.mark.parametrize(
    "text",
    [
        "550 5.1.1 mailbox is full",
        "550 5.1.1 <ada@example.org>: quota exceeded, user unknown to quota service",
        "550 5.1.1 blocked by our policy",
        "550 5.1.1 rejected: listed at a DNSBL",
        "550 5.1.1 message looks like spam",
        "550 5.1.1 temporarily disabled",
        "550 5.2.1 receiving mail too quickly",
        "550 5.1.1 connection timed out",
        "550 5.7.1 user unknown",
        "552 no such user",
        "450 4.1.1 user unknown",
        "550 relaying denied, no such user here",
    ],
)
def test_a_dead_address_in_words_is_not_hard_if_another_cause_is_named(text: str) -> None:
    """A status or words of a dead address do not count beside a full mailbox, a block or a passing trouble."""
    for status in ("5.1.1", "5.0.0"):
        fields = (
            f"Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: {status}\nDiagnostic-Code: smtp; {text}"
        )
        assert only_class(classify_message(dsn(fields))) in (BounceClass.SOFT, BounceClass.SENDER_FAULT)


@pytest.mark.parametrize(("text", "status", "wanted"), REPLIES)
def test_replies_with_several_words_have_the_mildest_class(text: str, status: str, wanted: str) -> None:
    """A reply that names a dead address and something else is not hard; one that names nothing else is."""
    fields = f"Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: {status}\nDiagnostic-Code: smtp; {text}"
    assert only_class(classify_message(dsn(fields))) == BounceClass(wanted)


@pytest.mark.parametrize("action", ["delayed", "relayed", "expanded", "delivered"])
def test_only_a_final_failure_is_hard(action: str) -> None:
    """No other action than failed is hard, whatever status and diagnostic say."""
    fields = (
        f"Final-Recipient: rfc822; ada@example.org\nAction: {action}\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown"
    )
    assert only_class(classify_message(dsn(fields))) is (BounceClass.SOFT if action == "delayed" else BounceClass.NONE)


def test_the_notice_can_make_a_failure_milder() -> None:
    """A report with a hard status and no diagnostic is soft if its text names a full mailbox."""
    fields = "Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.1.1"
    assert only_class(classify_message(dsn(fields))) is BounceClass.HARD
    full = dsn(fields, "Delivery failed:\n\nada@example.org\nThe recipient's mailbox is full.\n")
    assert only_class(classify_message(full)) is BounceClass.SOFT


def test_a_failure_without_any_cause_is_soft() -> None:
    """A failure is soft in doubt, also if the text only guesses a dead address."""
    guess = "550 the address may not exist"
    assert class_of_failure(RecipientAction.FAILED, "5.0.0", find_reply(guess), guess) is BounceClass.SOFT
    assert class_of_failure(RecipientAction.FAILED, None, None, "Sorry about that.") is BounceClass.SOFT


def notice(body: str) -> ReceivedReport:
    """Returns the result for a notice in plain text."""
    return classify_message(f"From: MAILER-DAEMON@mx.example.org\nSubject: Undeliverable mail\n\n{body}\n".encode())


def test_a_cause_that_names_nobody_of_several_is_not_hard() -> None:
    """A text that lists two addresses and one cause does not say whose it is; one that names both does."""
    both = "The following addresses failed:\n\nada@example.org\nbob@example.org\n\n"
    assert {one.bounce_class for one in notice(f"{both}550 User unknown").recipients} == {BounceClass.SOFT}
    named = notice(f"{both}550 <ada@example.org>: User unknown\n552 <bob@example.org>: Mailbox full")
    assert {one.address: one.bounce_class for one in named.recipients} == {
        "ada@example.org": BounceClass.HARD,
        "bob@example.org": BounceClass.SOFT,
    }


def test_general_advice_is_no_cause() -> None:
    """A paragraph of advice below a clear reply changes nothing."""
    advice = "\n\nCommon causes: the mailbox is full, the message is too large, or it looks like spam."
    assert only_class(notice(f"<ada@example.org>: 550 5.1.1 User unknown{advice}")) is BounceClass.HARD
    fields = (
        "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 No such user"
    )
    assert only_class(classify_message(dsn(fields, f"It failed.{advice}"))) is BounceClass.HARD


def test_words_of_links_and_addresses_are_no_cause() -> None:
    """A host name, link or address with a telling word says nothing."""
    text = "550 5.1.1 <spam@full-mailbox.example.org>: No such user, see https://quota.example.com/blocked"
    assert class_of_failure(RecipientAction.FAILED, "5.1.1", find_reply(text), text) is BounceClass.HARD


def test_candidates_verify_with_the_keys_that_signed_the_mail() -> None:
    """The values of a returned mail of ours are found, the strongest first, and our signer reads them."""
    report = classify_message(
        dsn("Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.1.1"),
        LINKS.bounce_address(MAILING, 9, "bounces.example.com"),
    )
    values = {one.source: one.value for one in reversed(report.candidates)}
    assert [one.source for one in report.candidates][:4] == [
        CandidateSource.ENVELOPE_RECIPIENT,
        CandidateSource.ENVELOPE_ID,
        CandidateSource.RETURN_PATH,
        CandidateSource.MESSAGE_ID,
    ]
    assert LINKS.read_return_path(values[CandidateSource.ENVELOPE_RECIPIENT]) == BounceToken(MAILING, 9)
    assert LINKS.read_return_path(values[CandidateSource.RETURN_PATH]) == BounceToken(MAILING, 7)
    assert values[CandidateSource.MESSAGE_ID] == LINKS.stable_message_id(MAILING, 7, "mail.example.com")
    token = LINKS.read_unsubscribe_token(values[CandidateSource.LIST_UNSUBSCRIBE].rpartition("/")[2])
    assert token is not None
    assert token.recipient_id == 7
    assert values[CandidateSource.FEEDBACK_ID] == "spring:newsletter:harbour:mailer"
    assert [one.value for one in report.candidates if one.source is CandidateSource.X_HEADER] == ["x-harbour-ring: 4"]


def test_a_redacted_complaint_still_leads_to_the_mail() -> None:
    """A complaint that hides the recipient, and returns three fields, has values that our signer reads."""
    path = LINKS.bounce_address(MAILING, 7, "bounces.example.com")
    mail = (
        'From: fbl@isp.example\nContent-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: <redacted>\n"
        f"Original-Mail-From: <{path}>\n\n--b\nContent-Type: text/rfc822-headers\n\nTo: redacted@isp.example\n"
        f"Message-ID: {LINKS.stable_message_id(MAILING, 7, 'mail.example.com')}\nCFBL-Feedback-ID: 1:2:3\n--b--\n"
    )
    report = classify_message(mail.encode())
    assert (report.kind, report.recipients) == (ReportKind.COMPLAINT, ())
    assert [(one.source, one.value) for one in report.candidates] == [
        (CandidateSource.RETURN_PATH, path),
        (CandidateSource.MESSAGE_ID, LINKS.stable_message_id(MAILING, 7, "mail.example.com")),
        (CandidateSource.CFBL_FEEDBACK_ID, "1:2:3"),
    ]


def test_fields_that_a_stranger_writes_are_no_candidates() -> None:
    """Delivered-To and X-Original-To of the report itself prove nothing, and are not collected."""
    forged = LINKS.bounce_address(MAILING, 8, "bounces.example.com")
    head = f"Delivered-To: {forged}\nX-Original-To: {forged}\nReturn-Path: <{forged}>\nMessage-ID: <{forged}>\n"
    report = classify_message(dsn("Final-Recipient: rfc822; a@example.org\nAction: failed", head=head))
    assert all(forged not in one.value for one in report.candidates)


def test_headers_that_a_text_quotes_are_candidates() -> None:
    """A notice in plain text that copies our header leads to the same values."""
    text = "From: MAILER-DAEMON@example.org\nSubject: failure notice\n\nHi. This is the qmail-send program.\n" + (
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n\n<ada@example.org>:\n"
        f"Sorry, no mailbox here by that name. (#5.1.1)\n\n"
        f"--- Below this line is a copy of the message.\n\n{OURS}\nbody\n"
    )
    report = classify_message(text.encode())
    assert only_class(report) is BounceClass.HARD
    found = next(one.value for one in report.candidates if one.source is CandidateSource.RETURN_PATH)
    assert LINKS.read_return_path(found) == BounceToken(MAILING, 7)


def test_a_forwarded_notification_is_a_reply() -> None:
    """A person who attaches a notification or a complaint reports nothing."""
    inside = dsn("Final-Recipient: rfc822; bob@example.org\nAction: failed\nStatus: 5.1.1").decode()
    mail = (
        'From: Ada <ada@example.org>\nSubject: Fwd: failure\nContent-Type: multipart/mixed; boundary="m"\n\n'
        f"--m\nContent-Type: text/plain\n\nWhat is this?\n\n--m\nContent-Type: message/rfc822\n\n{inside}\n--m--\n"
    )
    assert classify_message(mail.encode()).kind is ReportKind.REPLY


def test_the_json_form_has_fixed_names(tmp_path: Path) -> None:
    """Every report has the same fields, and they can be written as JSON."""
    names = {
        *("v", "kind", "recipients", "feedback_type", "feedback", "automatic_reply_reason", "unreadable_reason"),
        *("counts", "candidates"),
    }
    for path in sorted((LABELS.parent / "written").rglob("*.eml"))[::7]:
        found = report_as_json(classify_message(path.read_bytes()))
        assert found.keys() == names
        assert json.loads(json.dumps(found)) == found
        for one in found["recipients"]:
            assert one.keys() == {"address", "action", "status", "code", "class", "diagnostic"}


def test_documented_form_is_the_real_one() -> None:
    """The example in docs/inbound.md is what the command prints for its message."""
    shown = json.loads(PAGE.read_text().partition("```json\n")[2].partition("```")[0])
    found = report_as_json(classify_message((LABELS.parent / "written/dsn/postfix_relay_table.eml").read_bytes()))
    assert shown == found
