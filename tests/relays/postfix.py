"""Postfix, as Debian packages it, in a folder of its own."""

import os
import pwd
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from tests.relays.sandbox import Running, laid_over, number, started
from tests.relays.world import Certificate, Manner, Server

_SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
anvil     unix - - n - 1 anvil
bounce    unix - - n - 0 bounce
cleanup   unix n - n - 0 cleanup
defer     unix - - n - 0 bounce
discard   unix - - n - - discard
error     unix - - n - - error
lmtp      unix - - n - - lmtp
proxymap  unix - - n - - proxymap
qmgr      unix n - n 300 1 qmgr
retry     unix - - n - - error
rewrite   unix - - n - - trivial-rewrite
smtp      unix - - n - - smtp
tlsmgr    unix - - n 1000? 1 tlsmgr
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
virtual   unix - n n - - virtual
postlog   unix-dgram n - n - 1 postlogd
"""
_QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace"


def settings(manner: Manner, folder: Path, certificate: Certificate, helper: int) -> dict[str, str]:
    """Lines of main.cf. The helper is a port on which a server of the test answers Postfix's questions."""
    found = {
        "compatibility_level": "3.6",
        "queue_directory": str(folder / "spool"),
        "data_directory": str(folder / "data"),
        "maillog_file": str(folder / "maillog"),
        "maillog_file_prefixes": str(folder),
        "myhostname": "relay.example.net",
        "mydestination": "",
        "mynetworks": "",
        "mynetworks_style": "host",
        "inet_protocols": "ipv4",
        "smtputf8_enable": "yes",
        "alias_maps": "",
        "alias_database": "",
        "virtual_mailbox_domains": "example.org",
        "virtual_mailbox_base": str(folder),
        "virtual_mailbox_maps": f"regexp:{folder}/people",
        "virtual_minimum_uid": "1",
        "virtual_uid_maps": "static:65534",
        "virtual_gid_maps": "static:65534",
        "smtpd_tls_cert_file": str(certificate.certificate),
        "smtpd_tls_key_file": str(certificate.key),
        "smtpd_tls_security_level": "may",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": f"inet:127.0.0.1:{helper}",
        "smtpd_peername_lookup": "no",
        "smtpd_recipient_restrictions": "",
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
        "smtpd_client_event_limit_exceptions": "",
    }
    return found | special(manner, helper)


def special(manner: Manner, helper: int) -> dict[str, str]:
    """Lines of main.cf for one configuration alone."""
    return _SPECIAL[manner](helper)


def _asks(helper: int) -> str:
    return f"check_policy_service inet:127.0.0.1:{helper}"


_SPECIAL: dict[Manner, Callable[[int], dict[str, str]]] = {
    Manner.PLAIN: lambda helper: {},
    Manner.STARTTLS: lambda helper: {"smtpd_tls_security_level": "encrypt"},
    Manner.AUTH: lambda helper: {
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_client_restrictions": "permit_sasl_authenticated,"
        " check_client_access static:{530 5.7.0 Authentication required}",
    },
    Manner.FQDN: lambda helper: {
        "smtpd_helo_required": "yes",
        "smtpd_helo_restrictions": "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname",
    },
    Manner.BAD_HELO: lambda helper: {
        "smtpd_delay_reject": "no",
        "smtpd_helo_restrictions": "check_helo_access static:{504 5.5.2 need fully-qualified hostname}",
    },
    Manner.DENIED: lambda helper: {"virtual_mailbox_domains": ""},
    Manner.GREY: lambda helper: {"smtpd_recipient_restrictions": _asks(helper)},
    Manner.SMALL: lambda helper: {"message_size_limit": "300", "smtpd_discard_ehlo_keywords": "size"},
    Manner.RATE: lambda helper: {"smtpd_client_message_rate_limit": "5"},
    Manner.SLOW: lambda helper: {"smtpd_end_of_data_restrictions": _asks(helper)},
}


@asynccontextmanager
async def postfix(
    manner: Manner,
    folder: Path,
    port: int,
    certificate: Certificate,
    helper: int = 1,
    more: Mapping[int, Mapping[str, str]] = MappingProxyType({}),
    changed: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[tuple[Server, Running]]:
    """A Postfix on this port; a second one in the same folder goes on with its queue.

    Args:
        manner: its configuration.
        folder: for all its files.
        port: where it listens.
        certificate: its own.
        helper: a port on which a server of the test answers its questions.
        more: other ports on which it listens too, each with settings of its own.
        changed: lines of main.cf instead of those of its configuration.
    """
    words = _prepare(folder, port, {**settings(manner, folder, certificate, helper), **changed}, more)
    async with started(words, folder, port) as running:
        yield Server("postfix", port, folder / "all"), running


def _prepare(folder: Path, port: int, said: Mapping[str, str], more: Mapping[int, Mapping[str, str]]) -> list[str]:
    owner = number("postfix", "postfix")
    group = number("postfix", "postdrop")
    for name in ("conf", "spool", "data", "all"):
        (folder / name).mkdir(exist_ok=True)
    for name in (*_QUEUES.split(), "public", "maildrop", "pid"):
        (folder / "spool" / name).mkdir(exist_ok=True)
        os.chown(folder / "spool" / name, 0 if name == "pid" else owner, group if name in ("public", "maildrop") else 0)
    (folder / "spool" / "public").chmod(0o710)
    (folder / "spool" / "maildrop").chmod(0o1730)
    os.chown(folder / "data", owner, owner)
    nobody = pwd.getpwnam("nobody")
    os.chown(folder / "all", nobody.pw_uid, nobody.pw_gid)
    (folder / "people").write_text("if !/^nobody@/\n/./ all/\nendif\n")
    lines = (f"{name} = {value}" for name, value in said.items())
    (folder / "conf" / "main.cf").write_text("\n".join(lines) + "\n")
    services = [_SERVICES.format(port=port)]
    for other, own in more.items():
        options = "".join(f" -o {{ {name} = {value} }}" for name, value in own.items())
        services.append(f"127.0.0.1:{other} inet n - n - - smtpd{options}\n")
    (folder / "conf" / "master.cf").write_text("".join(services))
    return [*laid_over("postfix"), "/usr/lib/postfix/sbin/master", "-c", str(folder / "conf")]
