"""The uses of data are a closed list: seen in the mail, in the ledger and in answers to publishers."""

from pathlib import Path
from shutil import copytree

import pytest

from mailer import bundled_files
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_library import TemplateError, TemplateLibrary
from tests.factories import BRAND, KEY, World, person, policies, templates


@pytest.mark.promise("interpals-02")
async def test_data_are_used_for_the_purposes_of_the_policy_only(world: World) -> None:
    """A mailing for a purpose that the policy no longer has is not sent, also not what is queued; others go on."""
    known = {"source": "sign-up", "country": "US"}
    offer = await world.accept([person(1, **known)], "promotional")
    letter = await world.accept([person(1, **known)], "newsletter")
    purposes = tuple(purpose for purpose in world.policies[BRAND].purposes if purpose != "offers")
    world.policies[BRAND] = world.policies[BRAND].model_copy(update={"purposes": purposes}).with_earlier_versions({})
    world.renderers = MailingRendererCache(
        world.policies, templates(), SignedLinks("https://mail.example", (KEY,)), None
    )
    await world.handover().hand_over_batches([*offer.batches, *letter.batches])
    assert await world.states(offer.mailing_id) == {"user-1": ("suppressed", "purpose_not_in_policy")}
    assert await world.states(letter.mailing_id) == {"user-1": ("handed_over", "")}
    [decision] = await world.entries(offer.mailing_id, "decision")
    assert (decision["reason"], decision["rule"]) == ("purpose_not_in_policy", "closed-purposes")
    assert [entry["purpose"] for entry in await world.entries(letter.mailing_id, "hand_over")] == ["newsletter"]
    assert len(world.processor.sent) == 1


def test_a_template_for_another_purpose_is_refused(tmp_path: Path) -> None:
    """A template declares exactly one purpose of the list, or does not load."""
    folder = tmp_path / BRAND / "weekly"
    copytree(bundled_files.bundled_folder("templates") / BRAND, tmp_path / BRAND)
    manifest = (folder / "template.toml").read_text()
    (folder / "template.toml").write_text(manifest.replace('purpose = "newsletter"', 'purpose = "curiosity"'))
    with pytest.raises(TemplateError, match="curiosity is not in the policy's closed list"):
        TemplateLibrary.load_library(tmp_path, policies())
