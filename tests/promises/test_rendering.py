"""The content of messages, seen in mail that was handed over. A template that lacks a part does not load."""

import re
import shutil
from dataclasses import replace
from email.utils import parseaddr
from hashlib import sha256
from pathlib import Path

import pytest

from mailer.actions.mailing_wait_reasons import list_wait_reasons_of_held_deliveries
from mailer.policy.policy_file import PolicyError, parse_policy
from mailer.rendering.signed_links import SERVICE
from mailer.rendering.template_library import TemplateError, TemplateLibrary
from tests.factories import World, make_event, new_mailing, person, policies, templates
from tests.letters import ADA, consents, event_of, known, leads_out, parts, publish, read, stands, told, told_ada
from tests.template_files import FILES, MANDATORY, ROOT, faults, library, within

TEXT, HTML = "_layout/layout.txt.j2", "_layout/layout.html.j2"
BODY, PAGE, MANIFEST = "news/body.txt.j2", "news/body.html.j2", "news/template.toml"
PROMOTION = "{% block promotional %}Buy one{% endblock %}"


def partner_template() -> dict[str, str]:
    """A partner's creative."""
    manifest = FILES[MANIFEST].replace('"newsletter"', '"partner"', 1).replace('"newsletter"', '"partner_offers"')
    return {**FILES, MANIFEST: manifest}


@pytest.mark.promise("interpals-07", "paltalk06-02", "paltalk06-03", "paltalk06-15", "paltalk02-09")
async def test_optional_mail_shows_the_way_out(world: World, tmp_path: Path) -> None:
    """Offers, newsletters and partners' creatives have a way out in text, HTML and header; without it, none loads."""
    mails = [
        await told_ada(world, "interpals", "spring-offer"),
        await told_ada(world, "interpals", "weekly"),
        await told_ada(world, "paltalk-2002", "partner-offer", partner="chatwear"),
    ]
    await known(world, "paltalk-2006", ADA)
    await consents(world, "paltalk-2006", "newsletter", "promotional")
    for name in ("spring-offer", "weekly"):
        mails += await told(world, event_of("paltalk-2006", name))
    found = [leads_out(mail) for mail in mails]
    assert found == [
        [category] * 3 for category in ("promotional", "newsletter", "partner", "promotional", "newsletter")
    ]
    assert {mail["List-Unsubscribe-Post"] for mail in mails} == {"List-Unsubscribe=One-Click"}
    assert all(re.search(r"\w.*https://mail\.example/u/", parts(mail)[0]) for mail in mails)
    for part in (TEXT, HTML):
        bare = within(partner_template(), part, "{{ unsubscribe_url }}", "")
        assert "no unsubscribe_url" in faults(tmp_path / f"partner {part}", bare, "paltalk-2002")
        mute = within(FILES, part, "{{ strings.leave }}" if part == HTML else "Leave: ", "")
        assert "does not say what unsubscribe_url is for" in faults(tmp_path / f"news {part}", mute)


@pytest.mark.promise("interpals-07", "paltalk06-15", "paltalk02-09")
async def test_a_mail_that_cannot_be_left_is_not_sent(world: World) -> None:
    """A mail without a visible link or address is held and shown. Everybody else gets theirs."""
    people, kept = [person(1, name="Ada"), person(2), person(3, name="Cy")], {}
    for lost in ("{{ unsubscribe_url }}", policies()["interpals"].controller.postal_address):
        mailing = new_mailing(make_event(people))
        assert lost in mailing.template_source
        source = mailing.template_source.replace(lost, f"{{% if recipient.name %}}{lost}{{% endif %}}")
        mailing = replace(mailing, template_version=sha256(source.encode()).hexdigest()[:16], template_source=source)
        [kept[lost]] = await world.mailings.accept_mailings([mailing])
    whole = await world.accept([person(4)])
    world.processor.sent.clear()
    await world.handover().hand_over_batches([batch for one in (*kept.values(), whole) for batch in one.batches])
    assert world.processor.recipients == [f"user-{n}@people.example" for n in (1, 1, 3, 3, 4)]
    for lost, accepted in kept.items():
        states = await world.states(accepted.mailing_id)
        assert states["user-2"] == ("held", "no_way_out")
        assert {states["user-1"], states["user-3"]} == {("handed_over", "")}
        status = await world.mailings.mailing_status(accepted.mailing_id)
        assert status is not None
        assert any(
            "would not see how to leave, or our address" in str(line)
            for line in list_wait_reasons_of_held_deliveries(status)
        )
        assert len(await world.entries(accepted.mailing_id, "hand_over")) == 2
        [entry] = [one for one in await world.entries(accepted.mailing_id) if one["reason"] == "held no_way_out"]
        assert ("unsubscribe_url" if "url" in lost else "postal_address") in entry["reply"]


