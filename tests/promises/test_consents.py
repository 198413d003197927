"""Consents, refusals and opt-outs of people: seen in the mail, in the ledger, and in answers to commands."""

import json
import re
from datetime import date
from email.message import EmailMessage
from typing import Any

import pytest

from mailer import bundled_files
from mailer.policy.policy_file import PolicyError, parse_policy
from mailer.policy.switches import Switches
from tests.factories import BRAND, World, policies
from tests.integration.web_world import PUBLIC_URL, browse
from tests.letters import ADA, consents, event_of, known, publish, told
from tests.processes import Stack
from tests.publishers import issue_key

OLD, NEW = "paltalk-2002", "paltalk-2006"
WORDS = "Yes, write to me."
SAID = {"version": "form 1", "words": WORDS}
BY_USE = (
    "By continuing to use Paltalk you accept our new policy.",
    "Continued use after June 1 means you agree.",
    "Mit der Nutzung stimmen Sie zu.",
    "I accept the Terms of Service.",
)


async def tell(world: World, brand: str, what: str, ref: str = "ada", **said: Any) -> tuple[int, dict[str, Any]]:
    """Reports something about a person to the API, as an application does. Returns the answer."""
    issued: int = await world.pool.fetchval("SELECT count(*) FROM publishers")
    key = await issue_key(world.pool, f"app-{issued}", brand)
    async with browse(world, authorization=f"Bearer {key}") as client:
        answer = await client.post(f"/api/v1/recipients/{brand}/{ref}/{what}", json=said)
        return answer.status_code, answer.json()


async def renderer(world: World, url: str) -> int:
    """Opens a link of a message, and presses its page's button."""
    path = url.removeprefix(PUBLIC_URL)
    async with browse(world) as client:
        shown = await client.get(path)
        assert shown.status_code == 200
        fields = dict(re.findall(r'<button class="main" name="(\w+)" value="([^"]*)"', shown.text))
        return (await client.post(path, data=fields)).status_code


async def one_click(world: World, message: EmailMessage) -> int:
    """Posts List-Unsubscribe as a mail program does (RFC 8058). Returns the status."""
    [url] = re.findall(r"<(https://[^>]+)>", message["List-Unsubscribe"])
    async with browse(world) as client:
        body = {"List-Unsubscribe": "One-Click"}
        return (await client.post(url.removeprefix(PUBLIC_URL), data=body)).status_code


async def why_not(world: World, ref: str = "ada") -> tuple[str, str]:
    """The reason and the rule of the last decision about somebody, as the ledger has them."""
    row = await world.pool.fetchrow(
        "SELECT l.reason, l.rule FROM ledger l JOIN recipients r ON r.id = l.recipient_id"
        " WHERE l.kind = 'decision' AND r.ref = $1 ORDER BY l.at DESC, l.n DESC LIMIT 1",
        ref,
    )
    assert row is not None
    return row["reason"].removeprefix("suppressed "), row["rule"]


async def imports(operator: Stack, text: str, *options: str, brand: str = BRAND) -> dict[str, Any]:
    """Imports recipients from a file's text. Returns the command's answer."""
    (operator.folder / "people.csv").write_text(text)
    done = await operator.run("recipients", "import", "people.csv", "--brand", brand, *options, "--json")
    answer: dict[str, Any] = done.json
    assert done.status == (0 if answer["taken"] else 1), done.err
    return answer


def reasons(operator: Stack, name: str = "people.rejected.csv") -> str:
    """The text of the file of rejected lines."""
    return (operator.folder / name).read_text()


@pytest.mark.promise("interpals-01")
async def test_a_contest_entry_says_what_for_and_is_no_consent(world: World, operator: Stack) -> None:
    """An address from a contest comes with date and purpose or not at all, and gets marketing once its owner asks."""
    header = "ref,email,country,source,collected_at,purpose\n"
    lines = "ada,ada@people.example,US,contest,2026-01-01T00:00:00Z,{}\nbob,bob@people.example,US,partner,,\n"
    assert (await imports(operator, header + lines.format("")))["rejected"] == 2
    assert "an address from a contest needs purpose" in reasons(operator)
    assert "an address from a partner needs collected_at and purpose" in reasons(operator)
    assert (await imports(operator, header + lines.format("sweepstakes")))["taken"] == 1
    row = await world.pool.fetchrow("SELECT source, collected_at::date::text, purpose FROM recipients")
    assert tuple(row or ()) == ("contest", "2026-01-01", "sweepstakes")
    for template in ("spring-offer", "weekly"):
        assert await told(world, event_of(BRAND, template)) == []
        assert await why_not(world) == ("contest_is_no_consent", "contest-entry")
    await tell(world, BRAND, "consents", scope="promotional", **SAID)
    assert len(await told(world, event_of(BRAND, "spring-offer"))) == 1


