"""The cache of mailings' renderers: one for each mailing that is being handed over."""

from collections.abc import Mapping
from typing import Any

from mailer.policy.policy_file import Policy
from mailer.ports.mailings import MailingFacts
from mailer.rendering.mailing_renderer import MailingRenderer, Sign
from mailer.rendering.message import CompiledMessage
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template import Template
from mailer.rendering.template_files import TemplateError
from mailer.rendering.template_library import (
    TemplateLibrary,
    compile_stored_source,
)

_COMPILED = 20
"""The most compiled sources, of versions that are not deployed, that are kept."""


class UnknownTemplate(LookupError):
    """The brand or the template of a mailing no longer exists, or no longer compiles."""


class MailingRendererCache:
    """The renderers of the mailings that this process works on.

    Args:
        policies: by brand. templates: all templates. links: makes links and ids.
        sign: adds DKIM signatures; None if no domain has keys.
    """

    def __init__(
        self,
        policies: Mapping[str, Policy],
        templates: TemplateLibrary,
        links: SignedLinks,
        sign: Sign | None,
        keep: int = 200,
    ) -> None:
        self._policies = policies
        self._templates = templates
        self._links = links
        self.sign = sign
        self._keep = keep
        self._renderers: dict[Any, MailingRenderer] = {}
        self._shared: dict[tuple[object, ...], CompiledMessage] = {}
        self._compiled: dict[tuple[str, str, str], Template] = {}

    def new_empty_cache(self) -> "MailingRendererCache":
        """Returns a cache without renderers that shares the compiled sources. They name nobody, and take 50 ms each."""
        made = MailingRendererCache(self._policies, self._templates, self._links, self.sign, self._keep)
        made._compiled = self._compiled
        return made

    def find_renderer_of_mailing(self, mailing_id: Any) -> MailingRenderer | None:
        """Returns the renderer of a mailing, or None if it is not in the cache."""
        return self._renderers.get(mailing_id)

    def is_template_version_deployed(self, facts: MailingFacts) -> bool:
        """Tells whether the deployed template has the version that the mailing keeps."""
        template = self._templates.find_template(facts.brand, facts.template)
        return template is not None and template.version == facts.template_version

    def make_and_cache_renderer(self, facts: MailingFacts, source: str | None) -> MailingRenderer:
        """Makes the renderer of a mailing. If the cache is full, removes the oldest renderer.

        Args:
            facts: the mailing.
            source: the template's source that the mailing keeps; None to use the deployed template.

        Raises:
            UnknownTemplate: no policy lets the brand send the category, or the template does not exist, or the source
                does not compile with this version of mailer.
        """
        policy = self._policies.get(facts.brand)
        if policy is None or facts.category not in policy.terms:
            raise UnknownTemplate(f"mailing {facts.id}: no policy lets {facts.brand} send {facts.category} mail")
        try:
            template = (
                self._compile_source_once(policy, facts, source)
                if source
                else self._templates.find_template(facts.brand, facts.template)
            )
        except TemplateError as error:
            raise UnknownTemplate(f"mailing {facts.id}: {error}") from error
        if template is None:
            raise UnknownTemplate(f"mailing {facts.id}: {facts.brand}/{facts.template} is not among the templates")
        renderer = MailingRenderer(facts, policy, template, self._links, self._shared)
        renderer.names_members |= source is not None  # its types are not kept
        if len(self._renderers) >= self._keep:
            self._renderers.pop(next(iter(self._renderers)))
        self._renderers[facts.id] = renderer
        return renderer

    def _compile_source_once(self, policy: Policy, facts: MailingFacts, source: str) -> Template:
        """Returns the compiled source of a version, from the last ones that were compiled if it is among them."""
        key = (facts.brand, facts.template, facts.template_version)
        if key not in self._compiled:
            if len(self._compiled) >= _COMPILED:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[key] = compile_stored_source(policy, facts.template, source)
        return self._compiled[key]
