"""`mailer staff`: people are added, listed, disabled, enabled and reset; bad input is one line and status 2."""

import pytest

from tests.processes import Stack

ADD = ("staff", "add", "Ada Admin", "--email", "ada@work.example", "--by", "root")


async def test_people_are_added_and_changed(small_stack: Stack) -> None:
    """Each command, in both forms of output."""
    made = (await small_stack.done(*ADD, "--role", "admin", "--json")).json
    assert made["name"] == "Ada Admin"
    assert "/console/join/" in made["link"]
    ops = ("staff", "add", "Eli", "--email", "eli@work.example", "--role", "ops", "--role", "support")
    assert "/console/join/" in (await small_stack.done(*ops, "--brand", "interpals")).out
    listed = (await small_stack.done("staff", "list", "--json")).json
    assert [one["name"] for one in listed] == ["Ada Admin", "Eli"]
    assert listed[1]["roles"] == [{"role": "ops", "brand": "interpals"}, {"role": "support", "brand": "interpals"}]
    assert not any("hash" in key for key in listed[0])
    for command, new in (("disable", True), ("disable", False), ("enable", True), ("enable", False)):
        assert (await small_stack.done("staff", command, "eli", "--json")).json["new"] is new
    assert "Ada Admin" in (await small_stack.done("staff", "list")).out
    again = (await small_stack.done("staff", "reset", "Ada Admin", "--json")).json
    assert again["link"] != made["link"]
    assert (await small_stack.done("staff", "sessions", "Ada Admin", "--json")).json == []
    assert made["link"].rpartition("/")[2] not in str(await small_stack.query("SELECT * FROM staff_links"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*ADD, "--role", "emperor"), "--role: there is no role 'emperor'"),
        ((*ADD, "--role", "admin", "--brand", "interpals"), "for all brands"),
        ((*ADD, "--role", "ops", "--brand", "nobodys"), "--brand: there is no nobodys"),
        (("staff", "add", "Ada", "--email", "no address", "--role", "ops"), "--email:"),
        (("staff", "add", "key:shop", "--email", "ada@work.example", "--role", "ops"), "is no person"),
        (("staff", "add", "A" * 101, "--email", "ada@work.example", "--role", "ops"), "at most 100"),
        (("staff", "reset", "Nobody"), "there is no person 'Nobody'"),
        (("staff", "disable", "Nobody", "--by", "key:shop"), ""),
    ],
)
async def test_bad_input_is_one_line(small_stack: Stack, words: tuple[str, ...], says: str) -> None:
    """Nothing is changed, and the line says what to do."""
    refused = await small_stack.run(*words)
    assert refused.status == 2
    assert refused.err.count("\n") == 1
    assert says in refused.err


async def test_a_name_is_added_once(small_stack: Stack) -> None:
    """The second is refused, and a disabled person gets no link."""
    await small_stack.done(*ADD, "--role", "admin")
    again = await small_stack.run(*ADD, "--role", "admin")
    assert (again.status, "already" in again.err) == (2, True)
    last = await small_stack.run("staff", "disable", "Ada Admin")
    assert (last.status, last.err.count("\n")) == (2, 1)
    assert "'Ada Admin' is the last admin" in last.err
    assert "mailer staff add NAME --email ADDRESS --role admin" in last.err
    await small_stack.done("staff", "add", "Eva", "--email", "eva@work.example", "--role", "admin")
    await small_stack.done("staff", "disable", "Ada Admin")
    assert (await small_stack.run("staff", "reset", "Ada Admin")).status == 2


async def test_accounts_of_an_identity_provider(small_stack: Stack) -> None:
    """`bind` and `unbind` say if something is new; one account is one person's; each change names who made it."""
    await small_stack.done(*ADD, "--role", "admin")
    await small_stack.done("staff", "add", "Eli", "--email", "eli@work.example", "--role", "ops")
    refused = await small_stack.run("staff", "bind", "Ada Admin", "sub-1")
    assert (refused.status, "set MAILER_OIDC_ISSUER first" in refused.err) == (2, True)
    secrets = {"CLIENT_ID": "mailer", "CLIENT_SECRET": "a secret of the tests"}
    settings = {f"MAILER_OIDC_{name}": value for name, value in secrets.items()}
    stack = small_stack.with_env(**settings, MAILER_OIDC_ISSUER="https://id.example")
    for command, new in (("bind", True), ("bind", False), ("unbind", True), ("unbind", False), ("bind", True)):
        words = ["sub-1"] if command == "bind" else []
        done = await stack.done("staff", command, "Ada Admin", *words, "--by", "Grace", "--json")
        assert done.json["new"] is new
    for wrong, says in (
        (("bind", "Eli", "sub-1"), "somebody else signs in by this account"),
        (("bind", "Eli", ""), "1 to 255 printable characters"),
        (("bind", "Eli", "a" * 256), "1 to 255 printable characters"),
        (("bind", "Nobody", "sub-2"), "there is no person 'Nobody'"),
    ):
        refused = await stack.run("staff", *wrong)
        assert (refused.status, says in refused.err) == (2, True), refused.err
    rows = await stack.query("SELECT reason, actor FROM ledger WHERE reason LIKE 'staff-account-%' ORDER BY at, n")
    assert [tuple(row) for row in rows] == [
        ("staff-account-bound", "person:Grace"),
        ("staff-account-unbound", "person:Grace"),
        ("staff-account-bound", "person:Grace"),
    ]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ISSUER": "http://id.example"}, "MAILER_OIDC_ISSUER: takes the https:// address"),
        ({"ISSUER": "https://id.example?a=b"}, "has a user, a query or a fragment"),
        ({"ISSUER": "https://id.example"}, "needs MAILER_OIDC_CLIENT_ID"),
    ],
)
async def test_a_provider_is_set_up_whole(small_stack: Stack, settings: dict[str, str], says: str) -> None:
    """A provider without TLS, or without the client's name and secret, is refused at the start."""
    stack = small_stack.with_env(**{f"MAILER_OIDC_{name}": value for name, value in settings.items()})
    refused = await stack.run("staff", "list")
    assert (refused.status, says in refused.err) == (2, True), refused.err
