"""Finds the people that the body of a dead letter names, in JSON or in any other text."""

import quopri
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header
from encodings import normalize_encoding
from encodings.aliases import aliases
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

from mailer.input_types import MAX_ID, parse_json_with_unique_keys
from mailer.policy.text_folding_for_comparison import decode_entities, normalized
from mailer.postgres.address_hashing import AddressHasher

_REFS = ("ref", "refs", "inviter", "member")
"""The fields of an event that contain a person's ref."""
_NEITHER = r"\s\"<>,;:\\(){}\[\]@"
_LOCAL, _MOST = re.compile(rf"[^{_NEITHER}]+\Z"), 64
"""The local part before an @: at most 64 octets (RFC 5321 4.5.3.1.1). No more text is searched."""
_QUOTED = re.compile(r'"([^"\\]+)\\?"\Z')
"""A quoted local part (RFC 5322 3.2.4). In JSON the quotes have a backslash before them."""
_DOMAIN = re.compile(rf"[^{_NEITHER}'?&=/#%!*|~`^+$]{{1,255}}")
_BEFORE = re.compile("[='?&/#|`]")
"""Characters that a local part may have (RFC 5322 3.2.3), but that also come before an address in a URL."""
_AT = re.compile("@")
_CODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_REF = re.compile(rf'"(?:{"|".join(_REFS)})"\s*:\s*(\[[^\]]*|"[^"]*|-?[0-9]+)')
_DEEP = 4
"""The most codes within one another that are decoded."""
_QUOTED_PRINTABLE = re.compile("=[0-9A-Fa-f]{2}")
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?\r\n]*\?=", re.IGNORECASE)
_ENCODED_WORDS = re.compile(rf"{_ENCODED_WORD.pattern}(?:\s*{_ENCODED_WORD.pattern})*", re.IGNORECASE)
"""A sequence of encoded words. Blanks between them are not part of the text (RFC 2047 6.2). The standard library would
find and join them in quadratic time: a body of 4 MiB would take hours."""
_CHARSETS = frozenset(aliases.values()).union(
    ["cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "koi8_t", "koi8_u", "utf_8", "utf_8_sig"],
    ["mac_arabic", "mac_croatian", "mac_farsi", "mac_romanian"],
) - {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
"""The charsets that are decoded, by Python's names. Punycode and IDNA take quadratic time, and are left out. Python's
own lookup is not used: for each unknown name it would search for a module, and keep the name for ever."""
_BASE64 = re.compile(r"(?<![\w+/-])[\w+/-]{8,}(?==*(?![\w+/=-]))", re.ASCII)
"""Text that may be base64, by its characters and length. If it is not, the result is no UTF-8, and is ignored."""
_URL_SAFE = str.maketrans("-_", "+/")
_TEXT = re.compile(r'"([^"]*)"?|(-?[0-9]+)')


def find_person_keys_in_body(
    body: bytes, routing_key: str, hasher: AddressHasher, message_id: str | None = None
) -> list[str]:
    """Returns the keys of all people in a dead letter: keyed hashes of all addresses and refs.

    `key_of_address_hash` and `key_of_ref` return the same keys.

    Args:
        body: the body as it was published.
        routing_key: the routing key, which begins with the brand of the refs. The body may name a further brand.
        hasher: hashes addresses and refs.
        message_id: the message id, which the publisher chose.
    """
    document = _parse_json_body(body)
    texts = [
        *(_decode_non_json_body(body) if document is None else _document_texts(document)),
        routing_key,
        message_id or "",
    ]
    said = {reading for text in texts for reading in iterate_possible_decodings_of_text(text)}
    addresses = {
        _text_without_lone_surrogates(found) for text in said if "@" in text for found in _find_addresses(text)
    }
    refs = {ref for text in said for ref in _find_values_of_ref_fields_in_text(text)} | set(_document_refs(document))
    brands = _brands_of_body_and_routing_key(document, routing_key)
    keys = {key_of_address_hash(hasher.hash_address(address)) for address in addresses}
    keys |= {
        key_of_ref(hasher, _text_without_lone_surrogates(brand), _text_without_lone_surrogates(ref))
        for brand in brands
        for ref in refs
        if len(ref) <= MAX_ID
    }
    return sorted(keys)


def brands_perhaps_owning_dead_letter(body: bytes, routing_key: str) -> set[str]:
    """Returns the brands that a dead letter may belong to: the one in its body, and the one in its routing key."""
    return _brands_of_body_and_routing_key(_parse_json_body(body), routing_key)


def key_of_address_hash(address_hash: bytes) -> str:
    """Returns the key of an address, from its keyed hash."""
    return address_hash.hex()


def key_of_ref(hasher: AddressHasher, brand: str, ref: str) -> str:
    """Returns the key of a brand's ref."""
    return hasher.hash_replacing_ref(brand, ref)


def _brands_of_body_and_routing_key(document: Any, routing_key: str) -> set[str]:
    named = document.get("brand") if isinstance(document, dict) else None
    return {routing_key.split(".")[0], *([named] if isinstance(named, str) else [])}


def _parse_json_body(body: bytes) -> Any:
    try:
        return parse_json_with_unique_keys(body)
    except ValueError:
        return None


def _decode_non_json_body(body: bytes) -> Iterator[str]:
    """Yields a body that is not JSON as text, once for each encoding that it may have."""
    for encoding in ("utf-16",) if body[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "cp1252"):
        yield body.decode(encoding, "replace").replace("\0", "")


def iterate_possible_decodings_of_text(text: str) -> Iterator[str]:
    """Yields a text, and its decoded forms, also for codes within one another (`_DEEP` levels).

    Decodes the codes of JSON, URLs, HTML and mail (RFC 2045 6.7 and 6.8, RFC 2047 2), and Unicode forms (NFKC).
    """
    waiting, seen = [text], set[str]()
    for _ in range(_DEEP):
        new = [one for one in waiting if one not in seen]
        seen.update(new)
        yield from new
        waiting = [read for one in new for read in _decode_text_once_in_each_way(one)]


def _decode_text_once_in_each_way(text: str) -> Iterator[str]:
    """Yields a text once for each kind of code, with the codes of that kind decoded."""
    yield decode_entities(unquote(_CODE.sub(lambda found: chr(int(found[1], 16)), text)))
    if not text.isascii():
        yield normalized("NFKC", text)
    if "=?" in text:
        yield _ENCODED_WORDS.sub(_decode_mime_encoded_words, text)
    if _QUOTED_PRINTABLE.search(text):
        yield quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace")
    for found in _BASE64.findall(text):
        with suppress(ValueError):
            yield b64decode(found.translate(_URL_SAFE) + "=" * (-len(found) % 4)).decode().replace("\0", "")


def _decode_mime_encoded_words(words: re.Match[str]) -> str:
    """Returns the text of a sequence of encoded words. A character may begin in one word and end in the next."""
    read = groupby(map(_octets_and_charset_of_encoded_word, _ENCODED_WORD.findall(words[0])), key=itemgetter(1))
    return "".join(b"".join(octets for octets, _ in some).decode(charset, "replace") for charset, some in read)


def _octets_and_charset_of_encoded_word(word: str) -> tuple[bytes, str]:
    """Returns the octets of an encoded word and their charset; the word itself if it cannot be decoded."""
    with suppress(ValueError, HeaderParseError):
        [(octets, said)] = decode_header(word)
        name = normalize_encoding((said or "").partition("*")[0]).lower()  # a language may follow it (RFC 2231 5)
        charset = aliases.get(name, name)
        if isinstance(octets, bytes) and charset in _CHARSETS:
            return octets, charset
    return word.encode("utf-8", "replace"), "utf-8"


def _document_texts(document: Any) -> Iterator[str]:
    """Yields all texts in a JSON document, including the names of fields."""
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


def _find_addresses(text: str) -> Iterator[str]:
    """Yields all parts of a text that look like an address, also within a URL or beside a name."""
    for found in _AT.finditer(text):
        at = found.start()
        domain = _DOMAIN.match(text, at + 1)
        before = text[max(0, at - _MOST - 3) : at]
        if domain is None or not before:
            continue
        for local in _local_parts_before(before):
            yield f"{local}@{domain[0].strip('.')}"
            yield f"{local.strip('.')}@{domain[0].strip('.')}"


def _local_parts_before(before: str) -> Iterator[str]:
    """Yields the possible local parts of an address, from the text before its @."""
    if quoted := _QUOTED.search(before):
        yield quoted[1]
        yield f'"{quoted[1]}"'
    elif bare := _LOCAL.search(before):
        yield from (bare[0][start:] for start in (0, *(found.end() for found in _BEFORE.finditer(bare[0]))))


def _document_refs(document: Any) -> Iterator[str]:
    waiting = [document]
    while waiting:
        match waiting.pop():
            case list() as items:
                waiting += items
            case dict() as fields:
                for name in _REFS:
                    value = fields.get(name)
                    yield from (
                        str(one) for one in (value if isinstance(value, list) else [value]) if _has_type_of_ref(one)
                    )
                waiting += fields.values()
            case _:
                pass


def _has_type_of_ref(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _find_values_of_ref_fields_in_text(text: str) -> Iterator[str]:
    return (quoted or number for found in _REF.findall(text) for quoted, number in _TEXT.findall(found))


def _text_without_lone_surrogates(text: str) -> str:
    """Returns a text without lone surrogates, which cannot be encoded for hashing."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
