"""The routes of the API for mailings, for the role matrix: what each of them needs."""

from collections.abc import Mapping

from mailer.policy.publisher_rights import MAILING_ACTIONS, OperationAttempt, ReadableData, ReadDataAttempt
from tests.factories import BRAND
from tests.integration.desk_routes import DESK_ROUTES, Row
from tests.integration.operation_routes import OPERATION_ROUTES

_LIST = f"/api/v1/mailings/{BRAND}"
_ONE = f"{_LIST}/0192f0c1-0000-7000-8000-000000000001"
_NEW_TIME = {"send_at": "2190-01-01T00:00:00Z", "reason": "the shop opens later"}
_REPORT = ReadDataAttempt(BRAND, ReadableData.REPORT)
_CAMPAIGN = f"/api/v1/campaigns/{BRAND}/0192f0c1-0000-7000-8000-000000000003"
_BREACH_CASE = f"/api/v1/breach-cases/{BRAND}/0192f0c1-0000-7000-8000-000000000003"
_STATUS = ReadDataAttempt(BRAND, ReadableData.STATUS)
MAILING_ROUTES: Mapping[tuple[str, str], tuple[Row, ...]] = {
    ("GET", "/api/v1/campaigns/{brand}/{campaign_id}/report"): ((f"{_CAMPAIGN}/report", _REPORT, None),),
    ("GET", "/api/v1/breach-cases/{brand}/{case_id}/outcomes"): ((f"{_BREACH_CASE}/outcomes", _REPORT, None),),
    ("GET", "/api/v1/breach-cases/{brand}/{case_id}/reports/{name}"): (
        (f"{_BREACH_CASE}/reports/gdpr-art-33", _REPORT, None),
    ),
    ("GET", "/api/v1/mailings/{brand}"): ((_LIST, _STATUS, None),),
    ("GET", "/api/v1/mailings/{brand}/{mailing_id}"): ((_ONE, _STATUS, None),),
    ("POST", "/api/v1/mailings/{brand}/{mailing_id}/{act}"): tuple(
        (f"{_ONE}/{action.partition('_')[0]}", OperationAttempt(BRAND, action), {})
        for action in MAILING_ACTIONS
        if action != "reschedule_mailing"
    ),
    ("POST", "/api/v1/mailings/{brand}/{mailing_id}/reschedule"): (
        (f"{_ONE}/reschedule", OperationAttempt(BRAND, "reschedule_mailing"), _NEW_TIME),
    ),
}
"""Each route with the requests that are tried."""
MORE_ROUTES = {**DESK_ROUTES, **MAILING_ROUTES, **OPERATION_ROUTES}
"""These, those of people, and those of operations at one brand."""
