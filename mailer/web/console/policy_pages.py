"""The pages of policies: promises with rules and proofs, differences, and what would change if another policy held."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.policy.ledger_reason_wording import reason_in_words
from mailer.policy.policy_differences import PolicyDifference, differences_between_policies
from mailer.policy.policy_file import Policy
from mailer.policy.staff_rights import StaffRight
from mailer.policy.version_changes import version_changes
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page

router = APIRouter(include_in_schema=False)
POLICIES = f"{HOME}/policies"
PolicyReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.POLICIES_READ))]


@router.get(POLICIES)
async def show_policies(request: PolicyReader) -> Response:
    """Shows the versions of each of the person's brands, and a form to compare two."""
    versions = list(_policy_versions_visible_to_member(request))
    return console_page(request, "policies.html.j2", versions=versions, in_force=_names_of_policies_in_force(request))


@router.get(f"{POLICIES}/compare")
async def compare_policies(
    request: PolicyReader, before: Annotated[str, Query()] = "", after: Annotated[str, Query()] = ""
) -> Response:
    """Shows the keys in which two policies differ."""
    one, other = _require_policy(request, before), _require_policy(request, after)
    return console_page(
        request,
        "policy_differences.html.j2",
        before=one,
        after=other,
        sections=sections_of_differences(differences_between_policies(one, other)),
        names=(before, after),
    )


@router.get(f"{POLICIES}/effects")
async def show_policy_effects(
    request: PolicyReader, before: Annotated[str, Query()] = "", after: Annotated[str, Query()] = ""
) -> Response:
    """Shows what would change for the people of a brand if another policy held, over a bounded sample of them."""
    one, other = _require_policy(request, before), _require_policy(request, after)
    compared = await request.console.operations.comparer.compare_policies_over_people(one, other, datetime.now(UTC))
    return console_page(
        request, "policy_effects.html.j2", before=one, names=(before, after), compared=compared, words=reason_in_words
    )


@router.get(f"{POLICIES}/{{brand}}")
async def show_policy(brand: str, request: PolicyReader) -> Response:
    """Shows what a brand promised, with rules and proofs, and what each newer version loosened."""
    policy = request.console.operations.policies.get(brand)
    if policy is None:
        raise HTTPException(404, "policy_unknown")
    proofs = await request.console.operations.proofs.get_value()
    return console_page(request, "policy.html.j2", policy=policy, changes=list(version_changes(policy)), proofs=proofs)


def sections_of_differences(differences: Sequence[PolicyDifference]) -> list[tuple[str, list[PolicyDifference]]]:
    """Returns the differences by the first part of their keys; those with one part come first, under no name."""
    sections: dict[str, list[PolicyDifference]] = {"": []}
    for one in differences:
        name, dot, _ = one.key.partition(".")
        sections.setdefault(name if dot else "", []).append(one)
    return [(name, inner) for name, inner in sections.items() if inner]


def policy_name(policy: Policy) -> str:
    """Returns the name by which the pages and `mailer policy diff` call a version: `brand@version`."""
    return f"{policy.brand}@{policy.version}"


def _policy_versions_visible_to_member(request: ConsoleRequest) -> Iterator[tuple[str, Policy]]:
    policies = request.console.operations.policies
    for brand in sorted(request.visible_brands_with_right(StaffRight.POLICIES_READ) & policies.keys()):
        for policy in sorted(policies[brand].all_versions, key=lambda version: version.effective, reverse=True):
            yield policy_name(policy), policy


def _names_of_policies_in_force(request: ConsoleRequest) -> frozenset[str]:
    return frozenset(policy_name(policy) for policy in request.console.operations.policies.values())


def _require_policy(request: ConsoleRequest, name: str) -> Policy:
    found = dict(_policy_versions_visible_to_member(request)).get(name)
    if found is None:
        raise HTTPException(404, "policy_unknown")
    return found
