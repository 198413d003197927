"""Texts as columns hold them."""


def storable_text(text: str) -> str:
    """A text as a column can hold it: without U+0000 and halves of surrogate pairs, which a stranger's may have."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
