"""Evidence packs of breach cases: what is read for them, the extract of the ledger, and the time stamp."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.campaign_manifest import ManifestTemplate

Record = Mapping[str, Any]
"""A value that JSON has."""


class PackReason(StrEnum):
    """The reason for which somebody takes an evidence pack out. The ledger keeps it."""

    AUTHORITY = "authority"
    COURT = "court"
    AUDIT = "audit"
    OWN_RECORDS = "own_records"


class PackedCase(NamedTuple):
    """A case with all revisions of its facts.

    Attributes:
        content: the case with `facts_revisions`, and its phases with their states.
        tables: by the name of a file: what else is stored of the case, as rows.
    """

    id: UUID
    brand: str
    created_at: datetime
    phases: Sequence[int]
    content: Record
    tables: Mapping[str, Sequence[Record]]


class PackedRelease(NamedTuple):
    """A released phase.

    Attributes:
        hash: of the manifest, hexadecimal.
        release: who checked, asked and released, with revisions, sums and findings.
        mailings: of the phase.
        frozen: facts, draft, rules, templates and policy, as the hash covers them.
        templates: by variant.
    """

    case_id: UUID
    phase: int
    manifest_id: UUID
    brand: str
    hash: str
    released_at: datetime
    release: Record
    mailings: Sequence[UUID]
    frozen: Record
    templates: Mapping[str, ManifestTemplate]

    @property
    def template_name(self) -> str:
        """The name of the phase's template."""
        return f"breach-{self.case_id.hex[:12]}-{self.phase}"


class EvidenceReader(Protocol):
    """Reads all that is stored of a case, page by page, so that no transaction waits for a slow reader."""

    async def record_export(self, case: PackedCase, reason: PackReason, *, with_names: bool) -> None:
        """Records in the ledger who takes the pack of a case out, and why."""
        ...

    async def find_packed_case(self, case_id: UUID) -> PackedCase | None:
        """Returns a case, or None if there is none of this id."""
        ...

    async def list_packed_releases(self, case_id: UUID) -> Sequence[PackedRelease]:
        """Returns the released phases of a case, in order."""
        ...

    def iterate_drafts(self, case_id: UUID, phase: int) -> AsyncIterator[Record]:
        """Yields the revisions of a phase's draft, the oldest first."""
        ...

    def iterate_lines(self, manifest_id: UUID) -> AsyncIterator[Sequence[str]]:
        """Yields the lines of a manifest in order of people's numbers; the fields are those that its hash covers."""
        ...

    def iterate_outcomes(self, manifest_id: UUID) -> AsyncIterator[Record]:
        """Yields what became of each line, in the same order: delivery, the relay's reply, return, and notice."""
        ...

    def iterate_letters(self, case_id: UUID) -> AsyncIterator[Record]:
        """Yields the letters of a case with their states."""
        ...

    def iterate_names(self, case_id: UUID) -> AsyncIterator[Record]:
        """Yields number, reference, address and name of the people of released phases."""
        ...


class ExtractedPart(NamedTuple):
    """A part of a chain: its writer, and the numbers of its first and last entry."""

    writer: UUID
    first: int
    last: int


class ExtractedEntry(NamedTuple):
    """An entry of a part, or only its hash.

    Attributes:
        previous, hash: 32 octets.
        content: None: it is not of the case.
        salt, text: that its commitment covers; None: there is no text, or it was erased.
    """

    writer: UUID
    n: int
    previous: bytes
    hash: bytes
    content: dict[str, Any] | None = None
    salt: bytes | None = None
    text: str | None = None


class ExtractOfLedger(Protocol):
    """The entries of a case, with what lies between them as hashes, and the seals that cover them.

    Attributes:
        parts: of chains.
        entries: the number of entries in full, and `faults`: of what was read so far.
    """

    parts: list[ExtractedPart]
    entries: int
    faults: list[str]

    def iterate_seals(self) -> AsyncIterator[Record]:
        """Yields published seals: body, signature and public key, in hexadecimal digits."""
        ...

    def iterate_entries(self) -> AsyncIterator[ExtractedEntry]:
        """Yields the entries, and checks each with the key of the chains."""
        ...

    def sign_statement(self, body: str) -> Record:
        """Returns a text with its signature by the key of the seals: body, signature and public key."""
        ...


class LedgerExtractor(Protocol):
    """Makes extracts of the ledger."""

    async def open_extract(self, mailings: Sequence[UUID], rule: str, since: datetime) -> ExtractOfLedger:
        """Seals what has grown, and returns the extract of mailings, and of the entries of nobody that have a rule.

        Args:
            mailings: their ids.
            rule: such as `breach:` and the id of a case.
            since: an aware time: of the first entry, or before it.
        """
        ...


class TimeStampFailed(Exception):
    """No time stamp was got. The message says why."""


class TimeStamper(Protocol):
    """Asks an authority for time stamps (RFC 3161)."""

    async def stamp_octets(self, octets: bytes) -> bytes:
        """Returns the response of the authority for the SHA-256 of octets, as DER. Raises TimeStampFailed."""
        ...
