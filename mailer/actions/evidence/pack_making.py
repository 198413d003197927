"""Makes the evidence pack of a breach case: files, manifest, time stamp and signature, as the parts of a ZIP file."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import resources
from typing import Any, Final
from uuid import UUID

from mailer.actions.evidence.zip_streaming import StreamedZip
from mailer.actions.typesetting.letter_typesetting import TypesettingFailed
from mailer.ports.evidence_packs import (
    EvidenceReader,
    ExtractedEntry,
    ExtractOfLedger,
    LedgerExtractor,
    PackedCase,
    PackedRelease,
    PackReason,
    Record,
    TimeStamper,
    TimeStampFailed,
)

Parts = AsyncIterator[bytes]
RenderRelease = Callable[[PackedRelease], AsyncIterator[tuple[str, bytes]]]
"""Yields each text of a released phase as people got it: the name of a file, such as `eu/de.html`, and its octets."""
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature.json"
STAMP: Final = "timestamp.tsr"
_LINE_FIELDS: Final = ("recipient_id", "channel", "reason", "variant", "locale", "place", "due_at")
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),:;\[\]]+@[^\s<>\"'(),:;\[\]]+")
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class PackOrder:
    """The order of a pack.

    Attributes:
        by: the identity of who takes it out, as text. reason: why.
        made_at: an aware time.
        with_names: people's references, addresses and names are in it; else only their numbers.
    """

    by: str
    reason: PackReason
    made_at: datetime
    with_names: bool = False


@dataclass(frozen=True, slots=True)
class PackParts:
    """The parts of the desk of which a pack is made.

    Attributes:
        reader: of the case. ledger: makes the extract.
        render: the texts of a release.
        stamper: None: no authority is set.
    """

    reader: EvidenceReader
    ledger: LedgerExtractor
    render: RenderRelease
    stamper: TimeStamper | None = None


@dataclass(slots=True)
class MadePack:
    """A pack while it is made.

    Attributes:
        problems: what it lacks, in words; the manifest has those that are known before it is signed.
    """

    problems: list[str] = field(default_factory=list)


async def iterate_pack(case: PackedCase, order: PackOrder, parts: PackParts, made: MadePack) -> AsyncIterator[bytes]:
    """Yields the octets of a pack, as a ZIP file. Memory use does not grow with the number of people.

    Args:
        case: of the pack. Its export is recorded already.
        order: who wants it, and how.
        parts: the parts of the desk.
        made: gets what the pack lacks.
    """
    releases = await parts.reader.list_packed_releases(case.id)
    mailings = [one for release in releases for one in release.mailings]
    extract = await parts.ledger.open_extract(mailings, f"breach:{case.id}", case.created_at)
    file = StreamedZip()
    async for name, content in _files(case, releases, order, parts, extract, made):
        with file.open_member(name) as member:
            async for part in content:
                member.write(part)
                if some := file.take_some():
                    yield some
    manifest = json_octets(_manifest(case, releases, order, file.files, extract, made))
    file.add_whole(MANIFEST, manifest)
    stamp = await _stamp_or_note(manifest, parts.stamper, made)
    if stamp is not None:
        file.add_whole(STAMP, stamp)
    file.add_whole(SIGNATURE, canonical_octets(extract.sign_statement(_statement(manifest, stamp))))
    file.close()
    yield file.take()


async def _stamp_or_note(manifest: bytes, stamper: TimeStamper | None, made: MadePack) -> bytes | None:
    if stamper is None:
        return None
    try:
        return await stamper.stamp_octets(manifest)
    except TimeStampFailed as error:
        made.problems.append(f"the pack has no time stamp: {error}")
        return None


def _statement(manifest: bytes, stamp: bytes | None) -> str:
    """Returns the text that is signed: the hashes of the manifest and of the time stamp."""
    said = {
        "kind": "mailer-breach-pack",
        "v": 1,
        "manifest": hashlib.sha256(manifest).hexdigest(),
        "timestamp": hashlib.sha256(stamp).hexdigest() if stamp is not None else None,
    }
    return canonical_octets(said).decode()


def _manifest(
    case: PackedCase,
    releases: Sequence[PackedRelease],
    order: PackOrder,
    files: Mapping[str, Any],
    extract: ExtractOfLedger,
    made: MadePack,
) -> Record:
    return {
        "v": 1,
        "case": str(case.id),
        "brand": case.brand,
        "made_at": order.made_at.isoformat(),
        "made_by": order.by,
        "reason": order.reason.value,
        "with_names": order.with_names,
        "released": {str(one.phase): one.hash for one in releases},
        "files": dict(files),
        "ledger": {
            "writers": {str(part.writer): [part.first, part.last] for part in extract.parts},
            "entries": extract.entries,
            "faults": extract.faults,
        },
        "problems": list(made.problems),
    }


async def _files(
    case: PackedCase,
    releases: Sequence[PackedRelease],
    order: PackOrder,
    parts: PackParts,
    extract: ExtractOfLedger,
    made: MadePack,
) -> AsyncIterator[tuple[str, Parts]]:
    """Yields the files of a pack in their order: the seals before the entries that they cover."""
    reader = parts.reader
    for name in ("README.txt", "verify_pack.py"):
        yield name, _whole(resources.files("mailer.actions.evidence").joinpath(name).read_bytes())
    yield "case.json", _whole(json_octets(case.content))
    for name, rows in case.tables.items():
        yield f"{name}.json", _whole(json_octets(rows))
    for phase in case.phases:
        yield f"phases/{phase}/revisions.jsonl", _json_lines(reader.iterate_drafts(case.id, phase))
    for one in releases:
        folder = f"phases/{one.phase}"
        yield f"{folder}/frozen.json", _whole(json_octets(one.frozen))
        yield f"{folder}/release.json", _whole(json_octets(one.release))
        async for name, content in _rendered_or_note(one, parts.render, made):
            yield f"{folder}/rendered/{name}", _whole(content)
        yield f"{folder}/lines.csv", _csv_lines(reader.iterate_lines(one.manifest_id))
        outcomes = _outcomes(reader.iterate_outcomes(one.manifest_id), with_names=order.with_names)
        yield f"{folder}/outcomes.jsonl", _json_lines(outcomes)
    yield "letters.jsonl", _json_lines(reader.iterate_letters(case.id))
    if order.with_names:
        yield "people.jsonl", _json_lines(reader.iterate_names(case.id))
    yield "ledger/seals.jsonl", _json_lines(extract.iterate_seals())
    yield "ledger/extract.jsonl", _json_lines(_entries(extract.iterate_entries(), with_names=order.with_names))


async def _rendered_or_note(
    release: PackedRelease, render: RenderRelease, made: MadePack
) -> AsyncIterator[tuple[str, bytes]]:
    try:
        async for name, content in render(release):
            yield name, content
    except (ValueError, TypesettingFailed) as error:  # the errors of templates, headers and texts are ValueErrors
        made.problems.append(f"phase {release.phase}: not every text could be rendered any more: {error}")


async def _outcomes(rows: AsyncIterator[Record], *, with_names: bool) -> AsyncIterator[Record]:
    async for row in rows:
        said = {name: value for name, value in row.items() if value is not None}
        for name in ("reply", "returned_reason", "notice_note"):
            if name in said and not with_names:
                said[name] = hide_addresses(said[name])
        yield said


async def _entries(entries: AsyncIterator[ExtractedEntry], *, with_names: bool) -> AsyncIterator[Record]:
    async for one in entries:
        said: dict[str, Any] = {
            "writer": str(one.writer),
            "n": one.n,
            "previous": one.previous.hex(),
            "hash": one.hash.hex(),
        }
        if one.content is not None:
            said["entry"] = one.content
            is_shown = with_names or one.content["recipient_id"] is None
            if one.salt is not None and is_shown:
                said |= {"salt": one.salt.hex(), "text": one.text}
        yield said


def hide_addresses(text: str) -> str:
    """Returns a text with `<address>` in place of each e-mail address."""
    return _ADDRESS.sub("<address>", text)


async def _whole(content: bytes) -> Parts:
    yield content


async def _json_lines(rows: AsyncIterator[Record]) -> Parts:
    """Yields rows as JSON, one a line."""
    some = list[bytes]()
    async for row in rows:
        some.append(canonical_octets(row) + b"\n")
        if len(some) == _BATCH:
            yield b"".join(some)
            some.clear()
    yield b"".join(some)


async def _csv_lines(lines: AsyncIterator[Sequence[str]]) -> Parts:
    """Yields the lines of a manifest as CSV: the heading, and then the very octets that its hash covers."""
    some = [",".join(_LINE_FIELDS)]
    async for line in lines:
        some.append(",".join(line))
        if len(some) >= _BATCH:
            yield "\n".join([*some, ""]).encode("ascii")
            some.clear()
    yield "\n".join([*some, ""]).encode("ascii") if some else b""


def canonical_octets(value: Any) -> bytes:
    """Returns JSON in ASCII with sorted keys and without spaces, the form by which the pack hashes and signs."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain).encode("ascii")


def json_octets(value: Any) -> bytes:
    """Returns JSON that people can read, in UTF-8."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, default=_plain) + "\n").encode()


def _plain(value: object) -> str:
    """Returns times, days and ids as text."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of a pack")
