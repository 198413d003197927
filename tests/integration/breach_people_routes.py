"""The rows of both role matrices for the people of a breach phase: pages, and routes of the API."""

from collections.abc import Mapping

from mailer.policy.publisher_rights import OperationAttempt
from mailer.policy.staff_rights import StaffRight
from tests.factories import BRAND
from tests.integration.desk_routes import Row

_PHASE = "/console/breaches/{case_id}/phases/{phase}"
BREACH_PEOPLE_PAGES: Mapping[tuple[str, str], StaffRight] = {
    ("GET", f"{_PHASE}/audience"): StaffRight.BREACH_READ,
    ("POST", f"{_PHASE}/audience"): StaffRight.BREACH_WRITE,
    ("POST", f"{_PHASE}/audience/upload"): StaffRight.BREACH_WRITE,
    ("GET", f"{_PHASE}/audience/files"): StaffRight.BREACH_READ,
    ("POST", f"{_PHASE}/audience/files/{{file_id}}/refused"): StaffRight.BREACH_WRITE,
    ("GET", f"{_PHASE}/check"): StaffRight.BREACH_READ,
    ("GET", f"{_PHASE}/check/progress"): StaffRight.BREACH_READ,
    ("POST", f"{_PHASE}/check"): StaffRight.BREACH_WRITE,
    ("GET", f"{_PHASE}/people"): StaffRight.BREACH_READ,
    ("POST", f"{_PHASE}/people"): StaffRight.PEOPLE_READ,
    ("POST", f"{_PHASE}/people/export"): StaffRight.PEOPLE_READ,
}
_API, _ID = "/api/v1/breach-cases/{brand}/{case_id}", "0192f0c1-0000-7000-8000-000000000003"
_CASE, _WRITE = f"/api/v1/breach-cases/{BRAND}/{_ID}", OperationAttempt(BRAND, "write_breach_cases")
BREACH_PEOPLE_ROUTES: Mapping[tuple[str, str], tuple[Row, ...]] = {
    ("GET", f"{_API}/files"): ((f"{_CASE}/files", _WRITE, None),),
    ("POST", f"{_API}/files"): ((f"{_CASE}/files", _WRITE, {}),),
    ("GET", f"{_API}/files/{{file_id}}"): ((f"{_CASE}/files/{_ID}", _WRITE, None),),
    ("GET", f"{_API}/files/{{file_id}}/refused-rows"): ((f"{_CASE}/files/{_ID}/refused-rows", _WRITE, None),),
    ("GET", f"{_API}/phases/{{phase}}/manifest"): ((f"{_CASE}/phases/1/manifest", _WRITE, None),),
    ("POST", f"{_API}/phases/{{phase}}/check"): (
        (f"{_CASE}/phases/1/check", _WRITE, {"revision": 1, "facts_revision": 1}),
    ),
}
