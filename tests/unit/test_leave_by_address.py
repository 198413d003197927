"""The pure parts of leaving by an address: the client's network, and the brand in a link that was cut off."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.actions.requests_identified_by_address import network_of_client
from mailer.web.broken_link_brand import brand_in_broken_link


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("8.8.8.8", "8.8.8.0/24"),
        ("8.8.8.255", "8.8.8.0/24"),
        ("::ffff:8.8.8.8", "8.8.8.0/24"),
        ("2a00:1450:4001:82a::200e", "2a00:1450:4001::/48"),
        ("2a00:1450:4001:82a::200e%eth0", "2a00:1450:4001::/48"),
        ("127.0.0.1", None),
        ("::1", None),
        ("10.1.2.3", None),
        ("192.168.1.1", None),
        ("fd00::1", None),
        ("fe80::1%eth0", None),
        ("", None),
        (None, None),
        ("testclient", None),
    ],
)
def test_the_network_of_a_client(host: str | None, network: str | None) -> None:
    """The network is a /24 or a /48. An address of our own network is a proxy's, and stands for everybody."""
    assert network_of_client(host) == network


@given(st.text(max_size=300))
def test_any_token_names_a_brand_or_none(token: str) -> None:
    """Any text in a path is read without an error, and names a brand of the site or none."""
    assert brand_in_broken_link(token, {"interpals"}) in (None, "interpals")


@pytest.mark.parametrize(
    ("payload", "brand"),
    [
        ('["interpals",17,"newsletter"]', "interpals"),
        ('["interpals"', "interpals"),
        ('["interpa', None),
        ('["unknown",17]', None),
        ('{"interpals":1}', None),
        ('x["interpals",1]', None),
    ],
)
def test_the_brand_of_a_link_that_was_cut_off(payload: str, brand: str | None) -> None:
    """The brand is found only if it is of this site, and stands where a token has it."""
    token = base64.urlsafe_b64encode(payload.encode()).rstrip(b"=").decode()
    assert brand_in_broken_link(token + "AAAA", {"interpals"}) == brand
