"""The API for policies: a brand's versions with their promises and rules, and the differences between two."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mailer.input_types import Slug
from mailer.policy.policy_differences import differences_between_policies
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_rights import ReadableData, ReadDataAttempt
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.people_api import policy_or_404
from mailer.web.web_context import TheSite

POLICY = "/api/v1/policies/{brand}"
router = APIRouter(tags=["operations"])
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such brand or version."),
    **REFUSALS,
}


class PromiseShown(BaseModel):
    """A promise: its words and place, what it needs, and the rules that keep it. `waits_for`: no rule keeps it yet.

    Which tests prove it, and whether they passed, says `mailer policy check`.
    """

    id: str
    promise: str
    source: str
    needs: list[str]
    rules: list[str]
    waits_for: str | None


class PolicyVersionShown(BaseModel):
    """A version of a policy."""

    version: str
    effective: date
    in_force: bool


class PolicyShown(BaseModel):
    """The policy of a brand in force: `policy` is all that its file says; the promises stand beside it in words."""

    brand: str
    version: str
    effective: date
    versions: list[PolicyVersionShown]
    promises: list[PromiseShown]
    policy: dict[str, Any]


class PolicyDifferenceShown(BaseModel):
    """A key that two versions fill in differently; null: it is not there."""

    key: str
    before: str | None
    after: str | None


@router.get(POLICY, summary="The policy of a brand", responses=_REFUSALS)
async def show_policy(brand: Slug, site: TheSite, client: TheClient) -> PolicyShown:
    """Returns what the brand promises now, and its other versions, the newest first."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.POLICIES))
    policy = policy_or_404(site, brand)
    versions = sorted(policy.all_versions, key=lambda version: version.effective, reverse=True)
    return PolicyShown(
        brand=brand,
        version=policy.version,
        effective=policy.effective,
        versions=[
            PolicyVersionShown(version=one.version, effective=one.effective, in_force=one.version == policy.version)
            for one in versions
        ],
        promises=[
            PromiseShown(
                id=line.id,
                promise=line.promise,
                source=line.source,
                needs=list(line.needs.needs_in_words),
                rules=list(line.rules),
                waits_for=line.waits_for or None,
            )
            for line in policy.promises
        ],
        policy=policy.model_dump(mode="json", by_alias=True),
    )


@router.get(POLICY + "/differences", summary="The differences between two versions", responses=_REFUSALS)
async def show_differences(
    brand: Slug,
    site: TheSite,
    client: TheClient,
    before: Annotated[str, Query(min_length=1, max_length=200)],
    after: Annotated[str, Query(min_length=1, max_length=200)],
) -> list[PolicyDifferenceShown]:
    """Returns the keys in which two versions of the brand's policy differ."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.POLICIES))
    policy = policy_or_404(site, brand)
    found = differences_between_policies(_version_or_404(policy, before), _version_or_404(policy, after))
    return [PolicyDifferenceShown(**asdict(one)) for one in found]


def _version_or_404(policy: Policy, version: str) -> Policy:
    for one in policy.all_versions:
        if one.version == version:
            return one
    have = ", ".join(one.version for one in policy.all_versions)
    raise HTTPException(404, f"{policy.brand} has no version {version}; there are {have}")
