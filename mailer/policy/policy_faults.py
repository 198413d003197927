"""The parts of a policy, held against one another: senders, and lists in which each name stands once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from mailer.policy.address_sources import KINDS, misnamed_sources, source_form
from mailer.policy.consent_wordings import KEYS, basis_wordings, unknown_scopes
from mailer.policy.dmarc_alignment import misaligned_senders
from mailer.policy.file_errors import fault_error, toml_value
from mailer.policy.jurisdiction import LawByCountry
from mailer.policy.switches import ORDER, is_weaker
from mailer.policy.toml_lines import Path

if TYPE_CHECKING:  # a policy looks at its lists when it is read
    from mailer.policy.policy_file import Policy


def faults_within(policy: "Policy") -> Iterator[PydanticCustomError]:
    """Yields what is wrong between the parts of a policy."""
    if policy.senders.mandatory == policy.senders.optional:
        yield fault_error("same_sender", ("senders", "optional"))
    for key in ("mandatory", "optional"):
        if misaligned_senders(policy.domain, getattr(policy.senders, key)):
            yield fault_error("not_aligned", ("senders", key), domain=policy.domain)
    if policy.notice is not None and policy.notice.day > policy.effective:
        yield fault_error(
            "late_notice", ("notice", "day"), given=toml_value(policy.notice.day), effective=policy.effective
        )
    for number, processor in enumerate(policy.processors):
        for purpose in processor.purposes:
            if purpose not in policy.purposes:
                yield fault_error("no_purpose", ("processors", number, "purposes"), purpose=purpose)
    for key in unknown_scopes(policy.wordings):
        yield fault_error("no_scope", ("wordings", key), scopes=", ".join(KEYS))
    for key, text in basis_wordings(policy.wordings):
        yield fault_error("basis", ("wordings", key), given=toml_value(text))
    for source, least in misnamed_sources(policy.sources):
        stricter = " or ".join(KINDS[KINDS.index(least) :])
        yield fault_error("misnamed", ("sources", source), given=toml_value(policy.sources[source]), stricter=stricter)
    for path, name in _duplicate_names(policy):
        yield fault_error("twice", path, given=toml_value(name))


def _duplicate_names(policy: "Policy") -> Iterator[tuple[Path, str]]:
    """Names that stand a second time in a list where each may stand once."""
    named: list[tuple[Path, str]] = [
        *((("promises", number, "id"), promise.id) for number, promise in enumerate(policy.promises)),
        *((("partners", number, "id"), partner.id) for number, partner in enumerate(policy.partners)),
        *((("purposes",), purpose) for purpose in policy.purposes),
        *((("channels",), channel) for channel in policy.channels),
        *((("sources", source), source_form(source)) for source in policy.sources),
    ]
    seen = set()
    for path, name in named:
        if (path[0], name) in seen:
            yield path, name
        seen.add((path[0], name))


def faults_below_law(policy: "Policy", law: LawByCountry) -> Iterator[PydanticCustomError]:
    """Finds where the policy asks for less than the law does, or keeps records of consents less long."""
    for one in law.jurisdictions:
        if one.records is not None and policy.retention_days < one.records.value:
            given, days = toml_value(policy.retention_days), one.records.value
            yield fault_error("forgotten_early", ("retention_days",), given=given, days=days, place=one.name)
    for country, said in policy.jurisdictions.items():
        for switch in ORDER:
            value, least = getattr(said, switch), getattr(law.switch_floor(country), switch)
            if value is not None and least is not None and is_weaker(switch, value, least):
                stricter = ORDER[switch][: ORDER[switch].index(least) + 1]
                at = ("jurisdictions", country, switch)
                yield fault_error("below_floor", at, given=toml_value(value), least=" or ".join(reversed(stricter)))
