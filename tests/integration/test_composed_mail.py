"""A composed campaign goes through the hand-over like other mail, with each person's values from their delivery."""

from dataclasses import replace
from email import message_from_bytes
from email.policy import default

from mailer.policy.campaign_draft import ButtonBlock, TextBlock
from mailer.rendering.campaign_templates import compile_campaign_template
from tests.composed import NAME, PUBLIC_URL, draft_of
from tests.factories import BRAND, World, make_event, new_mailing, person, templates


async def test_values_and_fallbacks_arrive(world: World) -> None:
    """One person has a value, one lacks it, one has refused personalisation; each mail can be left."""
    files = templates().find_brand_files(BRAND)
    assert files is not None
    draft = draft_of(
        TextBlock(markdown="Hello {{ first_name or 'there' }}, dear {{ name or 'friend' }}."),
        ButtonBlock(label="Read", href="https://interpals.example/read"),
        policy=files.policy,
        subject="For {{ first_name or 'you' }}",
    )
    template = compile_campaign_template(files, NAME, draft, "a", {}, PUBLIC_URL)
    people = [person(1, name="Ada L"), person(2), person(3, name="Cy")]
    mailing = new_mailing(make_event(people))
    composed = replace(mailing, template_version=template.version, template_source=template.source)
    [accepted] = await world.mailings.accept_mailings([composed])
    await world.pool.execute("UPDATE deliveries SET context = $1", {"profile": {"first_name": "Ada <3"}})
    await world.pool.execute(
        "UPDATE deliveries SET context = '{}' WHERE recipient_id = $1", await world.id_of("user-2")
    )
    await world.pool.execute(
        "UPDATE standings SET personalisation_refused_at = now() WHERE recipient_id = $1", await world.id_of("user-3")
    )
    await world.handover().hand_over_batches(list(accepted.batches))
    mails = [message_from_bytes(sent.content, policy=default) for sent in world.processor.sent]
    said = {}
    for mail in mails:
        text, page = mail.get_body(("plain",)), mail.get_body(("html",))
        assert text is not None
        assert page is not None
        said[mail["To"].addresses[0].addr_spec] = mail["Subject"], text.get_content(), page.get_content()
    assert [said[f"user-{n}@people.example"][0] for n in (1, 2, 3)] == ["For Ada <3", "For you", "For you"]
    assert "Hello Ada <3, dear Ada L." in said["user-1@people.example"][1]
    assert "Ada &lt;3" in said["user-1@people.example"][2]
    assert "Hello there, dear friend." in said["user-2@people.example"][1]
    assert "Hello there, dear Cy." in said["user-3@people.example"][1]
    for _, text_part, html_part in said.values():
        assert all(f"{PUBLIC_URL}/u/" in part for part in (text_part, html_part))
        assert files.policy.controller.postal_address in text_part
