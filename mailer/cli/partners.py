"""`mailer partners`: lists partners, and prints the addresses (as hashes) that a partner may not mail."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from mailer.app import App
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, print_table, run_with_app
from mailer.ports.partner_suppressions import PartnerSuppressionCounts

_T = TypeVar("_T")

app = typer.Typer(help="Partners: list, key, suppressions.", no_args_is_help=True)

Partner = Annotated[str, typer.Argument(help="As the policy names it.")]
Brand = Annotated[str, typer.Option(help="Whose partner it is.")]


class _UnknownBrandOrPartner(Exception):
    """Raised for an unknown brand or partner; the message lists the known ones."""


@app.command("list")
def list_(json: AsJson = False) -> None:
    """Every brand's partners, and how many suppressions each has and was told."""

    async def act(app: App) -> list[dict[str, object]]:
        return [
            {
                **_partner_counts_as_json(await app.partners.count_partner_suppressions(brand, partner.id)),
                "brand": brand,
                **partner.model_dump(mode="json"),
            }
            for brand, policy in app.policies.items()
            for partner in policy.partners
        ]

    found = run_with_app(act)
    if json:
        print_json(found)
        return
    columns = ("brand", "id", "name", "contract", "since", "until", "push_url", "suppressions", "pushed")
    print_table(columns, [[entry[column] for column in columns] for entry in found])


@app.command("key")
def print_partner_hashing_key(partner: Partner, brand: Brand) -> None:
    """Prints the key under which this partner hashes an address to look it up. Tell it once, over a safe channel."""

    async def act(app: App) -> str:
        _refuse_unknown_brand_or_partner(app, brand, partner)
        return app.hasher.partner_key(brand, partner).hex()

    out.print(_run_or_exit(act))


@app.command()
def suppressions(partner: Partner, brand: Brand) -> None:
    """Prints whom a partner may not mail, as signed JSON: hashes under the partner's key."""

    async def act(app: App) -> None:
        _refuse_unknown_brand_or_partner(app, brand, partner)
        print_json(await app.partners.signed_suppression_list(brand, partner))

    _run_or_exit(act)


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    try:
        return run_with_app(act)
    except _UnknownBrandOrPartner as error:
        exit_with_error(str(error), 2)


def _refuse_unknown_brand_or_partner(app: App, brand: str, partner: str) -> None:
    if brand not in app.policies:
        raise _UnknownBrandOrPartner(f"there is no brand {brand}; there are {', '.join(app.policies)}")
    names = [known.id for known in app.policies[brand].partners]
    if partner not in names:
        raise _UnknownBrandOrPartner(f"{brand} has no partner {partner}; it has {', '.join(names) or 'none'}")


def _partner_counts_as_json(told: PartnerSuppressionCounts) -> dict[str, object]:
    return {"suppressions": told.suppressions, "pushed": told.pushed}