@pytest.mark.promise("paltalk06-05", "paltalk06-10")
async def test_service_and_order_mail_promote_nothing(world: World, tmp_path: Path) -> None:
    """Service mail has no unsubscribe link and counts nobody. With a promotional block in it, it does not load."""
    for name in ("maintenance", "order-confirmation"):
        mail = await told_ada(world, "paltalk-2006", name)
        assert (mail["List-Unsubscribe"], mail["List-Id"]) == (None, None)
        assert "service@notice." in mail["From"]
        assert not re.search(r"<img|/c/", parts(mail)[1])
    promoting = within(MANDATORY, PAGE, "<p>", PROMOTION + "<p>")
    assert "a promotional block makes it promotional, not service" in faults(tmp_path / "html", promoting)
    in_text = within(MANDATORY, BODY, "{{ headline }}", PROMOTION)
    assert "a promotional block makes it promotional, not service" in faults(tmp_path / "text", in_text)


@pytest.mark.promise("paltalk06-07", "paltalk02-05")
async def test_no_mail_has_or_asks_for_a_secret(world: World, tmp_path: Path) -> None:
    """A welcome mail verifies the account by a link. A template that carries or asks for a password does not load."""
    for brand in ("paltalk-2006", "paltalk-2002"):
        link = f"https://app.{policies()[brand].domain}/verify/5e1f"
        context = dict(templates().find_template(brand, "welcome").example) | {"verify_url": link}  # type: ignore[union-attr]  # it is shipped
        mail = await told_ada(world, brand, "welcome", context=context)
        assert all(link in part for part in parts(mail))
        assert not re.search(r"<(form|input)", parts(mail)[1])
    for number, secret in enumerate(
        ("{{ password | default('x') }}", "{{ user.pin | default('x') }}", "Reply with your password, please.")
    ):
        carrying = within(MANDATORY, BODY, "{{ headline }}", f"{{% set user = {{}} %}}{secret}")
        assert re.search("carries a secret|asks for a secret", faults(tmp_path / str(number), carrying))
    form = within(MANDATORY, PAGE, "<p>", '<form action="https://x.example"><input name="card"></form><p>')
    assert "has a form" in faults(tmp_path / "form", form)


@pytest.mark.promise("paltalk06-06")
async def test_service_mail_says_how_to_deactivate(world: World, tmp_path: Path) -> None:
    """The footer of service mail names the way out of it, in both parts, in the reader's language."""
    for locale, words in (("en", "deactivate your account"), ("de", "dein Konto deaktivierst")):
        mail = await told_ada(world, "paltalk-2006", "maintenance", ada={"locale": locale})
        assert all(words in part for part in parts(mail))
    for part in (TEXT, HTML):
        silent = within(MANDATORY, part, "Close your account", "")
        assert "does not say how to deactivate" in faults(tmp_path / part, silent)


@pytest.mark.promise("paltalk02-08", "paltalk02-09")
async def test_every_mail_of_2002_can_be_left(world: World, tmp_path: Path) -> None:
    """Mandatory mail has a link out of the service in both parts, and optional mail one out of its category."""
    everyone = {"to": {"audience": "everyone"}}
    await known(world, "paltalk-2002", ADA)
    for name, values, way in (
        ("maintenance", {}, SERVICE),
        ("rights-answer", {}, SERVICE),
        ("policy-change", everyone, SERVICE),
        ("weekly", {}, "newsletter"),
        ("spring-offer", {}, "promotional"),
        ("partner-offer", {"partner": "chatwear"}, "partner"),
    ):
        (mail,) = await told(world, event_of("paltalk-2002", name, **values))
        assert leads_out(mail) == [way, way, "" if way == SERVICE else way]
    for part in (TEXT, HTML):
        assert "no leave_url" in faults(tmp_path / part, MANDATORY, "paltalk-2002")


