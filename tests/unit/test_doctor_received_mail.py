"""Findings about what comes back: each is ok where something reads, and says what to do where nobody does."""

from mailer.doctor.finding import FindingLevel
from mailer.doctor.received_mail import judge_mailboxes_of_brands, judge_read_mailbox, judge_webhooks_of_services


def test_a_service_without_a_webhook_is_a_warning() -> None:
    """An endpoint of the same provider counts, and its address is told; one of another provider does not."""
    found = {
        one.check: one
        for one in judge_webhooks_of_services(
            {"ses-eu": "ses", "sg": "sendgrid"}, [("ses", "main")], "https://mail.example/"
        )
    }
    assert found["webhook ses main"].text == "enter https://mail.example/webhooks/ses/main at the service"
    assert {check: one.level for check, one in found.items()} == {
        "webhook ses main": FindingLevel.OK,
        "webhook of sg": FindingLevel.WARNING,
    }
    assert "add sendgrid://" in found["webhook of sg"].text


def test_a_mailbox_that_nobody_reads_is_a_warning() -> None:
    """A policy that names a mailbox needs somebody who reads it."""
    named = {"interpals": ["support", "opt_out"], "peerstream": []}
    [found] = judge_mailboxes_of_brands(named, is_mail_received=False)
    assert (found.check, found.level) == ("mailboxes of interpals", FindingLevel.WARNING)
    assert "opt_out_mailbox, support_mailbox" in found.text
    assert list(judge_mailboxes_of_brands(named, is_mail_received=True)) == []


def test_a_mailbox_that_opens_says_what_waits() -> None:
    """The number of unread messages is told."""
    assert judge_read_mailbox("imap.example:993/INBOX", 1200).text == "the sign-in works; 1,200 messages are unread"
