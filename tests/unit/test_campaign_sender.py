"""The checks of a campaign that ask others: the sender's records in the DNS, and links beside them."""

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Literal

import pytest

from mailer.campaign_parts import build_campaign_outside_checker
from mailer.doctor.campaign_outside import CampaignOutsideChecker
from mailer.doctor.campaign_sender import campaign_sender_domain, check_campaign_sender
from mailer.policy.link_urls import LinkAnswer, LinkResult
from mailer.ports.dns_lookup import Address, LookupFailed
from mailer.rendering.campaign_findings import Place
from mailer.settings import Settings
from tests.campaign_facts import facts, policy, with_link
from tests.dns_zone import WrittenZone

RELAY = ipaddress.ip_address("192.0.2.7")
DOMAIN = policy().domain
KEY = f"k1._domainkey.{DOMAIN}"
KEYS = {KEY: "v=DKIM1; k=rsa; p=TUlJQg=="}
GOOD = {DOMAIN: ["v=spf1 ip4:192.0.2.7 -all"], KEY: ["v=DKIM1; p=TUlJQg=="], f"_dmarc.{DOMAIN}": ["v=DMARC1; p=reject"]}
HOSTS = {"relay.example": ["192.0.2.7"]}


class WrittenAnswers:
    """A checker of links whose answers are written down."""

    def __init__(self, result: LinkResult = LinkResult.ANSWERED) -> None:
        self.result = result
        self.asked: list[str] = []

    async def ask_for_links(self, urls: Sequence[str]) -> list[LinkAnswer]:
        """Notes the links."""
        self.asked += urls
        return [LinkAnswer(url, self.result, "status 404") for url in urls]


async def found(zone: WrittenZone, links: WrittenAnswers | None = None, **more: object) -> list[tuple[str, str]]:
    """The names and texts of the findings of a campaign with one link."""
    checker = CampaignOutsideChecker(
        links or WrittenAnswers(),
        lambda: zone,
        lambda: {DOMAIN: KEYS},
        {"relay-us": "relay.example"},
        **more,  # type: ignore[arg-type]
    )
    return [(finding.name, finding.text) for finding in await checker(with_link("https://paltalk.com/rooms"))]


async def test_a_good_sender_has_no_finding() -> None:
    """SPF names the relay, DKIM has our key, DMARC asks for a policy."""
    assert await found(WrittenZone(txt=GOOD, hosts=HOSTS)) == []


@pytest.mark.parametrize(
    ("changed", "name", "said"),
    [
        ({DOMAIN: []}, "sender-not-authenticated", "no SPF record"),
        ({DOMAIN: ["v=spf1 -all"]}, "sender-weakly-authenticated", "192.0.2.7"),
        ({KEY: []}, "sender-not-authenticated", "there is no record"),
        ({KEY: ["v=DKIM1; p=TUlJQw=="]}, "sender-not-authenticated", "not that of our private key"),
        ({f"_dmarc.{DOMAIN}": []}, "sender-not-authenticated", "no DMARC record"),
        ({f"_dmarc.{DOMAIN}": ["v=DMARC1; p=none"]}, "sender-weakly-authenticated", "p=none"),
    ],
)
async def test_a_bad_sender_is_told(changed: dict[str, list[str]], name: str, said: str) -> None:
    """The text is that of `mailer doctor`, so operators find it there."""
    [(tripped, text)] = await found(WrittenZone(txt={**GOOD, **changed}, hosts=HOSTS))
    assert tripped == name
    assert said in text


async def test_name_servers_that_do_not_answer_stop_nothing() -> None:
    """A silent DNS is a warning, as is none at all, and as is one that takes too long."""
    down = WrittenZone(txt=GOOD, hosts=HOSTS, down=frozenset(("relay.example",)))
    assert [name for name, _ in await found(down)] == ["sender-weakly-authenticated"]

    def none() -> WrittenZone:
        raise LookupFailed("this machine names no name server")

    checker = CampaignOutsideChecker(WrittenAnswers(), none)
    assert [one.name for one in await checker(facts())] == ["sender-weakly-authenticated"]

    class Slow(WrittenZone):
        async def txt_records(self, name: str) -> Sequence[str]:
            await asyncio.Event().wait()
            return ()

        async def host_addresses(self, name: str, version: Literal[4, 6] | None = None) -> Sequence[Address]:
            await asyncio.Event().wait()
            return ()

    domain = campaign_sender_domain(policy(), KEYS)
    [finding] = await check_campaign_sender(Slow(), domain, {"relay-us": [RELAY]}, seconds=0.05)
    assert (finding.name, finding.place) == ("sender-weakly-authenticated", Place())
    assert "0.05 seconds" in finding.text


async def test_captured_mail_needs_no_records() -> None:
    """A trial on one machine asks no name server for the sender, and still asks for links."""
    zone, links = WrittenZone(), WrittenAnswers(LinkResult.MISSING)
    said = await found(zone, links, is_mail_captured=True)
    assert [name for name, _ in said] == ["link-broken", "mail-goes-to-nobody"]
    assert (zone.asked, links.asked) == ([], ["https://paltalk.com/rooms"])


async def test_settings_make_the_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relays outside of this machine count, and no others. A wrong proxy and hidden keys are said at the check."""
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    relay = "smtp://relay.example:587?name=relay-us&country=US&contract=DPA-1"
    settings = Settings(processors=(relay, "smtp://127.0.0.1:2525?name=here"))
    checker = build_campaign_outside_checker(settings)
    assert checker.relays == {"relay-us": "relay.example"}
    assert not checker.is_mail_captured
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example")
    [unasked] = await build_campaign_outside_checker(settings).links.ask_for_links(["https://paltalk.com/"])
    assert unasked.result is LinkResult.NOT_CHECKED
    assert unasked.words.startswith("HTTPS_PROXY:")
    hidden = build_campaign_outside_checker(
        Settings(processors=(relay,), dkim=("paltalk.example:k1:no-such-file.pem",))
    )
    [finding] = await hidden(facts())
    assert (finding.name, "cannot read the DKIM keys" in finding.text) == ("sender-weakly-authenticated", True)
