"""SPF, DKIM and DMARC of received mail as mailauth sees them, which shares no code with ours."""

import base64
import ipaddress
import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mailer.inbound.sender_authentication.authentication import SmtpEnvelope, authenticate_sender
from mailer.inbound.sender_authentication.dkim_signature import DkimOutcome
from mailer.inbound.sender_authentication.dmarc import DmarcResultCode
from tests.dkim_signatures import MESSAGE, key_record, private_key, sign
from tests.dmarc_cases import CASES, TOP, dmarc_zone
from tests.dns_zone import WrittenZone
from tests.spf_cases import HERE, TERMS, spf_zone

ROOT = Path(__file__).parents[2]
NOW = 1_700_000_100


@cache
def messages() -> dict[str, bytes]:
    """Messages that both judge in one way. `l=`, keys on trial and uncovered fields prove nothing to us alone."""
    return {
        "signed": sign(),
        "simple": sign(form="simple/simple"),
        "Ed25519": sign(key=private_key("ed25519"), tags={"s": "k2"}),
        "unsigned": MESSAGE,
        "changed body": sign() + b"more\r\n",
        "changed head": sign().replace(b"Zoe", b"Zoo"),
        "another domain": sign(tags={"d": "evil.example"}),
        "another domain and ours": sign(sign(tags={"d": "evil.example"})),
        "expired": sign(tags={"x": "1700000001"}),
        "sha1": sign(tags={"a": "rsa-sha1"}),
        "a key that is missing": sign(tags={"s": "k9"}),
        "two From": b"From: x@evil.example\r\n" + sign(),
    }


def written(zone: WrittenZone) -> dict[str, Any]:
    """The records as node's resolver gives them."""
    records: dict[str, dict[str, Any]] = {}
    for name, texts in zone.txt.items():
        records.setdefault(name, {})["TXT"] = [[text] for text in texts]
    for name, addresses in zone.hosts.items():
        for address in addresses:
            kind = "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
            records.setdefault(name, {}).setdefault(kind, []).append(address)
    for name, hosts in zone.mx.items():
        found = [{"exchange": host.removesuffix("."), "priority": 1} for host in hosts]
        records.setdefault(name, {})["MX"] = found
    for client, names in zone.ptr.items():
        records.setdefault(client.reverse_pointer, {})["PTR"] = list(names)
    return {"records": records, "down": sorted(zone.down)}


def message_zone() -> WrittenZone:
    """The records of mail.example, and of somebody else."""
    key = [key_record(private_key())]
    names = ("k1._domainkey.mail.example", "k1._domainkey.evil.example")
    texts: Mapping[str, list[str]] = dict.fromkeys(names, key) | {
        "k2._domainkey.mail.example": [key_record(private_key("ed25519"))],
        "_dmarc.mail.example": ["v=DMARC1; p=reject"],
        "mail.example": ["v=spf1 ip4:192.0.2.0/24 -all"],
        "evil.example": ["v=spf1 ip4:192.0.2.0/24 -all"],
    }
    return WrittenZone(txt=texts)


SENDERS = ("zoe@mail.example", "x@evil.example", "")


@cache
def told() -> dict[str, list[Any]]:
    """The answers of mailauth to all cases, from one process."""
    spf = [
        {"ip": str(HERE), "helo": "helo.example", "sender": "bo-lp@mail.example", **written(spf_zone(record))}
        for record, _ in TERMS
    ]
    dmarc = [
        {
            "headerFrom": [f"zoe@{sender}"],
            "spfDomains": [text[4:] for text in proven if text.startswith("spf=")],
            "dkimDomains": [{"domain": text[5:], "id": "1"} for text in proven if text.startswith("dkim=")],
            **written(dmarc_zone(records)),
        }
        for records, sender, proven, *_ in CASES
    ]
    mails = [
        {
            "message": base64.b64encode(message).decode(),
            "ip": str(HERE),
            "helo": "mail.example",
            "sender": sender,
            **written(message_zone()),
        }
        for message in messages().values()
        for sender in SENDERS
    ]
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("sender.cjs")), str(ROOT / ".cache" / "verifiers")],
        input=json.dumps({"spf": spf, "dmarc": dmarc, "messages": mails}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


def test_spf_is_that_of_mailauth() -> None:
    """Each record of our table has the same result there."""
    ours = {record: result.value for record, result in TERMS}
    assert dict(zip(ours, told()["spf"], strict=True)) == ours


def test_dmarc_is_that_of_mailauth() -> None:
    """Each case of our table has the same result and treatment there, but for a top-level domain as an organization.

    A case with `?` is left out: mailauth is not told which domains the DNS was silent about.
    """
    different = []
    for (records, sender, proven, result, policy, _), said in zip(CASES, told()["dmarc"], strict=True):
        ours = [result.value, "" if result is DmarcResultCode.TEMPERROR else policy]
        if said != ours and "?" not in "".join(proven):
            different.append((records, sender, proven, ours[0], said[0]))
    assert different == [(TOP, "mega.example", ["dkim=evil.example"], "fail", "pass")]


async def test_messages_are_judged_as_by_mailauth() -> None:
    """Each message has the same results of SPF and DMARC there from each sender, and the same signatures pass."""
    cases = [(what, message, sender) for what, message in messages().items() for sender in SENDERS]
    different = []
    for (what, message, sender), (spf, signatures, dmarc) in zip(cases, told()["messages"], strict=True):
        found = await authenticate_sender(SmtpEnvelope(HERE, "mail.example", sender), message, message_zone(), NOW)
        passed = [one.outcome is DkimOutcome.PASS for one in found.dkim]
        if (found.spf.result, passed, found.dmarc.result) != (spf, [one == "pass" for one in signatures], dmarc):
            different.append((what, sender, found, spf, signatures, dmarc))
    assert different == []
