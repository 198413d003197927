"""Commands that look people up, and those that take an event's id for its mailing."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailer.actions.legal_hold import erasure_refusal_by_holds
from mailer.actions.privacy_rights import erase_recipient
from mailer.ports.privacy_rights import DataCorrection
from tests.campaigns import commands, mailed, members
from tests.factories import BRAND, World, open_world, person, policies
from tests.processes import SECRETS, Stack

LIST = ("recipients", "list", "--brand", BRAND)


@pytest.fixture
async def world(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The parts of the pipeline over a fresh database, with the address key that commands have."""
    monkeypatch.setattr("tests.factories.KEY", SECRETS["ADDRESS_KEY"])
    async with open_world(database_url) as made:
        yield made


@pytest.fixture
def operator(tmp_path: Path, database_url: str) -> Stack:
    """Commands over the same database."""
    return commands(tmp_path, database_url)


async def found_by(operator: Stack, text: str, *options: str) -> list[str]:
    """The refs of those whom a text means; nobody is status 1 with a line that says so."""
    done = await operator.run("recipients", "find", text, *options, "--json")
    if done.status:
        assert (done.status, done.out) == (1, "")
        assert f"recipient {text}, by ref, address or number" in done.err
        return []
    return [one["ref"] for one in json.loads(done.out)]


async def test_people_are_listed_in_pages(world: World, operator: Stack) -> None:
    """People are listed in the order in which they became known, each once, with their standing, for one brand."""
    first, *_ = await world.known(1, 2, 3)
    await world.accept([person(1)], "service", brand="paltalk-2006", controller="paltalk")
    await world.standings.record_opt_out(BRAND, first, "newsletter", "test")
    page = (await operator.done(*LIST, "--limit", "2", "--json")).json
    rest = (await operator.done(*LIST, "--after", str(page[-1]["id"]), "--json")).json
    assert [(one["ref"], one["opted_out"]) for one in page] == [("user-1", ["newsletter"]), ("user-2", [])]
    assert [one["ref"] for one in rest] == ["user-3"]
    words = (await operator.done(*LIST)).out.splitlines()
    assert [line.split()[2:4] for line in words[2:]] == [[f"user-{n}", f"user-{n}@people.example"] for n in (1, 2, 3)]
    refused = await operator.run("recipients", "list", "--brand", "acme")
    assert (refused.status, "there is no brand acme; there are" in refused.err) == (2, True)


async def test_people_are_found_by_ref_address_and_number(world: World, operator: Stack) -> None:
    """An address is found in any spelling, an old one no more; a number is the ledger's, or a ref."""
    ada, _ = await world.known(1, 2)
    assert await world.rights.rectify_recipient(
        BRAND, ada, DataCorrection(email="ada@münchen.example"), "test", blocks=erasure_refusal_by_holds
    )
    for text in ("user-1", "ada@münchen.example", "ADA@xn--mnchen-3ya.example", f"{ada}"):
        assert await found_by(operator, text) == await found_by(operator, text, "--brand", BRAND) == ["user-1"]
    for text in ("user-1@people.example", "user-9", "99999", "9" * 40, "%", "' OR true --", "*"):
        assert await found_by(operator, text) == []
    assert await found_by(operator, "user-1", "--brand", "paltalk-2006") == []


async def test_who_was_erased_is_found_by_ref_without_an_address(world: World, operator: Stack) -> None:
    """An operator who is asked for somebody sees that they were erased, and nothing that was known of them."""
    [ada] = await world.known(1, name="Ada Lovelace")
    await erase_recipient(world.rights, policies()[BRAND], ada, "test")
    [found] = (await operator.done("recipients", "find", "user-1", "--json")).json
    assert (found["id"], found["state"], found["email"], found["name"]) == (ada, "erased", None, None)
    assert await found_by(operator, "user-1@people.example") == []
    said = (await operator.done("recipients", "find", "user-1")).out
    assert "user-1" not in said
    assert "Ada" not in said


async def test_a_person_is_shown_as_they_stand(world: World, operator: Stack) -> None:
    """Shows what they have left and refused, in JSON and in words; somebody unknown ends with status 2."""
    [ada] = await world.known(1, source="sign-up")
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "test")
    await world.pool.execute("UPDATE standings SET tracking_refused_at = now() WHERE recipient_id = $1", ada)
    who = ("user-1", "--brand", BRAND)
    shown = (await operator.done("recipients", "show", *who, "--json")).json
    assert (shown["id"], shown["state"], shown["opted_out"]) == (ada, "active", ["newsletter"])
    assert (shown["source"], shown["noted"], shown["consents"]) == ("sign-up", ["tracking_refused"], [])
    said = dict(line.split(None, 1) for line in (await operator.done("recipients", "show", *who)).out.splitlines())
    assert (said["ref"], said["noted"]) == ("user-1", "tracking_refused")
    refused = await operator.run("recipients", "show", "nobody", "--brand", BRAND)
    assert (refused.status, f"{BRAND} has no recipient nobody" in refused.err) == (2, True)


