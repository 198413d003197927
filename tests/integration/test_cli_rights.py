"""The commands for accounts, processors and notices, as they are typed."""

from pathlib import Path

import pytest

from tests.accounts import said
from tests.campaigns import commands
from tests.factories import BRAND, World, person
from tests.processes import Stack

WHO = ("user-1", "--brand", BRAND)


@pytest.fixture
def operator(tmp_path: Path, database_url: str) -> Stack:
    """Commands over the world's database."""
    return commands(tmp_path, database_url)


@pytest.mark.parametrize(
    ("command", "column", "value"),
    [
        (("restrict", *WHO), "restricted_at IS NOT NULL", True),
        (("deactivate", *WHO), "deactivated_at IS NOT NULL", True),
        (("channel", *WHO, "email"), "channel", "email"),
        (("mark", *WHO, "under_13"), "under_13_at IS NOT NULL", True),
        (("mark", *WHO, "paid"), "products", ["*"]),
        (("mark", *WHO, "paid", "--product", "voice"), "products", ["voice"]),
        (("mark", *WHO, "no_tracking"), "tracking_refused_at IS NOT NULL", True),
        (("mark", *WHO, "no_personalisation"), "personalisation_refused_at IS NOT NULL", True),
        (("mark", *WHO, "no_electronic_notices"), "electronic_refused_at IS NOT NULL", True),
    ],
)
async def test_each_mark(world: World, operator: Stack, command: tuple[str, ...], column: str, value: object) -> None:
    """A mark holds once the command has ended, and stands in the ledger as an operator's."""
    await world.known(1)
    await operator.done("recipients", *command)
    assert await world.pool.fetchval(f"SELECT {column} FROM standings") == value  # noqa: S608 - of this file
    [entry] = await world.entries(kind="action")
    assert entry["rule"] == "action:operator"


@pytest.mark.parametrize(
    ("command", "column"),
    [
        (("restrict", *WHO), "restricted_at"),
        (("deactivate", *WHO), "deactivated_at"),
        (("mark", *WHO, "no_tracking"), "tracking_refused_at"),
    ],
)
async def test_what_is_so_no_longer(world: World, operator: Stack, command: tuple[str, ...], column: str) -> None:
    """The option `--off` removes a mark."""
    await world.known(1)
    await operator.done("recipients", *command)
    await operator.done("recipients", *command, "--off")
    assert await world.pool.fetchval(f"SELECT {column} FROM standings") is None  # noqa: S608 - of this file


async def test_a_correction(world: World, operator: Stack) -> None:
    """A correction changes only the named fields. A bad value is refused in one line."""
    await world.known(1, name="Ada")
    await operator.done("recipients", "rectify", *WHO, "--email", "ada@new.example")
    row = await world.pool.fetchrow("SELECT email, name FROM recipients")
    assert row is not None
    assert tuple(row) == ("ada@new.example", "Ada")
    refused = await operator.run("recipients", "rectify", *WHO, "--locale", "klingon")
    assert (refused.status, refused.err.startswith("mailer: locale: ")) == (2, True)


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (("erase", "user-9", "--brand", BRAND), 2, "interpals has no recipient user-9"),
        (("export", "user-1", "--brand", "acme"), 2, "there is no brand acme; there are"),
        (("rectify", *WHO), 2, "rectify corrects email, name, locale or country"),
        (("mark", *WHO, "under_13", "--off"), 2, "let them register anew"),
        (("hold", *WHO, "--reference", " ", "--by", "Dana"), 2, "name both"),
        (("hold", *WHO, "--reference", "A", "--by", "Dana", "--lift"), 2, "no legal hold 'A' stands"),
        (("disclose", *WHO, "--authority", "Court", "--reference", "A", "--by", "D"), 2, "Missing option '--field'"),
        (("export", *WHO, "--html", "/nowhere/at/all.html"), 1, "/nowhere/at/all.html: "),
    ],
)
async def test_what_is_refused(
    world: World, operator: Stack, command: tuple[str, ...], status: int, words: str
) -> None:
    """A refused command changes nothing, and says in one line what to do."""
    await world.known(1)
    refused = await operator.run("recipients", *command)
    assert (refused.status, refused.err.count("\n")) == (status, 1)
    assert words in refused.err
    assert await world.entries(kind="action") == []


async def test_an_erasure_names_who_else_has_to_erase(world: World, operator: Stack) -> None:
    """An erasure names the processors that must erase too. A person with a name confirms each, once."""
    await world.handover().hand_over_batches((await world.accept([person(1), person(2)])).batches)
    told = (await operator.done("recipients", "erase", *WHO, "--json")).json
    assert [keeper["processor"] for keeper in told["processors"]] == ["fake"]
    shown = await operator.done("recipients", "erase", "user-2", "--brand", BRAND)
    assert "fake" in shown.out
    confirm = ("processors", "confirm-erasure", "--recipient", str(told["recipient"]), "--processor", "fake")
    assert (await operator.run(*confirm, "--by", " ")).status == 2
    await operator.done(*confirm, "--by", "Dana")
    assert (await operator.run(*confirm, "--by", "Dana")).status == 2
    listed = (await operator.done("processors", "list", "--json")).json
    assert [kept["confirmed_by"] for kept in listed["erasures"]] == ["Dana", None]
    assert "Dana" in (await operator.done("processors", "list")).out


async def test_coverage(world: World, operator: Stack) -> None:
    """The command shows how many accounts a mailing reached, and who not. An unknown mailing is an error."""
    await world.known(1, 2)
    await said(world, "under_13", "user-2")
    accepted = await world.accept({"audience": "everyone"}, "policy_change")
    await world.handover().hand_over_batches(accepted.batches)
    told = (await operator.done("mailing", "coverage", str(accepted.mailing_id), "--json")).json
    assert (told["accounts"], told["not_reached"]) == (
        2,
        [{"ref": "user-2", "state": "suppressed", "reason": "under_13"}],
    )
    assert "user-2" in (await operator.done("mailing", "coverage", str(accepted.mailing_id))).out
    assert (await operator.run("mailing", "coverage", "nothing")).status == 1


async def test_account_events_are_published_as_messages_are(world: World, operator: Stack) -> None:
    """Account events are published from a file, beside message events. A bad line stops them all and is named."""
    line = '{"v": 1, "id": "%s", "brand": "interpals", "account": "%s", "ref": "user-1"}\n'
    done = await operator.done("publish", "-", "--json", stdin=line % ("one", "restrict") + line % ("two", "paid"))
    assert [event["id"] for event in done.json] == ["one", "two"]
    parked = await world.outbox.lease_rows("worker", 10, 30)
    assert [item.message.routing_key for item in parked] == ["interpals.account"] * 2
    refused = await operator.run("publish", "-", stdin=line % ("three", "restrict") + line % ("four", "dance"))
    assert (refused.status, "line 2: account: there is no 'dance'" in refused.err) == (2, True)
    assert await world.outbox.lease_rows("worker", 10, 30) == []