@pytest.mark.promise("interpals-06")
async def test_a_consent_has_proof_or_is_none(world: World, operator: Stack) -> None:
    """A consent without words and version is refused, by API or by file. With them, the controller is kept too."""
    await known(world, BRAND, ADA)
    status, answer = await tell(world, BRAND, "consents", scope="newsletter")
    assert (status, "lacks words, version" in answer["problems"][0]) == (422, True)
    header = "ref,email,consents,consent_source,consent_version,consent_at,consent_words\n"
    line = "ada,ada@people.example,newsletter,page,,2026-01-01T00:00:00Z,\n"
    assert (await imports(operator, header + line))["rejected"] == 1
    assert "this one lacks words, version" in reasons(operator)
    assert await world.pool.fetchval("SELECT count(*) FROM consents") == 0
    status, _ = await tell(world, BRAND, "consents", scope="newsletter", **SAID, proof="form 17")
    assert status == 200
    listed = await operator.done("consents", "list", "--brand", BRAND, "--ref", "ada", "--json")
    [kept] = listed.json["consents"]
    assert kept["actor"].startswith("key:app-")
    assert (kept["controller"], kept["version"], kept["words"], kept["proof"]) == (
        "interpals",
        "form 1",
        WORDS,
        "form 17",
    )
    [entry] = await world.entries(kind="action")
    assert (entry["reason"], entry["category"], entry["policy"]) == ("consent_given", "newsletter", "form 1")


@pytest.mark.promise("interpals-07", "paltalk06-02")
@pytest.mark.parametrize("brand", [BRAND, NEW])
async def test_an_offer_is_refused_in_the_very_contact(world: World, brand: str) -> None:
    """The link in an offer's header ends the offers with one request, and nothing brings them back but their reader."""
    await known(world, brand, ADA)
    await tell(world, brand, "consents", scope="promotional", **SAID)
    [offer] = await told(world, event_of(brand, "spring-offer"))
    assert await one_click(world, offer) == 200
    assert await told(world, event_of(brand, "spring-offer", {**ADA, "source": "sign-up"})) == []
    assert await why_not(world) == ("opted_out", "opt-out")
    await tell(world, brand, "consents", scope="promotional", **SAID)
    assert len(await told(world, event_of(brand, "spring-offer"))) == 1


@pytest.mark.promise("interpals-09")
async def test_notifications_have_a_preference_of_their_own(world: World) -> None:
    """The link of a notification leaves notifications, and no letter; the letters' link leaves no notification."""
    await known(world, BRAND, ADA)
    [notification] = await told(world, event_of(BRAND, "activity"))
    assert await one_click(world, notification) == 200
    assert await told(world, event_of(BRAND, "activity")) == []
    [letter] = await told(world, event_of(BRAND, "weekly"))
    assert await one_click(world, letter) == 200
    assert await told(world, event_of(BRAND, "weekly")) == []
    await tell(world, BRAND, "consents", scope="notification", **SAID)
    assert len(await told(world, event_of(BRAND, "activity"))) == 1
    assert await told(world, event_of(BRAND, "weekly")) == []