TAKE_AN_ID = {
    "show": ("mailing", "show", "{}"),
    "coverage": ("mailing", "coverage", "{}"),
    "approve": ("mailing", "approve", "{}", "--by", "Dana"),
    "pause": ("mailing", "pause", "{}"),
    "resume": ("mailing", "resume", "{}"),
    "end": ("mailing", "end", "{}"),
    "purge": ("processors", "confirm-purge", "--mailing", "{}", "--processor", "relay", "--by", "Dana"),
    "rate": ("rate", "set", "mailing", "{}", "100/hour"),
    "warm-up": ("rate", "warm-up", "mailing", "{}", "1,2", "--from", "2030-01-01"),
    "clear": ("rate", "clear", "mailing", "{}"),
    "explain": ("policy", "explain", "--recipient", "user-1", "--mailing", "{}"),
    "report": ("report", "advertiser", "--brand", BRAND, "--campaign", "{}"),
    "cancel": ("mailing", "cancel", "{}"),
}
"""Each command that takes a mailing's id."""
REFUSED = {
    "approve": "the mailing does not wait for a release",
    "purge": "relay has nothing of mailing",
    "report": "1 of 1 mailings of",
    "clear": "mailing ID has no such limit",
}
"""Refusals by some of them of a mailing that is neither new nor over."""


@pytest.mark.parametrize("kind", TAKE_AN_ID)
async def test_an_events_id_names_its_mailing_everywhere(world: World, operator: Stack, kind: str) -> None:
    """Each command gives the same answer for a mailing's id and its event's id. It refuses an unknown id."""
    accepted = await world.accept([person(1)], id="spring/1")
    answers = []
    for identifier in (str(accepted.mailing_id), "spring/1", "spring/2"):
        done = await operator.run(*(word.format(identifier) for word in TAKE_AN_ID[kind]))
        answers.append((done.status, (done.out + done.err).replace(identifier, "ID")))
    (status, by_its_own), (same, by_its_event), (none, unknown) = answers
    assert (same, none) == (status, 1 if kind in ("show", "coverage", "report") else 2), answers
    assert unknown != by_its_own
    assert "ID" in unknown
    if kind in REFUSED:
        assert REFUSED[kind] in by_its_own
        assert REFUSED[kind] in by_its_event
    else:
        assert status == 0, answers
        assert "no mailing" not in by_its_own + by_its_event


async def test_an_events_id_of_two_brands_is_no_name(world: World, operator: Stack) -> None:
    """An event's id of two brands names both mailings in the refusal, and nothing is done to either."""
    await world.accept([person(1)], id="spring")
    await world.accept([person(1)], "service", brand="paltalk-2006", controller="paltalk", id="spring")
    for words in (TAKE_AN_ID["cancel"], TAKE_AN_ID["purge"], TAKE_AN_ID["rate"], TAKE_AN_ID["explain"]):
        done = await operator.run(*(word.format("spring") for word in words))
        assert done.status == 2
        assert "spring names 2 mailings" in done.err
    assert await world.pool.fetchval("SELECT count(*) FROM halts") == 0


async def test_a_report_and_a_purge_are_named_by_the_event(world: World, operator: Stack) -> None:
    """The event's id gets the same report as a finished mailing's own."""
    mailing_id = await mailed(world, members(0, US=120), id="spring-25")
    shown = [
        (await operator.done("report", "advertiser", "--brand", BRAND, "--campaign", name, "--json")).json
        for name in ("spring-25", str(mailing_id))
    ]
    assert shown[0] == shown[1]
    assert shown[0]["people"] > 100


async def test_ids_are_whole_in_a_pipe(world: World, operator: Stack) -> None:
    """However narrow the variables say that the terminal is, each row is a line, with ids that can be copied."""
    found = [(await world.accept([person(n)], id=f"a-long-id-of-an-event-{n}-{'x' * 60}")).mailing_id for n in (1, 2)]
    for environment in ({"COLUMNS": "20"}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}):
        listed = (await operator.having(**environment).done("mailing", "list")).out
        lines = listed.splitlines()
        assert len(lines) == 4
        assert all(str(mailing_id) in listed for mailing_id in found)
        assert "\x1b" not in listed


