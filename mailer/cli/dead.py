"""`mailer dead`: what could not be taken in, and publishing it again."""

from typing import Annotated, Any

import typer

from mailer.cli.shared import AsJson, facts, fail, moment, out, print_json, table, with_app
from mailer.ports.dead_letters import DeadLetter

app = typer.Typer(help="Dead letters: list, show, replay.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20, json: AsJson = False
) -> None:
    """Shows the newest dead letters."""
    letters = with_app(lambda app: app.letters.list(limit))
    if json:
        print_json([_as_json(letter) for letter in letters])
        return
    table(
        ("id", "at", "key", "event", "reason", "replayed"),
        [
            (
                letter.id,
                moment(letter.at),
                letter.message.routing_key,
                letter.message.message_id,
                letter.reason,
                moment(letter.replayed_at),
            )
            for letter in letters
        ],
    )


@app.command()
def show(number: Number, json: AsJson = False) -> None:
    """Shows one, with its body."""
    letter = with_app(lambda app: app.letters.get(number))
    if letter is None:
        fail(f"there is no dead letter {number}; `mailer dead list` shows them", 1)
    if json:
        print_json(_as_json(letter) | {"body": letter.message.body.decode(errors="replace")})
        return
    facts({**_as_json(letter), "body": letter.message.body.decode(errors="replace")})


@app.command()
def replay(number: Number) -> None:
    """Publishes one again, where it was published first. What is still wrong with it makes a new dead letter."""
    if with_app(lambda app: app.letters.replay(number)) is None:
        fail(f"there is no dead letter {number}; `mailer dead list` shows them", 1)
    out.print(f"Dead letter {number} is published again.")


def _as_json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "at": letter.at.isoformat(),
        "reason": letter.reason,
        "exchange": letter.exchange,
        "routing_key": letter.message.routing_key,
        "event": letter.message.message_id,
        "publisher": letter.publisher,
        "bytes": len(letter.message.body),
        "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else None,
    }
