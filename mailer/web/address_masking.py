"""An address as a page may show it to whoever holds a link: enough to tell one's own addresses apart."""


def mask_address(address: str) -> str:
    """`a…@e….org` of `ada@example.org`; of a domain of one label, its first character alone."""
    local, _, domain = address.rpartition("@")
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}….{top}" if dot else f"{local[:1]}…@{domain[:1]}…"
