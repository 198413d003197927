"""Reports of a breach case for authorities, filled from what is stored."""

from datetime import datetime

from mailer.policy.breach.authority_forms import FORMS
from mailer.policy.breach.authority_reports import AuthorityReport, CaseToReport, fill_report
from mailer.policy.policy_file import Policy
from mailer.ports.breach_cases import BreachCase
from mailer.ports.breach_outcomes import BreachOutcomeReader


class UnknownAuthorityForm(ValueError):
    """No form has this name. The message names all that there are."""


async def make_report(
    name: str, case: BreachCase, policy: Policy, contact: str, outcomes: BreachOutcomeReader, now: datetime
) -> AuthorityReport:
    """Returns a filled form.

    Args:
        name: of the form, such as `gdpr-art-33`.
        case: the case.
        policy: of its brand.
        contact: of who answers for the brand; empty: nobody knows.
        outcomes: the figures of the case.
        now: an aware time.

    Raises:
        UnknownAuthorityForm: there is no such form.
    """
    form = FORMS.get(name)
    if form is None:
        raise UnknownAuthorityForm(f"{name} is no form; there are {', '.join(FORMS)}")
    return fill_report(name, form, await _read_case(case, policy, contact, outcomes, now))


async def _read_case(
    case: BreachCase, policy: Policy, contact: str, outcomes: BreachOutcomeReader, now: datetime
) -> CaseToReport:
    counted = await outcomes.case_figures(case.id)
    phases = await outcomes.list_released_phases(case.id)
    return CaseToReport(
        case.name,
        policy.name,
        policy.controller,
        contact,
        case.facts,
        case.state,
        case.reason,
        counted.figures,
        tuple(phase.released_at for phase in phases),
        tuple(dict.fromkeys(variant for phase in phases for variant in sorted(phase.templates))),
        now,
    )
