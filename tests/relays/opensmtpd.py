"""OpenSMTPD, as Debian packages it, in a folder of its own. It offers no PIPELINING.

Debian 12's version cannot complete a TLS handshake with that system's OpenSSL ("missing private key", with RSA and
ECDSA keys), so it can only be asked to want TLS, and AUTH, which it offers under TLS alone, cannot be tried with it.
"""

import os
import pwd
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.relays.helper import SLOW_SECONDS
from tests.relays.sandbox import Running, laid_over, started
from tests.relays.world import Certificate, Manner, Server

_CONFIGURATION = """\
smtp max-message-size {size}
smtp limit max-mails {mails}
pki own cert "{certificate}"
pki own key "{key}"
table people file:{folder}/people
filter strict proc-exec "{filter}" user "root" group "root"
listen on 127.0.0.1 port {port} {tls} {filtered} hostname relay.example.net
action keep mda "{folder}/keep" user "mail" virtual <people>
match from any for {destination} action keep
"""
_KEEP = """\
#!/bin/sh
file=$(mktemp {folder}/all/tmp/XXXXXXXX)
{{ echo "X-Original-To: $ORIGINAL_RECIPIENT"; cat; }} >"$file" && mv "$file" {folder}/all/new/
"""
_FILTER = """\
import sys, threading
manner, seen = sys.argv[1], set()
for line in sys.stdin:
    if line.strip() == "config|ready":
        break
for phase in ("ehlo", "helo", "rcpt-to", "commit"):
    print(f"register|filter|smtp-in|{phase}", flush=True)
print("register|ready", flush=True)
for line in sys.stdin:
    words = line.rstrip("\\n").split("|")
    phase, session, token, value = words[4], words[5], words[6], "|".join(words[7:])
    verdict = "proceed"
    if phase in ("ehlo", "helo") and (manner == "bad-helo" or manner == "fqdn" and "." not in value):
        verdict = "reject|504 5.5.2 need fully-qualified hostname"
    elif phase == "rcpt-to" and manner == "grey" and value not in seen:
        seen.add(value)
        verdict = "reject|450 4.2.0 Greylisted"
    said = f"filter-result|{session}|{token}|{verdict}\\n"
    wait = PAUSE if phase == "commit" and manner == "slow" else 0
    threading.Timer(wait, lambda said=said: print(said, end="", flush=True)).start()
"""
_FILTERED = (Manner.FQDN, Manner.BAD_HELO, Manner.GREY, Manner.SLOW)


@asynccontextmanager
async def opensmtpd(
    manner: Manner, folder: Path, port: int, certificate: Certificate, helper: int = 1
) -> AsyncIterator[tuple[Server, Running]]:
    """An OpenSMTPD on this port."""
    owner = pwd.getpwnam("mail")
    for name in ("spool", "run", "all/new", "all/tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("all/new", "all/tmp"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    (folder / "spool").chmod(0o711)
    key = folder / "key.pem"
    key.write_bytes(certificate.key.read_bytes())
    key.chmod(0o600)
    (folder / "people").write_text("".join(f"r{n}@example.org mail\n" for n in range(100)))
    for name, text in (("keep", _KEEP.format(folder=folder)), ("filter.py", _FILTER)):
        (folder / name).write_text(text.replace("PAUSE", str(SLOW_SECONDS)))
        (folder / name).chmod(0o755)
    (folder / "smtpd.conf").write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=port,
            certificate=certificate.certificate,
            key=key,
            filter=f"{sys.executable} {folder}/filter.py {manner}",
            filtered="filter strict" if manner in _FILTERED else "",
            tls="tls-require pki own" if manner is Manner.STARTTLS else "",
            size="300" if manner is Manner.SMALL else "50M",
            mails=5 if manner is Manner.RATE else 1000,
            destination='domain "elsewhere.example"' if manner is Manner.DENIED else 'domain "example.org"',
        )
    )
    binds = {folder / "spool": "/var/spool/smtpd", folder / "run": "/run"}
    words = [*laid_over("opensmtpd", binds), "/usr/sbin/smtpd", "-d", "-f", str(folder / "smtpd.conf")]
    async with started(words, folder, port) as running:
        yield Server("opensmtpd", port, folder / "all"), running