@pytest.mark.promise("interpals-16")
async def test_a_breach_notice_stands_alone(world: World, tmp_path: Path) -> None:
    """A breach notice reaches people who left, has the five facts, and counts nobody. One with less does not load."""
    await known(world, "interpals", ADA)
    await stands(world, "opted_out = '{*}', objected_at = now(), deactivated_at = now()", "interpals")
    arrived = await publish(world, event_of("interpals", "breach-notice"))
    assert arrived.settled == "ack"
    waiting = await world.pool.fetchval("SELECT id FROM mailings WHERE category = 'breach'")
    assert world.processor.recipients == ["ada@people.example"]  # the answer to her request, and no notice yet
    world.processor.sent.clear()
    await world.mailings.release_mailing(waiting, "Grace")
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    (outgoing,) = world.processor.sent
    mail = read(outgoing)
    headings = ("What happened", "What information was involved", "What this may mean for you", "What we are doing")
    for part in parts(mail):
        assert all(heading in part for heading in (*headings, "For more information"))
    assert (mail["List-Unsubscribe"], mail["List-Id"], mail.is_multipart()) == (None, None, True)
    assert mail.get_content_type() == "multipart/alternative"
    assert not re.search(r"<img|/c/|/u/|utm_", parts(mail)[1])
    notice = notice_template()
    assert len(library(tmp_path / "good", notice)) == 1
    for number, fact in enumerate(("happened", "information", "consequences", "doing", "contact")):
        less = within(notice, BODY, f"{{{{ {fact} }}}}", "")
        assert "does not say" in faults(tmp_path / str(number), less)
    attached = {"filename": "a.txt", "content_type": "text/plain", "content": "eA=="}
    refused = await publish(world, event_of("interpals", "breach-notice", attachments=[attached]))
    assert "a message of its own" in str(refused.settled)


def notice_template() -> dict[str, str]:
    """A breach notice that says everything, and no more."""
    facts = " ".join(f"{{{{ {fact} }}}}" for fact in ("happened", "information", "consequences", "doing", "contact"))
    values = "".join(f'{fact} = "x"\n' for fact in ("happened", "information", "consequences", "doing", "contact"))
    manifest = MANDATORY[MANIFEST].replace('"service"', '"breach"').replace('"service_notice"', '"security_notice"')
    manifest = within({MANIFEST: manifest}, MANIFEST, "[example]", values.replace('"x"', '"slug"') + "[example]")[
        MANIFEST
    ]
    return {
        **MANDATORY,
        MANIFEST: manifest + values,
        PAGE: MANDATORY[PAGE].replace("{{ headline }}", facts),
        BODY: MANDATORY[BODY].replace("{{ headline }}", facts),
    }


@pytest.mark.promise("paltalk06-09")
async def test_a_profile_stays_in_the_words(world: World, tmp_path: Path) -> None:
    """A profile changes a promotion's text. It stands in no address, no header and nobody else's mail."""
    await known(world, "paltalk-2006", ADA, {**ADA, "ref": "bob", "email": "bob@people.example"})
    for ref in ("ada", "bob"):
        await consents(world, "paltalk-2006", "promotional", ref=ref)
    profile = dict.fromkeys(profile_names("paltalk-2006"), "Xanadu")
    ada, bob = await told(
        world,
        event_of(
            "paltalk-2006",
            "spring-offer",
            {**ADA, "context": {"profile": profile}},
            {**ADA, "ref": "bob", "email": "bob@people.example"},
        ),
    )
    text, page = parts(ada)
    assert "Xanadu" in text
    assert "Xanadu" in page
    assert not re.search(r"(?:https?://|mailto:)\S*Xanadu|<[^>]*Xanadu", text + page)
    assert not any("Xanadu" in str(value) for value in ada.values())
    assert "Xanadu" not in bob.as_string() + "".join(parts(bob))
    linked = {
        PAGE: '<a href="https://x.example/{{ profile.a | default(1) }}">x</a>',
        BODY: "https://{{ profile.a | d(1) }}",
    }
    for number, (file, carries) in enumerate(linked.items()):
        said = faults(tmp_path / str(number), within(FILES, file, "{{ headline }}", carries))
        assert "has profile in an address" in said
    personal = within(MANDATORY, BODY, "{{ headline }}", "{{ profile.a | default('x') }}")
    assert "service mail is the same for everyone" in faults(tmp_path / "service", personal)


