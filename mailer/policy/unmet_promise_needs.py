"""The needs of promises that a policy does not meet: for every version, and for people in every country."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailer.policy.address_sources import KINDS
from mailer.policy.policy_file_errors import describe_fault_with_line, format_toml_value
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.promise import Promise, PromiseNeeds, PromiseNeedsFromCategory
from mailer.policy.switches import ORDER, is_weaker
from mailer.policy.toml_lines import Path

if TYPE_CHECKING:  # a policy asks for its needs when it is read
    from mailer.policy.policy_file import Policy
    from mailer.policy.policy_sections import CategoryTerms

MISSING = "missing"

Unkept = tuple[Path, str, str]
"""The key that does not meet a need, its present value, and the needed value."""


@dataclass(frozen=True, slots=True)
class UnmetNeed:
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

    def describe_need(self, text: str, source: str) -> str:
        """Returns the fault in words: the file, the line, the key and the remedy.

        Args:
            text: the file's contents.
            source: its name.
        """
        promise = f"{self.promise} of version {self.version}"
        return describe_fault_with_line(
            source, text, self.at, "unmet", given=self.given, promise=promise, needed=self.needed
        )


def find_unmet_needs(policy: "Policy", promising: "Policy") -> Iterator[UnmetNeed]:
    """Yields the needs of a version's promises that a policy does not meet.

    Args:
        policy: the policy to check, with the known versions beside it.
        promising: the policy itself, or an earlier version of the brand. The brand still owes people of an earlier
            version its promises. Facts about the company (address, mailbox, purposes) may have changed since.
    """
    for promise in promising.promises:
        own = _own_version_only_unmet_needs(promise.needs, policy) if promising is policy else ()
        for at, given, needed in (*_unmet_needs_of_promise(promise, policy, promising), *own):
            yield UnmetNeed(at, given, needed, promise.id, promising.version)


def _unmet_needs_of_promise(promise: Promise, policy: "Policy", promising: "Policy") -> Iterator[Unkept]:
    needs = promise.needs
    yield from _unmet_switches(needs, policy, promising)
    for name, need in needs.categories.items():
        yield from _unmet_category_needs(name, need, policy.terms.get(name))
    yield from _unmet_processor_needs(needs, policy)
    for source, kind in needs.sources.items():
        found = policy.source_vocabulary.find_kind(source)
        if found is None or KINDS.index(found) < KINDS.index(kind):
            yield (
                ("sources", source),
                MISSING if found is None else format_toml_value(found),
                f"{format_toml_value(kind)} or stricter",
            )
    if needs.minimum_cell is not None and policy.minimum_cell < needs.minimum_cell:
        yield ("minimum_cell",), str(policy.minimum_cell), f"{needs.minimum_cell} or more"
    if needs.retention_days is not None and policy.retention_days > needs.retention_days:
        yield ("retention_days",), str(policy.retention_days), f"{needs.retention_days} or less"
    if needs.look_up_reason is not None and policy.look_up_reason != needs.look_up_reason:
        yield ("look_up_reason",), format_toml_value(policy.look_up_reason), format_toml_value(needs.look_up_reason)


def _unmet_switches(needs: PromiseNeeds, policy: "Policy", promising: "Policy") -> Iterator[Unkept]:
    """Yields the switches that allow more than needed, for people of the promising version in some country."""
    for name, values in ORDER.items():
        needed = getattr(needs, name)
        if needed is None:  # as most switches, of most promises
            continue
        effective = {getattr(switches, name) for switches in policy.possible_switches_of_version(promising.version)}
        laxest = max(effective, key=values.index)
        if is_weaker(name, laxest, needed):
            yield (
                ("switches", name),
                format_toml_value(laxest),
                _allowed_values_text(values[: values.index(needed) + 1]),
            )


def _allowed_values_text(values: Iterable[str]) -> str:
    return " or ".join(format_toml_value(value) for value in reversed(tuple(values)))


def _unmet_category_needs(
    name: str, needs: PromiseNeedsFromCategory, terms: "CategoryTerms | None"
) -> Iterator[Unkept]:
    at: Path = ("categories", name)
    if terms is None:
        yield at, MISSING, "it listed"
        return
    if needs.confirmed and not terms.confirmed:
        yield (*at, "confirmed"), "false", "true"
    if needs.reason and terms.reason != needs.reason:
        yield (*at, "reason"), format_toml_value(terms.reason), format_toml_value(needs.reason)
    for key in ("cap", "alarm"):
        needed, said = getattr(needs, key), getattr(terms, key)
        if needed and not _is_cap_as_strict(said, needed):
            yield (*at, key), _cap_text(said), f"{_cap_text(needed)} or stricter"


def _is_cap_as_strict(said: FrequencyCap | None, needed: FrequencyCap) -> bool:
    return said is not None and said.mails <= needed.mails and said.days >= needed.days


def _cap_text(cap: FrequencyCap | None) -> str:
    return MISSING if cap is None else f"{{ mails = {cap.mails}, days = {cap.days} }}"


def _unmet_processor_needs(needs: PromiseNeeds, policy: "Policy") -> Iterator[Unkept]:
    if needs.no_retention and not policy.no_retention:
        yield ("no_retention",), "false", "true"
    if (needs.processors or needs.processor_countries) and not policy.processors:
        yield ("processors",), MISSING, "an entry at least, or whoever is configured is handed data"
    for number, processor in enumerate(policy.processors):
        if needs.processor_countries and processor.country not in needs.processor_countries:
            yield (
                ("processors", number, "country"),
                format_toml_value(processor.country),
                _one_of_text(needs.processor_countries),
            )


def _one_of_text(values: Iterable[str]) -> str:
    return " or ".join(format_toml_value(value) for value in values)


def _toml_list_text(values: Iterable[str]) -> str:
    return f"[{', '.join(map(format_toml_value, values))}]"


def _own_version_only_unmet_needs(needs: PromiseNeeds, policy: "Policy") -> Iterator[Unkept]:
    """Yields the needs that only the promising version itself has to meet, and does not."""
    for name in ORDER:
        needed, said = getattr(needs.exactly, name, None), getattr(policy.switches, name)
        if needed is not None and said != needed:
            yield ("switches", name), format_toml_value(said), f"exactly {format_toml_value(needed)}"
    if needs.purposes is not None:
        for purpose in policy.purposes:
            if purpose not in needs.purposes:
                yield ("purposes",), f"with {format_toml_value(purpose)}", f"no others than {', '.join(needs.purposes)}"
    if needs.channels is not None and set(policy.channels) != set(needs.channels):
        yield ("channels",), _toml_list_text(policy.channels), f"exactly {_toml_list_text(needs.channels)}"
    if needs.partners and not policy.partners:
        yield ("partners",), MISSING, "an entry at least"
    controller = policy.controller
    for at, said, needed in (
        (("controller", "id"), controller.id, needs.controller),
        (("controller", "postal_address"), controller.postal_address, needs.postal_address),
        (("opt_out_mailbox",), policy.opt_out_mailbox, needs.opt_out_mailbox),
    ):
        if needed is not None and said != needed:
            yield at, MISSING if said is None else format_toml_value(said), format_toml_value(needed)
    if needs.authority and controller.authority is None:
        yield ("controller", "authority"), MISSING, "it"
    if needs.seal and policy.seal is None:
        yield ("seal",), MISSING, "it"
