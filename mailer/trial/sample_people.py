"""Made-up people: one for every pair of traits that a person may have, in a fixed order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from mailer.policy.consent_validity import format_consent_days
from mailer.policy.policy_file import Policy
from mailer.policy.standing import (
    EVERY_PRODUCT,
    EVERYTHING_OPTIONAL,
    SHARING,
    TRACKING,
    Standing,
    category_scope,
    partner_scope,
    product_exclusion_entry,
    purpose_scope,
)

ADDRESS = "sam@reader.example"
"""The address at which every made-up person gets mail."""
TOPIC, OTHER_TOPIC = "trial-topic", "another-topic"
"""The topic that made-up mailings are about, and one that none is about."""
PRODUCT = "trial-product"
"""The product that made-up announcements are about."""
STRANGER = "a-stranger"
"""A partner that no policy names."""
FOREIGN_VERSION = "another-controller-2001"
"""A policy version that no brand has."""
_ANOTHER_MAILING = UUID("0192f0c1-0000-7000-8000-00000000ffff")
_MANY = 10_000
"""More mails than any cap lets through."""
MOST = 10_000
"""The most people with two traits. If a policy has more pairs of traits, only every second or third pair is used."""
HOME = "US"
"""A country whose law lets promotions go until they are refused."""


class PersonTrait(NamedTuple):
    """One trait of a person.

    Attributes:
        says: the end of "a person who …"; empty where the country, version or source already says it.
        changes: attributes of a `Standing`.
    """

    says: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A made-up person.

    Attributes:
        standing: the standing of the person. says: the traits, each the end of "a person who …".
        name, locale: as in an event.
    """

    standing: Standing
    says: tuple[str, ...] = ()
    name: str | None = "Sam Example"
    locale: str | None = None

    @property
    def person_in_words(self) -> str:
        """This person in words, such as "a member in DE, collected under 2002 by sign-up, who opted out of …"."""
        standing = self.standing
        collected = f"collected under {_versions_in_words(standing.collected_under)}"
        place = " and ".join((standing.country or "no known country").split("\n"))
        by = f"by {' and then '.join(standing.source.splitlines())}" if standing.source else "nobody knows how"
        who = f", who {_join_with_and(self.says)}" if self.says else ""
        return f"a person in {place}, {collected} {by}{who}"