def profile_names(brand: str) -> list[str]:
    """The names of a profile that a brand's promotion uses."""
    template = templates().find_template(brand, "spring-offer")
    assert template is not None
    return list(template.profile)


@pytest.mark.promise("peerstream-12", "paltalk06-09")
async def test_refusing_personalisation_keeps_plain_promotions(world: World) -> None:
    """A person who refused personalisation gets the same offer with an empty profile. Others see no change."""
    await known(world, "peerstream", ADA, {**ADA, "ref": "bob", "email": "bob@people.example"})
    for ref in ("ada", "bob"):
        await consents(world, "peerstream", "promotional", ref=ref)
    await stands(world, "personalisation_refused_at = now()", "peerstream", "ada")
    context = {"profile": dict.fromkeys(profile_names("peerstream"), "Xanadu")}
    people = [{**ADA, "context": context}, {**ADA, "ref": "bob", "email": "bob@people.example", "context": context}]
    ada, bob = await told(world, event_of("peerstream", "spring-offer", *people))
    assert ["Xanadu" in part for part in (*parts(ada), *parts(bob))] == [False, False, True, True]
    assert ada["Subject"] == bob["Subject"]


@pytest.mark.promise("paltalk06-20")
async def test_tracked_mail_can_be_refused(world: World) -> None:
    """A person who refused tracking gets the same newsletter without pixel and counted links."""
    people = [{**ADA, "ref": f"user-{n}", "email": f"user-{n:02}@people.example"} for n in range(25)]
    await known(world, "paltalk-2006", *people)
    for one in people:
        await consents(world, "paltalk-2006", "newsletter", ref=one["ref"])
    await stands(world, "tracking_refused_at = now()", "paltalk-2006", "user-0")
    item = {"title": "A room", "text": "About music", "url": "https://app.example/rooms/7"}
    refs = {"refs": [person["ref"] for person in people]}
    context = {"headline": "Rooms", "items": [item]}
    free, *others = await told(world, event_of("paltalk-2006", "weekly", to=refs, context=context))
    assert len(others) == 24
    pixels = {tuple(re.findall(r"https://mail\.example/o/[^\"]+", parts(mail)[1])) for mail in others}
    assert len(pixels) == 1
    assert len(pixels.pop()) == 1
    assert all("https://mail.example/c/" in part for mail in others for part in parts(mail))
    assert not re.search(r"<img|https://mail\.example/[oc]/", "".join(parts(free)))
    assert all(item["url"] in part for part in parts(free))
    assert leads_out(free) == ["newsletter"] * 3


@pytest.mark.promise("peerstream-01")
async def test_brand_and_controller_are_named(world: World, tmp_path: Path) -> None:
    """Each mail names the brand and the controller in both parts. A template that does not is not loaded."""
    policy = policies()["peerstream"]
    for name in ("maintenance", "rights-answer"):
        mail = await told_ada(world, "peerstream", name)
        assert all(said in part for part in parts(mail) for said in (policy.name, policy.controller.name))
    for part in (TEXT, HTML):
        for name in ("brand", "controller"):
            nameless = within(FILES, part, f"{{{{ {name}.name }}}}", "")
            assert f"has no {name}.name" in faults(tmp_path / name / part, nameless)


