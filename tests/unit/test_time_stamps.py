"""Time stamps of evidence packs (RFC 3161), from an authority on this machine."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.actions.evidence import verify_pack
from mailer.ports.evidence_packs import TimeStampFailed
from mailer.runtime.time_stamping import HttpTimeStamper
from mailer.settings import SettingsError, read_settings
from tests.evidence_packs import change_pack, files_of_pack, make_pack
from tests.time_stamping import Authority, open_authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """One authority for all tests of the file."""
    with open_authority(tmp_path_factory.mktemp("authority")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _plain(authority: Authority) -> None:
    authority.answer, authority.status = None, 200


def test_a_pack_has_a_stamp_of_its_manifest_that_openssl_verifies(authority: Authority, tmp_path: Path) -> None:
    """The verifier says its time, and openssl checks the authority's signature."""
    pack = make_pack(stamper=HttpTimeStamper(authority.url))
    files = files_of_pack(pack)
    (tmp_path / "pack.zip").write_bytes(pack)
    right, wrong = verify_pack.verify_pack(str(tmp_path / "pack.zip"), None)
    assert wrong == []
    assert any(one.startswith("time stamp: of this manifest, 20") for one in right)
    for name in ("manifest.json", "timestamp.tsr"):
        (tmp_path / name).write_bytes(files[name])
    command = ["openssl", "ts", "-verify", "-in", "timestamp.tsr", "-data", "manifest.json"]
    done = subprocess.run([*command, "-CAfile", authority.certificate], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"people" not in authority.asked[-1]


def test_a_stamp_that_is_changed_missing_or_of_another_pack_is_found(authority: Authority, tmp_path: Path) -> None:
    """The signature covers the stamp, and the stamp names the manifest."""
    pack = make_pack(stamper=HttpTimeStamper(authority.url))
    for change in (lambda octets: octets[:-1] + b"x", lambda octets: octets[:100], lambda octets: b""):
        (tmp_path / "pack.zip").write_bytes(change_pack(pack, "timestamp.tsr", change))
        _, wrong = verify_pack.verify_pack(str(tmp_path / "pack.zip"), None)
        assert wrong == ["timestamp.tsr: it is not the one that was signed, or it is missing"]

    class Other:
        """A stamper that has stamped something else."""

        def __init__(self, stamp: bytes) -> None:
            self.stamp = stamp

        async def stamp_octets(self, octets: bytes) -> bytes:
            """See the port."""
            return self.stamp

    stamp = files_of_pack(pack)["timestamp.tsr"]
    other = make_pack(stamper=HttpTimeStamper(authority.url), with_names=True)
    assert stamp != files_of_pack(other)["timestamp.tsr"]
    for wrong_stamp, fault in (
        (files_of_pack(other)["timestamp.tsr"], "it is not for this manifest.json"),
        (b"0\x03\x02\x01\x00", "it is no time stamp"),
        (stamp[:60], "it is cut short"),
        (b"", "it is no time stamp"),
    ):
        (tmp_path / "pack.zip").write_bytes(make_pack(stamper=Other(wrong_stamp)))
        _, wrong = verify_pack.verify_pack(str(tmp_path / "pack.zip"), None)
        assert wrong == [f"timestamp.tsr: {fault}"]


def test_an_answer_that_is_no_stamp_for_this_request_is_refused(authority: Authority) -> None:
    """An old answer is refused by its nonce, and text by its form."""
    stamper = HttpTimeStamper(authority.url)
    old = asyncio.run(stamper.stamp_octets(b"a manifest"))
    for answer, status, words in (
        (old, 200, "for another request"),
        (b"<html>", 200, "no time stamp"),
        (b"", 200, "no time stamp"),
        (old, 503, "status 503"),
        (b"\0" * (1 << 21), 200, "more than"),
    ):
        authority.answer, authority.status = answer, status
        with pytest.raises(TimeStampFailed, match=words):
            asyncio.run(stamper.stamp_octets(b"a manifest"))


def test_a_pack_is_made_without_a_stamp_if_nobody_answers(tmp_path: Path) -> None:
    """A failure costs no pack; port 9 of this machine has no listener."""
    pack = make_pack(stamper=HttpTimeStamper("http://127.0.0.1:9/"))
    (tmp_path / "pack.zip").write_bytes(pack)
    right, wrong = verify_pack.verify_pack(str(tmp_path / "pack.zip"), None)
    assert (wrong, right[-1]) == ([], "time stamp: there is none")
    assert json.loads(files_of_pack(pack)["signature.json"])["body"].endswith('"timestamp":null,"v":1}')


@pytest.mark.parametrize("url", ["ftp://x.example", "http://x.example/", "https://", "https://u:p@x.example/", "x"])
def test_an_authority_is_reached_by_https(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other addresses are refused at the start."""
    monkeypatch.setenv("MAILER_TIMESTAMP_URL", url)
    with pytest.raises(SettingsError, match="TIMESTAMP_URL"):
        read_settings()