@pytest.mark.promise("interpals-13")
async def test_data_of_another_controller_bring_its_promises(world: World, operator: Stack) -> None:
    """People of another controller come only with its suppressions. Who had left there gets no mail here."""
    header = (
        "ref,email,country,source,policy_version,consents,consent_source,consent_version,consent_at,consent_words\n"
    )
    proof = f'newsletter,page,Acme 2019,2019-05-01T00:00:00Z,"{WORDS}"'
    people = f"ada,ada@people.example,US,sign-up,2024,{proof}\nbob,bob@people.example,US,sign-up,2024,{proof}\n"
    (operator.folder / "people.csv").write_text(f"{header}{people}cem,cem@people.example,US,,,,,,,\n")
    (operator.folder / "left.csv").write_text("email,scope\nBOB@people.example,\ngone@people.example,newsletter\n")
    command = ("recipients", "import", "people.csv", "--brand", BRAND, "--from-controller", "Acme Ltd")
    refused = await operator.run(*command)
    assert (refused.status, "come with its suppressions" in refused.err) == (2, True)
    assert await world.pool.fetchval("SELECT count(*) FROM recipients") == 0
    done = await operator.done(*command, "--suppressions", "left.csv", "--json")
    assert (done.json["taken"], done.json["rejected"]) == (2, 1)
    assert "an address of Acme Ltd needs source and policy_version" in reasons(operator)
    [letter] = await told(world, event_of(BRAND, "weekly", to={"refs": ["ada", "bob"]}))
    assert letter["To"].addresses[0].addr_spec == "ada@people.example"
    assert await why_not(world, "bob") == ("opted_out", "opt-out")
    exported = await operator.done("consents", "export", "--brand", BRAND)
    kept = {line["ref"]: line for line in map(json.loads, exported.out.splitlines())}
    assert {(line["controller"], line["version"]) for line in kept.values()} == {("Acme Ltd", "Acme 2019")}
    assert (kept["ada"]["counts"], kept["bob"]["counts"]) == (True, False)
    taken = await operator.done("suppressions", "export", "--brand", BRAND)
    assert "@" not in taken.out
    assert {json.loads(line)["source"] for line in taken.out.splitlines()} == {"taken over from Acme Ltd"}
    await imports(operator, header + people)
    assert await told(world, event_of(BRAND, "weekly", to={"refs": ["bob"]})) == []


@pytest.mark.promise("interpals-24", "paltalk02-02", "paltalk06-12")
async def test_offers_go_by_the_policy_and_the_law(world: World) -> None:
    """Two brands send offers until an opt-out, unless the person's law wants an opt-in. The third needs an opt-in."""
    german = {**ADA, "ref": "eva", "email": "eva@people.example", "country": "DE"}
    for brand in (BRAND, OLD, NEW):
        offer = event_of(brand, "spring-offer", ADA, german)
        asked_here = () if brand == NEW else ("ada@people.example",)
        assert [message["To"].addresses[0].addr_spec for message in await told(world, offer)] == list(asked_here)
        await publish(world, event_of(brand, "spring-offer", german))
        assert await why_not(world, "eva") == ("no_opt_in", "promo-basis")
        for ref in ("ada", "eva"):
            assert (await tell(world, brand, "consents", ref, scope="promotional", **SAID))[0] == {
                "ada": 200,
                "eva": 202,
            }[ref]
        assert len(await told(world, event_of(brand, "spring-offer", to={"refs": ["ada", "eva"]}))) == 1
        await consents(world, brand, "promotional", ref="eva")
        assert len(await told(world, event_of(brand, "spring-offer", to={"refs": ["ada", "eva"]}))) == 2


@pytest.mark.promise("interpals-25")
async def test_what_the_policy_says_is_nobodys_consent(world: World, operator: Stack) -> None:
    """A consent by the terms of use is recorded nowhere; electronic notices stand on the policy, and say so."""
    await known(world, BRAND, {**ADA, "policy_version": "2024"})
    header = "ref,email,consents,consent_source,consent_version,consent_at,consent_words\n"
    line = "ada,ada@people.example,notification,terms of use,2024,2026-01-01T00:00:00Z,Using the service is consent.\n"
    assert (await imports(operator, header + line))["rejected"] == 1
    said = {"ref": "ada", "scope": "notification", "given": True, "source": "Policy", **SAID}
    (operator.folder / "said.jsonl").write_text(json.dumps({**said, "at": "2026-01-01T00:00:00Z"}) + "\n")
    done = await operator.done("consents", "import", "said.jsonl", "--brand", BRAND, "--json")
    assert done.json["rejected"] == 1
    assert "is the policy's basis, and no consent" in reasons(operator, "said.rejected.jsonl")
    for words in BY_USE:
        status, answer = await tell(world, BRAND, "consents", scope="notification", version="2024", words=words)
        assert (status, answer["problems"][0].startswith("words: nobody says by them")) == (422, True)
    assert await world.pool.fetchval("SELECT count(*) FROM consents") == 0
    listed = await operator.done("consents", "list", "--brand", BRAND, "--ref", "ada", "--json")
    assert listed.json == {
        "consents": [],
        "electronic_notices": "the policy of interpals, version 2024: using the service accepts them; "
        "no consent of the person",
    }


