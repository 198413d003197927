"""Verifies an evidence pack of a breach case: `python3 -I verify_pack.py FILE.zip [--key PUBLICKEY]`.

It needs Python 3.11 and nothing else: no network, no database, no part of mailer. It prints what it has checked. It
ends with 0 if all is as it was signed, with 1 if something is not, and with 2 if it was called wrongly.

What it cannot prove: who holds the key can make a whole pack anew. Give the key that you know from another source, and
compare the seals that it names with those that were published when the mail went out: nobody can make these anew.
"""

import hashlib
import io
import json
import re
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

MOST_FILES, MOST_IN_MEMORY, MOST_LINE, CHUNK = 100_000, 1 << 28, 1 << 24, 1 << 20
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,150}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,150}){0,6}")
HEX = re.compile(r"[0-9a-f]{64}")
MANIFEST, SIGNATURE, STAMP, GENESIS = "manifest.json", "signature.json", "timestamp.tsr", "0" * 64
LINES = ["recipient_id", "channel", "reason", "variant", "locale", "place", "due_at"]

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def decode_point(octets: bytes) -> Point | None:
    """Returns the point of 32 octets (RFC 8032, 5.1.3), or None if they are none."""
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P if y < P else -1
    if square < 0:
        return None
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def add_points(one: Point, other: Point) -> Point:
    """Returns the sum of two points of the curve, in extended coordinates."""
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply_point(factor: int, point: Point) -> Point:
    """Returns a multiple of a point."""
    product: Point = (0, 1, 1, 0)
    while factor:
        product = add_points(product, point) if factor & 1 else product
        point, factor = add_points(point, point), factor >> 1
    return product


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tells whether a signature is that of a message by a public key (Ed25519, RFC 8032, 5.1.7)."""
    if len(public) != 32 or len(signature) != 64 or BASE is None:
        return False
    key, r, s = decode_point(public), decode_point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = multiply_point(s, BASE), add_points(r, multiply_point(k, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


class Bad(Exception):
    """A file of the pack is not as it should be; the message names it, and says what is wrong."""


def parse_json(text: str | bytes, name: str) -> Any:
    """Returns the value of a JSON text. Raises Bad."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise Bad(f"{name}: a key stands twice")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Bad(f"{name}: it is no JSON") from error


