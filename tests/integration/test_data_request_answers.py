"""Corrections by their page, and what waits for staff: with a deadline, an alarm, a list and an answer."""

import json
from pathlib import Path

import pytest

from mailer.actions.legal_hold import lift_legal_hold, set_legal_hold
from mailer.actions.privacy_rights import erase_recipient
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from tests.campaigns import commands
from tests.data_requests import SCRIPT, asked, steps
from tests.factories import BRAND, World
from tests.integration.web_world import browse
from tests.letters import ADA, known, parts, told
from tests.processes import Stack
from tests.shipped import shipped_templates

ADDRESS = ADA["email"]


@pytest.fixture
def operator(tmp_path: Path, database_url: str) -> Stack:
    """Commands over the world's database."""
    return commands(tmp_path, database_url)


async def test_a_correction_takes_what_has_a_field(world: World) -> None:
    """Name, language and country change; what was left empty stays."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "correction")
        form = {"confirm": "yes", "name": "Ada Lovelace", "locale": "fr", "country": "", "note": "  "}
        page = await client.post(link, data=form)
        again = await client.post(link, data={**form, "name": "Somebody Else"})
    assert page.status_code == again.status_code == 200
    row = await world.pool.fetchrow("SELECT name, locale, country, email FROM recipients WHERE ref = 'ada'")
    assert row is not None
    assert tuple(row) == ("Ada Lovelace", "fr", "US", ADDRESS)
    assert 'lang="fr"' in page.text
    assert await steps(world) == ["correction asked", "correction done"]


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({}, "nothing"),
        ({"name": " ", "note": "\r\n"}, "nothing"),
        ({"name": "a" * 201}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "\u200b"}, "name"),
        ({"locale": "../../etc/passwd"}, "locale"),
        ({"country": "ZZZ"}, "country"),
        ({"note": "x" * 1001}, "note"),
        ({"note": "nul\0"}, "note"),
        ({"name": SCRIPT, "country": SCRIPT}, "country"),
    ],
)
async def test_a_faulty_correction_is_said_at_its_field(world: World, form: dict[str, str], fault: str) -> None:
    """Nothing is changed, the text stays in its field as a text, and the request can still be confirmed."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "correction")
        page = await client.post(link, data={"confirm": "yes", **form})
        assert page.status_code == 400
        assert f'id="{fault}-fault"' in page.text
        assert "<script" not in page.text
        assert (await client.post(link, data={"confirm": "yes", "name": "Ada L."})).status_code == 200
    assert await world.pool.fetchval("SELECT name FROM recipients WHERE ref = 'ada'") == "Ada L."