async def test_a_history_is_read_in_pages(world: World, operator: Stack) -> None:
    """The command reads a history in pages, on record with person and reason. `next` leads to older entries."""
    [ada] = await world.known(1)
    for number in range(3):
        await world.standings.record_opt_out(BRAND, ada, f"newsletter/topic-{number}", "page")
    who = ("user-1", "--brand", BRAND, "--by", "Dana", "--reason", "ticket 7")
    done = (await operator.done("recipients", "history", *who, "--limit", "3", "--json")).json
    older = (await operator.done("recipients", "history", *who, "--before", done["next"], "--json")).json
    titles = [entry["title"] for entry in (*done["entries"], *older["entries"])]
    assert [title for title in titles if title.startswith("Left")] == [
        f"Left newsletter/topic-{number} mail" for number in (2, 1, 0)
    ]
    assert titles[0] == "Looked up by Dana (command)"
    assert "Left newsletter/topic-2 mail" in (await operator.done("recipients", "history", *who)).out
    for options, why in ((("--before", "x"), "is no place"), (("--reason", "x" * 301), "at most 300")):
        refused = await operator.run("recipients", "history", *who, *options)
        assert (refused.status, why in refused.err) == (2, True)
    await operator.done("recipients", "show", *who[:-2])
    await operator.run("recipients", "find", "nobody@people.example")
    entries = [entry for entry in await world.entries(kind="access") if entry["rule"] == "access:command"]
    assert [entry["recipient"] for entry in entries[:4]] == [ada] * 4
    assert entries[0]["reply"] == "from a command: ticket 7"
    assert entries[3]["reply"] == "from a command: no reason was given"
    assert {entry["recipient"] for entry in entries[4:]} == {None}
    assert "people.example" not in str(entries)


async def test_a_command_acts_with_a_reason_on_record(world: World, operator: Stack) -> None:
    """Beside the change; without a reason there is the change alone; the ground of an erasure is one of a few."""
    [ada] = await world.known(1)
    who = ("user-1", "--brand", BRAND)
    await operator.done("recipients", "restrict", *who, "--by", "Dana", "--reason", "ticket 8")
    await operator.done("recipients", "restrict", *who, "--off")
    hold = ("recipients", "hold", *who, "--reference", "A", "--by", "Dana")
    assert [(await operator.done(*hold)).out.strip() for _ in range(2)] == ["Held.", "Held already."]
    await operator.done(*hold, "--lift")
    refused = await operator.run("recipients", "erase", *who, "--reason", "Ada asked")
    assert refused.status == 2
    await operator.done("recipients", "erase", *who, "--by", "Dana", "--reason", "the person asked for it")
    acted = [entry for entry in await world.entries(kind="access") if entry["reason"] == "acted"]
    assert [(entry["recipient"], entry["fields"], entry["actor"]) for entry in acted] == [
        (ada, ["restrict"], "person:Dana"),
        (ada, ["erase"], "person:Dana"),
    ]
    assert acted[1]["reply"] == "from a command: the person asked for it"


async def test_suppressions_are_listed_in_pages(world: World, operator: Stack) -> None:
    """The newest first, by id; an explanation is a look-up, which stands in the ledger."""
    [ada] = await world.known(1)
    for number in range(3):
        await world.standings.record_opt_out(BRAND, ada, f"newsletter/topic-{number}", "page")
    page = (await operator.done("suppressions", "list", "--brand", BRAND, "--limit", "2", "--json")).json
    before = ("--limit", "2", "--before", str(page[-1]["id"]))
    rest = (await operator.done("suppressions", "list", "--brand", BRAND, *before, "--json")).json
    assert [one["scope"] for one in (*page, *rest)] == [f"newsletter/topic-{number}" for number in (2, 1, 0)]
    await operator.done("suppressions", "explain", "--brand", BRAND, "--ref", "user-1", "--reason", "ticket 9")
    [entry] = await world.entries(kind="access")
    assert (entry["recipient"], entry["reply"]) == (ada, "from a command: ticket 9")


async def test_a_lift_ends_nothing_newer_than_was_listed(world: World, operator: Stack) -> None:
    """An opt-out that was said again since the time that the list showed stays. Without a time, what holds now ends."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    await world.pool.execute("UPDATE suppressions SET at = at - interval '1 hour'")
    listed = ("suppressions", "list", "--brand", BRAND, "--ref", "user-1")
    [stop] = (await operator.done(*listed, "--json")).json
    lift = ("suppressions", "lift", str(stop["id"]), "--brand", BRAND, "--by", "Dana", "--reason", "by telephone")
    seen = ("--since", f"{stop['at'][:10]} {stop['at'][11:19]}Z")
    assert seen[1] in (await operator.done(*listed)).out
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "one-click")
    refused = await operator.run(*lift, *seen)
    assert (refused.status, "was said again or ended meanwhile" in refused.err) == (2, True)
    [again] = (await operator.done(*listed, "--json")).json
    assert again["lifted_at"] is None
    await operator.done(*lift)
    assert (await operator.done(*listed, "--json")).json == []
