"""A policy file: the promises of a brand, as the pipeline reads them."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mailer.policy.address_sources import Kind, SourceVocabulary
from mailer.policy.attachments import INERT, ContentType
from mailer.policy.breach.rule_set import BreachTerms
from mailer.policy.category import CATEGORIES, Category
from mailer.policy.consent_validity import ConsentValidityTerms
from mailer.policy.jurisdiction import AdvertisingMark, LawByCountry
from mailer.policy.policy_consistency_checks import faults_within_policy, find_values_laxer_than_law
from mailer.policy.policy_file_errors import PolicyError as PolicyError
from mailer.policy.policy_file_errors import (
    build_pydantic_error_for_fault,
    describe_fault_with_line,
    describe_one_pydantic_error,
    describe_toml_error,
    format_toml_value,
)
from mailer.policy.policy_key_types import (
    Address,
    Channel,
    Country,
    Day,
    Flag,
    FrequencyCap,
    Name,
    Section,
    Slug,
    Text,
    Whole,
    check_each_country_once,
)
from mailer.policy.policy_sections import CategoryTerms, Controller, PrivacySealProgrammeContact, Senders, SendingHours
from mailer.policy.policy_versions import Days, binding_versions, effective_days_and_versions, has_named_unknown_version
from mailer.policy.promise import Promise
from mailer.policy.recipient_attributes import AttributeName, RecipientAttribute
from mailer.policy.soft_bounces import SoftBounceTerms
from mailer.policy.switches import Switches, SwitchFloor, strictest_floor, strictest_switches
from mailer.policy.text_formats import DOMAIN, LOCALE, VERSION, normalized_language_tag
from mailer.policy.third_parties import Partner, ProcessorTerms
from mailer.policy.unfilled_policy_values import find_unfilled_values
from mailer.policy.unmet_promise_needs import find_unmet_needs
from mailer.policy.version_changes import GivenVersionNotice


class Policy(Section):
    """One version of one brand's promises.

    Attributes:
        brand: the name that events use.
        version: the policy's own version, on record with each decision.
        effective: when it came into force.
        name: what recipients know the brand as.
        domain: the domain that signs and that Message-ID and List-Id use.
        purposes: the closed list of purposes; a template declares exactly one of them.
        notice: how people were told of this version before it came into force.
        sources: from where addresses come, each of a kind, beside those that every policy has.
        wordings: the texts by which people consent, by scope (see `consent_wordings`), beside a plain yes.
        terms: the categories that the brand mails, with what it says of them (`categories` in the file).
        switches: where policies differ.
        reply_domains: other domains of the brand, whose mailboxes its mail may show and name for answers.
        opt_out_mailbox: where an opt-out may be mailed to, by List-Unsubscribe too; None: nobody reads such a mailbox.
        support_mailbox, privacy_mailbox: where people write to the support, and about their data; None: elsewhere.
        channels: where else than by mail a person may wish to be told, such as `telephone` (paltalk06-08); none.
        seal: the privacy seal's programme, which answers to requests name; None: there is none.
        cap: the brand's own frequency cap over all its optional mail.
        hours: when optional mail goes out; None: at any time.
        no_retention: outside processors must have stated that they retain nothing (paltalk06-13).
        processors: who may be handed data; empty: whoever is configured. partners: for whom the brand may mail.
        retention_days: how long what is left of an erased account may be kept.
        minimum_cell: a smaller group is nobody's to see: no pixel, no figure.
        soft_bounces: when optional mail stops for a mailbox that takes none; the strictest terms if it is left out.
        look_up_reason: "required" where staff have to say why they look a person up.
        jurisdictions: floors stricter than the law's.
        attachments: the content types that events may attach; files that open as another one are refused, too.
        only_deliver_to: staging; addresses or `@domain`s that mail may leave for. None: everywhere.
        attributes: what else is known about people, each with its type, purpose and retention.
        breach: the rules of breaches that differ from the shipped ones, and whether one person alone may release.
        release_above: a campaign to more people than this needs a second person; 0: each does.
    """

    brand: Slug
    version: Annotated[str, Field(pattern=VERSION, max_length=100)]
    effective: Day
    name: Text
    domain: Annotated[str, Field(pattern=DOMAIN)]
    default_locale: Annotated[str, Field(pattern=LOCALE), AfterValidator(normalized_language_tag)]
    controller: Controller
    senders: Senders
    reply_domains: tuple[Annotated[str, Field(pattern=DOMAIN)], ...] = ()
    opt_out_mailbox: Address | None = None
    support_mailbox: Address | None = None
    privacy_mailbox: Address | None = None
    channels: tuple[Channel, ...] = ()
    seal: PrivacySealProgrammeContact | None = None
    purposes: tuple[Name, ...] = Field(min_length=1)
    notice: GivenVersionNotice | None = None
    sources: dict[Text, Kind] = Field(default_factory=dict)
    wordings: dict[str, tuple[Text, ...]] = Field(default_factory=dict)
    terms: dict[str, CategoryTerms] = Field(alias="categories")
    switches: Switches
    cap: FrequencyCap | None = None
    hours: SendingHours | None = None
    minimum_cell: Whole = Field(default=20, ge=2)
    soft_bounces: SoftBounceTerms = SoftBounceTerms()
    look_up_reason: Literal["required", "optional"] = "required"
    jurisdictions: Annotated[dict[Country, SwitchFloor], BeforeValidator(check_each_country_once)] = Field(
        default_factory=dict
    )
    processors: tuple[ProcessorTerms, ...] = ()
    partners: tuple[Partner, ...] = ()
    no_retention: Flag = False
    retention_days: Whole = Field(default=1095, ge=30)
    promises: tuple[Promise, ...] = ()
    attachments: tuple[ContentType, ...] = INERT
    only_deliver_to: tuple[str, ...] | None = None
    attributes: dict[AttributeName, RecipientAttribute] = Field(default_factory=dict)
    release_above: Whole = Field(default=0, ge=0)
    breach: BreachTerms = BreachTerms()

    _earlier: Mapping[str, "Policy"] = PrivateAttr(default_factory=dict)
    _law: LawByCountry = PrivateAttr(default_factory=LawByCountry)

    @field_validator("terms")
    @classmethod
    def _check_category_terms(cls, terms: dict[str, CategoryTerms]) -> dict[str, CategoryTerms]:
        for name, said in terms.items():
            if name not in CATEGORIES:
                raise build_pydantic_error_for_fault("no_category", (name,), categories=", ".join(CATEGORIES))
            category = CATEGORIES[name]
            for key in said.misfitting_keys(category):
                raise build_pydantic_error_for_fault(
                    "not_mandatory" if category.mandatory else "not_optional", (name, key), category=name
                )
        return terms

    @field_validator("only_deliver_to")
    @classmethod
    def _lower_case_staging_fence(cls, allowed: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if allowed is None else tuple(entry.lower() for entry in allowed)

    @model_validator(mode="after")
    def _require_updates_if_paid_scope(self) -> Self:
        if self.switches.service_scope == "paid" and "updates" not in self.terms:
            raise build_pydantic_error_for_fault("no_updates", ("switches", "service_scope"))
        return self

    @model_validator(mode="after")
    def _check_coherence(self, info: ValidationInfo) -> Self:
        self._law = info.context or self._law
        for found in (*faults_within_policy(self), *find_values_laxer_than_law(self, self._law)):
            raise found
        return self

    @property
    def category_names(self) -> tuple[str, ...]:
        """The categories that the brand mails."""
        return tuple(self.terms)

    @property
    def categories(self) -> dict[str, Category]:
        """The brand's categories with their traits, by name."""
        return {name: CATEGORIES[name] for name in self.terms}

    def get_category(self, name: str) -> Category:
        """Returns one of the brand's categories with its traits.

        Raises:
            KeyError: the brand does not mail it.
        """
        if name not in self.terms:
            raise KeyError(name)
        return CATEGORIES[name]

    def all_possible_switches(self) -> tuple[Switches, ...]:
        """Returns each set of switches that can hold for a person, under any version, in any jurisdiction, once."""
        versions = (None, *self._earlier)
        return tuple(
            dict.fromkeys(switches for version in versions for switches in self.possible_switches_of_version(version))
        )

    def possible_switches_of_version(self, version: str | None) -> tuple[Switches, ...]:
        """Returns each set of switches that can hold for people of a version, in any jurisdiction, once."""
        places = (None, *self._law.reviewed_countries, *self.jurisdictions)
        alone = strictest_switches(self.switches, *(then.switches for then in self.binding_versions(version)))
        return tuple(dict.fromkeys((alone, *(self.strictest_switches_for_person(version, place) for place in places))))

    @property
    def law(self) -> LawByCountry:
        """The jurisdictions."""
        return self._law

    @cached_property
    def advertising_mark_by_country(self) -> Mapping[str, AdvertisingMark]:
        """The marks of marketing, by country; each message asks for them."""
        return self._law.marks

    def law_and_policy_switch_floor(self, said: str | None) -> SwitchFloor:
        """Returns the floor of a person's countries: the strictest of the law and of the policy's own floors.

        Args:
            said: the countries, as a standing has them. None: unknown, so each floor of the policy counts.
        """
        countries = self.jurisdictions if said is None else said.split("\n")
        own = (self.jurisdictions[country] for country in countries if country in self.jurisdictions)
        return strictest_floor(self._law.switch_floor(said), *own)

    @cached_property
    def versions_by_effective_day(self) -> Days:
        """All versions, ordered by the day on which each came into force."""
        return effective_days_and_versions(self.all_versions)

    @property
    def all_versions(self) -> tuple["Policy", ...]:
        """This version and the brand's other versions."""
        return (self, *self._earlier.values())

    def sender_of(self, category: Category) -> str:
        """Returns the From address for a category."""
        return self.senders.mandatory if category.mandatory else self.senders.optional

    def with_earlier_versions(self, earlier: Mapping[str, "Policy"]) -> "Policy":
        """Returns a copy of this version that knows the brand's other versions."""
        policy = self.model_copy()
        policy._earlier = dict(earlier)
        return policy

    def __copy__(self) -> Self:
        """Copies the policy without its caches, since they depend on the switches and the law."""
        policy = super().__copy__()
        for name, value in vars(type(self)).items():
            if isinstance(value, cached_property):
                policy.__dict__.pop(name, None)
        return policy

    @cached_property
    def _switches_cache(self) -> dict[tuple[str | None, str | None], Switches]:
        """The cache of `strictest_switches_for_person`. Each decision reads it: private attributes are slow."""
        return {}

    @cached_property
    def _knows_versions_cache(self) -> dict[str | None, bool]:
        return {}

    @cached_property
    def _consent_terms_cache(self) -> dict[str | None, ConsentValidityTerms]:
        return {}

    @cached_property
    def _purposes_cache(self) -> dict[str | None, frozenset[str]]:
        return {}

    def binding_versions(self, said: str | None) -> tuple["Policy", ...]:
        """Returns the versions that bind a person. `said`: as the standing has it (see `policy_versions`)."""
        return binding_versions(self.all_versions, said)

    def purposes_common_to_binding_versions(self, said: str | None) -> frozenset[str]:
        """Returns the purposes that stand in every version that binds a person (paltalk06-25)."""
        found = self._purposes_cache.get(said)
        if found is None:
            found = frozenset.intersection(*(frozenset(version.purposes) for version in self.binding_versions(said)))
            self._purposes_cache[said] = found
        return found

    def consent_validity_terms(self, said: str | None) -> ConsentValidityTerms:
        """Returns the terms on which consents count, by the law of a person's countries."""
        found = self._consent_terms_cache.get(said)
        if found is None:
            found = self._consent_terms_cache[said] = self._law.consent_validity_terms(said)
        return found

    def knows_versions(self, said: str | None) -> bool:
        """Tells whether each named version is a version of the brand. Without a name, the strictest version holds."""
        found = self._knows_versions_cache.get(said)
        if found is None:
            found = self._knows_versions_cache[said] = not has_named_unknown_version(self.all_versions, said)
        return found

    @cached_property
    def source_vocabulary(self) -> SourceVocabulary:
        """The sources from which addresses come, each with its kind."""
        return SourceVocabulary(self.sources)

    def find_partner_on_day(self, name: str, day: date) -> Partner | None:
        """Returns a partner by its id, if it is a partner on that day; else None."""
        for since, until, partner in self._partner_days_by_id.get(name, ()):
            if since <= day <= until:
                return partner
        return None

    @cached_property
    def _partner_days_by_id(self) -> Mapping[str, list[tuple[date, date, Partner]]]:
        """The days of each partner, by its id. Decisions read this, since pydantic's attributes are slow."""
        found: dict[str, list[tuple[date, date, Partner]]] = {}
        for partner in self.partners:
            found.setdefault(partner.id, []).append((partner.since, partner.until or date.max, partner))
        return found

    def strictest_switches_for_person(self, version: str | None, country: str | None) -> Switches:
        """Returns the strictest switches of this version, the versions that bind a person, and the countries' floor."""
        key = version, country
        found = self._switches_cache.get(key)
        if found is None:
            bound = (then.switches for then in self.binding_versions(version))
            found = strictest_switches(self.switches, *bound, self.law_and_policy_switch_floor(country))
            self._switches_cache[key] = found
        return found


def parse_policy(text: str, source: str, law: LawByCountry | None = None) -> Policy:
    """Reads a policy from TOML.

    Args:
        text: the file's contents.
        source: its name, for messages.
        law: the jurisdictions under which it holds; None: every country is unreviewed.

    Raises:
        PolicyError: it is not TOML, or not filled in, or not a policy, or not what its promises need; a line a fault.
    """
    try:
        said = tomllib.loads(text)
        if lacking := [
            describe_fault_with_line(source, text, at, "unfilled", given=format_toml_value(value))
            for at, value in find_unfilled_values(said)
        ]:
            raise PolicyError("\n".join(lacking))
        policy = Policy.model_validate(said, context=law)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(describe_toml_error(error, text, source)) from error
    except ValidationError as error:
        raise PolicyError(
            "\n".join(describe_one_pydantic_error(detail, text, source) for detail in error.errors())
        ) from error
    if faults := [need.describe_need(text, source) for need in find_unmet_needs(policy, policy)]:
        raise PolicyError("\n".join(faults))
    return policy
