"""The people named in the body of a dead letter, however it is written: JSON, or none at all."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from mailer.inputs import MAX_ID, read_json
from mailer.ledger.addresses import AddressHasher

_REFS = ("ref", "refs", "inviter")
"""The fields of events that hold a person's ref."""
_NEITHER = r"\s\"<>,;:\\(){}\[\]@"
_ADDRESS = re.compile(rf"([^{_NEITHER}]+)@([^{_NEITHER}'?&=/#%!*|~`^+$]+)")
_BEFORE = re.compile("[='?&/#|`]")
"""Characters that a local part may have (RFC 5322 3.2.3), and that stand before an address in a URL, too."""
_CODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_REF = re.compile(rf'"(?:{"|".join(_REFS)})"\s*:\s*(\[[^\]]*|"[^"]*|-?[0-9]+)')
_TEXT = re.compile(r'"([^"]*)"?|(-?[0-9]+)')


def names_in(body: bytes, routing_key: str, hasher: AddressHasher) -> list[str]:
    """Keyed hashes of all addresses and refs in a body: `key_of_address` and `key_of_ref` make the same.

    Args:
        body: as it was published.
        routing_key: begins with the brand whose refs they are, unless the body names another one.
        hasher: of addresses.
    """
    document = _parsed(body)
    text = _text(body) if document is None else ""
    texts = [text] if document is None else list(_texts(document))
    addresses = {_whole(found).strip(".") for one in texts for found in _addresses(one)}
    refs = set(_refs_of_text(text) if document is None else _refs(document))
    brands = {routing_key.split(".")[0]}
    if isinstance(document, dict) and isinstance(document.get("brand"), str):
        brands.add(document["brand"])
    keys = {key_of_address(hasher.hash(address)) for address in addresses}
    keys |= {key_of_ref(hasher, _whole(brand), _whole(ref)) for brand in brands for ref in refs if len(ref) <= MAX_ID}
    return sorted(keys)


def key_of_address(address_hash: bytes) -> str:
    """The key of an address, of its keyed hash."""
    return address_hash.hex()


def key_of_ref(hasher: AddressHasher, brand: str, ref: str) -> str:
    """The key of a brand's ref."""
    return hasher.erased_ref(brand, ref)


def _parsed(body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError:
        return None


def _text(body: bytes) -> str:
    """A body that is no JSON as text, in which JSON's codes are the characters that they stand for."""
    encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = body.decode(encoding, "replace").replace("\0", "")
    return _CODE.sub(lambda found: chr(int(found[1], 16)), text)


def _texts(document: Any) -> Iterator[str]:
    """All texts of a document, names of fields too."""
    waiting = [document]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case list() as items:
                waiting += items
            case dict() as fields:
                waiting += [*fields, *fields.values()]
            case _:
                pass


def _addresses(text: str) -> Iterator[str]:
    """Returns what looks like an address, also within a URL or beside a name."""
    for one in (text, unquote(text)) if "%40" in text else (text,):
        for local, domain in _ADDRESS.findall(one) if "@" in one else ():
            starts = [0, *(found.end() for found in _BEFORE.finditer(local))]
            yield from (f"{local[start:]}@{domain}" for start in starts)


def _refs(document: Any) -> Iterator[str]:
    waiting = [document]
    while waiting:
        match waiting.pop():
            case list() as items:
                waiting += items
            case dict() as fields:
                for name in _REFS:
                    value = fields.get(name)
                    yield from (str(one) for one in (value if isinstance(value, list) else [value]) if _is_ref(one))
                waiting += fields.values()
            case _:
                pass


def _is_ref(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _refs_of_text(text: str) -> Iterator[str]:
    return (quoted or number for found in _REF.findall(text) for quoted, number in _TEXT.findall(found))


def _whole(text: str) -> str:
    """A text that can be hashed: half of a surrogate pair cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
