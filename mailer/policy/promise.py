"""A promise as a policy file has it, and what it needs the rest of that file to say."""

import re
from typing import Any, Literal

from pydantic import Field

from mailer.policy.address_sources import Kind
from mailer.policy.policy_file_errors import format_toml_value
from mailer.policy.policy_key_types import Address, Channel, Country, FrequencyCap, Name, Section, Slug, Text, Whole
from mailer.policy.switches import PartnerMail, PromoBasis, ServiceFooter, ServiceScope, SwitchFloor, Tracking

Yes = Literal[True]
"""A need is there or left out: nothing needs that something is not so."""


class PromiseNeedsFromCategory(Section):
    """The needs of a promise from a category, which has to be listed.

    Attributes:
        confirmed: nobody gets it without a confirmed subscription.
        cap: no more mails, in no fewer days.
        reason: each event says why it is necessary.
        alarm: a rate from which on the ledger says so, as strict as a cap's.
    """

    confirmed: Yes | None = None
    cap: FrequencyCap | None = None
    reason: Literal["required"] | None = None
    alarm: FrequencyCap | None = None


class PromiseNeeds(Section):
    """The needs of a promise from the rest of a policy file.

    Attributes:
        promo_basis, service_footer, service_scope, partner_mail, tracking: this value or a stricter one, for people
            of every version in every country.
        exactly: the very values that the policy itself gives to switches, for a promise that allows something.
        categories: those that the policy lists, each with what it says of them.
        no_retention: processors must have stated that they retain nothing.
        processors: the registry of processors has an entry; without any, whoever is configured is handed data.
        processor_countries: the countries in which processors may be, all of them.
        partners: the registry of partners has an entry.
        sources: these sources are listed, each of this kind or a stricter one.
        purposes: the purposes that the policy may have, and no others.
        minimum_cell: the smallest group is of so many people or more.
        retention_days: what is left of an erased account is kept no longer.
        look_up_reason: staff have to say why they look a person up.
        controller: the id of who answers for the mail.
        postal_address: the address in the footer. opt_out_mailbox: the mailbox that the policy names.
        channels: the channels beside mail that the policy names, and no others; empty: none.
        authority: where one may complain is named. seal: the seal's programme is named.
    """

    promo_basis: PromoBasis | None = None
    service_footer: ServiceFooter | None = None
    service_scope: ServiceScope | None = None
    partner_mail: PartnerMail | None = None
    tracking: Tracking | None = None
    exactly: SwitchFloor | None = None
    categories: dict[str, PromiseNeedsFromCategory] = Field(default_factory=dict)
    no_retention: Yes | None = None
    processors: Yes | None = None
    processor_countries: tuple[Country, ...] | None = None
    partners: Yes | None = None
    purposes: tuple[Name, ...] | None = None
    sources: dict[Text, Kind] = Field(default_factory=dict)
    minimum_cell: Whole | None = None
    retention_days: Whole | None = None
    look_up_reason: Literal["required"] | None = None
    controller: Slug | None = None
    postal_address: Text | None = None
    opt_out_mailbox: Address | None = None
    channels: tuple[Channel, ...] | None = None
    authority: Yes | None = None
    seal: Yes | None = None

    @property
    def needs_in_words(self) -> tuple[str, ...]:
        """Each need as it stands in the file; a category that has to be there by its name."""
        said: dict[str, Any] = self.model_dump(exclude_defaults=True, exclude_none=True, mode="json")
        exactly, categories = said.pop("exactly", {}), said.pop("categories", {})
        return (
            *(f"{name} = {one_line_toml_of_value(value)}" for name, value in said.items() if name != "sources"),
            *(
                f"sources.{_toml_key(name)} = {one_line_toml_of_value(kind)}"
                for name, kind in said.get("sources", {}).items()
            ),
            *(f"{name} = {one_line_toml_of_value(value)} exactly" for name, value in exactly.items()),
            *(f"categories.{name}" for name, terms in categories.items() if not terms),
            *(
                f"categories.{name}.{key} = {one_line_toml_of_value(value)}"
                for name, terms in categories.items()
                for key, value in terms.items()
            ),
        )


def one_line_toml_of_value(value: Any) -> str:
    """Writes a value as a TOML file has it in one line."""
    match value:
        case dict():
            pairs = (f"{_toml_key(key)} = {one_line_toml_of_value(inner)}" for key, inner in value.items())
            return f"{{ {', '.join(pairs)} }}"
        case list():
            return f"[{', '.join(one_line_toml_of_value(inner) for inner in value)}]"
        case _:
            return format_toml_value(value)


def _toml_key(name: str) -> str:
    return name if _BARE.fullmatch(name) else format_toml_value(name)


_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Promise(Section):
    """One line of what was promised.

    Attributes:
        id: as in the source table, such as `interpals-07`.
        promise: in our own words. source: where the policy's text says it.
        needs: what the rest of the file has to say for it.
        rules: the names of the rules that enforce it.
        waits_for: what has to exist before it can be kept; such a promise is never shown as kept.
    """

    id: Name
    promise: Text
    source: Text
    needs: PromiseNeeds = PromiseNeeds()
    rules: tuple[Slug, ...] = ()
    waits_for: Text | None = None
