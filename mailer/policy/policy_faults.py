"""The parts of a policy, held against one another: senders, and lists in which each name stands once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from mailer.policy.address_sources import KINDS, form_of, misnamed
from mailer.policy.consent_wordings import KEYS, bases_among, no_keys
from mailer.policy.dmarc_alignment import misaligned
from mailer.policy.file_errors import fault, shown
from mailer.policy.jurisdiction import Law
from mailer.policy.switches import ORDER, weaker
from mailer.policy.toml_lines import Path

if TYPE_CHECKING:  # a policy looks at its lists when it is read
    from mailer.policy.policy_file import Policy


def faults_within(policy: "Policy") -> Iterator[PydanticCustomError]:
    """Yields what is wrong between the parts of a policy."""
    if policy.senders.mandatory == policy.senders.optional:
        yield fault("same_sender", ("senders", "optional"))
    for key in ("mandatory", "optional"):
        if misaligned(policy.domain, getattr(policy.senders, key)):
            yield fault("not_aligned", ("senders", key), domain=policy.domain)
    if policy.notice is not None and policy.notice.day > policy.effective:
        yield fault("late_notice", ("notice", "day"), given=shown(policy.notice.day), effective=policy.effective)
    for number, processor in enumerate(policy.processors):
        for purpose in processor.purposes:
            if purpose not in policy.purposes:
                yield fault("no_purpose", ("processors", number, "purposes"), purpose=purpose)
    for key in no_keys(policy.wordings):
        yield fault("no_scope", ("wordings", key), scopes=", ".join(KEYS))
    for key, text in bases_among(policy.wordings):
        yield fault("basis", ("wordings", key), given=shown(text))
    for source, least in misnamed(policy.sources):
        stricter = " or ".join(KINDS[KINDS.index(least) :])
        yield fault("misnamed", ("sources", source), given=shown(policy.sources[source]), stricter=stricter)
    for path, name in _twice(policy):
        yield fault("twice", path, given=shown(name))


def _twice(policy: "Policy") -> Iterator[tuple[Path, str]]:
    """Names that stand a second time in a list where each may stand once."""
    named: list[tuple[Path, str]] = [
        *((("promises", number, "id"), promise.id) for number, promise in enumerate(policy.promises)),
        *((("partners", number, "id"), partner.id) for number, partner in enumerate(policy.partners)),
        *((("purposes",), purpose) for purpose in policy.purposes),
        *((("channels",), channel) for channel in policy.channels),
        *((("sources", source), form_of(source)) for source in policy.sources),
    ]
    seen = set()
    for path, name in named:
        if (path[0], name) in seen:
            yield path, name
        seen.add((path[0], name))


def faults_of_floors(policy: "Policy", law: Law) -> Iterator[PydanticCustomError]:
    """Finds where the policy asks for less than the law does, or keeps records of consents less long."""
    for one in law.jurisdictions:
        if one.records is not None and policy.retention_days < one.records.value:
            given, days = shown(policy.retention_days), one.records.value
            yield fault("forgotten_early", ("retention_days",), given=given, days=days, place=one.name)
    for country, said in policy.jurisdictions.items():
        for switch in ORDER:
            value, least = getattr(said, switch), getattr(law.floor(country), switch)
            if value is not None and least is not None and weaker(switch, value, least):
                stricter = ORDER[switch][: ORDER[switch].index(least) + 1]
                at = ("jurisdictions", country, switch)
                yield fault("below_floor", at, given=shown(value), least=" or ".join(reversed(stricter)))
