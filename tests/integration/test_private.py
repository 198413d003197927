"""Secrets before this machine's other users: they see no password, no mail, no key, and no folder of root's."""

import asyncio
import errno
import os
import stat
import struct
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import aiosmtplib
import pytest
from typer.testing import CliRunner

from mailer import bundled_files, link_and_dkim_signers
from mailer.actions.suppression_and_consent_import import RejectedLine
from mailer.cli import app
from mailer.cli.import_file_helpers import RejectedLinesFile
from mailer.cli.templates import write_and_open_preview
from mailer.embedded.folder_access_grant import allow_user_to_traverse_folder
from mailer.pipeline.notes_about_database_on_disk import NotesAboutDatabaseInFiles
from mailer.ports.halts import JournaledStandingChange, LastSeenSealMarker
from mailer.postgres.migrations import apply_migrations
from mailer.processors.capture.server import CaptureServer
from mailer.rendering.template_samples import render_template_preview
from mailer.runtime.private_files import open_private_file_descriptor
from mailer.settings import read_settings
from tests.factories import BRAND, templates


def others_may(path: Path) -> int:
    """The permissions of group and others."""
    return stat.S_IMODE(path.stat().st_mode) & 0o077


def test_no_process_list_shows_the_databases_password(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process has the database's password among its arguments while the tables are brought up to date."""
    parts = urlsplit(database_url)
    secret = urlunsplit(parts._replace(netloc=f"postgres:s3cret-word@{parts.netloc.rpartition('@')[2]}"))
    begun: list[tuple[list[str], str]] = []
    real = subprocess.run

    def run(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        begun.append((command, str(options["env"])))
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    apply_migrations(secret, bundled_files.bundled_folder("migrations"))
    [(command, environment)] = begun
    assert "s3cret-word" not in " ".join(command)
    assert "s3cret-word" in environment


def test_a_file_that_was_there_becomes_its_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is closed to others before anything is written. A file of another user is refused."""
    file = tmp_path / "people.rejected.csv"
    file.write_text("")
    file.chmod(0o666)
    with RejectedLinesFile(file, ("email",)) as rejects:
        rejects.add_line(RejectedLine(2, {"email": "ann"}, "no @"))
    assert others_may(file) == 0

    def refuse(descriptor: int, mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchmod", refuse)
    with pytest.raises(PermissionError):
        open_private_file_descriptor(str(file), os.O_WRONLY)


def test_a_pipe_keeps_its_permissions(tmp_path: Path) -> None:
    """A named pipe keeps its permissions: its text is for the program that reads it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    pipe.chmod(0o644)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.close(open_private_file_descriptor(str(pipe), os.O_WRONLY))
    os.close(reading)
    assert others_may(pipe) == 0o044


@pytest.mark.parametrize(("mode", "problems"), [(0o600, 0), (0o640, 0), (0o644, 2)])
def test_settings_and_tokens_that_all_can_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, problems: int
) -> None:
    """The file with the settings and a relay's token are secrets as the private keys are."""
    monkeypatch.chdir(tmp_path)
    for name in (".env", "token"):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).chmod(mode)
    url = "smtps://me@relay.example?auth=XOAUTH2&token_file=token"
    found = link_and_dkim_signers.exposed_secret_file_problems(read_settings(processors=(url,)))
    assert len(found) == problems
    assert [f"chmod o= {name}" in text for text, name in zip(found, ("token", ".env"), strict=False)] == [
        True
    ] * problems


