"""Each check of a notice's texts finds what it is for, and nothing in a text without that fault."""

from pathlib import Path

import pytest

from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.rules import breach_rules_of_policy
from mailer.rendering.breach_check_list import CHECKS
from mailer.rendering.breach_checks import check_breach_texts, number_of_part, part_of_finding
from mailer.rendering.campaign_findings import Place, Severity
from tests.breach_texts import FACTS, draft_of_blocks, findings, names, notice, of_text, policy_of

P = NoticePart
LONG = "We tell you " + "and again we tell you " * 10 + "about it."
HARD = "Unauthorised exfiltration necessitates comprehensive organisational remediation activities. " * 3
TRIPS: dict[str, BreachPhaseDraft] = {
    "breach-default-language-missing": of_text(NoticeText(title="Mitteilung"), "de"),
    "breach-text-empty": of_text(NoticeText()),
    "breach-text-unfit": notice({P.WHAT_WE_DO: "We told | the\n--|--\nauthorities | today"}),
    "breach-part-missing": notice({P.CREDIT_FREEZE: ""}),
    "breach-title": notice(title="Important information about your account"),
    "breach-blank-left": notice({P.WHAT_WE_DO: "We have [what ended it] and told the authorities."}),
    "breach-date-missing": notice({P.WHAT_HAPPENED: "Somebody looked at data. We write on December 14, 2026."}),
    "breach-day-of-notice-missing": notice({P.WHAT_HAPPENED: "Somebody looked at data on December 10, 2026."}),
    "breach-contact-missing": notice({P.MORE_INFORMATION: "Ask us, and a person will answer."}),
    "breach-promotion": notice({P.WHAT_WE_DO: "Get 20 % off our premium plan. We told the authorities."}),
    "breach-link-foreign": notice({P.MORE_INFORMATION: "See [our page](https://breach-help.example/) 0800 123 4567"}),
    "breach-invisible-characters": notice({P.WHAT_WE_DO: "We have to\u200bld the authorities of this."}),
    "breach-text-long": notice({P.WHAT_WE_DO: "We told them so. " * 300}),
    "breach-sentence-long": notice({P.WHAT_WE_DO: LONG}),
    "breach-hard-to-read": notice(dict.fromkeys((P.WHAT_HAPPENED, P.CONSEQUENCES, P.WHAT_WE_DO), HARD * 3)),
}


@pytest.mark.parametrize("name", TRIPS)
def test_check_finds_its_fault(name: str) -> None:
    """A draft with one fault has that finding."""
    assert name in names(TRIPS[name])


def test_whole_notice_has_no_findings() -> None:
    """A notice of filled blocks passes; so each finding above is the fault's."""
    assert names(notice()) == set()
    assert names(notice(locale="en", telephone="Say **this** to callers.")) == set()


def test_every_check_is_tried_and_documented() -> None:
    """No check is without a trial; the page of the texts names each with its condition."""
    tried = set(TRIPS) | {
        *("breach-part-forbidden", "breach-places-in-conflict", "breach-languages-differ"),
        *("breach-language-missing", "breach-nature-told", "breach-number-told"),
    }
    assert {check.name for check in CHECKS} == tried
    page = Path("docs/breach-texts.md").read_text("utf-8")
    for check in CHECKS:
        assert f"`{check.name}`" in page
        assert check.looks_for in page


def test_missing_part_is_named_with_its_law() -> None:
    """The finding names the part, the place and the article, and stands at the part."""
    [found] = [one for one in findings(notice({P.CREDIT_FREEZE: " "})) if one.name == "breach-part-missing"]
    assert found.severity is Severity.ERROR
    assert part_of_finding(found) is P.CREDIT_FREEZE
    assert "Massachusetts, G.L. c. 93H § 3(b)" in found.text
    said = next(one.text for one in findings(notice({P.CREDIT_FREEZE: "-- ** --"})) if "freeze" in one.text)
    assert "says nothing" in said


def test_massachusetts_may_not_tell() -> None:
    """The part is an error; words and numbers in other parts are warnings, and only where it is forbidden."""
    draft = draft_of_blocks(policy_of(), ("en",))
    text = draft.variants["us-ma"].texts["en"]
    told = {
        **text.parts,
        P.WHAT_HAPPENED: "Somebody took data on December 10, 2026.",
        P.WHAT_WE_DO: "Hackers had stolen the data of 1,234 people. We write on December 14, 2026.",
    }
    draft.variants["us-ma"].texts["en"] = text.model_copy(update={"parts": told})
    found = {(one.name, one.severity, part_of_finding(one)) for one in findings(draft)}
    assert found == {
        ("breach-part-forbidden", Severity.ERROR, P.WHAT_HAPPENED),
        ("breach-nature-told", Severity.WARNING, P.WHAT_WE_DO),
        ("breach-number-told", Severity.WARNING, P.WHAT_WE_DO),
    }
    elsewhere = draft_of_blocks(policy_of(), ("en",))
    other = elsewhere.variants["us-ca"].texts["en"]
    elsewhere.variants["us-ca"].texts["en"] = other.model_copy(
        update={"parts": {**other.parts, P.WHAT_WE_DO: told[P.WHAT_WE_DO]}}
    )
    assert findings(elsewhere) == []


