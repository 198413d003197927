"""`mailer api-key`: who may publish by HTTP, and for which brands."""

from typing import Annotated

import typer

from mailer.app import App
from mailer.cli.shared import AsJson, fail, out, print_json, with_app
from mailer.ledger.keys import KeyRefused
from mailer.policy.identity import Identity, IdentityKind

app = typer.Typer(help="API keys: create, revoke.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who holds it; it stands in the ledger as the publisher.")],
    brand: Annotated[list[str], typer.Option(help="A brand that it may publish for; several times for several.")],
    json: AsJson = False,
) -> None:
    """Makes a key and prints it, for the only time."""

    async def act(app: App) -> str:
        try:
            Identity(IdentityKind.KEY, name)
        except ValueError as error:
            raise KeyRefused(f"a key needs a name, which stands in the ledger: {error}") from None
        if unknown := [name for name in brand if name not in app.policies]:
            raise KeyRefused(f"there is no brand {', '.join(unknown)}; there are {', '.join(app.policies)}")
        return await app.keys.create(name, brand)

    try:
        key = with_app(act)
    except KeyRefused as error:
        fail(str(error), 2)
    if json:
        print_json({"name": name, "brands": brand, "key": key})
    else:
        out.print(key, markup=False)


@app.command()
def revoke(name: str) -> None:
    """Ends a key at once."""
    if not with_app(lambda app: app.keys.revoke(name)):
        fail(f"there is no live key named {name}", 1)
    out.print(f"The key {name} is revoked.", markup=False)
