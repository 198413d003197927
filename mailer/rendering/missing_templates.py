"""Templates that a brand lacks for mailer's own mail, with what its pages promise and cannot do without them."""

from collections.abc import Iterator
from typing import NamedTuple

from mailer.policy.publisher_rights import OWN_TEMPLATES
from mailer.rendering.template_library import TemplateLibrary

_NEEDED_FOR = {
    "confirm-subscription": "whoever asks for more mail on a page gets no mail to confirm it",
    "data-request": "whoever asks for their data at /data/{brand} gets no link",
    "letter-received": "whoever writes a letter gets no acknowledgement",
    "leave-link": "whoever types an address at /leave/{brand} gets no link",
    "rights-answer": "`mailer requests answer` answers nobody",
}


class MissingTemplate(NamedTuple):
    """A template that a brand lacks, and a sentence about what follows and what to do."""

    brand: str
    name: str
    text: str


def find_missing_own_templates(library: TemplateLibrary) -> Iterator[MissingTemplate]:
    """Yields each template of mailer's own mail that a brand with templates lacks. Its events become dead letters."""
    for brand in sorted({template.brand for template in library}):
        for name in sorted(OWN_TEMPLATES.difference(library.template_names_of_brand(brand))):
            effect = _NEEDED_FOR[name].format(brand=brand)
            remedy = f"copy templates/peerstream/{name} to templates/{brand}, and change its words"
            yield MissingTemplate(brand, name, f"{brand} has no template {name}: {effect}; {remedy}")
