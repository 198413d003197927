"""Replies about the session, as real servers give them at each stage, and replies that are not about it."""

import pytest

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.policy.session_refusals import SmtpStage, session_trouble_of_refusal
from mailer.policy.smtp_replies import outcome_of_reply

MAIL, RCPT, DATA, DOT = SmtpStage.MAIL, SmtpStage.RCPT, SmtpStage.DATA, SmtpStage.DOT
BUSY, GREETING, EHLO, STARTTLS, AUTH = (
    ConnectionTrouble.BUSY,
    ConnectionTrouble.GREETING,
    ConnectionTrouble.EHLO,
    ConnectionTrouble.STARTTLS,
    ConnectionTrouble.AUTH,
)

BEFORE = [
    ("Postfix, postscreen", SmtpStage.CONNECT, 554, "5.7.1 Service unavailable; client [192.0.2.1] blocked", GREETING),
    ("Postfix, too busy", SmtpStage.CONNECT, 421, "4.7.0 mx.example.org Error: too many connections", BUSY),
    ("Exim", SmtpStage.CONNECT, 550, "Access denied", GREETING),
    ("Yahoo", SmtpStage.CONNECT, 553, "5.7.1 [BL21] Connections will not be accepted from 192.0.2.1", GREETING),
    ("Gmail", SmtpStage.CONNECT, 421, "4.3.0 Temporary System Problem. Try again later", BUSY),
    ("RFC 7504", SmtpStage.CONNECT, 521, "mx.example.org does not accept mail", GREETING),
    ("Postfix", SmtpStage.EHLO, 504, "5.5.2 <box>: Helo command rejected: need fully-qualified hostname", EHLO),
    ("Exim", SmtpStage.EHLO, 501, "Syntactically invalid EHLO argument(s)", EHLO),
    ("Sendmail", SmtpStage.EHLO, 501, "5.0.0 Invalid domain name", EHLO),
    ("Haraka", SmtpStage.EHLO, 550, "HELO required to be a FQDN", EHLO),
    ("any", SmtpStage.EHLO, 421, "4.3.2 shutting down", BUSY),
    ("any", SmtpStage.STARTTLS, 454, "4.7.0 TLS not available due to local problem", BUSY),
    ("any", SmtpStage.STARTTLS, 502, "5.5.1 command not implemented", STARTTLS),
    ("Postfix", SmtpStage.AUTH, 535, "5.7.8 Error: authentication failed", AUTH),
    ("Gmail", SmtpStage.AUTH, 534, "5.7.9 Application-specific password required", AUTH),
    ("Gmail", SmtpStage.AUTH, 535, "5.7.8 Username and Password not accepted", AUTH),
    ("Exchange", SmtpStage.AUTH, 535, "5.7.3 Authentication unsuccessful", AUTH),
    ("RFC 4954", SmtpStage.AUTH, 538, "5.7.11 Encryption required for requested mechanism", AUTH),
    ("RFC 4954", SmtpStage.AUTH, 454, "4.7.0 Temporary authentication failure", BUSY),
    ("Sendgrid", SmtpStage.AUTH, 535, "Authentication failed: Bad username / password", AUTH),
    ("SES", SmtpStage.AUTH, 535, "Authentication Credentials Invalid", AUTH),
    ("any", SmtpStage.AUTH, 503, "5.5.1 Error: authentication not enabled", AUTH),
    ("any", SmtpStage.AUTH, 504, "5.5.4 Unrecognized authentication type", AUTH),
]

