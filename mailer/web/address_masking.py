"""Masks an address for a page. Anybody with the link may see the page; owners still recognise their address."""


def mask_address(address: str) -> str:
    """Returns `a…@e….org` for `ada@example.org`. A domain with one label keeps only its first character."""
    local, _, domain = address.rpartition("@")
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}….{top}" if dot else f"{local[:1]}…@{domain[:1]}…"
