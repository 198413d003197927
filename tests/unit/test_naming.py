"""The name that EHLO says."""

import socket
from collections.abc import Callable

import pytest

from mailer.processors.smtp.ehlo_name import EhloNameProvider, address_literal, is_address_literal, is_fully_qualified


@pytest.mark.parametrize(
    "name", ["mail.example.org", "a.b.c.example", "xn--mller-kva.example", "MX-1.Example.COM", "9.de"]
)
def test_fully_qualified_names(name: str) -> None:
    """Two labels or more, of letters, digits and hyphens."""
    assert is_fully_qualified(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "localhost",
        "vm",
        "localhost.localdomain",
        "laptop.local",
        "db.localhost",
        "192.0.2.1",
        "a_b.example.org",
        "-a.example.org",
        "a-.example.org",
        "a..example.org",
        "a.example.org.",
        "a.example.org\n",
        "a.example.org\r\nMAIL FROM:<>",
        "müller.example",
        "a" * 64 + ".example",
        "a." * 127 + "example",
        "[192.0.2.1]",
    ],
)
def test_names_that_are_not(name: str) -> None:
    """A lone label, an address, a name of this machine only, and what no host name may hold."""
    assert not is_fully_qualified(name)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1", "[127.0.0.1]"),
        ("192.0.2.7", "[192.0.2.7]"),
        ("::1", "[IPv6:::1]"),
        ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
        ("::ffff:192.0.2.7", "[192.0.2.7]"),
    ],
)
def test_address_literals(address: str, said: str) -> None:
    """RFC 5321 4.1.3, without a zone, and recognised as such."""
    assert address_literal(address) == said
    assert is_address_literal(said)


@pytest.mark.parametrize(
    "text", ["", "[]", "[1.2.3]", "192.0.2.1", "[2001:db8::1]", "[IPv6:192.0.2.1]", "[IPv6:fe80::1%1]"]
)
def test_what_is_no_literal(text: str) -> None:
    """An address without brackets, or in those of the other version."""
    assert not is_address_literal(text)


def of(name: str) -> Callable[[], str]:
    """A resolver's answer for this machine."""
    return lambda: name


@pytest.mark.parametrize(
    ("system", "said"),
    [("mx7.example.org", "mx7.example.org"), ("mx7.example.org.", "mx7.example.org"), ("vm", "[192.0.2.7]")],
)
async def test_the_system_s_name_if_it_is_one(monkeypatch: pytest.MonkeyPatch, system: str, said: str) -> None:
    """The name is the system's, if it is one. Else it is the address of the connection's own end."""
    monkeypatch.setattr(socket, "getfqdn", of(system))
    assert await EhloNameProvider(None).ehlo_name_for_local_address("192.0.2.7") == said


async def test_what_the_url_says_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system is not even asked."""
    monkeypatch.delattr(socket, "getfqdn")
    assert await EhloNameProvider("mail.example.org").ehlo_name_for_local_address("192.0.2.7") == "mail.example.org"
