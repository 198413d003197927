"""Texts that a column of PostgreSQL can store."""


def storable_text(text: str) -> str:
    """Returns a text that a column can store: without U+0000 and lone surrogates, which texts from outside may have."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
