"""The reader of requests against labelled mails: no wrong action, and few plain opt-outs that need a person."""

from collections import Counter
from functools import cache

import pytest
from mailparser_reply import EmailReplyParser  # type: ignore[import-untyped]

from mailer.inbound.requests.own_words import separate_own_words
from mailer.inbound.requests.reading import read_request
from mailer.inbound.requests.request_types import Certainty, MailToRead, ReadRequest, RequestKind, RequestMailbox
from tests.inbound_requests.labelled_texts import (
    BRAND_NAME,
    FOOTERS,
    SENDER,
    LabelledText,
    read_labelled_texts,
    read_one_line_texts,
    read_unseen_texts,
)

TEXTS = read_labelled_texts()
HALVES = {
    "written against": [text for text in TEXTS if not text.is_held_back and not text.is_later],
    "held back": [text for text in TEXTS if text.is_held_back and not text.is_later],
    "later": [text for text in TEXTS if text.is_later],
}


@cache
def read(text: LabelledText) -> ReadRequest:
    """Reads a labelled mail."""
    mailbox = RequestMailbox(text.mailbox)
    return read_request(MailToRead(text.subject, text.text, mailbox, BRAND_NAME, SENDER, FOOTERS))


def is_wrong_action(text: LabelledText, found: ReadRequest) -> bool:
    """Tells whether something would be done that the label does not allow."""
    if found.certainty is Certainty.DOUBTFUL or found.request is RequestKind.NOTHING:
        return False
    return not text.is_plain or (found.request, found.reach or "") != (text.request, text.scope)


def test_there_are_texts_enough() -> None:
    """Three hundred mails and more in six languages, of which about half are no plain opt-outs."""
    plain = [text for text in TEXTS if text.is_plain and text.request == "opt_out"]

    assert len(TEXTS) >= 400
    assert min(Counter(text.language for text in TEXTS).values()) >= 50
    assert 0.35 <= len(plain) / len(TEXTS) <= 0.55


@pytest.mark.parametrize("half", HALVES)
def test_no_action_is_wrong(half: str) -> None:
    """Nothing is done that the person did not ask for, and the reach is the right one."""
    wrong = [text.name for text in HALVES[half] if is_wrong_action(text, read(text))]

    assert wrong == []


@pytest.mark.parametrize("half", HALVES)
def test_plain_opt_outs_need_nobody(half: str) -> None:
    """At least 90 of 100 plain opt-outs are handled without a person.

    Measured at the first run: 65 of 69 of the half that was held back, 37 of 47 of the later texts, with one wrong
    action and one wrong reach among these. The faults were then corrected. The last of six more rounds of sentences,
    before correction: 32 of 40 handled, and 3 of 45 hard others acted on wrongly. Only the texts of others say more.
    """
    plain = [text for text in HALVES[half] if text.is_plain and text.request == "opt_out"]
    handled = [text for text in plain if read(text).certainty is Certainty.PLAIN]

    assert len(handled) / len(plain) >= 0.9, sorted({text.name for text in plain} - {text.name for text in handled})


def read_line(text: str) -> ReadRequest:
    """Reads a mail of one line to the support mailbox."""
    return read_request(MailToRead("", text, RequestMailbox.SUPPORT, BRAND_NAME, SENDER, FOOTERS))


def test_other_mails_of_one_line_are_never_acted_on() -> None:
    """Some hundred sentences that look like an opt-out and are none, or are about somebody else, change nothing."""
    lines = read_one_line_texts("others")
    acting = [line for line in lines if (found := read_line(line)).suggestions and found.certainty is Certainty.PLAIN]

    assert len(lines) > 250
    assert acting == []


@pytest.mark.parametrize("mailbox", list(RequestMailbox))
def test_unseen_mails_that_mean_something_else_are_never_acted_on(mailbox: RequestMailbox) -> None:
    """Questions, negations, irony, conditions, wishes of others and praise change nothing at any mailbox.

    At the first reading 1 of 240 was acted on wrongly ("Je veux plus de mails", which may mean either), then 0 of 92.
    """
    mails = [MailToRead("Re: News", line, mailbox, BRAND_NAME, SENDER) for line in read_unseen_texts("others")]
    found = [(mail.text, read_request(mail)) for mail in mails]

    assert len(found) > 300
    nothing = RequestKind.NOTHING
    assert [text for text, one in found if one.certainty is Certainty.PLAIN and one.request is not nothing] == []


@pytest.mark.parametrize("mailbox", list(RequestMailbox))
def test_unseen_plain_opt_outs_need_nobody(mailbox: RequestMailbox) -> None:
    """At least 95 of 100 are handled. At the first reading 116 of 120 were, at each mailbox, then 60 of 60."""
    mails = [MailToRead("Re: News", line, mailbox, BRAND_NAME, SENDER) for line in read_unseen_texts("plain")]
    found = [read_request(mail) for mail in mails]
    handled = [one for one in found if (one.certainty, one.request) == (Certainty.PLAIN, RequestKind.OPT_OUT)]

    assert len(handled) / len(found) >= 0.95


def test_opt_outs_of_one_line_need_nobody() -> None:
    """At least 95 of 100 sentences are handled; the rest has a joke, the past or a single ambiguous word."""
    lines = read_one_line_texts("opt_outs")
    handled = [line for line in lines if (found := read_line(line)).certainty is Certainty.PLAIN and found.reach]

    assert len(lines) > 250
    assert len(handled) / len(lines) >= 0.95


def test_no_request_is_taken_for_nothing() -> None:
    """A mail that asks for something is never put aside as an automatic reply or a quote."""
    lost = [
        text.name
        for text in TEXTS
        if text.request != "nothing"
        and (found := read(text)).request is RequestKind.NOTHING
        and found.certainty is Certainty.PLAIN
    ]

    assert lost == []


def test_the_kind_is_mostly_right() -> None:
    """The best guess is the labelled request in four of five mails, also where a person looks."""
    right = [text for text in TEXTS if read(text).request == text.request]

    assert len(right) / len(TEXTS) >= 0.85


def test_the_language_is_known() -> None:
    """The language is that of the label, but for words that are the same in two languages."""
    known = [(text.language, read(text).language) for text in TEXTS]
    wrong = [pair for pair in known if pair[1] not in (None, pair[0])]

    assert len(wrong) / len(known) < 0.05


def test_reasons_quote_nothing_of_the_mail() -> None:
    """Reasons name what was found with words of ours, so that they can be logged."""
    reasons = {reason for text in TEXTS for reason in read(text).reasons}

    assert all(reason.isascii() and "@" not in reason and len(reason) < 80 for reason in reasons)
    assert all(read(text).reasons for text in TEXTS)


def test_each_quote_that_a_library_finds_is_found() -> None:
    """mail-parser-reply, a second opinion, finds no quote that our own reader leaves in the text."""
    for text in TEXTS:
        if text.language == "ar" or "\n>" not in f"\n{text.text}":
            continue
        own = "\n".join(separate_own_words(text.text, FOOTERS).lines)
        theirs = EmailReplyParser(languages=["en", text.language]).read(text.text)
        for quoted in theirs.replies[1:]:
            assert quoted.body == "" or quoted.body not in own, text.name
        assert ">" not in own, text.name
