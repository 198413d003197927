"""The links of a campaign that servers are asked for, and the findings about what they answer."""

import time
from dataclasses import replace

from mailer.policy.campaign_draft import TextBlock
from mailer.policy.link_urls import LinkAnswer, LinkResult
from mailer.rendering.campaign_checks import check_campaign
from mailer.rendering.campaign_findings import CheckFinding, Place
from mailer.rendering.campaign_link_checks import findings_about_answers, links_to_ask
from tests.campaign_facts import draft, with_content, with_link


def test_a_text_of_a_page_is_quoted_briefly() -> None:
    """A finding does not repeat a whole mail, nor personal data in an address."""
    for finding in check_campaign(with_link("https://paltalk.com/?x=" + "y" * 1500 + "&amp;email=sam@paltalk.com")):
        assert len(finding.text) < 200
        assert "sam@" not in finding.text


def test_links_to_ask_are_those_of_others_without_an_error() -> None:
    """Our own links, mailboxes and links with an error are left out; two links to one page are one."""
    page_links = (
        '<a href="https://paltalk.com/a#one">One room</a><a href="https://paltalk.com/a#two">Another room</a>'
        '<a href="mailto:help@paltalk.com">Write to us</a><a href="http://10.0.0.1/">Ten</a>'
        '<a href="https://mail.example/u/sample">Leave it</a><a href="https://shop.example/">A shop</a>'
        '<a href="https://mail.brand.com/u/abc">Leave too</a><a href="https://paltalk.com/?email=a@b.com">Mine</a>'
    )
    checked = replace(with_content(page_links), public_url="https://mail.brand.com")
    assert links_to_ask(checked) == {"https://paltalk.com/a": Place("a", "en")}


def test_thousands_of_links_take_linear_time() -> None:
    """A draft of a megabyte does not hold a process for a minute."""
    links = [f'<a href="http://paltalk.com/{number}">Room {number}</a>' for number in range(5_000)]
    blocks = [TextBlock(markdown="".join(links[start : start + 300])) for start in range(0, len(links), 300)]
    begun = time.process_time()
    found = check_campaign(replace(with_content("".join(links)), draft=draft(*blocks)))
    assert time.process_time() - begun < 10
    assert "links-many" in {finding.name for finding in found}


def test_answers_become_findings() -> None:
    """A page that answered has none; each other result has a name and the place of its link."""
    url, place = "https://paltalk.com/a", Place("a", "en", 3)
    expected = {
        LinkResult.ANSWERED: None,
        LinkResult.REDIRECTED: "link-redirected",
        LinkResult.MISSING: "link-broken",
        LinkResult.REFUSED: "link-unanswered",
        LinkResult.FAILED: "link-unanswered",
        LinkResult.TIMEOUT: "link-unanswered",
        LinkResult.PRIVATE: "link-private",
        LinkResult.NOT_CHECKED: "link-not-checked",
    }
    assert set(expected) == set(LinkResult)
    for result, name in expected.items():
        found: list[CheckFinding] = list(findings_about_answers([LinkAnswer(url, result, "status 1")], {url: place}))
        assert [(one.name, one.place) for one in found] == ([(name, place)] if name else [])
