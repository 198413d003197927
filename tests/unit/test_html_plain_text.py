"""Plain text of the HTML parts of received mail."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.inbound.requests.html_plain_text import plain_text_of_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<div>Please&nbsp;unsubscribe <b>me</b></div><p>Thanks<br>Tom", "Please unsubscribe me\n\nThanks\nTom"),
        ("Hi<blockquote>To unsubscribe<br>click</blockquote>", "Hi\n> To unsubscribe\n> click"),
        ('no<div class="gmail_quote">On Monday<div>stop</div></div>', "no\n> On Monday\n> stop"),
        ("<head><title>stop</title><style>p{}</style></head><body>Hello", "Hello"),
        ('<script>stop</script>a<span style="display:none">stop</span>b<p hidden>stop</p>', "ab"),
        ("<!-- stop -->a<!-- never ended", "a"),
        ("don&#39;t &#x3C;b&gt; &#99999999999; 1 < 2", "don't <b> \ufffd 1 < 2"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\n\nc"),
        ("</p></blockquote>a</div>", "a"),
        ("a\r\n   b", "a b"),
        ("", ""),
    ],
)
def test_the_visible_text_is_taken(html: str, text: str) -> None:
    """Blocks are lines, quotes are marked, hidden elements say nothing, broken markup is read."""
    assert plain_text_of_html(html) == text


@given(st.text(alphabet=st.sampled_from("<>/!-abp \n&#;x1=\"'")))
def test_no_markup_makes_it_raise(html: str) -> None:
    """Any text gets a text, in which no element is left hidden or quoted for ever."""
    assert "\n\n\n" not in plain_text_of_html(html)


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", "</div>", "<div>", "<blockquote>", "&#", '<a href="', "\n ", "<!a"]
)
def test_time_is_bounded(piece: str) -> None:
    """Hostile HTML of any length takes less than two seconds."""
    begun = time.process_time()
    plain_text_of_html(piece * (2_000_000 // len(piece)))

    assert time.process_time() - begun < 2
