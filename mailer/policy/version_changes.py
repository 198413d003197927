"""The changes from one version of a policy to the next: the loosened terms, and the notice to people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mailer.policy.policy_file_errors import format_toml_value
from mailer.policy.policy_key_types import Day, Section
from mailer.policy.switches import ORDER, is_weaker
from mailer.policy.text_formats import LINE

if TYPE_CHECKING:  # a policy has its notice
    from mailer.policy.policy_file import Policy


class GivenVersionNotice(Section):
    """The notice of a version that people got before it came into force (interpals-15, paltalk06-24, peerstream-03).

    Attributes:
        kind: by a mailing, or on the web.
        reference: the event's id of the mailing, or the address of the page.
        day: when they were told.
    """

    kind: Literal["mailing", "web"]
    reference: Annotated[str, Field(pattern=LINE, max_length=500)]
    day: Day


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A version that replaces another one.

    Attributes:
        brand: whose. before, version: the names of both.
        effective: the day of the newer one.
        loosened: what the newer one allows and the older one did not, in words.
        notice: how people were told; None: nobody has said.
    """

    brand: str
    before: str
    version: str
    effective: date
    loosened: tuple[str, ...]
    notice: GivenVersionNotice | None

    @property
    def missing_notice_fault(self) -> str | None:
        """The fault that the version has no notice, with the remedy; None if it has one."""
        if self.notice is not None:
            return None
        return (
            f"{self.brand}, version {self.version}: it replaces {self.before} on {self.effective}, and no [notice] says"
            " how people were told; add one with kind, reference and day"
        )

    @property
    def loosening_consequence(self) -> str | None:
        """The consequence of the loosened terms in words; None if nothing is loosened."""
        if not self.loosened:
            return None
        return (
            f"{self.brand}, version {self.version} loosens {'; '.join(self.loosened)}: for people of {self.before} that"
            f" holds once they consent to version/{self.version}"
        )


def version_changes(policy: "Policy") -> Iterator[VersionChange]:
    """Yields each change from a version to the next, oldest first.

    Args:
        policy: the one in force, with the brand's others beside it.
    """
    versions = sorted(policy.all_versions, key=lambda version: version.effective)
    for before, now in pairwise(versions):
        loosened = tuple(_loosened_terms_in_words(before, now))
        yield VersionChange(now.brand, before.version, now.version, now.effective, loosened, now.notice)


def _loosened_terms_in_words(before: "Policy", now: "Policy") -> Iterator[str]:
    for name in ORDER:
        then, value = getattr(before.switches, name), getattr(now.switches, name)
        if is_weaker(name, value, then):
            yield f"{name} from {format_toml_value(then)} to {format_toml_value(value)}"
    for name, terms in before.terms.items():
        if terms.confirmed and name in now.terms and not now.terms[name].confirmed:
            yield f"categories.{name}.confirmed from true to false"
    if new := [purpose for purpose in now.purposes if purpose not in before.purposes]:
        yield f"purposes by {', '.join(new)}"
