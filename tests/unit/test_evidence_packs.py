"""Evidence packs: each change of one is found by the verifier, which is a file of its own for a bare Python."""

import hashlib
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.actions.evidence import verify_pack
from mailer.actions.evidence.pack_making import hide_addresses
from mailer.ports.evidence_packs import Record
from tests.evidence_packs import (
    CASE,
    KEY,
    LINES,
    OTHER_KEY,
    RELEASED,
    RULES,
    FakeLedger,
    FakeReader,
    change_pack,
    files_of_pack,
    hash_of_manifest,
    make_pack,
    pack_of_files,
    sign_again,
    write_pack,
)

PHASE = "phases/1"


@cache
def whole() -> bytes:
    """A pack that nobody has changed."""
    return make_pack()


@cache
def public_key() -> str:
    """The key by which the pack is signed."""
    return str(json.loads(files_of_pack(whole())["signature.json"])["public_key"])


def faults(pack: bytes, tmp_path: Path, key: str | None = None) -> list[str]:
    """The faults that the verifier finds in a pack."""
    path = tmp_path / "pack.zip"
    path.write_bytes(pack)
    return verify_pack.verify_pack(str(path), key)[1]


def replaced(old: str, new: str) -> Callable[[bytes], bytes]:
    """A change of a text that stands in a file."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode())

    return change


def test_an_unchanged_pack_verifies_on_a_bare_python(tmp_path: Path) -> None:
    """The pack's own program runs by itself, says what it checked, and ends with 0."""
    (tmp_path / "pack.zip").write_bytes(whole())
    (tmp_path / "verify_pack.py").write_bytes(files_of_pack(whole())["verify_pack.py"])
    command = [sys.executable, "-I", "-S", "verify_pack.py", "pack.zip", "--key", public_key()]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "phase 1: 4 people add up (2 diverted, 2 handed_over); released by a second person" in done.stdout
    assert "ledger: 5 entries in 2 chains without a gap; all of them are sealed" in done.stdout
    assert "seals: 3, signed, and each names the one before" in done.stdout
    assert "WRONG" not in done.stdout


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--key"], ["a", "--key", "xyz"], ["a", "b", "c", "d"]])
def test_a_wrong_call_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The usage is told."""
    assert verify_pack.main(arguments) == 2
    assert "usage" in capsys.readouterr().err


CHANGES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a text": (f"{PHASE}/rendered/eu/de.html", replaced("Ihre Daten", "Nichts")),
    "a person": (f"{PHASE}/lines.csv", replaced("3,letter,electronic_refused,elsewhere,en,US,\n", "")),
    "a state": (f"{PHASE}/outcomes.jsonl", replaced("handed_over", "failed")),
    "a release": (f"{PHASE}/release.json", replaced("person:Rita", "person:Boss")),
    "the rules": (f"{PHASE}/frozen.json", replaced("gdpr-34", "gdpr-33")),
    "the facts": ("case.json", replaced("stolen", "found")),
    "a duty": ("duties.json", replaced("IC-1", "IC-2")),
    "an entry": ("ledger/extract.jsonl", replaced("breach_case_created", "breach_case_closed")),
    "a seal": ("ledger/seals.jsonl", replaced("T13:00:00", "T12:30:00")),
    "the verifier": ("verify_pack.py", replaced("return 1 if wrong else 0", "return 0")),
    "the manifest": ("manifest.json", replaced("authority", "court")),
}
"""Changes of one file that fit its form, by what is changed."""


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_file_is_found_and_named(what: str, tmp_path: Path) -> None:
    """Whoever has no key cannot change any file."""
    name, change = CHANGES[what]
    found = faults(change_pack(whole(), name, change), tmp_path)
    assert any(fault.startswith(f"{name}: ") for fault in found)


SIGNED_CHANGES: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "a person left out": (f"{PHASE}/lines.csv", CHANGES["a person"][1], f"{PHASE}/outcomes.jsonl: person 5"),
    "lines in another order": (
        f"{PHASE}/lines.csv",
        lambda content: b"\n".join(sorted(content.split(b"\n"), reverse=True)),
        f"{PHASE}/outcomes.jsonl: person 5",
    ),
    "another channel": (f"{PHASE}/lines.csv", replaced("3,letter", "3,mail"), f"{PHASE}/outcomes.jsonl: person 3"),
    "another language": (f"{PHASE}/lines.csv", replaced("eu,de", "eu,en"), f"{PHASE}/release.json: its hash"),
    "other rules": (f"{PHASE}/frozen.json", CHANGES["the rules"][1], f"{PHASE}/release.json: its hash"),
    "another text": (f"{PHASE}/frozen.json", replaced('"public_days": 0', '"public_days": 9'), f"{PHASE}/release.json"),
    "facts of no revision": ("case.json", CHANGES["the facts"][1], f"{PHASE}/frozen.json: its facts"),
    "the asker as releaser": (
        f"{PHASE}/release.json",
        replaced("person:Rita", "PERSON:aslan"),
        f"{PHASE}/release.json",
    ),
    "no asker": (f"{PHASE}/release.json", replaced('"person:Aslan"', "null"), f"{PHASE}/release.json: nobody asked"),
    "an entry less": (
        "ledger/extract.jsonl",
        lambda content: b"\n".join(content.split(b"\n")[1:]),
        "ledger/extract.jsonl: entry 2",
    ),
    "the last entries less": (
        "ledger/extract.jsonl",
        lambda content: b"\n".join(content.split(b"\n")[:-3]),
        "ledger/extract.jsonl: it has not as many",
    ),
    "a text of an entry": (
        "ledger/extract.jsonl",
        replaced("ada@", "eve@"),
        "ledger/extract.jsonl: the text of entry 4",
    ),
    "a seal less": (
        "ledger/seals.jsonl",
        lambda content: b"\n".join(line for n, line in enumerate(content.split(b"\n")) if n != 1),
        "ledger/seals.jsonl: seal 2 does not name",
    ),
}
"""Changes that somebody makes who signs the pack again with the right key, and the fault that they leave."""


@pytest.mark.parametrize("what", SIGNED_CHANGES)
def test_a_pack_signed_again_has_to_be_right_in_itself(what: str, tmp_path: Path) -> None:
    """A holder of the key who changes one thing contradicts the rest of the pack."""
    name, change, fault = SIGNED_CHANGES[what]
    found = faults(sign_again(change_pack(make_pack(with_names=True), name, change), KEY), tmp_path)
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_another_key_is_found_by_the_seals_and_by_the_key(tmp_path: Path) -> None:
    """A pack that somebody else has signed has seals of ours; one with seals of theirs needs the known key."""
    assert any("ledger/seals.jsonl: seal 1" in one for one in faults(sign_again(whole(), OTHER_KEY), tmp_path))
    forged = make_pack(ledger=FakeLedger(OTHER_KEY))
    assert faults(forged, tmp_path) == []
    [fault] = faults(forged, tmp_path, public_key())
    assert "not by the one that you gave" in fault


@pytest.mark.parametrize("octets", [1, 30, 200, 5000])
def test_a_pack_that_is_cut_short_is_found(octets: int, tmp_path: Path) -> None:
    """Without its last octets a pack is no whole file."""
    assert faults(whole()[:-octets], tmp_path)


@pytest.mark.parametrize("name", sorted(files_of_pack(whole())))
def test_a_missing_file_and_a_swapped_one_are_found(name: str, tmp_path: Path) -> None:
    """Each file of the manifest has to be there, under its own name."""
    files = files_of_pack(whole())
    other = next(one for one in files if files[one] != files[name])
    left = [(one, content) for one, content in files.items() if one != name]
    assert any(name in one for one in faults(pack_of_files(left), tmp_path))
    swapped = files | {name: files[other], other: files[name]}
    assert faults(pack_of_files(swapped.items()), tmp_path)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_flipped_octet_of_any_file_is_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No bit of any file can change."""
    files = files_of_pack(whole())
    name = data.draw(st.sampled_from(sorted(files)))
    place = data.draw(st.integers(0, len(files[name]) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    files[name] = files[name][:place] + bytes([files[name][place] ^ bit]) + files[name][place + 1 :]
    assert faults(pack_of_files(files.items()), tmp_path_factory.mktemp("flip"))


def _with_member(name: str, values: dict[str, int]) -> bytes:
    file = io.BytesIO(whole())
    with zipfile.ZipFile(file, "a") as more:
        info = zipfile.ZipInfo("x")
        info.filename = name
        for key, value in values.items():
            setattr(info, key, value)
        more.writestr(info, b"x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("../outside.txt", {}),
        ("/etc/passwd", {}),
        ("a//b", {}),
        ("a\\b", {}),
        ("folder/", {}),
        ("..", {}),
        ("ünicode", {}),
        ("case.json", {}),
        ("link", {"external_attr": 0o120777 << 16}),
        ("more", {"compress_type": zipfile.ZIP_BZIP2}),
        ("more", {}),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_links_and_members_that_no_pack_has_are_refused(
    name: str, values: dict[str, int], tmp_path: Path
) -> None:
    """Nothing is written to disk, and nothing strange is read."""
    assert faults(_with_member(name, values), tmp_path)


def test_a_pack_of_a_later_zip_version_is_told_in_words(tmp_path: Path) -> None:
    """No fault of the file ends the verifier otherwise than by a line about it."""
    later = bytearray(whole())
    later[later.rfind(b"PK\x01\x02") + 6] = 150  # the version that is needed to extract it
    [found] = faults(bytes(later), tmp_path)
    assert "it is no whole ZIP file (zip file version 15.0)" in found


def test_a_file_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb is not unpacked: a file whose size is not the manifest's is not read, and a large one not into memory."""
    monkeypatch.setattr(verify_pack, "MOST_IN_MEMORY", 100_000)
    bomb = change_pack(whole(), "signature.json", lambda content: b" " * (verify_pack.MOST_IN_MEMORY + 1))
    assert faults(bomb, tmp_path) == ["signature.json: it is too large"]
    files = files_of_pack(whole()) | {"letters.jsonl": b"\0" * 200_000}
    assert "letters.jsonl: its contents are not those that were signed" in faults(
        pack_of_files(files.items()), tmp_path
    )


@pytest.mark.parametrize(
    ("release", "fault"),
    [
        ({"break_glass": " "}, "gave no reason"),
        ({"asked_by": "person:Rita"}, "gave no reason"),
        ({"requested_by": "PERSON:RITA"}, "gave no reason"),
        ({"released_by": "person:wanda"}, "gave no reason"),
        ({"released_by": "person:Felix"}, "gave no reason"),
        ({"released_by": "person:Frida"}, "gave no reason"),
        ({"released_by": None}, "nobody released it"),
        ({"people": 3}, "its sums"),
        ({"hash": "00" * 32}, "its hash does not follow"),
        *(
            ({"break_glass": "Nobody was there", "second_look_by": f"person:{looker}"}, "the second look")
            for looker in ("rita", "Wanda", "Felix", "Chiara")
        ),
    ],
)
def test_a_release_that_breaks_the_rules_is_found(release: dict[str, object], fault: str, tmp_path: Path) -> None:
    """Also where the controller itself has made the pack so."""
    [found] = faults(make_pack(FakeReader(release)), tmp_path)
    assert found.startswith(f"{PHASE}/release.json: ")
    assert fault in found


def test_a_release_by_one_person_with_a_reason_is_right_and_told(tmp_path: Path) -> None:
    """Break-glass is said in words."""
    path = tmp_path / "pack.zip"
    alone = {"break_glass": "Nobody was there", "asked_by": "person:Rita", "second_look_by": "person:Paula"}
    path.write_bytes(make_pack(FakeReader(alone)))
    right, wrong = verify_pack.verify_pack(str(path), None)
    assert wrong == []
    assert any("released by one person alone, with a reason" in one for one in right)


def test_a_person_who_was_mailed_though_a_letter_was_foreseen_is_found(tmp_path: Path) -> None:
    """The channel of the line was the decision."""
    states = {1: "handed_over", 2: "failed", 3: "handed_over", 5: "diverted"}
    [found] = faults(make_pack(FakeReader(states=states)), tmp_path)
    assert found == f"{PHASE}/outcomes.jsonl: person 3 was not to be mailed, and is handed_over"


def test_a_release_that_the_ledger_does_not_have_is_found(tmp_path: Path) -> None:
    """The entry of the release names the hash."""
    [found] = faults(make_pack(ledger=FakeLedger(digest="00" * 32)), tmp_path)
    assert found.startswith("ledger/extract.jsonl: no entry says that phase 1 was released with the hash")


def test_faults_that_the_ledger_found_itself_are_told(tmp_path: Path) -> None:
    """Hashes are keyed: only the ledger can check them against the contents, and the pack has what it found."""
    [found] = faults(make_pack(ledger=FakeLedger(faults=["x 4: changed"])), tmp_path)
    assert "found 1 of its entries changed" in found


def test_people_have_no_names_unless_the_pack_is_taken_out_with_names() -> None:
    """Neither in replies, references and codes of the post nor in the ledger's texts."""
    assert b"ada@" not in b"".join(files_of_pack(whole()).values())
    named = files_of_pack(make_pack(with_names=True))
    assert b"ada@people.example" in named["people.jsonl"]
    assert b"moved; ada@people.example" in named["letters.jsonl"]
    assert b"by ada@people.example" in named[f"{PHASE}/outcomes.jsonl"]
    assert b"taken for ada@people.example" in named["ledger/extract.jsonl"]
    assert "people.jsonl" not in files_of_pack(whole())
    assert b"somebody else" not in named["ledger/extract.jsonl"]
    assert hide_addresses("550 <ada.b@x.example>: none; b@c") == "550 <<address>>: none; <address>"


def test_the_ed25519_of_the_verifier_is_that_of_the_rfc() -> None:
    """The test vectors of RFC 8032, 7.1, and signatures of another implementation."""
    for public, message, signature in VECTORS:
        key, said, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
        assert verify_pack.is_signed(key, said, signed)
        assert not verify_pack.is_signed(key, said + b"x", signed)
        assert not verify_pack.is_signed(key, said, signed[:-1] + bytes([signed[-1] ^ 1]))
        high = int.from_bytes(signed[32:], "little") + verify_pack.L
        assert not verify_pack.is_signed(key, said, signed[:32] + high.to_bytes(32, "little"))
    assert not verify_pack.is_signed(b"\xff" * 32, b"", b"\0" * 64)
    for number in range(8):
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(bytes([number])).digest())
        octets = private.public_key().public_bytes_raw()
        assert verify_pack.is_signed(octets, b"a pack", private.sign(b"a pack"))


def test_the_hash_of_the_pack_depends_on_each_line_and_on_the_rules() -> None:
    """The tests' own hash is not a constant."""
    assert len({hash_of_manifest(), hash_of_manifest(LINES[1:]), hash_of_manifest(rules=[*RULES, {}])}) == 3
    assert RELEASED["asked_by"] != RELEASED["released_by"]
    assert str(CASE) in files_of_pack(whole())["manifest.json"].decode()


VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
        "55141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
        "00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
        "027beceea1ec40a",
    ),
]


def test_memory_does_not_grow_with_the_people(tmp_path: Path) -> None:
    """A pack of 12,000 people, whose rows would be ten megabytes, is written and verified within five."""
    lines = [(number, "mail", "mail", "elsewhere", "en", "US", "") for number in range(1, 12_001)]

    class Reader(FakeReader):
        """People without replies, so that their number is what counts."""

        async def iterate_outcomes(self, manifest_id: UUID) -> AsyncIterator[Record]:
            """See the port."""
            for line in lines:
                yield {"recipient_id": line[0], "channel": "mail", "delivery_state": "handed_over"}

    digest = hash_of_manifest(lines)
    release = {"sums": [["mail", "mail", "elsewhere", "US", len(lines)]], "people": len(lines)}
    tracemalloc.start()
    try:
        write_pack(tmp_path / "pack.zip", Reader(release, lines, digest=digest), FakeLedger(digest=digest))
        right, wrong = verify_pack.verify_pack(str(tmp_path / "pack.zip"), None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert wrong == []
    assert any("12000 people add up" in one for one in right)
    assert peak < 5_000_000
