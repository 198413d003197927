"""The findings of a campaign's checks on a page of the console: by severity, in words, and never as markup."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import mailer.web.console
from mailer.rendering.campaign_checks import check_campaign
from mailer.rendering.campaign_findings import CheckFinding, Place, Severity, findings_as_json
from mailer.web.console.console_pages import TEXTS
from tests.campaign_facts import facts, texts

_FOLDER = Path(mailer.web.console.__file__).parent / "templates"
_ENV = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)


def shown(findings: list[CheckFinding]) -> str:
    """The part of a page."""
    page = _ENV.from_string(
        '{% from "campaign_checks.html.j2" import campaign_findings %}{{ campaign_findings(t, found, 3) }}'
    )
    return page.render(t=TEXTS, found=findings_as_json(findings))


def test_findings_are_grouped_and_counted() -> None:
    """Errors come first. Each group has a heading with its count and what it means; empty groups are left out."""
    found = check_campaign(facts(texts(subject="Re: TWELVE NEW ROOMS FOR SINGERS", preheader="")))
    page = shown(found)
    assert "Errors: 1. Warnings: 2. Notes: 0." in page
    assert page.index('<h4 id="findings-error">') < page.index('<h4 id="findings-warning">')
    assert "findings-note" not in page
    assert page.count("<li>") == len(found) == 3
    for finding in found:
        assert finding.remedy in page
        assert f"variant a, en · Check: {finding.name}" in page


def test_a_finding_is_text() -> None:
    """Words of a draft that stand in a finding are no markup; a finding about everything says so."""
    hostile = CheckFinding("x", Severity.NOTE, Place(), "The link <script>alert(1)</script> is odd.", "Change it.")
    page = shown([hostile])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "whole campaign · Check: x" in page


def test_a_place_in_a_block_is_told() -> None:
    """The block is counted from 1, as the editor counts."""
    page = shown([CheckFinding("x", Severity.ERROR, Place("b", "ar", 3), "It is odd.", "Change it.")])
    assert "variant b, ar, block 3 · Check: x" in page


def test_no_finding_is_said_in_words() -> None:
    """An empty list is no empty page."""
    assert "No check has anything to say." in shown([])