@pytest.mark.promise("peerstream-04")
async def test_mail_speaks_the_local_language(world: World) -> None:
    """Somebody in Austria is written to in German, and where a language is not spoken, it is the brand's own."""
    mails = {
        locale: await told_ada(world, "peerstream", "maintenance", ada={"locale": locale})
        for locale in ("de-AT", "ar-EG", "fr-CA", "en-GB", "en")
    }
    spoken = {locale: re.findall(r'<html lang="([^"]+)"', parts(mail)[1]) for locale, mail in mails.items()}
    assert spoken == {"de-AT": ["de"], "ar-EG": ["ar"], "fr-CA": ["en"], "en-GB": ["en"], "en": ["en"]}
    german, english = parts(mails["de-AT"]), parts(mails["en-GB"])
    assert "dein Konto deaktivierst" in german[0]
    assert "deactivate your account" in english[0]
    assert mails["fr-CA"]["Subject"] == mails["en"]["Subject"] != mails["de-AT"]["Subject"]
    assert "from 22 April 2026" in mails["en-GB"]["Subject"]


@pytest.mark.promise("interpals-15", "paltalk06-23", "paltalk06-24", "peerstream-03")
async def test_changes_go_to_the_address_on_record(world: World) -> None:
    """A notice that brings an address along is a dead letter; the one to the account reaches the address on record."""
    for brand in ("interpals", "paltalk-2006", "peerstream"):
        await known(world, brand, ADA)
        elsewhere = {**ADA, "email": "elsewhere@people.example"}
        refused = await publish(world, event_of(brand, "policy-change", elsewhere))
        assert "goes to the address on record" in str(refused.settled)
        (mail,) = await told(world, event_of(brand, "policy-change"))
        assert parseaddr(mail["To"])[1] == "ada@people.example"
    refused = await publish(world, event_of("paltalk-2006", "ownership-change"))
    assert "reaches all accounts" in str(refused.settled)
    (mail,) = await told(world, event_of("paltalk-2006", "ownership-change", to={"audience": "everyone"}))
    assert parseaddr(mail["To"])[1] == "ada@people.example"


@pytest.mark.promise("paltalk06-04")
async def test_service_mail_has_its_reason(world: World) -> None:
    """Service mail without a reason is a dead letter. With one, the reader is told the reason."""
    refused = await publish(world, event_of("paltalk-2006", "maintenance", ADA, reason=None))
    assert "reason: is missing" in str(refused.settled)
    mail = await told_ada(world, "paltalk-2006", "maintenance", reason="Your room moves to another server")
    assert all("Your room moves to another server" in part for part in parts(mail))


@pytest.mark.promise("paltalk02-05")
async def test_all_mail_is_aligned(world: World) -> None:
    """The From and return path of every mail are of the domain that signs. A policy with another sender is refused."""
    domain = policies()["paltalk-2002"].domain
    for name in ("maintenance", "weekly"):
        mail = await told_ada(world, "paltalk-2002", name)
        (outgoing,) = world.processor.sent
        for address in (parseaddr(mail["From"])[1], outgoing.sender):
            assert f".{address.rpartition('@')[2]}".endswith(f".{domain}")
    text = (ROOT / "policies" / "paltalk-2002.toml").read_text("utf-8")
    for key in ("notice", "mail"):
        with pytest.raises(PolicyError, match=f"is not of {re.escape(domain)}, which signs"):
            parse_policy(text.replace(f"@{key}.{domain}>", "@elsewhere.example>"), "paltalk-2002.toml")


@pytest.mark.promise("paltalk06-29")
async def test_an_answer_names_the_seals_programme(world: World, tmp_path: Path) -> None:
    """An answer to a request names the seal's programme in both parts. A template that does not is refused."""
    mail = await told_ada(world, "paltalk-2006", "rights-answer")
    for part in parts(mail):
        assert "TRUSTe" in part
        assert "https://www.truste.org/consumers/watchdog_complaint.php" in part
    answer = ROOT / "templates" / "paltalk-2006"
    for part in ("txt", "html"):
        folder = tmp_path / part
        shutil.copytree(answer / "rights-answer", folder / "paltalk-2006" / "rights-answer")
        shutil.copytree(answer / "_layout", folder / "paltalk-2006" / "_layout")
        body = folder / "paltalk-2006" / "rights-answer" / f"body.{part}.j2"
        body.write_text(body.read_text("utf-8").replace("{{ seal.name }}", ""), "utf-8")
        with pytest.raises(TemplateError, match="part does not name the seal's programme"):
            TemplateLibrary.load_library(folder, policies())
