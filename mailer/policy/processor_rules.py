"""The rules for handing data to a processor. It must stand in the policy's dated registry (GDPR Art. 28)."""

from dataclasses import dataclass
from datetime import date

from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.third_parties import PermittedProcessor

REFUSALS = (
    "processor_not_in_policy",
    "processor_in_another_country",
    "purpose_not_of_processor",
    "processor_may_retain",
)
"""The reasons for which no hand-over may begin."""


@dataclass(frozen=True, slots=True)
class ProcessorUse:
    """A planned hand-over: its processor, its purpose and its day.

    Attributes:
        outside: the processor is beyond our own network; what runs on our machines is no processor of others.
    """

    processor: str
    country: str
    outside: bool
    purpose: str
    day: date


def refusal_of_processor_use(policy: Policy, handover: ProcessorUse) -> tuple[str, str] | None:
    """Returns (reason, rule) if a hand-over may not begin, else None."""
    if not handover.outside:
        return None
    if reason := refusal_of_use_outside_registry(policy, handover):
        return reason, "processor-known"
    if reason := refusal_of_retaining_processor(policy, handover):
        return reason, "no-retention"
    return None


@rule("processor-known", "interpals-23, peerstream-05; GDPR Art. 28, 44")
def refusal_of_use_outside_registry(policy: Policy, handover: ProcessorUse) -> str | None:
    """Data go to a processor of the policy's dated registry, in its country, for a purpose that it serves."""
    if not policy.processors:
        return None
    terms = _processor_terms_on_day(policy, handover)
    if terms is None:
        return "processor_not_in_policy"
    if terms.country != handover.country:
        return "processor_in_another_country"
    return None if handover.purpose in terms.purposes else "purpose_not_of_processor"


@rule("no-retention", "paltalk06-13")
def refusal_of_retaining_processor(policy: Policy, handover: ProcessorUse) -> str | None:
    """An outside delivery system has stated that it retains nothing, where the policy promises that."""
    if not policy.no_retention:
        return None
    terms = _processor_terms_on_day(policy, handover)
    return None if terms is not None and terms.no_retention else "processor_may_retain"


def _processor_terms_on_day(policy: Policy, handover: ProcessorUse) -> PermittedProcessor | None:
    return next(
        (
            terms
            for terms in policy.processors
            if terms.name == handover.processor and terms.is_in_force_on(handover.day)
        ),
        None,
    )
