"""The needs of promises, held against what the policy says: for every version, and for people in every country."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailer.policy.address_sources import KINDS
from mailer.policy.file_errors import place, shown
from mailer.policy.policy_section import Cap
from mailer.policy.promise import CategoryNeeds, Needs, Promise
from mailer.policy.switches import ORDER, weaker
from mailer.policy.toml_lines import Path

if TYPE_CHECKING:  # a policy asks for its needs when it is read
    from mailer.policy.policy_file import CategoryTerms, Policy

MISSING = "missing"

Unkept = tuple[Path, str, str]
"""The key that does not say what a promise needs, what it says instead, and what is needed."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need that a policy does not meet.

    Attributes:
        at: the key. given: what the policy says there, as TOML. needed: what it has to say.
        promise: the id. version: the one that promises it.
    """

    at: Path
    given: str
    needed: str
    promise: str
    version: str

    def describe(self, text: str, source: str) -> str:
        """Says what is wrong with the file, where, and what to do.

        Args:
            text: the file's contents.
            source: its name.
        """
        promise = f"{self.promise} of version {self.version}"
        return place(source, text, self.at, "unmet", given=self.given, promise=promise, needed=self.needed)


def unmet(policy: "Policy", promising: "Policy") -> Iterator[Unmet]:
    """Finds what a policy does not say, and a version of the brand has promised.

    Args:
        policy: the one in question, with the versions beside it that are known.
        promising: it, or an earlier version of the brand. To people of an earlier version, what it promised is owed
            still; what it names of the company itself (its address, its mailbox, its purposes) may have changed.
    """
    for promise in promising.promises:
        own = _of_the_file(promise.needs, policy) if promising is policy else ()
        for at, given, needed in (*_owed(promise, policy, promising), *own):
            yield Unmet(at, given, needed, promise.id, promising.version)


def _owed(promise: Promise, policy: "Policy", promising: "Policy") -> Iterator[Unkept]:
    needs = promise.needs
    yield from _switches(needs, policy, promising)
    for name, need in needs.categories.items():
        yield from _category(name, need, policy.terms.get(name))
    yield from _processing(needs, policy)
    for source, kind in needs.sources.items():
        found = policy.vocabulary.find(source)
        if found is None or KINDS.index(found) < KINDS.index(kind):
            yield ("sources", source), MISSING if found is None else shown(found), f"{shown(kind)} or stricter"
    if needs.minimum_cell is not None and policy.minimum_cell < needs.minimum_cell:
        yield ("minimum_cell",), str(policy.minimum_cell), f"{needs.minimum_cell} or more"
    if needs.retention_days is not None and policy.retention_days > needs.retention_days:
        yield ("retention_days",), str(policy.retention_days), f"{needs.retention_days} or less"


def _switches(needs: Needs, policy: "Policy", promising: "Policy") -> Iterator[Unkept]:
    """Finds switches that allow more than is needed, for the people of a version in some country."""
    for name, values in ORDER.items():
        needed = getattr(needs, name)
        if needed is None:  # as most switches, of most promises
            continue
        effective = {getattr(switches, name) for switches in policy.switches_under(promising.version)}
        laxest = max(effective, key=values.index)
        if weaker(name, laxest, needed):
            yield ("switches", name), shown(laxest), _or_stricter(values[: values.index(needed) + 1])


def _or_stricter(values: Iterable[str]) -> str:
    return " or ".join(shown(value) for value in reversed(tuple(values)))


def _category(name: str, needs: CategoryNeeds, terms: "CategoryTerms | None") -> Iterator[Unkept]:
    at: Path = ("categories", name)
    if terms is None:
        yield at, MISSING, "it listed"
        return
    if needs.confirmed and not terms.confirmed:
        yield (*at, "confirmed"), "false", "true"
    if needs.reason and terms.reason != needs.reason:
        yield (*at, "reason"), shown(terms.reason), shown(needs.reason)
    for key in ("cap", "alarm"):
        needed, said = getattr(needs, key), getattr(terms, key)
        if needed and not _is_as_strict(said, needed):
            yield (*at, key), _cap(said), f"{_cap(needed)} or stricter"


def _is_as_strict(said: Cap | None, needed: Cap) -> bool:
    return said is not None and said.mails <= needed.mails and said.days >= needed.days


def _cap(cap: Cap | None) -> str:
    return MISSING if cap is None else f"{{ mails = {cap.mails}, days = {cap.days} }}"


def _processing(needs: Needs, policy: "Policy") -> Iterator[Unkept]:
    if needs.no_retention and not policy.no_retention:
        yield ("no_retention",), "false", "true"
    if (needs.processors or needs.processor_countries) and not policy.processors:
        yield ("processors",), MISSING, "an entry at least, or whoever is configured is handed data"
    for number, processor in enumerate(policy.processors):
        if needs.processor_countries and processor.country not in needs.processor_countries:
            yield ("processors", number, "country"), shown(processor.country), _one_of(needs.processor_countries)


def _one_of(values: Iterable[str]) -> str:
    return " or ".join(shown(value) for value in values)


def _names(values: Iterable[str]) -> str:
    return f"[{', '.join(map(shown, values))}]"


def _of_the_file(needs: Needs, policy: "Policy") -> Iterator[Unkept]:
    """Finds what the version that promises does not say of itself."""
    for name in ORDER:
        needed, said = getattr(needs.exactly, name, None), getattr(policy.switches, name)
        if needed is not None and said != needed:
            yield ("switches", name), shown(said), f"exactly {shown(needed)}"
    if needs.purposes is not None:
        for purpose in policy.purposes:
            if purpose not in needs.purposes:
                yield ("purposes",), f"with {shown(purpose)}", f"no others than {', '.join(needs.purposes)}"
    if needs.channels is not None and set(policy.channels) != set(needs.channels):
        yield ("channels",), _names(policy.channels), f"exactly {_names(needs.channels)}"
    if needs.partners and not policy.partners:
        yield ("partners",), MISSING, "an entry at least"
    controller = policy.controller
    for at, said, needed in (
        (("controller", "id"), controller.id, needs.controller),
        (("controller", "postal_address"), controller.postal_address, needs.postal_address),
        (("opt_out_mailbox",), policy.opt_out_mailbox, needs.opt_out_mailbox),
    ):
        if needed is not None and said != needed:
            yield at, MISSING if said is None else shown(said), shown(needed)
    if needs.authority and controller.authority is None:
        yield ("controller", "authority"), MISSING, "it"
    if needs.seal and policy.seal is None:
        yield ("seal",), MISSING, "it"
