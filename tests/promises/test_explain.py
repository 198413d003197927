"""`mailer policy explain` answers why somebody did, or did not, get a mail."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from mailer.policy.deciding import ASKED
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.halts import Halt, HaltScope
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.halts import PostgresHalts
from tests.factories import BRAND, World
from tests.letters import ADA, LINKS, consents, event_of, known, told
from tests.processes import SECRETS, Stack


async def asked(operator: Stack, *options: str, recipient: str = "ada") -> dict[str, Any]:
    """Asks for an explanation. It is on record nowhere and names no address."""
    done = await operator.done("policy", "explain", "--recipient", recipient, *options, "--json")
    assert "people.example" not in done.out.lower()
    found: dict[str, Any] = done.json
    return found


async def mailing_of(world: World, template: str = "weekly") -> UUID:
    """The id of the one mailing of a template."""
    found: UUID = await world.pool.fetchval("SELECT id FROM mailings WHERE template = $1", template)
    return found


@pytest.mark.promise("interpals-07")
async def test_the_record_answers_and_not_the_rules_of_today(
    world: World, operator: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer about two mails, before and after she left, names the relay, the time, and the mail of the link."""
    monkeypatch.setattr(world.hasher, "hash_address", AddressHasher(SECRETS["ADDRESS_KEY"]).hash_address)
    monkeypatch.setattr(world.hasher, "key_id", AddressHasher(SECRETS["ADDRESS_KEY"]).key_id)
    await known(world, BRAND, ADA)
    [sent] = await told(world, event_of(BRAND, "weekly", id="first"))
    token = LINKS.read_unsubscribe_token(re.findall(r"/u/([\w.-]+)>", sent["List-Unsubscribe"])[0])
    assert token is not None
    first = await mailing_of(world)
    await world.standings.record_opt_out(BRAND, token.recipient_id, "newsletter", "one-click", token.mailing_id)
    assert await told(world, event_of(BRAND, "weekly", id="second")) == []
    found = await asked(operator, "--mailing", "first", "--brand", BRAND)
    answer, now = found["sentences"]
    assert re.match(r"ada was sent weekly of \d+ \w{3} 20\d\d as newsletter mail: fake took it on \d+ \w{3} 20", answer)
    assert now.startswith("Sent now, ada would not get weekly, by the rule opt-out")
    assert [entry["kind"] for entry in found["recorded"]] == ["mailing", "decision", "hand_over", "outcome"]
    found = await asked(operator, "--mailing", "second", "--brand", BRAND, recipient="Ada@PEOPLE.example")
    assert [line["rule"] for line in found["rules"]] == ["service-scope", *ASKED, "service-rate"]
    [decides] = [line for line in found["rules"] if line["decides"]]
    assert (decides["rule"], decides["said"]) == ("opt-out", "suppress: opted_out")
    assert found["decision"] == {"verdict": "suppress", "reason": "opted_out", "rule": "opt-out", "policy": "2024"}
    [decision] = [entry for entry in found["recorded"] if entry["kind"] == "decision"]
    assert (decision["reason"], decision["rule"], decision["policy"]) == ("opted_out", "opt-out", "2024")
    answer, origin = found["sentences"]
    assert re.match(r"ada was not sent weekly of \d+ \w{3} 20", answer)
    assert "optional mail never goes to a person who left its category" in answer
    assert re.match(
        rf"ada left newsletter mail on \d+ \w{{3}} 20.* by the one-click link of the mailing weekly \({first}\)", origin
    )


async def test_what_a_processor_said_and_what_she_asked_for(world: World, operator: Stack) -> None:
    """A refusal names the relay, and its words come without her address; a consent comes with time and proof."""
    await known(world, BRAND, ADA | {"country": "FR"})
    await consents(world, BRAND, "newsletter")
    refused = Outcome(OutcomeKind.BLOCKED, 550, "5.7.1", "550 5.7.1 <ada@people.example> looks like spam")
    world.processor.answer = lambda outgoing: refused
    await told(world, event_of(BRAND, "weekly", id="first"))
    found = await asked(operator, "--mailing", "first", "--brand", BRAND)
    assert "fake refused the message for a reason of ours, not of theirs (5.7.1)" in found["sentences"][0]
    assert any("looks like spam" in (entry["reply"] or "") for entry in found["recorded"])
    found = await asked(operator, "--template", "weekly", "--brand", BRAND)
    assert re.search(r"ada consented to newsletter on \d+ \w{3} 20", found["sentences"][1])
    assert found["sentences"][1].endswith("(by confirmed, version 2024, proof: form 1).")