WITHIN = [
    ("Postfix", (MAIL,), 530, "5.7.0 Must issue a STARTTLS command first"),
    ("OpenSMTPD", (MAIL,), 530, "5.5.1 Invalid command: Must issue a STARTTLS command first"),
    ("OpenSMTPD", (MAIL,), 530, "5.5.1 Invalid command: Must issue an AUTH command first"),
    ("Exim", (MAIL, RCPT), 550, "Administrative prohibition: authentication required"),
    ("Exim", (RCPT,), 550, "relay not permitted"),
    ("Exim", (RCPT,), 550, "relay not permitted, authentication required"),
    ("Exim", (MAIL,), 503, "HELO or EHLO required"),
    ("Postfix", (RCPT,), 554, "5.7.1 <ann@example.org>: Relay access denied"),
    ("Postfix", (RCPT,), 454, "4.7.1 <ann@example.org>: Relay access denied"),
    ("Postfix", (RCPT,), 550, "5.7.1 <ann@example.org>: Relay access denied"),
    ("Postfix, delayed", (RCPT,), 504, "5.5.2 <box>: Helo command rejected: need fully-qualified hostname"),
    ("Postfix, delayed", (RCPT,), 554, "5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"),
    ("Postfix, delayed", (RCPT,), 450, "4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]"),
    ("Postfix, delayed", (RCPT,), 450, "4.7.1 <box>: Helo command rejected: Host not found"),
    ("Postfix", (RCPT,), 553, "5.7.1 <news@example.org>: Sender address rejected: not logged in"),
    ("Postfix", (RCPT,), 553, "5.7.1 <news@example.org>: Sender address rejected: not owned by user relay"),
    ("Postfix", (MAIL, RCPT, DATA), 503, "5.5.1 Error: nested MAIL command"),
    ("Haraka", (MAIL,), 550, "5.7.0 Authentication required"),
    ("Haraka", (MAIL, RCPT), 503, "Use MAIL before RCPT"),
    ("Haraka", (RCPT,), 550, "I cannot deliver mail for <ann@example.org>"),
    ("Haraka", (DATA,), 503, "RCPT required first"),
    ("qmail", (RCPT,), 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
    ("qmail", (MAIL, RCPT), 503, "Polite people say HELO first"),
    ("Sendmail", (RCPT,), 550, "5.7.1 <ann@example.org>... Relaying denied"),
    ("Sendmail", (RCPT,), 550, "5.7.1 <ann@example.org>... Relaying denied. Proper authentication required."),
    ("Exchange", (RCPT,), 550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain"),
    ("Exchange", (RCPT,), 550, "5.7.1 Unable to relay"),
    ("Exchange", (MAIL,), 530, "5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM"),
    ("Exchange", (MAIL,), 530, "5.7.1 Client was not authenticated"),
    ("Exchange", (DOT,), 550, "5.7.60 SMTP; Client does not have permissions to send as this sender"),
    ("Office 365", (RCPT,), 550, "5.7.64 TenantAttribution; Relay Access Denied"),
    ("Gmail", (MAIL,), 530, "5.7.0 Authentication Required. Learn more at https://support.example.com/"),
    ("Gmail", (MAIL,), 530, "5.7.0 Must issue a STARTTLS command first. a1-2001si3 - gsmtp"),
    ("Gmail", (MAIL, RCPT), 503, "5.5.1 EHLO/HELO first. a1-2001si3 - gsmtp"),
    ("Gmail relay", (RCPT, DATA), 550, "5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address you've"),
    ("Gmail", (MAIL, RCPT), 555, "5.5.2 Syntax error. a1-2001si3 - gsmtp"),
    ("Sendgrid", (MAIL,), 530, "Authentication required"),
    ("Sendgrid", (DOT,), 550, "The from address does not match a verified Sender Identity. Mail cannot be sent"),
    ("SES", (DOT,), 554, "Message rejected: Email address is not verified. The following identities failed the check"),
    ("SES", (MAIL,), 530, "Authentication required"),
    ("Mailgun", (MAIL, RCPT), 550, "5.7.1 Relaying denied"),
    ("Mailgun", (DOT,), 550, "Domain example.org is not allowed to send: Account disabled"),
    ("Exchange", (MAIL,), 550, "5.7.1 Client does not have permission to submit mail to this server"),
    ("Office 365", (MAIL,), 550, "5.7.606 Access denied, banned sending IP [192.0.2.1]"),
    ("Office 365", (MAIL,), 550, "5.7.708 Service unavailable. Access denied, traffic not accepted from this IP"),
    ("Outlook", (MAIL,), 550, "5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. (S3150)"),
    ("Sendgrid", (MAIL, DOT), 550, "Unauthenticated senders not allowed"),
    ("SES", (DOT,), 554, "Message rejected: Sending paused for this account."),
    ("Sendmail", (RCPT,), 550, "5.7.1 Relaying to <ann@example.org> prohibited by administrator"),
    ("Sendmail", (RCPT,), 550, "5.7.1 Relaying temporarily denied. Cannot resolve PTR record for 192.0.2.1"),
    ("any", (RCPT,), 550, "No relaying allowed"),
    ("any", (RCPT,), 554, "Relay rejected for policy reasons."),
    ("any", (MAIL,), 550, "SMTP AUTH is required"),
    ("any", (MAIL,), 554, "5.7.1 You are not allowed to connect."),
    ("any", (MAIL, RCPT, DATA), 500, "5.5.1 Command unrecognized"),
    ("any", (MAIL, RCPT, DATA), 502, "5.5.1 Command not implemented"),
    ("any", (MAIL,), 501, "Syntax error in parameters or arguments"),
    ("any", (MAIL,), 555, "MAIL FROM parameters not recognized"),
    ("any", (MAIL, RCPT), 521, "host does not accept mail"),
    ("any", (MAIL, RCPT, DATA, DOT), 530, "Must issue STARTTLS"),
    ("any", (MAIL, RCPT, DATA, DOT), 535, "5.7.8 Authentication credentials invalid"),
    ("any", (MAIL, RCPT, DATA, DOT), 538, "5.7.11 Encryption required"),
]

OF_A_MESSAGE = [
    (
        "Postfix",
        (RCPT,),
        554,
        "5.7.1 <ann@example.org>: Recipient address rejected: Access denied",
        OutcomeKind.BLOCKED,
    ),
    (
        "Postfix",
        (MAIL, RCPT),
        554,
        "5.7.1 <news@example.org>: Sender address rejected: Access denied",
        OutcomeKind.BLOCKED,
    ),
    (
        "Postfix",
        (RCPT,),
        554,
        "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen",
        OutcomeKind.BLOCKED,
    ),
    ("Postgrey", (RCPT,), 450, "4.2.0 <ann@example.org>: Recipient address rejected: Greylisted", OutcomeKind.DEFERRED),
    ("Postfix", (DOT,), 550, "5.7.1 Message content rejected", OutcomeKind.BLOCKED),
    ("Exim", (RCPT,), 550, "Unrouteable address", OutcomeKind.REFUSED),
    ("Exim", (DOT,), 552, "Message size exceeds maximum permitted", OutcomeKind.DEFERRED),
    (
        "Gmail",
        (DOT,),
        552,
        "5.7.0 This message was blocked because its content presents a security issue",
        OutcomeKind.BLOCKED,
    ),
    (
        "Gmail",
        (DOT,),
        550,
        "5.7.1 The user or domain that you are sending to has a policy that prohibited",
        OutcomeKind.BLOCKED,
    ),
    ("Yahoo", (DOT,), 554, "5.7.9 Message not accepted for policy reasons", OutcomeKind.BLOCKED),
    (
        "Outlook",
        (RCPT, DOT),
        550,
        "5.5.0 Requested action not taken: mailbox unavailable (S2017062302)",
        OutcomeKind.REFUSED,
    ),
    ("Outlook", (RCPT,), 550, "5.4.1 Recipient address rejected: Access denied", OutcomeKind.DEFERRED),
    ("Exchange", (DOT,), 550, "5.7.1 Message rejected as spam by Content Filtering", OutcomeKind.BLOCKED),
    ("Exchange", (DOT,), 550, "5.7.1 RESOLVER.RST.AuthRequired; authentication required", OutcomeKind.BLOCKED),
    (
        "Office 365",
        (RCPT,),
        550,
        "5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication",
        OutcomeKind.BLOCKED,
    ),
    ("any", (RCPT,), 501, "5.1.3 Bad recipient address syntax", OutcomeKind.REFUSED),
    ("any", (DOT,), 500, "Line too long", OutcomeKind.BLOCKED),
    ("Postfix", (DOT,), 521, "5.5.2 mx.example.org Error: bare <LF> received", OutcomeKind.BLOCKED),
    ("any", (DOT,), 550, "5.5.2 Syntax error in a header", OutcomeKind.BLOCKED),
    ("any", (RCPT, DOT), 550, "5.7.1 Rejected by policy", OutcomeKind.BLOCKED),
    ("any", (RCPT,), 525, "5.7.13 User Account Disabled", OutcomeKind.REFUSED),
]


@pytest.mark.parametrize(("server", "stage", "code", "text", "trouble"), BEFORE)
def test_before_mail_every_refusal_is_about_the_session(
    server: str, stage: SmtpStage, code: int, text: str, trouble: ConnectionTrouble
) -> None:
    """Greeting, EHLO, STARTTLS and AUTH lead to the relay's trouble, by stage and code."""
    assert session_trouble_of_refusal(stage, code, None, text) is trouble, server


@pytest.mark.parametrize(("server", "stages", "code", "text"), WITHIN)
def test_a_refusal_of_us_says_nothing_of_the_message(
    server: str, stages: tuple[SmtpStage, ...], code: int, text: str
) -> None:
    """A reply about our set-up at the relay leaves the message unsent: nobody's delivery fails."""
    for stage in stages:
        outcome = outcome_of_reply(stage, code, text)
        assert (outcome.result, outcome.trouble) == (OutcomeKind.UNSENT, ConnectionTrouble.REFUSED), (server, stage)


@pytest.mark.parametrize(("server", "stages", "code", "text", "result"), OF_A_MESSAGE)
def test_what_is_about_one_message_or_recipient_stays_its_outcome(
    server: str, stages: tuple[SmtpStage, ...], code: int, text: str, result: OutcomeKind
) -> None:
    """Policy, content, sender and recipient are the message's own, with any status that servers use for them."""
    for stage in stages:
        outcome = outcome_of_reply(stage, code, text)
        assert (outcome.result, outcome.trouble) == (result, None), (server, stage)


def test_closing_at_mail_is_the_relays_and_later_the_messages() -> None:
    """421 to MAIL has met no message; later on it may have, and counts as a try."""
    assert outcome_of_reply(MAIL, 421, "4.3.2 closing").trouble is BUSY
    for stage in (RCPT, DATA, DOT):
        assert outcome_of_reply(stage, 421, "4.3.2 closing").result is OutcomeKind.DEFERRED
