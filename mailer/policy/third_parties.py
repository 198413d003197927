"""The third parties of a brand: processors, which deliver its mail, and partners, for which it may mail."""

import re
from datetime import date
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from mailer.policy.policy_file_errors import build_pydantic_error_for_fault
from mailer.policy.policy_key_types import Country, Day, Https, Name, Section, Slug, Text
from mailer.policy.text_folding_for_comparison import fold_text_for_comparison, join_spread_letters, remove_separators
from mailer.policy.text_formats import DOMAIN


class DatedTerms(Section):
    """Terms that hold from one day to another, both included; `until` None: they still hold."""

    since: Day
    until: Day | None = None

    def is_in_force_on(self, day: date) -> bool:
        """Tells whether it holds on a day."""
        return self.since <= day and (self.until is None or day <= self.until)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise build_pydantic_error_for_fault("ends_early", ("until",))
        return self


class PermittedProcessor(DatedTerms):
    """A processor that may get data, with its purposes (GDPR Art. 28).

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

    def is_named_in_text(self, text: str) -> bool:
        """Tells whether a text (of `fold_text_for_comparison`) has the partner's name, id or domain, as spaced."""
        letters = remove_separators(text)
        if not any(name in letters for name in self.names_without_separators):  # as in nearly all texts
            return False
        return (
            self._name_pattern.search(text) is not None
            or self._name_pattern.search(join_spread_letters(text)) is not None
        )

    @cached_property
    def names_without_separators(self) -> tuple[str, ...]:
        """Its name, id and domains as `remove_separators` gives them. A squeezed text that names it has one of them."""
        return tuple(dict.fromkeys(filter(None, map(remove_separators, self._folded_names))))

    @cached_property
    def _name_pattern(self) -> re.Pattern[str]:
        words = (r"[\W_]*".join(map(re.escape, re.findall(r"[^\W_]+", name))) for name in self._folded_names)
        return re.compile(rf"(?<![a-z])(?:{'|'.join(filter(None, words))})s?(?![a-z])")

    @property
    def _folded_names(self) -> tuple[str, ...]:
        """The name as it is and in capitals, the id and the domains, folded. Capitals can fold to other letters."""
        names = (self.name, self.name.upper(), self.id, *self.domains)
        return tuple(dict.fromkeys(map(fold_text_for_comparison, names)))
