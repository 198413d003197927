"""Reports of breaches for authorities: filled from the case, with what is missing named, and nothing made up."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mailer.policy.breach.authority_forms import FORMS, ReportContent
from mailer.policy.breach.authority_reports import CaseToReport, fill_report, report_as_markdown
from mailer.policy.breach.facts import BreachFacts, DataKind, Risk
from mailer.policy.breach.outcomes import BreachFigures, PersonInPhase, count_outcomes
from mailer.policy.policy_sections import Controller
from mailer.web.breach_outcome_rows import report_as_json, report_rows

FOUND = datetime(2026, 11, 20, 9, tzinfo=UTC)
FACTS = BreachFacts(
    summary="A backup of the mail database was read",
    began_on=date(2026, 11, 18),
    ended_on=date(2026, 11, 19),
    found_at=FOUND,
    data=frozenset({DataKind.EMAIL_ADDRESS, DataKind.PASSWORD}),
    other_data="Nicknames.",
    risk=Risk.HIGH,
    people_by_place={"DE": 1200, "US-CA": 700, "US": 5},
    effects="Unwanted mail.",
    measures="The way in is closed.",
)
LINE = PersonInPhase(1, "elsewhere", "US-CA", "mail", "mail", False, "handed_over", "", "", "", "", "", False)
CASE = CaseToReport(
    name="Backup *2026*",
    brand_name="Harbor",
    controller=Controller(id="harbor", name="Harbor GmbH", postal_address="1 Quay, 20457 Hamburg"),
    contact="dpo@harbor.example",
    facts=FACTS,
    state="open",
    reason="",
    figures=count_outcomes([([LINE], 690), ([LINE._replace(state="queued")], 10)], is_public=False),
    told_at=(FOUND + timedelta(hours=30),),
    sampled=("elsewhere",),
    now=FOUND + timedelta(hours=40),
)
NOTHING = replace(CASE, contact="", facts=BreachFacts(), figures=BreachFigures(), told_at=(), sampled=())


def fields(name: str, case: CaseToReport = CASE) -> dict[str, str]:
    """The values of a form, by label."""
    return {field.label: field.value for field in fill_report(name, FORMS[name], case).fields}


def test_the_form_of_article_33_has_all_that_the_law_asks_for() -> None:
    """GDPR Art. 33(3)(a) to (d): nature, categories and numbers, contact, consequences, measures."""
    found = fields("gdpr-art-33")
    assert found["Controller"] == "Harbor GmbH (Harbor)\n1 Quay, 20457 Hamburg"
    assert found["Data protection officer or other contact"] == "dpo@harbor.example"
    assert found["Nature of the breach"] == FACTS.summary
    assert found["Categories of personal data"] == "email address, password; Nicknames."
    assert found["Approximate number of people"] == "about 1,905 by estimate; 700 in the released audience"
    assert found["Likely consequences"] == FACTS.effects
    assert found["Measures taken or proposed"] == FACTS.measures
    assert found["When people were told"] == "phase 1: 21 Nov 2026, 15:00 UTC"
    assert found["How people were told"] == "690 by e-mail"
    assert found["Other countries"] == "people in DE, US"
    missing = [field.label for field in fill_report("gdpr-art-33", FORMS["gdpr-art-33"], CASE).missing]
    assert missing == ["Approximate number of records"]


def test_californians_are_counted_alone() -> None:
    """The form of a state counts its own people; that of the country counts all its states."""
    assert fields("us-ca-ag")["Number of Californians"] == "about 700 by estimate; 700 in the released audience"
    assert fields("us-hhs")["Individuals affected"] == "about 705 by estimate; 700 in the released audience"
    assert fields("us-ny-ag")["Number of New York residents"] == "about 0 by estimate; 0 in the released audience"


@pytest.mark.parametrize(("hours", "is_missing"), [(71, False), (72, False), (73, True)])
def test_the_reason_of_a_delay_is_asked_for_after_72_hours(hours: int, is_missing: bool) -> None:
    """GDPR Art. 33(1), last sentence. A written reason ends it."""
    late = replace(CASE, now=FOUND + timedelta(hours=hours))
    label = "Reasons for the delay, after 72 hours"
    form = FORMS["gdpr-art-33"]
    assert (label in [field.label for field in fill_report("gdpr-art-33", form, late).missing]) is is_missing
    told = replace(late, facts=FACTS.model_copy(update={"delay_reason": "The scope was not clear."}))
    assert label not in [field.label for field in fill_report("gdpr-art-33", form, told).missing]


@pytest.mark.parametrize("name", FORMS)
def test_an_empty_case_has_no_made_up_values(name: str) -> None:
    """Each required field that the case does not have is named, with what to do; unknown is no "no"."""
    report = fill_report(name, FORMS[name], NOTHING)
    for field in report.fields:
        assert field.value == "" or field.label in (
            "Controller",
            "Entity",
            "Organisation",
            "Covered entity",
            "Safeguards",
            "Law enforcement",
            "Delay by law enforcement",
        )
        assert field.value or field.todo
    assert set(report.missing) == {field for field in report.fields if field.is_required and not field.value}
    assert "Missing:" in report_as_markdown(report)


def test_a_decision_not_to_tell_is_reported() -> None:
    """GDPR Art. 34(3) and 33(5): with its reason, and only then."""
    assert fields("gdpr-art-33")["Decision not to tell people"] == ""
    kept = replace(CASE, state="not_notified", reason="The key was not taken.")
    assert fields("gdpr-art-33", kept)["Decision not to tell people"] == "The key was not taken."


def test_signs_of_markdown_in_facts_stay_signs() -> None:
    """Nobody makes a heading, a link or HTML by the text of a fact."""
    facts = FACTS.model_copy(update={"effects": "<script>[a](http://evil.example)\n# Heading"})
    text = report_as_markdown(fill_report("gdpr-art-33", FORMS["gdpr-art-33"], replace(CASE, facts=facts)))
    assert "\\<script\\>\\[a\\](http://evil.example)  \n\\# Heading" in text
    assert "Backup \\*2026\\*" in text


def test_json_and_rows_have_each_field() -> None:
    """The same values in each form, and what is missing by name."""
    report = fill_report("gb-ico", FORMS["gb-ico"], CASE)
    as_json, rows = report_as_json(report), list(report_rows(report))
    assert [field["label"] for field in as_json["fields"]] == [row[0] for row in rows[1:]]
    assert [field["value"] for field in as_json["fields"]] == [row[1] for row in rows[1:]]
    assert as_json["missing"] == [field.label for field in report.missing]


def test_every_content_is_used_and_every_form_names_its_law() -> None:
    """No form lacks the fields that each authority asks for."""
    used = {field.content for form in FORMS.values() for field in form.fields}
    assert used == set(ReportContent)
    for form in FORMS.values():
        assert all((form.source, form.authority, form.title))
        assert {ReportContent.ORGANISATION, ReportContent.CONTACT} <= {field.content for field in form.fields}
