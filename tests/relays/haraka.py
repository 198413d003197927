"""Haraka, from npm: it offers PIPELINING, and refuses what comes behind a final dot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.relays.sandbox import Running, started, unpacked
from tests.relays.world import PASSWORD, USER, Certificate, Manner, Server

_KEEP = """\
const fs = require('node:fs')
const path = require('node:path')
const DSN = require('haraka-dsn')
const folder = %(mail)r
exports.register = function () {
    this.register_hook('rcpt', 'take')
    this.register_hook('queue', 'keep')
    this.register_hook('queue_outbound', 'keep')
    this.register_hook('helo', 'greet'); this.register_hook('ehlo', 'greet')
    this.register_hook('mail', 'begin')
}
const manner = %(manner)r
let messages = 0
const seen = new Set()
exports.greet = (next) => manner === 'bad-helo' ? next(DENY, 'need fully-qualified hostname') : next()
exports.begin = function (next, connection) {
    const refuse = (code, text, detail) => next(code < 500 ? DENYSOFT : DENY, DSN.create(code, text, 7, detail))
    if (manner === 'starttls' && !connection.tls.enabled) refuse(530, 'Must issue STARTTLS first', 0)
    else if (manner === 'auth' && !connection.notes.auth_user) refuse(550, 'Authentication required', 0)
    else if (manner === 'rate' && ++messages > 5) refuse(450, 'Too many messages', 1)
    else next()
}
exports.take = function (next, connection, params) {
    const address = params[0].address
    if (manner === 'denied') return next(DENY, DSN.create(550, 'I cannot deliver mail for ' + address, 7, 1))
    if (manner === 'grey' && !seen.has(address)) { seen.add(address); return next(DENYSOFT, 'Greylisted') }
    if (address.startsWith('nobody@')) return next(DENY, DSN.no_such_user())
    next(OK)
}
exports.keep = function (next, connection) {
    const name = connection.transaction.uuid
    const parts = []
    for (const to of connection.transaction.rcpt_to) parts.push('X-Original-To: ' + to.address + '\\n')
    connection.transaction.message_stream.get_data((data) => {
        const taken = () => {
            fs.writeFileSync(path.join(folder, 'tmp', name), Buffer.concat([Buffer.from(parts.join('')), data]))
            fs.renameSync(path.join(folder, 'tmp', name), path.join(folder, 'new', name))
            next(OK, 'kept')
        }
        manner === 'slow' ? setTimeout(taken, %(pause)d) : taken()
    })
}
"""


@asynccontextmanager
async def haraka(
    manner: Manner, folder: Path, port: int, certificate: Certificate, helper: int = 1
) -> AsyncIterator[tuple[Server, Running]]:
    """A Haraka on this port."""
    modules = unpacked("haraka") / "node_modules"
    mail, config, plugins = folder / "all", folder / "config", folder / "plugins"
    for made in (mail / "new", mail / "tmp", config, plugins):
        made.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"name": "relay", "version": "1.0.0"}')
    names = {Manner.STARTTLS: ["tls"], Manner.AUTH: ["tls", "auth/flat_file"]}.get(manner, [])
    (config / "plugins").write_text("\n".join([*names, "keep"]) + "\n")
    (config / "smtp.ini").write_text(f"listen=127.0.0.1:{port}\nnodes=0\n")
    (config / "me").write_text("relay.example.net\n")
    usual = modules / "Haraka" / "config"
    (config / "log.ini").write_text((usual / "log.ini").read_text())
    limits = (usual / "connection.ini").read_text()
    (config / "connection.ini").write_text(
        limits.replace("bytes=26214400", "bytes=300") if manner is Manner.SMALL else limits
    )
    (config / "tls.ini").write_text("key=key.pem\ncert=cert.pem\n")
    (config / "key.pem").write_text(certificate.key.read_text())
    (config / "cert.pem").write_text(certificate.certificate.read_text())
    (config / "auth_flat_file.ini").write_text(f"[core]\nmethods=PLAIN,LOGIN\n\n[users]\n{USER}={PASSWORD}\n")
    script = _KEEP % {"mail": str(mail), "manner": str(manner), "pause": 3_000}
    (plugins / "keep.js").write_text(script)
    words = ["node", str(modules / "Haraka" / "bin" / "haraka"), "-c", str(folder)]
    async with started(words, folder, port, {"NODE_PATH": str(modules)}) as running:
        yield Server("haraka", port, mail), running