def canonical(value: Any) -> bytes:
    """Returns the one JSON text by which a value is hashed or signed: ASCII, sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


class Pack:
    """The files of a pack, read in parts. zipfile raises NotImplementedError for kinds of ZIP that it cannot read."""

    def __init__(self, path: str) -> None:
        try:
            self.zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Bad(f"{path}: it is no whole ZIP file ({error})") from error
        members = self.zip.infolist()
        if len(members) > MOST_FILES:
            raise Bad(f"{path}: it has more than {MOST_FILES} files")
        for one in members:
            if not NAME.fullmatch(one.filename):
                raise Bad(f"{path}: a file has the name {one.filename!r}, which no pack has")
            if one.flag_bits & 1 or one.compress_type not in (0, 8) or one.external_attr >> 28 not in (0, 8):
                raise Bad(f"{one.filename}: it is encrypted, no plain file, or packed in a way that no pack is")
        self.sizes = {one.filename: one.file_size for one in members}
        if len(self.sizes) != len(members) or self.zip.comment or (members and members[0].header_offset):
            raise Bad(f"{path}: a file is in it twice, or something stands before or after its files")

    def parts(self, name: str) -> Iterator[bytes]:
        """Yields the parts of a file. Raises Bad."""
        if name not in self.sizes:
            raise Bad(f"{name}: it is missing")
        read = 0
        try:
            with self.zip.open(name) as file:
                while part := file.read(CHUNK):
                    read += len(part)
                    if read > self.sizes[name]:
                        raise Bad(f"{name}: it is larger than it says")
                    yield part
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise Bad(f"{name}: it is damaged or cut short ({error})") from error

    def whole(self, name: str) -> bytes:
        """Returns a file that has to be in memory as a whole. Raises Bad."""
        if self.sizes.get(name, 0) > MOST_IN_MEMORY:
            raise Bad(f"{name}: it is too large")
        return b"".join(self.parts(name))

    def lines(self, name: str) -> Iterator[str]:
        """Yields the lines of a text, without their ends. Raises Bad."""
        rest = b""
        for part in self.parts(name):
            *lines, rest = (rest + part).split(b"\n")
            if len(rest) > MOST_LINE:
                raise Bad(f"{name}: a line is too long")
            yield from (line.decode() for line in lines)
        if rest:
            yield rest.decode()


def check_signature(pack: Pack, key: str | None) -> tuple[dict[str, Any], str]:
    """Returns the signed manifest and the key. Raises Bad."""
    record = parse_json(pack.whole(SIGNATURE), SIGNATURE)
    if canonical(record) != pack.whole(SIGNATURE) or set(record) != {"body", "signature", "public_key"}:
        raise Bad(f"{SIGNATURE}: it is not written as a pack has it")
    public = str(record["public_key"])
    if not is_signed(octets_of(public), str(record["body"]).encode(), octets_of(record["signature"])):
        raise Bad(f"{SIGNATURE}: the signature is not by the key that it names")
    if key is not None and public != key:
        raise Bad(f"{SIGNATURE}: it is signed by the key {public}, not by the one that you gave")
    body = parse_json(record["body"], SIGNATURE)
    if body.get("kind") != "mailer-breach-pack" or body.get("v") != 1:
        raise Bad(f"{SIGNATURE}: it signs something else than a pack")
    if hashlib.sha256(pack.whole(MANIFEST)).hexdigest() != body["manifest"]:
        raise Bad(f"{MANIFEST}: it is not the one that was signed")
    stamp = hashlib.sha256(pack.whole(STAMP)).hexdigest() if STAMP in pack.sizes else None
    if stamp != body["timestamp"]:
        raise Bad(f"{STAMP}: it is not the one that was signed, or it is missing")
    return parse_json(pack.whole(MANIFEST), MANIFEST), public


def octets_of(digits: object) -> bytes:
    """Returns the octets of hexadecimal digits; none if they are no such digits."""
    return bytes.fromhex(digits) if isinstance(digits, str) and re.fullmatch("([0-9a-f]{2})*", digits) else b""


def check_files(pack: Pack, manifest: dict[str, Any]) -> Iterator[str]:
    """Yields what is wrong with the files: missing, strange, or not as the manifest has them."""
    listed = manifest["files"]
    for name in sorted(set(pack.sizes) - set(listed) - {MANIFEST, SIGNATURE, STAMP}):
        yield f"{name}: it is not in the manifest"
    for name, said in listed.items():
        digest, octets = hashlib.sha256(), pack.sizes.get(name, said["octets"])
        try:
            for part in pack.parts(name) if octets == said["octets"] else ():
                digest.update(part)
            if digest.hexdigest() != said["sha256"]:
                raise Bad(f"{name}: its contents are not those that were signed")
        except Bad as error:
            yield str(error)


def check_phase(pack: Pack, phase: str, said_hash: str, case: dict[str, Any]) -> str:
    """Checks a released phase: its hash, sums, releases and outcomes. Returns what it found. Raises Bad."""
    folder = f"phases/{phase}"
    release, frozen = (parse_json(pack.whole(one), one) for one in (f"{folder}/release.json", f"{folder}/frozen.json"))
    templates = {
        name: [version, hashlib.sha256(source.encode()).hexdigest()]
        for name, (version, source) in frozen["templates"].items()
    }
    head = {key: frozen[key] for key in ("draft", "facts", "policy", "rules")} | {"templates": templates}
    digest, sums, outcomes, last = hashlib.sha256(canonical(head)), Counter[tuple[str, ...]](), Counter[str](), 0
    names, told = f"{folder}/lines.csv", f"{folder}/outcomes.jsonl"
    lines, rows = pack.lines(names), pack.lines(told)
    if next(lines, "").split(",") != LINES:
        raise Bad(f"{names}: it has not the columns of a manifest")
    for line in lines:
        row = line.split(",")
        if len(row) != len(LINES) or not row[0].isascii() or not row[0].isdigit() or int(row[0]) <= last:
            raise Bad(f"{names}: after person {last} the lines are out of order, or no lines")
        last = int(row[0])
        digest.update(f"\n{line}".encode())
        sums[row[1], row[2], row[3], row[5]] += 1
        outcome = parse_json(next(rows, "{}"), told)
        state = outcome.get("delivery_state", "waiting")
        if (outcome.get("recipient_id"), outcome.get("channel")) != (last, row[1]):
            raise Bad(f"{told}: person {last} of lines.csv is missing, or out of order")
        if row[1] != "mail" and state not in ("diverted", "suppressed", "cancelled", "waiting"):
            raise Bad(f"{told}: person {last} was not to be mailed, and is {state}")
        outcomes[state] += 1
    if next(rows, None) is not None:
        raise Bad(f"{told}: it has people who are not in lines.csv")
    if not digest.hexdigest() == release["hash"] == said_hash:
        raise Bad(f"{folder}/release.json: its hash does not follow from facts, texts, rules, templates and lines")
    said = Counter({tuple(one[:4]): one[4] for one in release["sums"]})
    if sums != said or sums.total() != release["people"]:
        raise Bad(f"{folder}/release.json: its sums are not those of lines.csv")
    check_release(release, f"{folder}/release.json", check_revisions(pack, folder, release, frozen, case))
    ends = ", ".join(f"{count} {state}" for state, count in sorted(outcomes.items()))
    how = "by one person alone, with a reason" if release["break_glass"] is not None else "by a second person"
    return f"phase {phase}: {sums.total()} people add up ({ends}); released {how}; hash {release['hash']}"


def check_release(release: dict[str, Any], name: str, writers: set[str]) -> None:
    """Checks that two people have released what was written and checked, or one with a reason. Raises Bad."""
    wrote = writers | {str(release[key]).casefold() for key in ("requested_by", "asked_by") if release[key]}
    alone, looker = release["break_glass"], release["second_look_by"]
    if not release["released_by"] or not release["asked_by"]:
        raise Bad(f"{name}: nobody asked for the release, or nobody released it")
    if release["released_by"].casefold() in wrote if alone is None else not alone.strip():
        raise Bad(f"{name}: one person alone has written, checked or asked for it and released it, and gave no reason")
    if looker is not None and looker.casefold() in wrote | {release["released_by"].casefold()}:
        raise Bad(f"{name}: the second look is by a person who released, wrote, checked or asked for it")


def check_revisions(pack: Pack, folder: str, release: Any, frozen: Any, case: Any) -> set[str]:
    """Checks that people saved what was released. Returns who saved it, or a revision before it. Raises Bad."""
    saved = [one["facts"] for one in case["facts_revisions"] if one["revision"] == release["facts_revision"]]
    if saved != [frozen["facts"]]:
        raise Bad(f"{folder}/frozen.json: its facts are not revision {release['facts_revision']} of case.json")
    name = f"{folder}/revisions.jsonl"
    drafts, writers = list[Any](), set[str]()
    for one in (parse_json(line, name) for line in pack.lines(name)):
        drafts += [one["draft"]] if one["revision"] == release["revision"] else []
        writers |= {one["by"].casefold()} if one["revision"] <= release["revision"] else set()
    if drafts != [frozen["draft"]]:
        raise Bad(f"{folder}/frozen.json: its texts are not revision {release['revision']} of revisions.jsonl")
    before = (one for one in case["facts_revisions"] if one["revision"] <= release["facts_revision"])
    return writers | {one["by"].casefold() for one in before}


def check_seals(pack: Pack, public: str) -> tuple[dict[tuple[str, int], str], str]:
    """Returns the sealed heads, and what is said of the seals. Raises Bad."""
    heads, name, said = dict[tuple[str, int], str](), "ledger/seals.jsonl", "seals: there are none yet"
    before = whole = first = ""
    for count, line in enumerate(pack.lines(name), 1):
        record = parse_json(line, name)
        body = record["body"]
        signed = is_signed(octets_of(public), body.encode(), octets_of(record["signature"]))
        if record["public_key"] != public or not signed:
            raise Bad(f"{name}: seal {count} is not signed by the key of the pack")
        seal, digest = parse_json(body, name), hashlib.sha256(body.encode()).hexdigest()
        linked = seal.get("previous") == before or (seal.get("whole") and seal.get("previous_whole") == whole)
        if before and not linked:
            raise Bad(f"{name}: seal {count} does not name the seal before it: one is missing or changed")
        heads |= {(head["writer"], head["n"]): head["hash"] for head in seal["heads"]}
        before, whole = digest, digest if seal.get("whole", True) else whole
        last = f"number {seal.get('number')} of {seal['at']} with SHA-256 {digest}"
        first = first or last
        said = f"seals: {count}, signed, and each names the one before. First: {first}. Last: {last}"
    return heads, said


def check_ledger(pack: Pack, heads: dict[tuple[str, int], str], manifest: dict[str, Any]) -> str:
    """Checks the chains of the extract against the seals, and each release. Returns what it found. Raises Bad."""
    name, ends, said = "ledger/extract.jsonl", dict[str, tuple[int, str]](), manifest["ledger"]["writers"]
    entries, sealed, releases = 0, dict[str, int](), set[str]()
    for line in pack.lines(name):
        row = parse_json(line, name)
        writer, n, hashed = row["writer"], row["n"], row["hash"]
        if not isinstance(n, int) or not HEX.fullmatch(hashed):
            raise Bad(f"{name}: a line is no entry")
        number, previous = ends.get(writer, (said[writer][0] - 1, row["previous"]))
        if n != number + 1 or row["previous"] != previous or (n == 1 and previous != GENESIS):
            raise Bad(f"{name}: entry {n} of writer {writer} does not follow the one before: one is missing or changed")
        if heads.get((writer, n), hashed) != hashed:
            raise Bad(f"{name}: entry {n} of writer {writer} is not the one that was sealed")
        if (writer, n) in heads:
            sealed[writer] = n
        if row.get("text") is not None:
            committed = hashlib.sha256(octets_of(row["salt"]) + row["text"].encode()).hexdigest()
            if committed != row["entry"]["commitment"]:
                raise Bad(f"{name}: the text of entry {n} of writer {writer} is not the one that was committed to")
        entries += "entry" in row
        if row.get("entry", {}).get("reason") in ("breach_released", "breach_released_alone"):
            releases |= set(row["entry"]["fields"])
        ends[writer] = n, hashed
    lasts = {writer: n for writer, (_, n) in said.items()}
    if lasts != {writer: n for writer, (n, _) in ends.items()} or entries != manifest["ledger"]["entries"]:
        raise Bad(f"{name}: it has not as many entries as the manifest says")
    if faults := manifest["ledger"]["faults"]:
        raise Bad(f"{name}: the ledger itself found {len(faults)} of its entries changed when the pack was made")
    for phase, digest in manifest["released"].items():
        if f"hash:{digest}" not in releases:
            raise Bad(f"{name}: no entry says that phase {phase} was released with the hash {digest}")
    left = sum(sealed.get(writer) != n for writer, (n, _) in ends.items())
    after = f"; {left} chains go on after their last seal" if left else "; all of them are sealed"
    return f"ledger: {entries} entries in {len(ends)} chains without a gap{after}"


def parse_der(octets: bytes, place: int) -> tuple[int, int, int]:
    """Returns tag, begin and end of the DER value at a place. Raises Bad or IndexError."""
    tag, length, begin = octets[place], octets[place + 1], place + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(octets[place + 2 : begin], "big")
    if begin + length > len(octets):
        raise Bad(f"{STAMP}: it is cut short")
    return tag, begin, begin + length


def children_of(octets: bytes, begin: int, end: int) -> list[tuple[int, int, int]]:
    """Returns the values within a DER value. Raises Bad."""
    found = list[tuple[int, int, int]]()
    while begin < end and len(found) < 100:
        found.append(parse_der(octets, begin))
        begin = found[-1][2]
    return found


def check_stamp(pack: Pack) -> str:
    """Checks that the time stamp (RFC 3161) is for the manifest. Returns its time. Raises Bad."""
    octets, digest = pack.whole(STAMP), hashlib.sha256(pack.whole(MANIFEST)).digest()
    try:
        status, token = children_of(octets, *parse_der(octets, 0)[1:])[:2]
        granted = octets[slice(*children_of(octets, *status[1:])[0][1:])]
        signed = children_of(octets, *children_of(octets, *children_of(octets, *token[1:])[1][1:])[0][1:])
        held = children_of(octets, *children_of(octets, *signed[2][1:])[1][1:])[0]
        info = children_of(octets, *parse_der(octets, held[1])[1:])
        imprint, when = children_of(octets, *info[2][1:])[1], octets[slice(*info[4][1:])].decode("ascii")
    except (IndexError, ValueError) as error:
        raise Bad(f"{STAMP}: it is no time stamp") from error
    if granted not in (b"\0", b"\1") or octets[slice(*imprint[1:])] != digest:
        raise Bad(f"{STAMP}: it is not for this manifest.json")
    return f"time stamp: of this manifest, {when}; openssl ts -verify checks its signature (see README.txt)"


def verify_pack(path: str, key: str | None) -> tuple[list[str], list[str]]:
    """Returns what was found right, and what is wrong, with the pack at a path. The key is as known from elsewhere."""
    right, wrong = list[str](), list[str]()
    try:
        pack = Pack(path)
        manifest, public = check_signature(pack, key)
        known = "the one that you gave" if key else "NOT COMPARED: give the one that you know by --key"
        right.append(f"signature: by the key {public} ({known})")
        wrong += check_files(pack, manifest)
        right += [f"files: {len(manifest['files'])}, each as it was signed"] if not wrong else []
        case = parse_json(pack.whole("case.json"), "case.json")
        heads, said = check_seals(pack, public)
        right += [check_phase(pack, phase, said_hash, case) for phase, said_hash in manifest["released"].items()]
        right += [check_ledger(pack, heads, manifest), said]
        right.append(check_stamp(pack) if STAMP in pack.sizes else "time stamp: there is none")
    except Bad as error:
        wrong += [str(error)] if str(error) not in wrong else []
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        wrong.append(f"a file of the pack lacks something, or has it in another form ({error!r})")
    return right, wrong


def main(arguments: list[str]) -> int:
    """Verifies the pack that the arguments name, and prints what was found. Returns the exit status."""
    key = arguments[2].lower() if len(arguments) == 3 and arguments[1] == "--key" else None
    if (len(arguments) != 1 and key is None) or (key is not None and not HEX.fullmatch(key)):
        print("usage: python3 -I verify_pack.py FILE.zip [--key PUBLICKEY, 64 hexadecimal digits]", file=sys.stderr)
        return 2
    right, wrong = verify_pack(arguments[0], key)
    print("\n".join([*(f"ok     {one}" for one in right), *(f"WRONG  {one}" for one in wrong)]))
    print("The pack is NOT as it was made." if wrong else "All is as it was signed, by whoever holds the key.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "utf-8", errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
