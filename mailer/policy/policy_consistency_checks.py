"""The parts of a policy, held against one another: senders, and lists in which each name stands once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from mailer.policy.address_sources import KINDS, normalize_source_name, sources_laxer_than_their_names
from mailer.policy.breach.rule_set import faults_of_breach_terms
from mailer.policy.consent_wordings import KEYS, find_wordings_taking_use_as_consent, unknown_wording_keys
from mailer.policy.dmarc_alignment import is_sender_misaligned
from mailer.policy.jurisdiction import LawByCountry
from mailer.policy.policy_file_errors import build_pydantic_error_for_fault, format_toml_value
from mailer.policy.recipient_attributes import BUILT_IN
from mailer.policy.switches import ORDER, is_weaker
from mailer.policy.toml_lines import Path

if TYPE_CHECKING:  # a policy looks at its lists when it is read
    from mailer.policy.policy_file import Policy


def faults_within_policy(policy: "Policy") -> Iterator[PydanticCustomError]:
    """Yields what is wrong between the parts of a policy."""
    if policy.senders.mandatory == policy.senders.optional:
        yield build_pydantic_error_for_fault("same_sender", ("senders", "optional"))
    for key in ("mandatory", "optional"):
        if is_sender_misaligned(policy.domain, getattr(policy.senders, key)):
            yield build_pydantic_error_for_fault("not_aligned", ("senders", key), domain=policy.domain)
    if policy.notice is not None and policy.notice.day > policy.effective:
        yield build_pydantic_error_for_fault(
            "late_notice", ("notice", "day"), given=format_toml_value(policy.notice.day), effective=policy.effective
        )
    for number, processor in enumerate(policy.processors):
        for purpose in processor.purposes:
            if purpose not in policy.purposes:
                yield build_pydantic_error_for_fault("no_purpose", ("processors", number, "purposes"), purpose=purpose)
    for name, attribute in policy.attributes.items():
        if name in BUILT_IN:
            yield build_pydantic_error_for_fault("built_in", ("attributes", name))
        if attribute.purpose not in policy.purposes:
            yield build_pydantic_error_for_fault(
                "no_purpose", ("attributes", name, "purpose"), purpose=attribute.purpose
            )
    for key in unknown_wording_keys(policy.wordings):
        yield build_pydantic_error_for_fault("no_scope", ("wordings", key), scopes=", ".join(KEYS))
    for key, text in find_wordings_taking_use_as_consent(policy.wordings):
        yield build_pydantic_error_for_fault("basis", ("wordings", key), given=format_toml_value(text))
    for source, least in sources_laxer_than_their_names(policy.sources):
        stricter = " or ".join(KINDS[KINDS.index(least) :])
        yield build_pydantic_error_for_fault(
            "misnamed", ("sources", source), given=format_toml_value(policy.sources[source]), stricter=stricter
        )
    yield from faults_of_breach_terms(policy.breach)
    for path, name in _duplicate_names_in_policy_lists(policy):
        yield build_pydantic_error_for_fault("twice", path, given=format_toml_value(name))


def _duplicate_names_in_policy_lists(policy: "Policy") -> Iterator[tuple[Path, str]]:
    """Names that stand a second time in a list where each may stand once."""
    named: list[tuple[Path, str]] = [
        *((("promises", number, "id"), promise.id) for number, promise in enumerate(policy.promises)),
        *((("partners", number, "id"), partner.id) for number, partner in enumerate(policy.partners)),
        *((("purposes",), purpose) for purpose in policy.purposes),
        *((("channels",), channel) for channel in policy.channels),
        *((("sources", source), normalize_source_name(source)) for source in policy.sources),
    ]
    seen = set()
    for path, name in named:
        if (path[0], name) in seen:
            yield path, name
        seen.add((path[0], name))


def find_values_laxer_than_law(policy: "Policy", law: LawByCountry) -> Iterator[PydanticCustomError]:
    """Finds where the policy asks for less than the law does, or keeps records of consents less long."""
    for one in law.jurisdictions:
        if one.records is not None and policy.retention_days < one.records.value:
            given, days = format_toml_value(policy.retention_days), one.records.value
            yield build_pydantic_error_for_fault(
                "forgotten_early", ("retention_days",), given=given, days=days, place=one.name
            )
    for country, said in policy.jurisdictions.items():
        for switch in ORDER:
            value, least = getattr(said, switch), getattr(law.switch_floor(country), switch)
            if value is not None and least is not None and is_weaker(switch, value, least):
                stricter = ORDER[switch][: ORDER[switch].index(least) + 1]
                at = ("jurisdictions", country, switch)
                yield build_pydantic_error_for_fault(
                    "below_floor", at, given=format_toml_value(value), least=" or ".join(reversed(stricter))
                )
