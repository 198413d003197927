"""The policies of all brands, each with its other versions beside it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from mailer.policy.jurisdiction import LawByCountry
from mailer.policy.policy_file import Policy, PolicyError, parse_policy
from mailer.policy.policy_file_errors import describe_fault_with_line, format_toml_value
from mailer.policy.unmet_promise_needs import find_unmet_needs

MODEL = "default"
"""The brand of the file that a new brand copies; it mails nobody."""


@dataclass(frozen=True, slots=True)
class _PolicyFile:
    name: str
    text: str
    policy: Policy

    def describe_fault_of_key(self, key: str, kind: str, **said: object) -> str:
        given = format_toml_value(getattr(self.policy, key))
        return describe_fault_with_line(
            self.name, self.text, (key,), kind, given=given, brand=self.policy.brand, **said
        )


def parse_policies_in_force(
    texts: Mapping[str, str], today: date, law: LawByCountry | None = None
) -> dict[str, Policy]:
    """Every brand's policy in force: the newest version that has taken effect, with the others beside it.

    Args:
        texts: the files' contents by name, any number a brand.
        law: the jurisdictions; None: every country is unreviewed.
        today: what takes effect later is not in force yet, but known to those whose address was collected under it.

    Raises:
        PolicyError: something is wrong; a line for each thing that is.
    """
    files: list[_PolicyFile] = []
    faults: list[str] = []
    for name, text in sorted(texts.items()):
        try:
            files.append(_PolicyFile(name, text, parse_policy(text, name, law)))
        except PolicyError as error:
            faults.append(str(error))
    versions: defaultdict[str, list[_PolicyFile]] = defaultdict(list)
    for file in sorted(files, key=lambda file: file.policy.effective):
        if file.policy.brand != MODEL:
            versions[file.policy.brand].append(file)
    faults.extend(fault for brand in versions.values() for fault in _version_faults(brand, today))
    if faults:
        raise PolicyError("\n".join(faults))
    return {
        brand: version_in_force([file.policy for file in found], today) for brand, found in sorted(versions.items())
    }


def _version_faults(brand: list[_PolicyFile], today: date) -> Iterator[str]:
    """Finds what is wrong with a brand's versions, oldest first, taken together.

    To people of an earlier version, what it promised is owed still, by each version that comes after it.
    """
    first: dict[str, _PolicyFile] = {}
    for file in brand:
        other = first.setdefault(file.policy.version, file)
        if other is not file:
            yield file.describe_fault_of_key("version", "same_version", other=other.name)
    for older, newer in pairwise(brand):
        if older.policy.effective == newer.policy.effective:
            yield newer.describe_fault_of_key("effective", "same_day", other=older.name)
    if brand[0].policy.effective > today:
        yield brand[0].describe_fault_of_key("effective", "not_in_force", today=today)
    for number, file in enumerate(brand):
        earlier = [other.policy for other in brand[:number]]
        policy = file.policy.with_earlier_versions({other.version: other for other in earlier})
        yield from (
            need.describe_need(file.text, file.name) for other in earlier for need in find_unmet_needs(policy, other)
        )


def version_in_force(versions: Sequence[Policy], today: date) -> Policy:
    """The version of a brand's policy in force on a day, with the others beside it; one of them has taken effect."""
    current = max((policy for policy in versions if policy.effective <= today), key=lambda policy: policy.effective)
    return current.with_earlier_versions({policy.version: policy for policy in versions if policy is not current})
