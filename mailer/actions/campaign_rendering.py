"""Renders drafts of campaigns for previews and tests."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft, VariantName
from mailer.policy.policy_file import Policy
from mailer.ports.pictures import PictureFacts
from mailer.rendering.campaign_fields import fields_used
from mailer.rendering.campaign_samples import SamplePerson, mark_subjects, render_sample
from mailer.rendering.campaign_templates import compile_campaign_template
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.mailing_renderer import RenderedMessage
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template import RenderError
from mailer.rendering.template_files import TemplateError
from mailer.rendering.template_library import TemplateLibrary
from mailer.rendering.way_to_leave_faults import NoVisibleWayToLeave


class UnrenderableDraft(ValueError):
    """A draft cannot be rendered.

    Attributes:
        faults: sentences for the writer.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class PictureFinder(Protocol):
    """Finds pictures; see `ports.pictures.PictureStore`."""

    async def find_pictures(self, brand: str, ids: Collection[str]) -> Mapping[str, PictureFacts]:
        """Returns those of the pictures that the brand has, by id."""
        ...


@dataclass(frozen=True, slots=True)
class CampaignRenderer:
    """Renders drafts.

    Attributes:
        policies: by brand.
        load_templates: returns the templates; they are loaded at first use.
        pictures: finds the pictures that a draft shows.
        links: makes links and ids.
        public_url: the beginning of the addresses of pictures.
    """

    policies: Mapping[str, Policy]
    load_templates: Callable[[], TemplateLibrary]
    pictures: PictureFinder
    links: SignedLinks
    public_url: str

    async def render_draft(
        self,
        brand: str,
        campaign_id: UUID,
        draft: CampaignDraft,
        variant: VariantName,
        person: SamplePerson,
        message_id: UUID,
        now: datetime,
        *,
        is_test: bool = False,
    ) -> RenderedMessage:
        """Renders one variant for one reader, as the hand-over does, unsigned. A test has `[Test]` in its subject.

        Raises:
            UnrenderableDraft: a text or a value cannot be rendered; the error names all faults that are known.
        """
        files = self.load_templates().find_brand_files(brand)
        if files is None:
            raise UnrenderableDraft(f"There are no templates of {brand} here, and so no layout.")
        shown = await self.pictures.find_pictures(brand, picture_ids(draft))
        name = f"campaign-{campaign_id.hex[:12]}"
        marked = mark_subjects(draft) if is_test else draft
        used = {field: value for field, value in person.profile.items() if field in fields_used(draft)}
        try:
            # In a thread: a long draft takes seconds, in which others are to be served.
            template = await asyncio.to_thread(
                compile_campaign_template, files, name, marked, variant, shown, self.public_url
            )
            reader = SamplePerson(person.address, person.locale, person.name, person.country, used, person.standing)
            return render_sample(template, self.policies[brand], self.links, reader, message_id, now, draft.topic)
        except TemplateError as error:
            raise UnrenderableDraft(*map(str, error.faults)) from error
        except (RenderError, HeaderRefused, NoVisibleWayToLeave) as error:
            raise UnrenderableDraft(str(error)) from error


def picture_ids(draft: CampaignDraft) -> frozenset[str]:
    """Returns the ids of all pictures that a draft shows, in any variant and language."""
    return frozenset(_ids_in(draft.model_dump(mode="json", include={"variants"})))


def _ids_in(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["picture"]] if isinstance(value.get("picture"), str) else []
        return own + [id_ for part in value.values() for id_ in _ids_in(part)]
    return [id_ for part in value for id_ in _ids_in(part)] if isinstance(value, list) else []
