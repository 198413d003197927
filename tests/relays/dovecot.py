"""Dovecot, as Debian packages it, in a folder of its own: an IMAP server with one mailbox."""

import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.relays.sandbox import laid_over, started
from tests.relays.world import PASSWORD, USER, Certificate

_CONF = """\
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{folder}/box
first_valid_uid = 1
auth_failure_delay = 0
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""


@dataclass
class ImapServer:
    """An IMAP server. port: of imaps. box: its Maildir, the folder INBOX."""

    port: int
    box: Path

    def url(self, to: str, password: str = PASSWORD, folder: str = "INBOX") -> str:
        """The address of its mailbox for `MAILER_INBOUND`."""
        user, secret = quote(USER, safe=""), quote(password, safe="")
        return f"imaps://{user}:{secret}@127.0.0.1:{self.port}/{folder}?to={to}"

    def deliver(self, name: str, content: bytes) -> None:
        """Puts a message into the mailbox, as a delivery agent does."""
        part = self.box / "tmp" / name
        part.write_bytes(content)
        nobody = pwd.getpwnam("nobody")
        os.chown(part, nobody.pw_uid, nobody.pw_gid)
        part.rename(self.box / "new" / name)

    def seen(self) -> list[str]:
        """The names of the messages with the flag Seen."""
        files = [*(self.box / "cur").iterdir(), *(self.box / "new").iterdir()]
        return sorted(file.name.partition(":")[0] for file in files if "S" in file.name.partition(":2,")[2])


def prepare_mailbox(folder: Path, port: int) -> ImapServer:
    """Makes an empty mailbox, which the server may change."""
    nobody = pwd.getpwnam("nobody")
    for name in ("box", "box/cur", "box/new", "box/tmp", "state", "run"):
        (folder / name).mkdir(exist_ok=True)
        if name.startswith("box"):
            os.chown(folder / name, nobody.pw_uid, nobody.pw_gid)
    return ImapServer(port, folder / "box")


@asynccontextmanager
async def dovecot(folder: Path, server: ImapServer, certificate: Certificate) -> AsyncIterator[ImapServer]:
    """Runs Dovecot over a mailbox; a second one in the same folder goes on with it."""
    nobody = pwd.getpwnam("nobody")
    conf = _CONF.format(
        folder=folder,
        certificate=certificate.certificate,
        key=certificate.key,
        password=PASSWORD,
        port=server.port,
        uid=nobody.pw_uid,
        gid=nobody.pw_gid,
    )
    (folder / "dovecot.conf").write_text(conf)
    words = [*laid_over("dovecot"), "/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")]
    async with started(words, folder, server.port):
        yield server
