"""The routes of the API for operations, for the role matrix: what each of them needs."""

from collections.abc import Mapping

from mailer.policy.publisher_rights import OperationAttempt, ReadableData, ReadDataAttempt
from tests.factories import BRAND
from tests.integration.breach_people_routes import BREACH_PEOPLE_ROUTES
from tests.integration.desk_routes import Row

_LETTERS, _HALTS, _POLICY = (f"/api/v1/{noun}/{BRAND}" for noun in ("dead-letters", "halts", "policies"))
_PICTURES = f"/api/v1/pictures/{BRAND}"
_SEGMENTS = f"/api/v1/segments/{BRAND}"
_CAMPAIGNS = f"/api/v1/campaigns/{BRAND}"
_PHASE_ROUTE = "/api/v1/breach-cases/{brand}/{case_id}/phases/{phase}"
_PHASE = f"/api/v1/breach-cases/{BRAND}/0192f0c1-0000-7000-8000-000000000003/phases/1"
_CAMPAIGN = f"{_CAMPAIGNS}/0192f0c1-0000-7000-8000-000000000003"
_DRAFT = {"category": "newsletter", "purpose": "newsletter"}
_CAMPAIGN_STEPS: Mapping[str, Mapping[str, object]] = {
    "check": {"revision": 1},
    "ask-release": {"manifest": "0192f0c1-0000-7000-8000-000000000003"},
    "schedule": {"revision": 1, "schedule": {"kind": "now"}},
}
_BREACHES = f"/api/v1/breach-cases/{BRAND}"
_BREACH = f"{_BREACHES}/0192f0c1-0000-7000-8000-000000000003"
_BREACH_ACTS: Mapping[str, Mapping[str, object]] = {
    "decision": {"state": "closed", "reason": "done"},
    "duties": {"clock": "gdpr-authority", "told": "The authority", "told_at": "2026-11-30T03:00:00Z"},
    "duties/undo": {"clock": "gdpr-authority", "reason": "another case"},
}
_CAMPAIGN_ACTS: Mapping[str, Mapping[str, str]] = {
    "duplicate": {"name": "B"},
    "archive": {},
    "unarchive": {},
    "preview": {"locale": "en"},
}
_ONE = "/api/v1/publishers/role:nobody"
_PHASES = f"/api/v1/breach-cases/{BRAND}/0192f0c1-0000-7000-8000-000000000003/phases"
_IMPORTS = f"/api/v1/imports/{BRAND}"
_FILE, _IMPORT = f"{_IMPORTS}/0192f0c1-0000-7000-8000-000000000003", OperationAttempt(BRAND, "import_recipients")


def _read(what: ReadableData) -> ReadDataAttempt:
    return ReadDataAttempt(BRAND, what)


def _do(action: str) -> OperationAttempt:
    return OperationAttempt(BRAND, action)