async def test_a_script_in_every_field_stays_text(world: World, operator: Stack) -> None:
    """Name, words and the answer of staff are shown as they were typed, on the page, in the copy and in commands."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "correction")
        note = f"My town is wrong {SCRIPT}"
        waits = await client.post(link, data={"confirm": "yes", "name": f"Ada {SCRIPT}", "note": note})
        assert "Somebody looks into it" in waits.text
        [row] = (await operator.done("requests", "list", "--json")).json
        shown = (await operator.done("requests", "show", row["id"], "--json")).json
        assert (shown["ref"], shown["note"]) == ("ada", note)
        await operator.done("requests", "answer", row["id"], "done", "--words", f"Mended {SCRIPT}", "--by", "Dana")
        answered = await client.get(link)
        copied = await asked(world, client, "copy")
        await client.post(copied, data={"confirm": "yes"})
        copy = await client.post(copied, data={"save": "page"})
    for page in (waits, answered, copy):
        assert "<script" not in page.text
    assert "Mended &#34;&gt;&lt;script&gt;" in answered.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in copy.text


@pytest.mark.promise("peerstream-13")
@pytest.mark.rule("data-request-deadline")
async def test_what_waits_for_staff_has_a_deadline_with_an_alarm(world: World, operator: Stack) -> None:
    """A legal hold stops an erasure: the page says by when, and not why; the list and the metric count the days."""
    shipped_templates(operator.folder, ["peerstream"], ["rights-answer"])
    await known(world, "peerstream", ADA)
    her = await world.id_of("ada", "peerstream")
    await set_legal_hold(world.rights, "peerstream", her, "State v. Ada", "Dana", named=False)
    async with browse(world) as client:
        link = await asked(world, client, "erasure", "peerstream")
        page = await client.post(link, data={"confirm": "yes"})
        assert "Somebody looks into it" in page.text
        assert "hold" not in page.text.lower()
        [row] = (await operator.done("requests", "list", "--brand", "peerstream", "--json")).json
        assert row["left"] in ("27 days", "28 days", "29 days", "30 days")
        assert await steps(world) == ["erasure asked", "erasure waiting"]
        await world.pool.execute("UPDATE data_requests SET due_at = now() + interval '6 days'")
        figures = await PostgresFlowMetrics(world.pool).read_metrics()
        assert figures["data_requests"] == [(("peerstream",), 1.0)]
        assert 0 < figures["data_request_due"][0][1] <= 6 * 86400
        listed = (await operator.done("requests", "list")).out
        assert "5 days: urgent" in listed or "6 days: urgent" in listed
        words = "The law asks us to keep them until a case is over."
        await operator.done("requests", "answer", row["id"], "refused", "--words", words, "--by", "Dana")
        answered = await client.get(link)
        assert words in answered.text
        assert "We could not do what you asked" in answered.text
        assert "data protection authority" in answered.text
    figures = await PostgresFlowMetrics(world.pool).read_metrics()
    assert figures["data_requests"] == figures["data_request_due"] == []
    event = await world.pool.fetchval("SELECT body FROM outbox WHERE body LIKE '%rights-answer%'")
    [mail] = await told(world, json.loads(event))
    assert words in " ".join(parts(mail)[0].split())
    assert (await operator.run("requests", "answer", row["id"], "done", "--words", "Again", "--by", "Dana")).status == 2


async def test_a_correction_that_a_hold_forbids_reaches_staff_with_its_values(world: World, operator: Stack) -> None:
    """Nothing is changed, and nothing that the person typed is lost: staff see the values beside the words."""
    await known(world, BRAND, ADA)
    await set_legal_hold(world.rights, BRAND, await world.id_of("ada"), "State v. Ada", "Dana", named=False)
    async with browse(world) as client:
        link = await asked(world, client, "correction")
        form = {"confirm": "yes", "name": "Ada Lovelace", "country": "GB", "note": "My town is wrong"}
        assert "Somebody looks into it" in (await client.post(link, data=form)).text
    assert await world.pool.fetchval("SELECT name FROM recipients WHERE ref = 'ada'") == "Ada"
    [row] = (await operator.done("requests", "list", "--json")).json
    note = (await operator.done("requests", "show", row["id"], "--by", "Dana", "--json")).json["note"]
    [read] = await world.entries(kind="access")
    assert (read["actor"], read["rule"], read["recipient"]) == (
        "person:Dana",
        "access:command",
        await world.id_of("ada"),
    )
    assert note == "name: Ada Lovelace\ncountry: GB\nMy town is wrong"


async def test_an_answer_that_no_mail_can_carry_is_refused(world: World, operator: Stack) -> None:
    """Words with an address would make a dead letter: the request stays open, and the message says why."""
    await known(world, BRAND, ADA)
    async with browse(world) as client:
        link = await asked(world, client, "correction")
        await client.post(link, data={"confirm": "yes", "note": "My town is wrong"})
    [row] = (await operator.done("requests", "list", "--json")).json
    refused = await operator.run(
        "requests", "answer", row["id"], "done", "--words", "See https://example.org/help", "--by", "Dana"
    )
    assert refused.status == 2
    assert "holds an address" in refused.err
    assert len((await operator.done("requests", "list", "--json")).json) == 1
    assert await world.pool.fetchval("SELECT count(*) FROM outbox WHERE body LIKE '%rights-answer%'") == 0


async def test_an_erasure_by_staff_answers_what_waited(world: World, operator: Stack) -> None:
    """Once the hold is lifted and staff have erased, nothing waits any more: the page says so, and the alarm is off."""
    await known(world, BRAND, ADA)
    her = await world.id_of("ada")
    await set_legal_hold(world.rights, BRAND, her, "State v. Ada", "Dana", named=False)
    async with browse(world) as client:
        link = await asked(world, client, "erasure")
        await client.post(link, data={"confirm": "yes"})
        await lift_legal_hold(world.rights, BRAND, her, "State v. Ada", "Dana")
        await erase_recipient(world.rights, world.policies[BRAND], her, "operator")
        assert "Your data are erased" in (await client.get(link)).text
    assert (await operator.done("requests", "list", "--json")).json == []
    assert (await PostgresFlowMetrics(world.pool).read_metrics())["data_request_due"] == []
    assert await steps(world) == ["erasure asked", "erasure waiting", "erasure done"]
