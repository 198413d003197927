"""Replies as real servers give them, each in the class of MAIL.md."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.policy.session_refusals import SmtpStage
from mailer.policy.setup_fault_replies import find_setup_checks_for_reply
from mailer.policy.smtp_replies import HARD, outcome_of_reply, storable_reply_text

TRANSACTION = (SmtpStage.MAIL, SmtpStage.RCPT, SmtpStage.DATA, SmtpStage.DOT)

REFUSED = [
    (550, "5.1.1 <ann@example.org>: Recipient address rejected: User unknown in local recipient table", "5.1.1"),
    (
        550,
        "5.1.1 The email account that you tried to reach does not exist. Please try\n"
        "5.1.1 double-checking the recipient's email address for typos or\n"
        "5.1.1 unnecessary spaces. https://support.example.com/mail/?p=NoSuchUser a1-2001si3 - gsmtp",
        "5.1.1",
    ),
    (
        550,
        "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ann@example.org not found by lookup",
        "5.1.10",
    ),
    (556, "5.1.10 Recipient address has null MX", "5.1.10"),
    (550, "5.1.2 <ann@nowhere.example>: Recipient address rejected: Domain not found", "5.1.2"),
    (501, "5.1.3 Bad recipient address syntax", "5.1.3"),
    (551, "5.1.6 The account has moved, no forwarding address", "5.1.6"),
    (550, "5.2.1 The email account that you tried to reach is inactive", "5.2.1"),
    (525, "5.7.13 User Account Disabled", "5.7.13"),
    (550, "5.7.17 Mailbox owner has changed", "5.7.17"),
    (550, "5.7.18 Domain owner has changed", "5.7.18"),
    (550, "sorry, no mailbox here by that name (#5.1.1)", "5.1.1"),
    (550, "#5.1.1 bad address ann@example.org", "5.1.1"),
    (550, "[5.1.1] unknown", "5.1.1"),
    (550, "No such user here", None),
    (550, "Unrouteable address", None),
    (550, "Requested action not taken: mailbox unavailable", None),
    (550, "<spam.policy@blocked.example>: user unknown; see https://example.org/blocked-by-policy", None),
    (550, "permanent failure for one or more recipients: no account by that name here", None),
    (551, "User not local; please try <other@example.net>", None),
    (551, "not our customer", None),
    (553, "Requested action not taken: mailbox name not allowed", None),
    (553, "Invalid recipient ann@example.org (Mode: normal)", None),
    (554, "delivery error: dd This user doesn't have a yahoo.com account (ann@yahoo.com) [0] - mta1.example.com", None),
    (
        554,
        "delivery error: dd Sorry your message to ann@aol.com cannot be delivered. "
        "This account has been disabled or discontinued [#102]. - mta2.example.com",
        None,
    ),
    (550, "5.0.0 <ann@example.org>... User unknown", "5.0.0"),
    (550, "5.1.0 <ann@example.org> recipient does not exist", "5.1.0"),
    (550, "5.2.0 mailbox not found", "5.2.0"),
    (550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", "5.5.0"),
    (550, "5.5.0 User unknown", "5.5.0"),
]

DEFERRED = [
    (421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints", "4.7.0"),
    (421, "Service not available, closing transmission channel", None),
    (450, "4.2.1 The user you are trying to contact is receiving mail too quickly", "4.2.1"),
    (450, "4.1.1 <ann@example.org>: Recipient address rejected: unverified address", "4.1.1"),
    (451, "Greylisted, please try again in 300 seconds", None),
    (452, "4.2.2 The email account that you tried to reach is over quota", "4.2.2"),
    (452, "too many recipients", None),
    (450, "5.1.1 user unknown", "5.1.1"),
    (550, "4.4.7 message expired", "4.4.7"),
    (552, "5.2.2 This mailbox is over quota", "5.2.2"),
    (552, "Requested mail action aborted: exceeded storage allocation", None),
    (552, "message size exceeds fixed limit", None),
    (554, "5.3.0 rewrite: map lookup failed", "5.3.0"),
    (552, "5.3.4 Message size exceeds fixed limit", "5.3.4"),
    (550, "5.4.1 Recipient address rejected: Access denied [AM0EUR02FT012]", "5.4.1"),
    (554, "5.4.6 Too many hops", "5.4.6"),
    (550, "Mailbox is full", None),
    (550, "user has exceeded quota, bouncing mail", None),
    (554, "mailbox temporarily unavailable", None),
    (550, "5.0.0 quota exceeded for user", "5.0.0"),
    (550, "5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more", "5.2.1"),
    (550, "5.4.5 Daily user sending limit exceeded.", "5.4.5"),
    (552, "5.5.3 Too many recipients", "5.5.3"),
    (421, "4.7.28 Gmail has detected an unusual rate of unsolicited mail.", "4.7.28"),
]

BLOCKED = [
    (550, "5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus", "5.7.1"),
    (552, "5.7.0 This message was blocked because its content presents a potential security issue", "5.7.0"),
    (553, "5.1.8 <news@nowhere.example>... Domain of sender address does not exist", "5.1.8"),
    (553, "5.1.7 bad sender address syntax", "5.1.7"),
    (554, "5.6.0 Message contains bare CR", "5.6.0"),
    (553, "sorry, your envelope sender is in my badmailfrom list", None),
    (550, "Sender verify failed: user unknown", None),
    (550, "Administrative prohibition", None),
    (550, "rejected because 5.9.12.3 is listed", None),
    (550, "mailbox unavailable (IP address is on a blocklist)", None),
    (550, "", None),
    (554, "Transaction failed", None),
    (554, "Message rejected as spam by content scanning", None),
    (550, "5.0.0 Message rejected", "5.0.0"),
    (550, "5.1.0 Address rejected.", "5.1.0"),
    (550, "5.1.4 ambiguous mailbox", "5.1.4"),
    (554, "5.7.9 Message not accepted for policy reasons. See https://postmaster.example.com/error-codes", "5.7.9"),
    (550, "5.7.1 The IP address is on a block list (S3140)", "5.7.1"),
    (554, "5.7.1 <ann@example.org>: Recipient address rejected: Access denied", "5.7.1"),
    (504, "5.5.2 <ann>: Recipient address rejected: need fully-qualified address", "5.5.2"),
    (501, "malformed address", None),
]

SET_UP = [
    (550, "5.7.26 Unauthenticated email from example.org is not accepted due to domain's DMARC policy", "5.7.26"),
    (
        421,
        "4.7.26 This email has been rate limited because it is unauthenticated. Gmail requires all\n"
        "4.7.26 senders to authenticate with either SPF or DKIM.",
        "4.7.26",
    ),
    (421, "4.7.23 The IP address sending this message does not have a PTR record", "4.7.23"),
    (421, "4.7.27 SPF [example.org] with ip: [192.0.2.1] = did not pass", "4.7.27"),
    (421, "4.7.29 Your email was not sent over a TLS connection", "4.7.29"),
    (421, "4.7.30 DKIM did not pass", "4.7.30"),
    (421, "4.7.31 no DMARC record", "4.7.31"),
    (421, "4.7.32 the From: header isn't aligned", "4.7.32"),
    (421, "4.7.40 no DMARC policy", "4.7.40"),
    *((550, f"5.7.{n} Your email has been blocked", f"5.7.{n}") for n in (25, 26, 27, 28, 29, 30, 31, 32, 40)),
    (
        550,
        "5.7.515 Access denied, sending domain example.org doesn't meet the required authentication level",
        "5.7.515",
    ),
    (550, "5.7.509 Access denied, sending domain example.org does not pass DMARC verification", "5.7.509"),
    (550, "5.7.23 Message rejected due to: SPF fail - not authorized", "5.7.23"),
    (550, "5.7.1 Email rejected per SPF policy", "5.7.1"),
    (550, "5.7.1 This message was not accepted due to domain owner DMARC policy", "5.7.1"),
    (554, "5.7.5 Permanent error evaluating DMARC policy", "5.7.5"),
    (550, "DKIM verification failed", None),
]


@pytest.mark.parametrize(
    ("result", "code", "text", "status"),
    [
        *((OutcomeKind.REFUSED, *sample) for sample in REFUSED),
        *((OutcomeKind.DEFERRED, *sample) for sample in DEFERRED),
        *((OutcomeKind.BLOCKED, *sample) for sample in BLOCKED),
        *((OutcomeKind.SET_UP, *sample) for sample in SET_UP),
        (OutcomeKind.ACCEPTED, 250, "2.0.0 Ok: queued as 4Xyz", "2.0.0"),
        (OutcomeKind.ACCEPTED, 250, "OK id=1tX-0005.1.1-Ab", None),
        (OutcomeKind.DEFERRED, 354, "go ahead", None),
    ],
)
def test_samples(result: OutcomeKind, code: int, text: str, status: str | None) -> None:
    """A real reply has its class, its status code and its text (case S17)."""
    outcome = outcome_of_reply(SmtpStage.RCPT, code, text)
    assert (outcome.result, outcome.status) == (result, status)
    assert (outcome.code, outcome.text, outcome.trouble) == (code, text, None)


@pytest.mark.parametrize(("code", "text", "status"), SET_UP)
def test_a_broken_set_up_says_what_to_check(code: int, text: str, status: str) -> None:
    """Each of these replies tells operators what to check, at any stage."""
    assert find_setup_checks_for_reply(status or None, text)
    assert {outcome_of_reply(stage, code, text).result for stage in TRANSACTION} == {OutcomeKind.SET_UP}


@given(st.integers(400, 499), st.text())
def test_a_passing_code_is_never_hard(code: int, text: str) -> None:
    """The delivery goes on after any 4xx reply: tried again, held, or offered elsewhere."""
    goes_on = {OutcomeKind.DEFERRED, OutcomeKind.SET_UP, OutcomeKind.UNSENT}
    assert {outcome_of_reply(stage, code, text).result for stage in TRANSACTION} <= goes_on


@given(st.integers(500, 599), st.from_regex(r"5\.\d{1,2}\.\d{1,2}", fullmatch=True), st.text(max_size=20))
def test_only_the_listed_codes_are_hard(code: int, status: str, text: str) -> None:
    """A status code that says something declares an address dead only if it is on the list."""
    for stage in (SmtpStage.RCPT, SmtpStage.DATA, SmtpStage.DOT):
        outcome = outcome_of_reply(stage, code, f"{status} {text}")
        if status not in {"5.0.0", "5.1.0", "5.2.0", "5.5.0"}:
            assert outcome.result is not OutcomeKind.REFUSED or status in HARD


@given(st.integers(0, 999), st.text(st.characters()))
def test_any_reply_has_a_class(code: int, text: str) -> None:
    """The classification is total, and only a 2xx is an acceptance."""
    for stage in TRANSACTION:
        assert (outcome_of_reply(stage, code, text).result is OutcomeKind.ACCEPTED) == (code // 100 == 2)


@given(st.sampled_from(TRANSACTION), st.integers(400, 599), st.text())
def test_a_refused_sender_buries_nobody(stage: SmtpStage, code: int, text: str) -> None:
    """No reply to MAIL declares an address dead; and what is unsent always names the relay's trouble."""
    outcome = outcome_of_reply(stage, code, text)
    assert stage is not SmtpStage.MAIL or outcome.result is not OutcomeKind.REFUSED
    assert (outcome.result is OutcomeKind.UNSENT) == (outcome.trouble is not None)


def test_the_text_can_be_stored() -> None:
    """Undecodable bytes, control characters and endless text do not reach the database."""
    text = storable_reply_text("5.1.1 caf\udce9\x00\x1b[31m\nzweite Zeile" + "x" * 5000)
    assert text.startswith("5.1.1 caf?  [31m\nzweite Zeile")
    assert len(text) == 2000
    assert text.encode()