@pytest.mark.promise("paltalk06-01")
@pytest.mark.parametrize("brand", [NEW, BRAND])
async def test_who_asked_for_a_topic_gets_that_topic(world: World, brand: str) -> None:
    """A consent to offers about chat rooms brings these, and no others; leaving them brings nothing else."""
    await known(world, brand, ADA)
    await tell(world, brand, "consents", scope="promotional/chat-rooms", **SAID)
    assert len(await told(world, event_of(brand, "spring-offer", topic="chat-rooms"))) == 1
    for topic in ("dating", None):
        assert await told(world, event_of(brand, "spring-offer", topic=topic)) == []
        assert await why_not(world) == ("other_topics_only", "topic-consent")
    await tell(world, brand, "consents", scope="promotional/chat-rooms", given=False)
    for topic in ("chat-rooms", "dating", None):
        assert await told(world, event_of(brand, "spring-offer", topic=topic)) == []
        assert (await why_not(world))[0] == "opted_out"


@pytest.mark.promise("paltalk06-03")
async def test_a_newsletter_is_asked_for_confirmed_and_left(world: World) -> None:
    """A request gives a mail with a link and nothing else; its press gives the newsletter; one click ends it."""
    await known(world, NEW, ADA)
    status, answer = await tell(world, NEW, "consents", scope="newsletter", **SAID)
    assert (status, answer["state"]) == (202, "asked")
    assert await told(world, event_of(NEW, "weekly")) == []
    [asking] = [json.loads(row["body"]) for row in await world.pool.fetch("SELECT body FROM outbox")]
    [letter] = await told(world, asking)
    text = letter.get_body(("plain",))
    assert text is not None
    assert WORDS in text.get_content()
    assert letter["List-Unsubscribe"] is None
    [link] = re.findall(r"https://\S+/confirm/\S+", text.get_content())
    assert await renderer(world, link) == 200
    [newsletter] = await told(world, event_of(NEW, "weekly"))
    said = await world.pool.fetchrow("SELECT words, version, proof FROM consents WHERE counts")
    assert said is not None
    assert (said["words"], said["version"], said["proof"]) == (WORDS, "form 1", link.rpartition("/")[2])
    assert await one_click(world, newsletter) == 200
    assert await told(world, event_of(NEW, "weekly")) == []
    assert await renderer(world, link) == 200
    assert await told(world, event_of(NEW, "weekly")) == [], "the link that lies about brings nobody back"


@pytest.mark.promise("paltalk06-03")
async def test_a_newsletter_needs_its_subscription_whatever_offers_need(world: World) -> None:
    """Nobody without a subscription gets the newsletter, even if direct marketing goes by opt-out."""
    policy = world.policies[NEW]
    loose = Switches.model_validate({**policy.switches.model_dump(), "promo_basis": "opt_out"})
    world.policies[NEW] = policy.model_copy(update={"switches": loose})
    assert len(await told(world, event_of(NEW, "spring-offer", ADA))) == 1
    assert await told(world, event_of(NEW, "weekly", ADA)) == []
    assert await why_not(world) == ("not_subscribed", "subscription")


@pytest.mark.promise("paltalk06-14")
async def test_a_purpose_is_refused(world: World) -> None:
    """A person who refuses offers by the API gets none, though they once asked. The newsletter is another purpose."""
    await known(world, NEW, ADA)
    await tell(world, NEW, "consents", scope="promotional", **SAID)
    assert len(await told(world, event_of(NEW, "spring-offer"))) == 1
    status, answer = await tell(world, NEW, "opt-outs", purposes=["offers"])
    assert (status, answer["opted_out"]) == (200, ["purpose/offers"])
    assert await told(world, event_of(NEW, "spring-offer")) == []
    assert await why_not(world) == ("purpose_refused", "refused-purpose")
    status, answer = await tell(world, NEW, "opt-outs", purposes=["profiling"])
    assert (status, "purpose/profiling cannot be left" in answer["problems"][0]) == (422, True)
    assert len(await told(world, event_of(NEW, "maintenance"))) == 1


@pytest.mark.promise("paltalk06-25")
async def test_a_new_purpose_waits_for_a_fresh_consent(world: World) -> None:
    """A person collected before a purpose was named gets nothing for it until they say yes to it."""
    policy = policies()[NEW]
    purposes = tuple(purpose for purpose in policy.purposes if purpose != "offers")
    earlier = policy.model_copy(update={"version": "2005", "purposes": purposes})
    world.policies[NEW] = policy.with_earlier_versions({"2005": earlier})
    await known(world, NEW, {**ADA, "policy_version": "2005"})
    await tell(world, NEW, "consents", scope="promotional", **SAID)
    assert await told(world, event_of(NEW, "spring-offer")) == []
    assert await why_not(world) == ("needs_fresh_consent", "fresh-consent")
    assert (await tell(world, NEW, "consents", scope="purpose/offers", **SAID))[0] == 200
    assert len(await told(world, event_of(NEW, "spring-offer"))) == 1


