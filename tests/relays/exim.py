"""Exim 4, as Debian packages it (the light daemon), in a folder of its own."""

import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.relays.helper import SLOW_SECONDS
from tests.relays.sandbox import Running, laid_over, number, started
from tests.relays.world import PASSWORD, USER, Certificate, Manner, Server

_CONFIGURATION = """\
primary_hostname = relay.example.net
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/exim.pid
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
smtp_ratelimit_hosts =
smtputf8_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
message_size_limit = {size}
acl_smtp_helo = helo
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = data

begin acl
helo:
  {helo}
  accept
mail:
  {mail}
  accept
rcpt:
  {rcpt}
  deny local_parts = nobody
       message = 550 5.1.1 No such user
  accept domains = example.org
data:
  {data}
  accept

begin routers
everybody:
  driver = accept
  transport = keep

begin transports
keep:
  driver = appendfile
  directory = {folder}/all
  maildir_format
  envelope_to_add
  user = nobody
  group = nogroup

begin retry
* * F,1h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_advertise_condition = ${{if def:tls_in_cipher {{{auth}}}}}
  server_condition = ${{if and {{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""
_SPECIAL: dict[Manner, dict[str, str]] = {
    Manner.STARTTLS: {"mail": "deny !encrypted = *\n       message = 530 5.7.0 Must issue STARTTLS first"},
    Manner.AUTH: {"auth": "yes", "mail": "deny !authenticated = *\n       message = 550 5.7.0 Authentication required"},
    Manner.FQDN: {
        "helo": "deny condition = ${if match{$sender_helo_name}{\\N^\\[|\\.\\N}{no}{yes}}\n"
        "       message = 504 5.5.2 need fully-qualified hostname"
    },
    Manner.BAD_HELO: {"helo": "deny message = 504 5.5.2 need fully-qualified hostname"},
    Manner.DENIED: {"rcpt": "deny message = relay not permitted"},
    Manner.GREY: {
        "rcpt": "defer !ratelimit = 1.2 / 1h / strict / $local_part\n       message = 450 4.2.0 Greylisted",
    },
    Manner.SMALL: {"size": "300"},
    Manner.RATE: {
        "mail": "defer ratelimit = 5 / 1h / strict / $sender_host_address\n       message = 450 4.7.1 Too many messages"
    },
    Manner.SLOW: {"data": f"warn delay = {SLOW_SECONDS:.0f}s"},
}


@asynccontextmanager
async def exim(
    manner: Manner, folder: Path, port: int, certificate: Certificate, helper: int = 1
) -> AsyncIterator[tuple[Server, Running]]:
    """An Exim on this port."""
    user = number("exim", "Debian-exim")
    nobody = pwd.getpwnam("nobody")
    for name, owner in (("spool", user), ("log", user), ("all", nobody.pw_uid)):
        (folder / name).mkdir(exist_ok=True)
        os.chown(folder / name, owner, owner)
    key = folder / "key.pem"
    key.write_bytes(certificate.key.read_bytes())
    os.chown(key, user, user)
    usual = dict.fromkeys(("helo", "mail", "rcpt", "data"), "") | {"size": "50M", "auth": "no"}
    said = usual | _SPECIAL.get(manner, {})
    (folder / "conf").mkdir(exist_ok=True)
    # With -C, Exim would give its privilege up; so it finds its configuration where Debian has it.
    (folder / "conf" / "exim4.conf").write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=port,
            certificate=certificate.certificate,
            key=key,
            user=USER,
            password=PASSWORD,
            **said,
        )
    )
    words = [*laid_over("exim", {folder / "conf": "/etc/exim4"}), "/usr/sbin/exim4", "-bdf", "-q1m"]
    async with started(words, folder, port) as running:
        yield Server("exim", port, folder / "all"), running
