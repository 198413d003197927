"""The rows of the console's role matrix for the pages of operations."""

from mailer.policy.staff_rights import StaffRight

MAILINGS = StaffRight.MAILINGS_READ
CONTROL = StaffRight.MAILINGS_CONTROL
MANAGE = StaffRight.PUBLISHERS_MANAGE
OPERATION_ROUTES: dict[tuple[str, str], StaffRight] = {
    ("GET", "/console/mailings"): MAILINGS,
    ("GET", "/console/mailings/{mailing_id}"): MAILINGS,
    ("GET", "/console/mailings/{mailing_id}/progress"): MAILINGS,
    ("POST", "/console/mailings/{mailing_id}/pause"): CONTROL,
    ("POST", "/console/mailings/{mailing_id}/resume"): CONTROL,
    ("GET", "/console/mailings/{mailing_id}/cancel"): CONTROL,
    ("POST", "/console/mailings/{mailing_id}/cancel"): CONTROL,
    ("GET", "/console/mailings/{mailing_id}/release"): MAILINGS,
    ("POST", "/console/mailings/{mailing_id}/release"): MAILINGS,
    ("GET", "/console/mailings/{mailing_id}/reschedule"): CONTROL,
    ("POST", "/console/mailings/{mailing_id}/reschedule"): CONTROL,
    ("GET", "/console/campaigns/{campaign_id}/report"): MAILINGS,
    ("GET", "/console/campaigns/{campaign_id}/report.csv"): MAILINGS,
    ("POST", "/console/campaigns/{campaign_id}/people.csv"): StaffRight.EVIDENCE_EXPORT,
    ("POST", "/console/campaigns/{campaign_id}/follow-up"): StaffRight.CAMPAIGNS_WRITE,
    ("POST", "/console/campaigns/{campaign_id}/withdraw"): StaffRight.CAMPAIGNS_WRITE,
    ("GET", "/console/campaigns/{campaign_id}/winner"): MAILINGS,
    ("POST", "/console/campaigns/{campaign_id}/winner"): StaffRight.CAMPAIGNS_RELEASE,
    ("GET", "/console/halts"): MAILINGS,
    ("POST", "/console/halts/stop"): CONTROL,
    ("POST", "/console/halts/start"): CONTROL,
    ("POST", "/console/halts/brand/pause"): CONTROL,
    ("POST", "/console/halts/brand/resume"): CONTROL,
    ("POST", "/console/halts/promotions/resume"): CONTROL,
    ("GET", "/console/processors"): StaffRight.PROCESSORS_READ,
    ("POST", "/console/processors/pause"): CONTROL,
    ("POST", "/console/processors/resume"): CONTROL,
    ("GET", "/console/flow"): StaffRight.PROCESSORS_READ,
    ("GET", "/console/policies"): StaffRight.POLICIES_READ,
    ("GET", "/console/policies/compare"): StaffRight.POLICIES_READ,
    ("GET", "/console/policies/effects"): StaffRight.POLICIES_READ,
    ("GET", "/console/policies/{brand}"): StaffRight.POLICIES_READ,
    ("GET", "/console/ledger"): StaffRight.LEDGER_VERIFY,
    ("POST", "/console/ledger/verify"): StaffRight.LEDGER_VERIFY,
    ("GET", "/console/publishers"): MANAGE,
    ("POST", "/console/publishers"): MANAGE,
    ("GET", "/console/publishers/one"): MANAGE,
    ("POST", "/console/publishers/rights"): MANAGE,
    ("GET", "/console/publishers/revoke"): MANAGE,
    ("POST", "/console/publishers/revoke"): MANAGE,
    ("GET", "/console/letters"): StaffRight.PEOPLE_READ,
    ("GET", "/console/letters/{mail_id}"): StaffRight.PEOPLE_READ,
    ("POST", "/console/letters/{mail_id}/text"): StaffRight.PEOPLE_READ,
    ("POST", "/console/letters/{mail_id}/close"): StaffRight.PEOPLE_ACT,
    ("GET", "/console/dead"): MAILINGS,
    ("GET", "/console/dead/replay"): StaffRight.DEAD_REPLAY,
    ("POST", "/console/dead/replay"): StaffRight.DEAD_REPLAY,
    ("GET", "/console/dead/{letter_id}"): MAILINGS,
    ("POST", "/console/dead/{letter_id}/text"): StaffRight.PEOPLE_READ,
}
"""The routes, and the rights that they need. A release also needs `right_required_to_release_category`."""
_EXAMPLES = {
    "mailing_id": "0192f0c1-0000-7000-8000-000000000001",
    "mail_id": "0192f0c1-0000-7000-8000-000000000002",
    "campaign_id": "0192f0c1-0000-7000-8000-000000000003",
    "letter_id": "1",
    "brand": "interpals",
}


def path_with_example_values(path: str) -> str:
    """The path of a route with values that stand for nothing that exists."""
    for name, value in _EXAMPLES.items():
        path = path.replace(f"{{{name}}}", value)
    return path