@pytest.mark.promise("paltalk06-25")
async def test_continued_use_moves_nobody_to_a_version(world: World) -> None:
    """A later version is agreed to by a wording that the policy lists for it, and not before it is in force."""
    policy = policies()[NEW]
    purposes = tuple(purpose for purpose in policy.purposes if purpose != "offers")
    later = policy.model_copy(update={"version": "2026", "effective": date(2026, 6, 1)})
    world.policies[NEW] = later.with_earlier_versions(
        {"2005": policy.model_copy(update={"version": "2005", "purposes": purposes})}
    )
    await known(world, NEW, {**ADA, "policy_version": "2005"})
    said = {"scope": "version/2026", "version": "2026"}
    own = {"words": "Yes, I agree to the new policy."}
    for wrong in (*({"words": words} for words in BY_USE), {**own, "at": "2026-05-31T23:59:59Z"}):
        assert (await tell(world, NEW, "consents", **said, **wrong))[0] == 422
    await tell(world, NEW, "consents", scope="promotional", **SAID)
    assert await told(world, event_of(NEW, "spring-offer")) == []
    assert await why_not(world) == ("needs_fresh_consent", "fresh-consent")
    assert (await tell(world, NEW, "consents", **said, **own))[0] == 200
    assert len(await told(world, event_of(NEW, "spring-offer"))) == 1


@pytest.mark.promise("peerstream-09")
async def test_a_consent_opens_no_restriction(world: World) -> None:
    """A restricted person gets legal and security mail only, even after having consented to other mail."""
    brand = "peerstream"
    await known(world, brand, ADA)
    await tell(world, brand, "consents", scope="promotional", **SAID)
    assert len(await told(world, event_of(brand, "spring-offer"))) == 1
    await tell(world, brand, "restrict")
    await tell(world, brand, "consents", scope="newsletter", **SAID)
    for template in ("spring-offer", "weekly", "maintenance"):
        assert await told(world, event_of(brand, template)) == []
        assert await why_not(world) == ("restricted", "restricted")
    assert len(await told(world, event_of(brand, "policy-change"))) == 1


@pytest.mark.promise("interpals-30")
async def test_a_later_policy_binds_who_consented_to_it(world: World, operator: Stack) -> None:
    """Mail that only a later policy allows waits for a consent to that policy, which is on record, and ends with it."""
    policy = policies()[BRAND]
    purposes = tuple(purpose for purpose in policy.purposes if purpose != "offers")
    world.policies[BRAND] = policy.with_earlier_versions(
        {"2014": policy.model_copy(update={"version": "2014", "purposes": purposes})}
    )
    await known(world, BRAND, {**ADA, "policy_version": "2014"})
    await known(world, BRAND, {**ADA, "policy_version": policy.version})
    assert await told(world, event_of(BRAND, "spring-offer")) == []
    assert await why_not(world) == ("needs_fresh_consent", "fresh-consent")
    assert (await tell(world, BRAND, "consents", scope=f"version/{policy.version}", **SAID))[0] == 200
    assert len(await told(world, event_of(BRAND, "spring-offer"))) == 1
    listed = await operator.done("consents", "list", "--brand", BRAND, "--ref", "ada", "--json")
    [record] = [one for one in listed.json["consents"] if one["scope"] == f"version/{policy.version}"]
    assert (record["given"], record["words"], record["controller"]) == (True, WORDS, policy.controller.id)
    assert (await tell(world, BRAND, "consents", scope=f"version/{policy.version}", given=False))[0] == 200
    assert await told(world, event_of(BRAND, "spring-offer")) == []


@pytest.mark.promise("paltalk06-28")
async def test_offers_come_occasionally(world: World) -> None:
    """A reader who asked for offers gets four a month, and no fifth; a policy without such a cap is refused."""
    await known(world, NEW, ADA)
    await consents(world, NEW, "promotional")
    got = [len(await told(world, event_of(NEW, "spring-offer"))) for _ in range(5)]
    assert got == [1, 1, 1, 1, 0]
    assert await why_not(world) == ("category_cap", "frequency")
    text = (bundled_files.bundled_folder("policies") / f"{NEW}.toml").read_text("utf-8")
    for cap in ("", "cap = { mails = 5, days = 30 }", "cap = { mails = 4, days = 7 }"):
        with pytest.raises(PolicyError, match=r"categories\.promotional\.cap is .* and paltalk06-28 .* needs"):
            parse_policy(text.replace("cap = { mails = 4, days = 30 }", cap, 1), "p.toml")
