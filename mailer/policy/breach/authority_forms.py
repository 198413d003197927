"""The forms by which authorities are told of a breach: their fields, in order, with their sources. Data.

They follow the laws, and the authorities' own pages where those ask for more. None of them is legal advice.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class ReportContent(StrEnum):
    """The content of a field: the part of the case that fills it."""

    ORGANISATION = "organisation"
    CONTACT = "contact"
    NATURE = "nature"
    BREACH_DAYS = "breach_days"
    FOUND_AT = "found_at"
    DATA = "data"
    PEOPLE = "people"
    PEOPLE_HERE = "people_here"
    RECORDS = "records"
    CONSEQUENCES = "consequences"
    MEASURES = "measures"
    DELAY_REASON = "delay_reason"
    RISK = "risk"
    ENCRYPTION = "encryption"
    TOLD_WHEN = "told_when"
    TOLD_HOW = "told_how"
    NOT_TOLD = "not_told"
    LAW_ENFORCEMENT = "law_enforcement"
    IDENTITY_PROTECTION = "identity_protection"
    SAMPLE = "sample"
    CAUSE = "cause"
    CROSS_BORDER = "cross_border"
    DECISION = "decision"


class FormField(NamedTuple):
    """A field of a form.

    Attributes:
        label: as the authority calls it.
        content: the part of the case that fills it.
        source: the part of the law, or the question of the form.
        is_required: a report without it lacks something that the law asks for.
    """

    label: str
    content: ReportContent
    source: str
    is_required: bool = True


class AuthorityForm(NamedTuple):
    """A form.

    Attributes:
        title: its name. authority: the one that gets it. source: the law.
        place: the people that it counts, by ISO 3166-1 or 3166-2; empty: all.
        fields: in their order.
    """

    title: str
    authority: str
    source: str
    place: str
    fields: tuple[FormField, ...]


_C: Final = ReportContent
_GDPR: Final = (
    FormField("Controller", _C.ORGANISATION, "Art. 33(3)(b)"),
    FormField("Data protection officer or other contact", _C.CONTACT, "Art. 33(3)(b)"),
    FormField("Nature of the breach", _C.NATURE, "Art. 33(3)(a)"),
    FormField("Days of the breach", _C.BREACH_DAYS, "Art. 33(3)(a)", is_required=False),
    FormField("When the controller became aware", _C.FOUND_AT, "Art. 33(1)"),
    FormField("Categories of personal data", _C.DATA, "Art. 33(3)(a)"),
    FormField("Approximate number of people", _C.PEOPLE, "Art. 33(3)(a)"),
    FormField("Approximate number of records", _C.RECORDS, "Art. 33(3)(a)"),
    FormField("Likely consequences", _C.CONSEQUENCES, "Art. 33(3)(c)"),
    FormField("Measures taken or proposed", _C.MEASURES, "Art. 33(3)(d)"),
    FormField("Reasons for the delay, after 72 hours", _C.DELAY_REASON, "Art. 33(1)", is_required=False),
    FormField("Risk to people", _C.RISK, "Art. 33(1), 34(1)"),
    FormField("When people were told", _C.TOLD_WHEN, "Art. 34(1)", is_required=False),
    FormField("How people were told", _C.TOLD_HOW, "Art. 34(1)", is_required=False),
    FormField("Decision not to tell people", _C.DECISION, "Art. 34(3), 33(5)", is_required=False),
    FormField("Other countries", _C.CROSS_BORDER, "Art. 56", is_required=False),
)
_NIS2_EARLY: Final = (
    FormField("Entity", _C.ORGANISATION, "Art. 23(4)(a)"),
    FormField("Contact", _C.CONTACT, "Art. 23(4)(a)"),
    FormField("When the entity became aware", _C.FOUND_AT, "Art. 23(4)(a)"),
    FormField("Suspicion of unlawful or malicious acts", _C.CAUSE, "Art. 23(4)(a)"),
    FormField("Cross-border impact", _C.CROSS_BORDER, "Art. 23(4)(a)"),
)
_NIS2_NOTICE: Final = (
    *_NIS2_EARLY,
    FormField("Initial assessment", _C.NATURE, "Art. 23(4)(b)"),
    FormField("Severity and impact", _C.CONSEQUENCES, "Art. 23(4)(b)"),
    FormField("People concerned", _C.PEOPLE, "Art. 23(4)(b)", is_required=False),
)
_NIS2_FINAL: Final = (
    *_NIS2_NOTICE,
    FormField("Type of threat or root cause", _C.CAUSE, "Art. 23(4)(d)(ii)"),
    FormField("Mitigation measures", _C.MEASURES, "Art. 23(4)(d)(iii)"),
    FormField("How recipients of the service were told", _C.TOLD_HOW, "Art. 23(1), (2)", is_required=False),
)

FORMS: Final[Mapping[str, AuthorityForm]] = MappingProxyType(
    {
        "gdpr-art-33": AuthorityForm(
            "Notification of a personal data breach", "the supervisory authority", "GDPR Art. 33(3)", "", _GDPR
        ),
        "gb-ico": AuthorityForm(
            "Personal data breach report",
            "the Information Commissioner's Office",
            "UK GDPR Art. 33(3); the ICO's reporting form",
            "GB",
            (
                *_GDPR[:6],
                FormField("Number of people in the United Kingdom", _C.PEOPLE_HERE, "ICO form"),
                *_GDPR[6:],
                FormField("Cause", _C.CAUSE, "ICO form", is_required=False),
                FormField("People not told yet", _C.NOT_TOLD, "ICO form", is_required=False),
            ),
        ),
        "us-ca-ag": AuthorityForm(
            "Submission of a data security breach",
            "the Attorney General of California",
            "Cal. Civ. Code 1798.82(f)",
            "US-CA",
            (
                FormField("Organisation", _C.ORGANISATION, "1798.82(f)"),
                FormField("Contact", _C.CONTACT, "the form"),
                FormField("Dates of the breach", _C.BREACH_DAYS, "1798.82(d)(2)(B)"),
                FormField("Date on which it was found", _C.FOUND_AT, "1798.82(a)"),
                FormField("Date on which consumers were told", _C.TOLD_WHEN, "1798.82(f)"),
                FormField("Number of Californians", _C.PEOPLE_HERE, "1798.82(f)"),
                FormField("Types of personal information", _C.DATA, "1798.82(d)(2)(C)"),
                FormField("Delay by law enforcement", _C.LAW_ENFORCEMENT, "1798.82(c)", is_required=False),
                FormField("Identity theft prevention", _C.IDENTITY_PROTECTION, "1798.82(d)(2)(G)", is_required=False),
                FormField("Sample copy of the notice, without personal information", _C.SAMPLE, "1798.82(f)"),
            ),
        ),
        "us-ny-ag": AuthorityForm(
            "Breach notification form",
            "the Attorney General, the Department of State, the State Police and the DFS of New York",
            "NY GBL 899-aa(8)",
            "US-NY",
            (
                FormField("Organisation", _C.ORGANISATION, "899-aa(8)(a)"),
                FormField("Contact", _C.CONTACT, "the form"),
                FormField("Dates of the breach", _C.BREACH_DAYS, "the form"),
                FormField("Date on which it was found", _C.FOUND_AT, "899-aa(2)"),
                FormField("Number of New York residents", _C.PEOPLE_HERE, "899-aa(8)(a)"),
                FormField("Number of people in all", _C.PEOPLE, "the form"),
                FormField("Types of private information", _C.DATA, "899-aa(7)"),
                FormField("Date of the notice to residents", _C.TOLD_WHEN, "899-aa(8)(a)"),
                FormField("Distribution of the notice", _C.TOLD_HOW, "899-aa(8)(a)"),
                FormField("Copy of the template of the notice", _C.SAMPLE, "899-aa(8)(a)"),
            ),
        ),
        "us-ma-ag": AuthorityForm(
            "Notice of a breach of security",
            "the Attorney General and the OCABR of Massachusetts",
            "M.G.L. c. 93H s. 3(b)",
            "US-MA",
            (
                FormField("Organisation", _C.ORGANISATION, "s. 3(b)"),
                FormField("Contact", _C.CONTACT, "the form"),
                FormField("Nature of the breach", _C.NATURE, "s. 3(b)"),
                FormField("Number of Massachusetts residents", _C.PEOPLE_HERE, "s. 3(b)"),
                FormField("Types of personal information", _C.DATA, "s. 3(b)"),
                FormField("Steps taken", _C.MEASURES, "s. 3(b)"),
                FormField("Law enforcement", _C.LAW_ENFORCEMENT, "s. 3(b)", is_required=False),
                FormField("Sample copy of the notice", _C.SAMPLE, "s. 3(b)"),
            ),
        ),
        "us-hhs": AuthorityForm(
            "Notice of a breach of unsecured protected health information",
            "the Secretary of Health and Human Services",
            "45 CFR 164.408",
            "US",
            (
                FormField("Covered entity", _C.ORGANISATION, "the form"),
                FormField("Contact", _C.CONTACT, "the form"),
                FormField("Dates of the breach", _C.BREACH_DAYS, "the form"),
                FormField("Date of discovery", _C.FOUND_AT, "164.404(b)"),
                FormField("Individuals affected", _C.PEOPLE_HERE, "164.408(b)"),
                FormField("Type of breach", _C.NATURE, "the form"),
                FormField("Types of information", _C.DATA, "the form"),
                FormField("Safeguards", _C.ENCRYPTION, "the form"),
                FormField("Date of notice to individuals", _C.TOLD_WHEN, "164.404"),
                FormField("Substitute and media notice", _C.TOLD_HOW, "164.404(d), 164.406"),
                FormField("Actions taken", _C.MEASURES, "the form"),
            ),
        ),
        "nis2-24h": AuthorityForm(
            "Early warning", "the CSIRT or the competent authority", "NIS2 Art. 23(4)(a)", "", _NIS2_EARLY
        ),
        "nis2-72h": AuthorityForm(
            "Incident notification", "the CSIRT or the competent authority", "NIS2 Art. 23(4)(b)", "", _NIS2_NOTICE
        ),
        "nis2-month": AuthorityForm(
            "Final report", "the CSIRT or the competent authority", "NIS2 Art. 23(4)(d)", "", _NIS2_FINAL
        ),
    }
)
"""The forms, by the name that commands and pages use."""