def test_places_that_contradict_each_other_need_two_variants() -> None:
    """California wants to be told what happened, and Massachusetts forbids it: one text cannot do both."""
    text = notice().variants[ELSEWHERE].texts["en"]
    both = NoticeVariant(places=("US-CA", "US-MA"), texts={"en": text})
    draft = BreachPhaseDraft(variants={ELSEWHERE: NoticeVariant(texts={"en": text}), "us": both})
    found = [one for one in findings(draft) if one.name == "breach-places-in-conflict"]
    assert [(one.place.variant, part_of_finding(one)) for one in found] == [("us", P.WHAT_HAPPENED)]


def test_languages_of_a_variant_have_the_same_parts() -> None:
    """A part that one language lacks is told, with the language that has it."""
    draft = draft_of_blocks(policy_of(), ("en", "de"))
    text = draft.variants["eu"].texts["en"]
    more = {**text.parts, P.POLICE_REPORT: "You may ask the police for their report."}
    draft.variants["eu"].texts["en"] = text.model_copy(update={"parts": more})
    [found] = findings(draft)
    assert (found.name, found.place) == ("breach-languages-differ", Place("eu", "de", number_of_part(P.POLICE_REPORT)))


def test_languages_that_people_read_are_missed() -> None:
    """Counts of readers tell which language is missing; a near one is none."""
    counts = {ELSEWHERE: {"en-GB": 5, "pt": 3, "": 7, "fr": 0}}
    [found] = findings(notice(), people=counts)
    assert (found.name, found.text) == ("breach-language-missing", "3 people of elsewhere read pt.")


def test_links_to_the_brand_and_telephones_are_allowed() -> None:
    """Its own domain, one below it, its mailboxes and a telephone pass; look-alikes and http do not."""
    domain = policy_of().domain
    own = [f"https://{domain}/x", f"https://help.{domain}/", f"mailto:privacy@{domain}", "tel:+1800555"]
    wrong = [
        *(
            f"https://{domain}.evil.example/",
            f"https://not{domain}/",
            f"http://{domain}/",
            f"https://{domain}@x.example/",
        ),
        *(f"mailto:a@{domain},b@x.example", f"mailto:a@{domain}?bcc=b@x.example", f"https://x.example/{domain}"),
    ]
    for url in own:
        assert names(notice({P.WHAT_WE_DO: f"We told the authorities. See [our page]({url}) for it."})) == set(), url
    for url in wrong:
        text = notice({P.WHAT_WE_DO: f"We told the authorities. See [our page]({url}) for it."})
        assert names(text) == {"breach-link-foreign"}, url


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "on 10 December 2026, written 2026-12-14"),
        ("de", "am 10. Dezember 2026, geschrieben 14.12.2026"),
        ("es", "el 10 de diciembre de 2026; 14/12/2026"),
        ("ar", "في \u0661\u0660 ديسمبر \u0662\u0660\u0662\u0666، و\u0661\u0664 ديسمبر \u0662\u0660\u0662\u0666"),
        ("ja", "2026年12月10日と2026年12月14日"),
    ],
)
def test_days_are_read_in_each_language(locale: str, said: str) -> None:
    """The usual ways to write a day are taken."""
    text = NoticeText(title="x", parts={P.WHAT_HAPPENED: said})
    found = names(of_text(text, locale))
    assert not {"breach-date-missing", "breach-day-of-notice-missing"} & found


def test_unknown_facts_ask_for_no_days() -> None:
    """Nobody is asked to name the day while the facts do not know it."""
    facts = FACTS.model_copy(update={"began_on": None, "ended_on": None, "found_at": None})
    assert names(TRIPS["breach-date-missing"], facts) == set()


def test_check_needs_no_valid_text() -> None:
    """A text that cannot be shown still has its other findings, and the check never fails."""
    text = NoticeText(title="{{ x }}", parts={P.WHAT_HAPPENED: "\x07", P.MORE_INFORMATION: "# x"})
    found = check_breach_texts(of_text(text), FACTS, breach_rules_of_policy(policy_of()), policy_of())
    assert {"breach-text-unfit", "breach-title", "breach-part-missing"} <= {one.name for one in found}
