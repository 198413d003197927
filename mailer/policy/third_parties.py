"""Others who take part in a brand's mail: processors, who hand it over, and partners, for whom it may go."""

import re
from datetime import date
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from mailer.policy.file_errors import fault_error
from mailer.policy.policy_section import Country, Day, Https, Name, Section, Slug, Text
from mailer.policy.text_folding import fold_text, join_spread_letters, squeeze_text
from mailer.policy.text_formats import DOMAIN


class DatedTerms(Section):
    """Something that holds from one day on, and until another one, both included; None: to this day."""

    since: Day
    until: Day | None = None

    def holds_on(self, day: date) -> bool:
        """Tells whether it holds on a day."""
        return self.since <= day and (self.until is None or day <= self.until)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise fault_error("ends_early", ("until",))
        return self


class ProcessorTerms(DatedTerms):
    """A processor that may be given data, and for what (GDPR Art. 28).

    Attributes:
        name: as the hand-over names it. country: where it processes.
        purposes: those of the policy that it may serve.
        no_retention: the reference of its statement that it retains nothing (paltalk06-13).
        since, until: when it was in use; the registry is dated (peerstream-05).
    """

    name: Text
    country: Country
    purposes: tuple[Name, ...]
    no_retention: Text | None = None


class Partner(DatedTerms):
    """A partner of the brand for whom it may mail (interpals-05, paltalk02-04).

    Attributes:
        id: as events and consents name it. name: as recipients know it.
        contract: the reference of the contract.
        since, until: when it is a partner.
        push_url: where suppressions are posted; None if the partner fetches them.
        domains: of its sites and mailboxes; what leads there names it.
    """

    id: Slug
    name: Text
    contract: Text
    push_url: Https | None = None
    domains: tuple[Annotated[str, Field(pattern=DOMAIN)], ...] = ()

    def is_named(self, text: str) -> bool:
        """Tells whether a text, as `folded` gives it, has its name, its id or a domain of it, however separated."""
        letters = squeeze_text(text)
        if not any(name in letters for name in self.squeezed_names):  # as in nearly all texts
            return False
        return self._all_names.search(text) is not None or self._all_names.search(join_spread_letters(text)) is not None

    @cached_property
    def squeezed_names(self) -> tuple[str, ...]:
        """Its name, id and domains as `squeezed` gives them; a squeezed text without any of them does not name it."""
        return tuple(dict.fromkeys(filter(None, map(squeeze_text, self._folded_names))))

    @cached_property
    def _all_names(self) -> re.Pattern[str]:
        words = (r"[\W_]*".join(map(re.escape, re.findall(r"[^\W_]+", name))) for name in self._folded_names)
        return re.compile(rf"(?<![a-z])(?:{'|'.join(filter(None, words))})s?(?![a-z])")

    @property
    def _folded_names(self) -> tuple[str, ...]:
        """Capitals look otherwise than small letters: a name is looked for as both."""
        names = (self.name, self.name.upper(), self.id, *self.domains)
        return tuple(dict.fromkeys(map(fold_text, names)))
