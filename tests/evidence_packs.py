"""Evidence packs of tests: a case without a database, with real chains and seals, and changes of its pack."""

import asyncio
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from mailer.actions.evidence.pack_making import MadePack, PackOrder, PackParts, canonical_octets, iterate_pack
from mailer.keyed_hash import KeyedHash
from mailer.ledger.chain import GENESIS, link_entries
from mailer.ledger.seals import Seal, SealSigner, seal_body_digest
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.ports.evidence_packs import (
    ExtractedEntry,
    ExtractedPart,
    PackedCase,
    PackedRelease,
    PackReason,
    Record,
    TimeStamper,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

KEY, OTHER_KEY = "a key of the tests", "a key of somebody else"
CASE, MANIFEST = UUID(int=0xCA5E), UUID(int=0x3A41)
MAILINGS = {"elsewhere": UUID(int=0x3A1), "eu": UUID(int=0x3A2)}
WRITERS = (UUID(int=1 << 80), UUID(int=2 << 80))
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
FACTS = {"summary": "A backup was stolen.", "risk": "high"}
DRAFT = {"variants": {"elsewhere": {"places": []}, "eu": {"places": ["DE"]}}, "public_days": 0}
RULES = [{"id": "gdpr-34", "law": "GDPR", "checked": "2026-11-01"}]
TEMPLATES = {name: ManifestTemplate("7", json.dumps({"of": name})) for name in MAILINGS}
LINES = (
    (1, "mail", "mail", "elsewhere", "en", "US", ""),
    (2, "mail", "mail", "eu", "de", "DE", "2026-11-30T12:00:00+00:00"),
    (3, "letter", "electronic_refused", "elsewhere", "en", "US", ""),
    (5, "none", "no_address", "eu", "de", "DE", ""),
)
STATES = {1: "handed_over", 2: "handed_over", 3: "diverted", 5: "diverted"}
REPLY = "250 2.0.0 taken for ada@people.example"
RELEASED = {"requested_by": "person:Chiara", "asked_by": "person:Aslan", "released_by": "person:Rita"}


def hash_of_manifest(lines: Sequence[Sequence[object]] = LINES, rules: object = None) -> str:
    """The hash of a manifest, as its description says."""
    head = {
        "draft": DRAFT,
        "facts": FACTS,
        "policy": "2024",
        "rules": RULES if rules is None else rules,
        "templates": {
            name: [one.version, hashlib.sha256(one.source.encode()).hexdigest()] for name, one in TEMPLATES.items()
        },
    }
    text = json.dumps(head, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256("\n".join([text, *(",".join(map(str, line)) for line in lines)]).encode()).hexdigest()


@dataclass
class FakeLedger:
    """A ledger of two chains in memory: entries of the case, and between them entries of other mail; sealed twice."""

    key: str = KEY
    digest: str = field(default_factory=hash_of_manifest)
    parts: list[ExtractedPart] = field(default_factory=list)
    entries: int = 0
    faults: list[str] = field(default_factory=list)

    async def open_extract(self, mailings: Sequence[UUID], rule: str, since: datetime) -> "FakeLedger":
        """See the port."""
        self.rows, self.seals, self.parts = list[ExtractedEntry](), list[Record](), list[ExtractedPart]()
        signer, heads = SealSigner(self.key), []
        case = LedgerEntry(EntryKind.CONTROL, "interpals", rule=rule, category="breach")
        released = ("manifest:x", "phase:1", f"hash:{self.digest}")
        own = [
            case._replace(reason="breach_case_created"),
            LedgerEntry(EntryKind.OUTCOME, "interpals", UUID(int=99), 70, 1, reason="accepted", reply="somebody else"),
            case._replace(reason="breach_released", fields=released),
            LedgerEntry(EntryKind.OUTCOME, "interpals", mailings[0], 1, 1, reason="accepted", reply=REPLY),
        ]
        more = [
            LedgerEntry(EntryKind.DECISION, "interpals", mailings[1], 2, 1, "breach"),
            LedgerEntry(EntryKind.OUTCOME, "interpals", mailings[1], 2, 1, reason="accepted", reply="250 ok"),
            LedgerEntry(EntryKind.ACTION, "interpals", None, 71, reason="opted_out"),
        ]
        for writer, entries in zip(WRITERS, (own, more), strict=True):
            links = link_entries(KeyedHash(self.key.encode()), GENESIS, writer, 1, NOON, entries, b"s" * 16 * 9)
            previous = GENESIS
            for n, (entry, hashed) in enumerate(zip(entries, links.hashes, strict=True), 1):
                of_case = entry.rule == rule or entry.mailing_id in mailings
                content = self._content(entry, links.commitments[n - 1]) if of_case else None
                texts = (b"s" * 16, entry.reply) if of_case and entry.reply else ()
                self.rows.append(ExtractedEntry(writer, n, previous, hashed, content, *texts))
                previous = hashed
            self.parts.append(ExtractedPart(writer, 1, len(entries)))
            heads.append((writer, len(entries), previous))
        previous_body: str | None = None
        for number, some in enumerate((heads[:1], heads[1:], heads), 1):
            linked = seal_body_digest(previous_body) if previous_body else None
            body = Seal(NOON + timedelta(hours=number), tuple(some), number, linked, whole=False).body_to_sign()
            self.seals.append(signer.build_seal_record(body, signer.sign_body(body)))
            previous_body = body
        return self

    def _content(self, entry: LedgerEntry, commitment: bytes) -> dict[str, Any]:
        self.entries += 1
        said = entry._asdict() | {"mailing_id": str(entry.mailing_id) if entry.mailing_id else None}
        said["commitment"] = commitment.hex() if said.pop("reply") else None
        return said

    async def iterate_seals(self) -> AsyncIterator[Record]:
        """See the port."""
        for one in self.seals:
            yield one

    async def iterate_entries(self) -> AsyncIterator[ExtractedEntry]:
        """See the port."""
        for one in self.rows:
            yield one

    def sign_statement(self, body: str) -> Record:
        """See the port."""
        signer = SealSigner(self.key)
        return signer.build_seal_record(body, signer.sign_body(body))


@dataclass
class FakeReader:
    """A case in memory, as `EvidenceReader` has it. Tests change what they want to see refused."""

    release: dict[str, Any] = field(default_factory=dict)
    lines: Sequence[Sequence[Any]] = LINES
    states: Mapping[int, str] = field(default_factory=lambda: dict(STATES))
    rules: Any = field(default_factory=lambda: RULES)
    digest: str = field(default_factory=hash_of_manifest)

    async def record_export(self, case: PackedCase, reason: PackReason, *, with_names: bool) -> None:
        """See the port."""

    async def find_packed_case(self, case_id: UUID) -> PackedCase:
        """See the port."""
        saved: tuple[tuple[Record, str], ...] = (({}, "person:Felix"), (FACTS, "person:Frida"), ({}, "person:Rita"))
        facts = [{"revision": count, "facts": one, "by": by} for count, (one, by) in enumerate(saved, 1)]
        content = {"id": str(CASE), "state": "open", "facts_revisions": facts}
        return PackedCase(CASE, "interpals", NOON, [1], content, {"duties": [{"told": "ICO", "reference": "IC-1"}]})

    async def list_packed_releases(self, case_id: UUID) -> Sequence[PackedRelease]:
        """See the port."""
        sums: dict[tuple[str, ...], int] = {}
        for line in LINES:
            key = (line[1], line[2], line[3], line[5])
            sums[key] = sums.get(key, 0) + 1
        release = {
            **RELEASED,
            "released_at": NOON.isoformat(),
            "people": len(LINES),
            "sums": [[*key, people] for key, people in sums.items()],
            "hash": self.digest,
            "revision": 3,
            "facts_revision": 2,
            "break_glass": None,
            "second_look_by": None,
            **self.release,
        }
        frozen = {"facts": FACTS, "draft": DRAFT, "rules": self.rules, "templates": TEMPLATES, "policy": "2024"}
        mailings = list(MAILINGS.values())
        return [PackedRelease(CASE, 1, MANIFEST, "interpals", self.digest, NOON, release, mailings, frozen, TEMPLATES)]

    async def iterate_drafts(self, case_id: UUID, phase: int) -> AsyncIterator[Record]:
        """See the port."""
        for revision, draft in ((1, {}), (3, DRAFT)):
            yield {"revision": revision, "draft": draft, "by": "person:Wanda", "at": NOON.isoformat()}

    async def iterate_lines(self, manifest_id: UUID) -> AsyncIterator[Sequence[str]]:
        """See the port."""
        for line in self.lines:
            yield [str(one) for one in line]

    async def iterate_outcomes(self, manifest_id: UUID) -> AsyncIterator[Record]:
        """See the port."""
        for line in self.lines:
            row = {"recipient_id": line[0], "channel": line[1], "delivery_state": self.states[line[0]], "reply": REPLY}
            yield {**row, "notice_reference": "by ada@people.example"}

    async def iterate_letters(self, case_id: UUID) -> AsyncIterator[Record]:
        """See the port."""
        yield {"letter": 1, "recipient_id": 3, "state": "posted", "return_code": "moved; ada@people.example knows"}

    async def iterate_names(self, case_id: UUID) -> AsyncIterator[Record]:
        """See the port."""
        yield {"recipient_id": 1, "ref": "user-1", "email": "ada@people.example", "name": "Ada"}


async def _render(release: PackedRelease) -> AsyncIterator[tuple[str, bytes]]:
    yield "eu/de.html", b"<p>Ihre Daten</p>"
    yield "eu/de.txt", b"Ihre Daten"


def make_pack(
    reader: FakeReader | None = None,
    ledger: FakeLedger | None = None,
    stamper: TimeStamper | None = None,
    *,
    with_names: bool = False,
) -> bytes:
    """The octets of a pack."""
    parts = PackParts(reader or FakeReader(), ledger or FakeLedger(), _render, stamper)

    async def main() -> bytes:
        return b"".join([part async for part in _iterate(parts, with_names=with_names)])

    return asyncio.run(main())


def write_pack(path: Path, reader: FakeReader, ledger: FakeLedger) -> None:
    """Writes a pack as a file, part by part."""

    async def main() -> None:
        with path.open("wb") as file:
            async for part in _iterate(PackParts(reader, ledger, _render)):
                file.write(part)

    asyncio.run(main())


async def _iterate(parts: PackParts, *, with_names: bool = False) -> AsyncIterator[bytes]:
    case = await parts.reader.find_packed_case(CASE)
    assert case is not None
    order = PackOrder("person:Paula", PackReason.AUTHORITY, NOON, with_names)
    async for part in iterate_pack(case, order, parts, MadePack()):
        yield part


def files_of_pack(pack: bytes) -> dict[str, bytes]:
    """The files of a pack."""
    with zipfile.ZipFile(io.BytesIO(pack)) as file:
        return {name: file.read(name) for name in file.namelist()}


def pack_of_files(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A ZIP file of files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files:
            file.writestr(name, content)
    return made.getvalue()


def change_pack(pack: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The pack with one file changed, and all else as it was."""
    files = files_of_pack(pack)
    files[name] = change(files[name])
    return pack_of_files(files.items())


def sign_again(pack: bytes, key: str) -> bytes:
    """The pack with a manifest and a signature that fit its files, by somebody who has a key."""
    files = files_of_pack(pack)
    manifest = json.loads(files["manifest.json"])
    own = {name: content for name, content in files.items() if name not in ("manifest.json", "signature.json")}
    manifest["files"] = {
        name: {"octets": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in own.items()
    }
    files["manifest.json"] = canonical_octets(manifest)
    digest = hashlib.sha256(files["manifest.json"]).hexdigest()
    body = canonical_octets({"kind": "mailer-breach-pack", "v": 1, "manifest": digest, "timestamp": None}).decode()
    files["signature.json"] = canonical_octets(FakeLedger(key).sign_statement(body))
    return pack_of_files(files.items())


def lines_of_csv(content: bytes) -> list[list[str]]:
    """The rows of a CSV file."""
    return list(csv.reader(io.StringIO(content.decode())))
