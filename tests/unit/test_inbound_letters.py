"""Letters with two texts: the writer saw one of them."""

import html
import time

import pytest

from mailer.inbound.letter_text import read_text_of_letter
from mailer.inbound.letters import read_letter
from mailer.inbound.requests.request_types import MAX_TEXT, Certainty
from mailer.ports.received_mail import Mailbox
from tests.factories import BRAND, policies

HEAD = b'From: a@b.example\r\nSubject: Re: News\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
ASKS, LOVES = "Please unsubscribe me.", "Please do not unsubscribe me, I love it."
INTRODUCTION = "On Mon, 30 Nov 2026 at 09:14, InterPals &lt;news@interpals.example&gt; wrote:"
QUOTE = f'<div class="gmail_quote">{INTRODUCTION}<blockquote>To stop it, click here</blockquote></div>'
QUOTING = f"{ASKS}\r\n\r\n{html.unescape(INTRODUCTION)}\r\n> To stop it, click here"


def letter(plain: str, marked_up: str) -> bytes:
    """A letter with a plain text and HTML."""
    parts = (("plain", plain), ("html", marked_up))
    body = "".join(f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{text}\r\n" for kind, text in parts)
    return HEAD + body.encode() + b"--b--\r\n"


@pytest.mark.parametrize("mailbox", [Mailbox.OPT_OUT, Mailbox.RETURN_PATH])
@pytest.mark.parametrize(
    ("plain", "marked_up", "certainty"),
    [
        (ASKS, f"<p>{ASKS}</p>", Certainty.PLAIN),
        (QUOTING, f"<p>{ASKS}</p>{QUOTE}", Certainty.PLAIN),
        (ASKS, "", Certainty.PLAIN),
        ("", f"<p>{ASKS}</p>", Certainty.PLAIN),
        (ASKS, f"<p>{LOVES}</p>", Certainty.DOUBTFUL),
        (LOVES, f"<p>{ASKS}</p>", Certainty.DOUBTFUL),
        ("Thank you!", f"<p>{ASKS}</p>", Certainty.DOUBTFUL),
        (ASKS, f'<p style="display:none">{ASKS}</p><p>Thank you!</p>', Certainty.DOUBTFUL),
    ],
)
def test_an_html_part_that_says_otherwise_needs_a_person(
    mailbox: Mailbox, plain: str, marked_up: str, certainty: Certainty
) -> None:
    """An act needs both texts to ask for it; a part without words says nothing."""
    assert read_letter(letter(plain, marked_up), mailbox, policies()[BRAND]).certainty is certainty


@pytest.mark.parametrize(
    ("plain", "marked_up", "shown"),
    [
        ("Hello!", f"<p>Hello!</p><p>{ASKS}</p>", f"Hello!\n\n{ASKS}"),
        (ASKS, f"<p>{ASKS.replace(' ', '  ')}</p>", ASKS),
        ("", f"<p>{ASKS}</p>", ASKS),
        (ASKS, "", ASKS),
    ],
)
def test_a_person_reads_what_only_the_html_says(plain: str, marked_up: str, shown: str) -> None:
    """A request that stands in one of the two texts waits for a person, who has to see it."""
    text = read_text_of_letter(letter(plain, marked_up)).text
    assert "\n".join(line.strip() for line in text.strip().splitlines()) == shown


def test_two_long_texts_are_shown_soon() -> None:
    """Text is compared by lines within limits, whatever the lines are."""
    begin = time.process_time()
    text = read_text_of_letter(letter("a" * 80_000, "<p>aaab</p>" * 20_000)).text
    assert time.process_time() - begin < 5
    assert "aaab" in text
    assert len(text) <= 2 * MAX_TEXT