OPERATION_ROUTES: Mapping[tuple[str, str], tuple[Row, ...]] = {
    **BREACH_PEOPLE_ROUTES,
    ("GET", "/api/v1/dead-letters/{brand}"): ((_LETTERS, _read(ReadableData.DEAD_LETTERS), None),),
    ("GET", "/api/v1/dead-letters/{brand}/{number}"): ((f"{_LETTERS}/1", _read(ReadableData.DEAD_LETTERS), None),),
    ("POST", "/api/v1/dead-letters/{brand}/replay"): (
        (f"{_LETTERS}/replay", _do("replay_dead_letters"), {"kind": "refused"}),
    ),
    ("GET", "/api/v1/halts/{brand}"): ((_HALTS, _read(ReadableData.HALTS), None),),
    ("POST", "/api/v1/halts/{brand}/{act}"): tuple(
        (f"{_HALTS}/{act}", _do(f"{act}_brand"), {"reason": "a wrong price"}) for act in ("pause", "resume")
    ),
    ("GET", "/api/v1/imports/{brand}"): ((_IMPORTS, _IMPORT, None),),
    ("POST", "/api/v1/imports/{brand}"): ((_IMPORTS, _IMPORT, {}),),
    ("GET", "/api/v1/imports/{brand}/{import_id}"): ((_FILE, _IMPORT, None),),
    ("POST", "/api/v1/imports/{brand}/{import_id}/mapping"): (
        (f"{_FILE}/mapping", _IMPORT, {"columns": [{"heading": "ref", "field": "ref"}]}),
    ),
    ("POST", "/api/v1/imports/{brand}/{import_id}/start"): (
        (f"{_FILE}/start", _IMPORT, {"seen": "2026-01-01T00:00:00Z"}),
    ),
    ("POST", "/api/v1/imports/{brand}/{import_id}/discard"): ((f"{_FILE}/discard", _IMPORT, {}),),
    ("GET", "/api/v1/imports/{brand}/{import_id}/refused-rows"): ((f"{_FILE}/refused-rows", _IMPORT, None),),
    ("GET", "/api/v1/segments/{brand}"): ((_SEGMENTS, _read(ReadableData.SEGMENTS), None),),
    ("GET", "/api/v1/segments/{brand}/{name}"): ((f"{_SEGMENTS}/plus", _read(ReadableData.SEGMENTS), None),),
    ("PUT", "/api/v1/segments/{brand}/{name}"): (
        (
            f"{_SEGMENTS}/plus",
            _do("write_segments"),
            {"condition": {"type": "country", "operator": "is", "values": ["DE"]}},
        ),
    ),
    ("POST", "/api/v1/segments/{brand}/{name}/count"): (
        (f"{_SEGMENTS}/plus/count", _read(ReadableData.SEGMENTS), None),
    ),
    ("DELETE", "/api/v1/segments/{brand}/{name}"): ((f"{_SEGMENTS}/plus", _do("write_segments"), None),),
    ("GET", "/api/v1/policies/{brand}"): ((_POLICY, _read(ReadableData.POLICIES), None),),
    ("GET", "/api/v1/policies/{brand}/differences"): (
        (f"{_POLICY}/differences?before=1&after=2", _read(ReadableData.POLICIES), None),
    ),
    ("GET", "/api/v1/campaigns/{brand}"): ((_CAMPAIGNS, _do("write_campaigns"), None),),
    ("POST", "/api/v1/campaigns/{brand}"): ((_CAMPAIGNS, _do("write_campaigns"), {"name": "A", "draft": _DRAFT}),),
    ("GET", "/api/v1/campaigns/{brand}/{campaign_id}"): ((_CAMPAIGN, _do("write_campaigns"), None),),
    ("PUT", "/api/v1/campaigns/{brand}/{campaign_id}"): (
        (_CAMPAIGN, _do("write_campaigns"), {"revision": 1, "draft": _DRAFT}),
    ),
    ("GET", "/api/v1/campaigns/{brand}/{campaign_id}/history"): (
        (f"{_CAMPAIGN}/history", _do("write_campaigns"), None),
    ),
    **{
        ("POST", f"/api/v1/campaigns/{{brand}}/{{campaign_id}}/{act}"): (
            (f"{_CAMPAIGN}/{act}", _do("write_campaigns"), body),
        )
        for act, body in _CAMPAIGN_ACTS.items()
    },
    ("GET", "/api/v1/campaigns/{brand}/{campaign_id}/manifest"): (
        (f"{_CAMPAIGN}/manifest", ReadDataAttempt(BRAND, ReadableData.STATUS), None),
    ),
    **{
        ("POST", f"/api/v1/campaigns/{{brand}}/{{campaign_id}}/{step}"): (
            (f"{_CAMPAIGN}/{step}", _do("schedule_campaigns"), body),
        )
        for step, body in _CAMPAIGN_STEPS.items()
    },
    ("POST", "/api/v1/campaigns/{brand}/{campaign_id}/mailings/{act}"): tuple(
        (f"{_CAMPAIGN}/mailings/{act}", _do(f"{act}_mailing"), {}) for act in ("pause", "resume", "cancel")
    ),
    ("GET", "/api/v1/breach-cases/{brand}"): ((_BREACHES, _do("write_breach_cases"), None),),
    ("POST", "/api/v1/breach-cases/{brand}"): ((_BREACHES, _do("write_breach_cases"), {"name": "A"}),),
    ("GET", "/api/v1/breach-cases/{brand}/{case_id}"): ((_BREACH, _do("write_breach_cases"), None),),
    ("PUT", "/api/v1/breach-cases/{brand}/{case_id}/facts"): (
        (f"{_BREACH}/facts", _do("write_breach_cases"), {"revision": 1, "facts": {}}),
    ),
    **{
        ("POST", f"/api/v1/breach-cases/{{brand}}/{{case_id}}/{act}"): (
            (f"{_BREACH}/{act}", _do("write_breach_cases"), body),
        )
        for act, body in _BREACH_ACTS.items()
    },
    ("GET", f"{_PHASE_ROUTE}/release"): ((f"{_PHASE}/release", ReadDataAttempt(BRAND, ReadableData.STATUS), None),),
    ("GET", f"{_PHASE_ROUTE}/told"): ((f"{_PHASE}/told", ReadDataAttempt(BRAND, ReadableData.STATUS), None),),
    ("POST", f"{_PHASE_ROUTE}/ask-release"): (
        (f"{_PHASE}/ask-release", _do("write_breach_cases"), {"manifest": "0192f0c1-0000-7000-8000-000000000004"}),
    ),
    ("POST", f"{_PHASE_ROUTE}/stop"): ((f"{_PHASE}/stop", _do("pause_mailing"), {"reason": "smoke"}),),
    ("GET", "/api/v1/pictures/{brand}"): ((_PICTURES, _do("write_campaigns"), None),),
    ("POST", "/api/v1/pictures/{brand}"): ((_PICTURES, _do("write_campaigns"), None),),
    ("POST", "/api/v1/breach-cases/{brand}/{case_id}/phases"): ((_PHASES, _do("write_breach_cases"), None),),
    ("GET", "/api/v1/breach-cases/{brand}/{case_id}/phases/{phase}"): (
        (f"{_PHASES}/1", _do("write_breach_cases"), None),
    ),
    ("PUT", "/api/v1/breach-cases/{brand}/{case_id}/phases/{phase}"): (
        (f"{_PHASES}/1", _do("write_breach_cases"), {"revision": 1, "draft": {}}),
    ),
    ("DELETE", "/api/v1/pictures/{brand}/{picture_id}"): ((f"{_PICTURES}/{'0' * 32}", _do("write_campaigns"), None),),
}
"""The routes that are about one brand, with the requests that are tried."""
EVERYWHERE_ROUTES: Mapping[tuple[str, str], tuple[Row, ...]] = {
    ("POST", "/api/v1/everything/{act}"): tuple(
        (f"/api/v1/everything/{act}", _do(f"{act}_everything"), {"reason": "smoke"}) for act in ("stop", "start")
    ),
    ("GET", "/api/v1/processors"): (("/api/v1/processors", _read(ReadableData.PROCESSORS), None),),
    ("POST", "/api/v1/processors/{name}/{act}"): tuple(
        (f"/api/v1/processors/capture/{act}", _do(f"{act}_processor"), {}) for act in ("pause", "resume")
    ),
    ("GET", "/api/v1/flow"): (("/api/v1/flow", _read(ReadableData.FLOW), None),),
    ("GET", "/api/v1/publishers"): (("/api/v1/publishers", _read(ReadableData.PUBLISHERS), None),),
    ("GET", "/api/v1/publishers/{who:path}"): ((_ONE, _read(ReadableData.PUBLISHERS), None),),
    ("POST", "/api/v1/publishers/{who:path}/rights"): (
        (f"{_ONE}/rights", _do("manage_publishers"), {"brands": [BRAND]}),
    ),
    ("POST", "/api/v1/publishers/{who:path}/restrict"): (
        (f"{_ONE}/restrict", _do("manage_publishers"), {"brands": [BRAND]}),
    ),
    ("POST", "/api/v1/publishers/{who:path}/revoke"): ((f"{_ONE}/revoke", _do("manage_publishers"), None),),
}
"""The routes that belong to no brand: they need the right at every brand."""
