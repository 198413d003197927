"""Renders the texts of a phase for previews and tests, by the sending engine."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mailer.actions.campaign_rendering import UnrenderableDraft
from mailer.policy.breach.draft import BreachPhaseDraft, NoticeText
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.policy_file import Policy
from mailer.rendering.breach_templates import compile_breach_template, name_of_breach_template
from mailer.rendering.campaign_samples import LONGEST_LINE, TEST_MARK, SamplePerson, render_sample
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.mailing_renderer import RenderedMessage
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template import RenderError
from mailer.rendering.template_files import TemplateError
from mailer.rendering.template_library import TemplateLibrary
from mailer.rendering.way_to_leave_faults import NoVisibleWayToLeave


@dataclass(frozen=True, slots=True)
class PhaseToRender:
    """A phase of a case, with the facts that it is compiled with."""

    brand: str
    case_id: UUID
    phase: int
    draft: BreachPhaseDraft
    facts: BreachFacts


def mark_titles(draft: BreachPhaseDraft) -> BreachPhaseDraft:
    """Returns the draft with `[Test]` before each title, which is the subject of the mail too."""
    marked = {
        name: variant.model_copy(update={"texts": {locale: _marked(text) for locale, text in variant.texts.items()}})
        for name, variant in draft.variants.items()
    }
    return draft.model_copy(update={"variants": marked})


def _marked(text: NoticeText) -> NoticeText:
    return text.model_copy(update={"title": f"{TEST_MARK}{text.title}"[:LONGEST_LINE]})


@dataclass(frozen=True, slots=True)
class BreachRenderer:
    """Renders texts of phases.

    Attributes:
        policies: by brand.
        load_templates: returns the templates; they are loaded at first use.
        links: makes links and ids.
    """

    policies: Mapping[str, Policy]
    load_templates: Callable[[], TemplateLibrary]
    links: SignedLinks

    async def render_notice(
        self, phase: PhaseToRender, variant: str, person: SamplePerson, message_id: UUID, now: datetime
    ) -> RenderedMessage:
        """Renders one variant for one reader in their language, as the hand-over does, unsigned.

        Raises:
            UnrenderableDraft: it cannot be rendered; the error names all faults that are known.
        """
        files = self.load_templates().find_brand_files(phase.brand)
        if files is None:
            raise UnrenderableDraft(f"There are no templates of {phase.brand} here, and so no layout.")
        name = name_of_breach_template(phase.case_id, phase.phase)
        try:
            # In a thread: six languages take a second, in which others are to be served.
            template = await asyncio.to_thread(compile_breach_template, files, name, phase.draft, variant, phase.facts)
            return render_sample(template, self.policies[phase.brand], self.links, person, message_id, now)
        except TemplateError as error:
            raise UnrenderableDraft(*map(str, error.faults)) from error
        except (RenderError, HeaderRefused, NoVisibleWayToLeave) as error:
            raise UnrenderableDraft(str(error)) from error