def sample_people(policy: Policy) -> tuple[SamplePerson, ...]:
    """Returns all people of a trial: those of `single_trait_people`, and people with two traits, up to `MOST`."""
    pairs = [
        (base, one, other)
        for base, traits in _possible_traits_by_base_person(policy)
        for one, other in combinations(traits, 2)
        if one.changes.keys().isdisjoint(other.changes)
    ]
    every = -(-len(pairs) // MOST) or 1
    return (*single_trait_people(policy), *(person_with_traits(*pair) for pair in pairs[::every]))


def single_trait_people(policy: Policy) -> tuple[SamplePerson, ...]:
    """Returns the two base people, and each of them with each single trait."""
    found = []
    for base, traits in _possible_traits_by_base_person(policy):
        found += [base, *(person_with_traits(base, trait) for trait in traits)]
    return tuple(found)


def _possible_traits_by_base_person(policy: Policy) -> Iterator[tuple[SamplePerson, list[PersonTrait]]]:
    """Yields each base person with the traits that it may get."""
    nothing, everything = base_people(policy)
    yield nothing, [*possible_traits_except_consents(policy), *_consent_traits(policy)]
    yield everything, list(possible_traits_except_consents(policy))


def base_people(policy: Policy) -> tuple[SamplePerson, SamplePerson]:
    """Returns two people who signed up at home and refuse nothing: one asked for nothing, one for all optional mail."""
    plain = Standing(1, 1, ADDRESS, source="sign-up", collected_under=policy.version, country=HOME)
    optional = [name for name, category in policy.categories.items() if category.is_optional]
    asked = frozenset([*optional, *(partner_scope(partner.id) for partner in policy.partners)])
    nothing = SamplePerson(plain, ("asked for nothing",))
    return nothing, SamplePerson(
        _standing_with_fresh_confirmed_consents(replace(plain, consents=asked)), ("asked for all optional mail",)
    )


def person_with_traits(base: SamplePerson, *traits: PersonTrait) -> SamplePerson:
    """Returns a copy of a person with some more traits."""
    changes = {name: value for trait in traits for name, value in trait.changes.items()}
    said = () if "consents" in changes else base.says
    return replace(
        base,
        standing=_standing_with_fresh_confirmed_consents(replace(base.standing, **changes)),
        says=(*said, *(trait.says for trait in traits if trait.says)),
    )


def _standing_with_fresh_confirmed_consents(standing: Standing) -> Standing:
    """Returns a copy of a standing in which all consents are confirmed and new."""
    return replace(standing, consent_days=format_consent_days(standing.consents, date.max, date.max))


def _make_trait(says: str, **changes: Any) -> PersonTrait:
    return PersonTrait(says, MappingProxyType(changes))


def possible_traits_except_consents(policy: Policy) -> Iterator[PersonTrait]:
    """Yields each trait that a person may have under a policy, except consents."""
    yield from _origin_traits(policy)
    yield from _refusal_traits(policy)
    yield from _state_traits()
    for name, category in policy.categories.items():
        if category.is_optional:
            yield _make_trait(f"has an address that another system calls dead for {name}", dead_in=(name,))
    yield trait_of_many_mails(policy)


def trait_of_many_mails(policy: Policy) -> PersonTrait:
    """Returns the trait of a person who has had more mail than any cap or rate allows."""
    sent = tuple((name, _MANY) for name in (*policy.terms, EVERYTHING_OPTIONAL))
    return _make_trait("has had more mail than any cap allows", sent=sent)


def _origin_traits(policy: Policy) -> Iterator[PersonTrait]:
    """Yields traits about the country, and about the source and the version of the address."""
    countries = ("DE", "FR", "AX", "RE", "GB", "CH", "CA", "AU", "JP", "KR", "BR", "TR", "XX", None)
    for country in dict.fromkeys((*countries, "US\nDE", *policy.jurisdictions)):
        yield _make_trait("", country=country)
    yield _make_trait("reads American English", country=None, locale="en-US")
    for version in policy.all_versions[1:]:
        yield _make_trait("", collected_under=version.version)
        yield _make_trait("", collected_under=f"{version.version}\n{policy.version}")
        yield _make_trait("", collected_under=f"{version.version}\n\t{policy.version}")
    yield _make_trait("", collected_under=FOREIGN_VERSION)
    yield _make_trait("", collected_under=None)
    for source in dict.fromkeys(
        (*CONTESTS, *OTHERS, *policy.sources, "Invitation", UNLISTED, "sign-up\ncontest", None)
    ):
        yield _make_trait("", source=source)


def _refusal_traits(policy: Policy) -> Iterator[PersonTrait]:
    """Yields traits about opt-outs of every scope, and objections."""
    yield _make_trait("opted out of all optional mail", opted_out=frozenset({EVERYTHING_OPTIONAL}))
    for name, category in policy.categories.items():
        if category.is_optional:
            yield _make_trait(f"opted out of {name}", opted_out=frozenset({name}))
            yield _make_trait(f"opted out of {name} about {TOPIC}", opted_out=frozenset({category_scope(name, TOPIC)}))
    for purpose in policy.purposes:
        yield _make_trait(f"refused the purpose {purpose}", opted_out=frozenset({purpose_scope(purpose)}))
    for partner in policy.partners:
        yield _make_trait(f"opted out of {partner.name}'s offers", opted_out=frozenset({partner_scope(partner.id)}))
    yield _make_trait("asked by the browser not to be shared", opted_out=frozenset({SHARING}))
    yield _make_trait("objected to marketing", objected=True)


def _consent_traits(policy: Policy) -> Iterator[PersonTrait]:
    """Yields traits about consents to a part of the mail."""
    for name, category in policy.categories.items():
        if category.is_optional:
            yield _make_trait(f"asked for {name} only", consents=frozenset({name}))
            yield _make_trait(
                f"asked for {name} about {OTHER_TOPIC} only", consents=frozenset({category_scope(name, OTHER_TOPIC)})
            )
            yield _make_trait(f"asked for {name} about {TOPIC} only", consents=frozenset({category_scope(name, TOPIC)}))
    for partner in policy.partners:
        yield _make_trait(f"asked for {partner.name}'s offers only", consents=frozenset({partner_scope(partner.id)}))
    yield _make_trait(f"asked for {STRANGER}'s offers only", consents=frozenset({partner_scope(STRANGER)}))
    yield TRACKED


def _state_traits() -> Iterator[PersonTrait]:
    """Yields traits about the state of the account and its address."""
    yield _make_trait("pays for every product", products=frozenset({EVERY_PRODUCT}))
    yield _make_trait(f"pays for {PRODUCT} only", products=frozenset({PRODUCT}))
    yield _make_trait("pays for another product only", products=frozenset({"another-product"}))
    yield _make_trait(
        f"pays for all but {PRODUCT}", products=frozenset({EVERY_PRODUCT, product_exclusion_entry(PRODUCT)})
    )
    yield _make_trait("closed the account", deactivated=True)
    yield _make_trait("is erased", erased=True, address=None)
    yield _make_trait("was erased before", erased_before=True)
    yield _make_trait("had the processing restricted", restricted=True)
    yield _make_trait("is under 13", under_13=True)
    yield _make_trait("has no known address", address=None)
    yield _make_trait("has a dead address", address_dead=True)
    yield _make_trait("wants notices in writing", electronic_refused=True)
    yield _make_trait("refused personalisation", personalisation_refused=True)
    yield _make_trait("refused tracking", tracking_refused=True)
    yield _make_trait("wants to be telephoned", channel="telephone")
    yield _make_trait("was invited before", invited_by=_ANOTHER_MAILING)


TRACKED = _make_trait("consented to tracking only", consents=frozenset({TRACKING}))
CONTESTS = ("contest", "Sweepstakes", "raffle")
"""Sources of an address that are an entry in a contest."""
OTHERS = ("partner", "import")
"""Sources of an address that its owner did not give to the brand."""
UNLISTED = "a list that was bought"
"""A source that no policy lists."""


def _versions_in_words(said: str | None) -> str:
    """Returns the policy versions of a standing in words."""
    lines = [f"{line[1:]} by consent" if line[:1] == "\t" else line for line in (said or "").split("\n")]
    return " and then ".join(lines) if said else "no known version"


def _join_with_and(parts: tuple[str, ...]) -> str:
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else "".join(parts)
