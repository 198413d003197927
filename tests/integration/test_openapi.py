"""The API keeps to its OpenAPI document: schemathesis makes requests from it, and holds each answer against it.

It makes a fixed number of them from a fixed seed. Its import takes half a second, so that only this test does it.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mailer.web.app import create_app, openapi_document
from tests.breach_world import Breaches, Line
from tests.campaign_world import Campaigns
from tests.factories import BRAND, World, person
from tests.integration.web_world import PUBLIC_URL, site_over
from tests.publishers import issue_key

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection"),
)
"""The checks of schemathesis that look at an answer alone. Others send requests of their own."""
GOOD, BAD = 6, 5
"""The requests of each route that keep to the document, and those that do not. The first has no key."""


async def known_values(world: World) -> dict[str, str]:
    """The things that there are, by the names of the parts of paths and bodies."""
    accepted = await world.accept([person(1), person(2)], id="event-1", campaign="spring")
    [ada] = await world.known(3)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    number = await world.pool.fetchval("SELECT max(id) FROM suppressions")
    await world.pool.execute(
        "INSERT INTO segments (brand, name, condition, created_by, updated_by)"
        " VALUES ($1, 'capture', $2, 'Ada', 'Ada')",
        *(BRAND, {"type": "country", "operator": "is", "values": ["US"]}),
    )
    imported = await world.pool.fetchval(
        "INSERT INTO recipient_imports (id, brand, file_name, digest, size, state, created_by)"
        " VALUES (gen_random_uuid(), $1, 'people.csv', '', 1, 'discarded', 'Ada') RETURNING id",
        BRAND,
    )
    campaigns = Campaigns(world)
    await campaigns.check(campaign := await campaigns.write())
    breaches = Breaches(world)
    await breaches.check(case_id := await breaches.write(), [Line(1)])
    file_id = await world.pool.fetchval(
        "INSERT INTO breach_files (id, case_id, brand, file_name, digest, size, state, created_by)"
        " VALUES (gen_random_uuid(), $1, $2, 'people.csv', '', 1, 'done', 'Ada') RETURNING id",
        *(case_id, BRAND),
    )
    return {
        "case_id": str(case_id),
        "changed_case_id": str(await breaches.write()),
        "file_id": str(file_id),
        "revision": "1",
        "phase": "1",
        "brand": BRAND,
        "ref": "user-1",
        "who": "user-2",
        "event_id": "event-1",
        "campaign": "spring",
        "mailing_id": str(accepted.mailing_id),
        "campaign_id": str(campaign),
        "import_id": str(imported),
        "number": str(number),
        "name": "capture",
    }


def make_cases() -> Iterator[tuple[Any, bool]]:
    """Requests to each route with True for those that are about something that exists: most of the good ones."""
    import schemathesis
    from schemathesis.generation import GenerationMode

    schema = schemathesis.openapi.from_dict(openapi_document())
    for found in schema.get_all_operations():
        operation: Any = found
        for n, case in enumerate(draw(operation.ok().as_strategy(generation_mode=GenerationMode.POSITIVE), GOOD)):
            yield case, n != 1
        for case in draw(operation.ok().as_strategy(generation_mode=GenerationMode.NEGATIVE), BAD):
            yield case, False


def is_wrong_beyond_its_headers(case: Any) -> bool:
    """True if a case has a wrong path, query or body; that its key is wrong is for the role matrix."""
    return any(place != "header" and part.mode.is_negative for place, part in case.meta.components.items())


def draw(strategy: Any, count: int) -> list[Any]:
    """The same values of a strategy in each run."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    made: list[Any] = []
    bounds = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @seed(20261129)
    @bounds
    @given(strategy)
    def collect(case: Any) -> None:
        made.append(case)

    collect()
    return made[:count]


def known_of_route(case: Any, known: dict[str, str]) -> dict[str, str]:
    """The things for a route: another breach case where facts or texts change, so that the check of the first stays."""
    if not known or "{case_id}" not in case.path:
        return known
    is_changed = case.method in ("PUT", "POST") and case.path.endswith(("/facts", "/decision", "/{phase}", "/phases"))
    of_case = {"case_id": known["changed_case_id"]} if is_changed else {}
    return {**known, **of_case, "name": "gdpr-art-33"}


def request_of(case: Any, known: dict[str, str], key: str) -> httpx.Request:
    """The request of a case, with a key if there is one. With known values, it is about things that there are."""
    import requests

    case.path_parameters = {
        **(case.path_parameters or {}),
        **{k: v for k, v in known.items() if k in case.path_parameters},
    }
    if isinstance(case.body, dict) and known:
        case.body = {**case.body, **{name: known[name] for name in ("brand", "ref", "who") if name in case.body}}
    sent = requests.Request(**case.as_transport_kwargs(base_url=PUBLIC_URL)).prepare()
    headers: dict[str, Any] = {name.lower(): value for name, value in sent.headers.items()}
    if key:
        headers["authorization"] = f"Bearer {key}"
    body: Any = sent.body
    return httpx.Request(sent.method or "", sent.url or "", headers=headers, content=body)


async def test_no_answer_is_undocumented(world: World) -> None:
    """No server error; each answer has a status, a content type and a body that the document describes."""
    from schemathesis import checks

    checks.load_all_checks()
    held = [check for check in checks.CHECKS.get_all() if check.__name__ in CHECKS]
    assert len(held) == len(CHECKS)
    [rejection] = [check for check in held if check.__name__ == "negative_data_rejection"]
    known, key = await known_values(world), await issue_key(world.pool, "prober", *world.policies)
    faults: list[str] = []
    seen: dict[str, set[int]] = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(site_over(world)))) as client:
        for case, about_known in make_cases():
            label, is_wrong = case.operation.label, is_wrong_beyond_its_headers(case)
            answer = await client.send(
                request_of(case, known_of_route(case, known if about_known else {}), key if label in seen else "")
            )
            assert label in seen or answer.status_code == 401
            seen.setdefault(label, set()).add(answer.status_code)
            try:
                case.validate_response(answer, checks=[one for one in held if is_wrong or one is not rejection])
            except BaseExceptionGroup as error:
                faults.append(f"{label} {answer.status_code}: {error}")
        undocumented = httpx.Response(418, request=answer.request, json={"problems": []})
        undocumented.elapsed = timedelta(0)
        with pytest.raises(BaseExceptionGroup):
            case.validate_response(undocumented, checks=held)
    assert not faults, "\n\n".join(faults[:12])
    reached = [label for label, statuses in seen.items() if min(statuses) < 300]
    assert len(reached) * 2 > len(seen), "most requests fail, so that few good answers were looked at"