async def test_as_of_a_past_day(world: World, operator: Stack) -> None:
    """A past moment is explained by the standing of then, as far as it is on record. The rest is called unknown."""
    await known(world, BRAND, ADA)
    her = await world.id_of("ada")
    await world.pool.execute("UPDATE recipients SET created_at = now() - interval '9 days'")
    before = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    await world.standings.record_opt_out(BRAND, her, "newsletter", "page")
    asking = ("--template", "weekly", "--brand", BRAND)
    assert (await asked(operator, *asking))["decision"]["rule"] == "opt-out"
    then = await asked(operator, *asking, "--on", before)
    assert then["decision"]["verdict"] == "send"
    assert any("as today" in text for text in then["untold"])
    assert re.match(r"On \d+ \w{3} 20", then["sentences"][0])
    too_early = await operator.run("policy", "explain", "--recipient", "ada", *asking, "--on", "2024-01-01")
    assert (too_early.status, "they became known on" in too_early.err) == (2, True)


async def test_waiting_mail_says_for_what(world: World, operator: Stack) -> None:
    """A release that is missing, a paused brand and a mailing's pause are told, with who paused it and why."""
    await known(world, BRAND, ADA)
    await told(world, event_of(BRAND, "breach-notice", ADA, id="breach"))
    found = await asked(operator, "--mailing", "breach", "--brand", BRAND)
    assert "the mailing waits until a second person releases it" in found["sentences"][0]
    later = await world.accept({"refs": ["ada"]}, id="later")
    halts = PostgresHalts(world.pool, world.writers)
    await halts.add_halt(Halt(HaltScope.BRAND, BRAND, "Grace", "wrong headline, ada@people.example says"))
    found = await asked(operator, "--mailing", str(later.mailing_id))
    assert "has not been sent" in found["sentences"][0]
    assert "all mail of the brand is paused by Grace" in found["sentences"][0]


async def test_why_she_gets_this(world: World, operator: Stack) -> None:
    """An explanation of a mail not yet sent tells its decision, and the origin of each switch that holds for her."""
    await known(world, BRAND, ADA | {"country": "FR"})
    weekly = await asked(operator, "--template", "weekly")  # one brand knows her
    assert weekly["brand"] == BRAND
    assert weekly["decision"]["reason"] == "no_opt_in"
    assert weekly["switches"]["promo_basis"] == {"value": "opt_in", "from": "the floor of FR"}
    assert weekly["missing"] == []
    partner = await asked(operator, "--brand", BRAND, "--template", "partner-offer", "--partner", "stranger")
    assert partner["decision"]["reason"] == "unrelated_third_party"


async def test_it_is_told_in_words(world: World, operator: Stack) -> None:
    """An explanation without JSON is two sentences, then tables that name no field."""
    await known(world, BRAND, ADA)
    done = await operator.done(
        "policy", "explain", "--recipient", "ada", "--brand", BRAND, "--template", "invitation", "--inviter", "grace"
    )
    lines = done.out.splitlines()
    assert lines[0] == "Sent now, ada would get invitation as invitation mail: no rule forbids it."
    assert lines[1] == "Nothing else is in its way."
    assert all(rule in done.out for rule in ASKED)
    assert "people.example" not in done.out
    assert re.findall(r"\b(?:standing|mailing|switches|policy|category)\.\w+", done.out) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "name a mailing by --mailing, or a mail by --template"),
        (("--brand", "acme", "--template", "weekly"), "--brand: there is no acme; there are"),
        (("--brand", BRAND, "--template", "weekli"), "--template: interpals has no weekli; it has"),
        (("--brand", BRAND, "--template", "weekly"), "--recipient: interpals has no recipient ada"),
        (("--template", "weekli"), "--template: no brand has weekli"),
        (("--template", "weekly"), "--brand: none of interpals, paltalk-2006 knows ada; name one"),
        (("--mailing", "01a20000-0000-7000-8000-000000000000"), "--mailing: there is no mailing 01a20000"),
    ],
)
async def test_what_cannot_be_explained(operator: Stack, options: tuple[str, ...], says: str) -> None:
    """The command ends with status 2 and one line, which names the thing that does not exist."""
    done = await operator.run("policy", "explain", "--recipient", "ada", *options)
    assert (done.status, done.out) == (2, "")
    assert says in done.err


async def test_what_is_missing_is_named(world: World, operator: Stack) -> None:
    """An explanation names a missing fact, and what would mend it: here, how the address was collected."""
    await known(world, BRAND, ADA | {"source": None})
    found = await asked(operator, "--brand", BRAND, "--template", "spring-offer")
    assert found["decision"]["reason"] == "unknown_basis"
    assert found["missing"] == ["source"]
    assert found["sentences"][0].endswith("nobody knows: source, which the next event or import can say.")