def test_one_user_passes_and_no_other(tmp_path: Path) -> None:
    """An entry of the access list lets one user pass through a closed folder; its mode says nothing to others."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    allow_user_to_traverse_folder(folder, 12_345)
    allow_user_to_traverse_folder(folder, 12_345)
    allow_user_to_traverse_folder(folder, 54_321)
    assert stat.S_IMODE(folder.stat().st_mode) & 0o007 == 0
    text = os.getxattr(folder, "system.posix_acl_access")
    users = [text[place : place + 8] for place in range(4, len(text), 8)]
    assert [int.from_bytes(user[4:], "little") for user in users if user[0] == 0x02] == [12_345, 54_321]
    assert all(user[2] == 0o1 for user in users if user[0] == 0x02)


def test_who_was_masked_stays_masked(tmp_path: Path) -> None:
    """An entry whose permission the list's mask takes away does not get it with the mask that one more user needs."""
    folder, bob, nobody = tmp_path / "closed", 12_345, 0xFFFFFFFF
    folder.mkdir(mode=0o700)
    given = [(0x01, 0o7, nobody), (0x02, 0o7, bob), (0x04, 0o5, nobody), (0x10, 0o4, nobody), (0x20, 0, nobody)]
    packed = b"".join(struct.pack("<HHI", *entry) for entry in given)
    os.setxattr(folder, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    allow_user_to_traverse_folder(folder, 54_321)
    entries = {
        (tag, id_): allowed
        for tag, allowed, id_ in struct.iter_unpack("<HHI", os.getxattr(folder, "system.posix_acl_access")[4:])
    }
    mask = entries[0x10, nobody]
    assert entries[0x02, 54_321] & mask == 0o1
    assert entries[0x02, bob] & mask == 0o4
    assert entries[0x04, nobody] & mask == 0o4


def test_a_folder_that_all_may_pass_is_left_alone(tmp_path: Path) -> None:
    """A folder that all may pass is left alone: nothing is written if nothing has to be."""
    tmp_path.chmod(0o711)
    allow_user_to_traverse_folder(tmp_path, 12_345)
    assert "system.posix_acl_access" not in os.listxattr(tmp_path)


@pytest.mark.parametrize(("mode", "problems"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)])
def test_a_dkim_key_that_all_can_read_is_named(tmp_path: Path, mode: int, problems: int) -> None:
    """A warning with what to do: a container's mount is often so, and harms nobody there."""
    file = tmp_path / "key.pem"
    file.write_text("x")
    file.chmod(mode)
    found = link_and_dkim_signers.exposed_secret_file_problems(
        read_settings(dkim=(f"a.example:s1:{file}", f"b.example:s1:{file}"))
    )
    assert len(found) == problems
    assert all(f"chmod o= {file}" in text for text in found)


def captured(folder: Path) -> None:
    """A mail that is taken by the capturing server."""

    async def take() -> None:
        async with CaptureServer(folder / "captured") as server:
            await aiosmtplib.send(
                b"Subject: x\r\n\r\nx\r\n",
                sender="a@a.example",
                recipients=["b@b.example"],
                hostname="127.0.0.1",
                port=server.port,
                start_tls=False,
            )

    asyncio.run(take())


def remembered(folder: Path) -> None:
    """Writes the notes of a process: the database that it saw, its trace, and a change of a standing."""
    notes, now = NotesAboutDatabaseInFiles(folder), datetime.now(UTC)
    notes.write_seal_marker_if_newer(LastSeenSealMarker(uuid4(), 1, "x"), ())
    notes.switch_notes_to_lineage(uuid4())
    notes.note_committed_entry_on_disk(uuid4(), 1)
    asyncio.run(
        notes.note_standing_changes_on_disk(
            [JournaledStandingChange(uuid4(), 1, now, BRAND, 1, now, "opt_out", "*", "page", "1")]
        )
    )
    notes.close()


def rejected(folder: Path) -> None:
    """Writes the rejected lines of a file of people, over a file that others could read."""
    (folder / "people.rejected.csv").touch()
    with RejectedLinesFile(folder / "people.rejected.csv", ("email",)) as rejects:
        rejects.add_line(RejectedLine(2, {"email": "ann"}, "no @"))


def previewed(folder: Path) -> None:
    """Writes a preview of a mail, in both parts."""
    [weekly] = [one for one in templates() if (one.brand, one.name) == (BRAND, "weekly")]
    write_and_open_preview(weekly, render_template_preview(weekly), folder / "preview.html")


@pytest.mark.promise("interpals-29", "paltalk06-27")
@pytest.mark.parametrize("write", [captured, remembered, rejected, previewed])
def test_whatever_is_written_is_its_owners(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """Each writer of personal data makes files of mode 0600 in folders of mode 0700, for any umask."""
    folder = tmp_path / "data"
    before = os.umask(0)
    try:
        folder.mkdir(mode=0o700)
        write(folder / "made" if write in (captured, remembered) else folder)
    finally:
        os.umask(before)
    made = [*folder.rglob("*")]
    assert [path for path in made if path.is_file()]
    assert {str(path.relative_to(folder)): others_may(path) for path in made if others_may(path)} == {}


def test_the_settings_of_a_new_brand_are_its_owners(tmp_path: Path) -> None:
    """The file into which secrets will be written is 0600 from the beginning."""
    before = os.umask(0)
    try:
        assert CliRunner().invoke(app, ["init", "harbor", "--to", str(tmp_path)]).exit_code == 0
    finally:
        os.umask(before)
    assert others_may(tmp_path / ".env") == 0
