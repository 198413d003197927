"""The form of a draft: its fields become a tree of typed texts, the pressed button changes the tree.

The tree holds what was typed, also what is refused, so that no text is lost. A block is a mapping of its fields; each
list of blocks has a path, such as `t0` for the first shown text, and `t0.3.first` for the first column of its block 3.
The fields of a form are named by path: `t0.3.markdown`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import ValidationError

from mailer.policy.campaign_draft import MOST_BLOCKS, LocalizedDraft, VariantName
from mailer.web.form_posts import Form

TypedBlock = dict[str, Any]
MOST_SHOWN: Final = 2
"""The texts that one page shows side by side."""
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "heading": ("text", "level"),
    "text": ("markdown",),
    "html": ("html",),
    "picture": ("picture", "alt", "is_decoration", "href"),
    "button": ("label", "href"),
    "divider": (),
    "articles": (),
    "columns": (),
    "article": ("title", "markdown", "href", "picture", "alt"),
}
_LISTS: Final[Mapping[str, tuple[str, ...]]] = {"articles": ("articles",), "columns": ("first", "second")}
_MAY_BE_ABSENT: Final = {("picture", "href"), ("article", "href"), ("article", "picture")}
BLOCK_KINDS: Final = ("heading", "text", "picture", "button", "articles", "columns", "divider", "html")
INNER_KINDS: Final = ("heading", "text", "picture", "button", "divider")


@dataclass(frozen=True, slots=True)
class TypedText:
    """One shown text as it was typed, of a variant in a language."""

    variant: VariantName
    locale: str
    subject: str = ""
    preheader: str = ""
    blocks: list[TypedBlock] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FieldFault:
    """A fault of a field: the id of the field, and what is wrong."""

    field: str
    text: str


class ActionRefused(ValueError):
    """The pressed button can do nothing. The message says why."""


def typed_text_of_draft(variant: VariantName, locale: str, text: LocalizedDraft) -> TypedText:
    """Returns a stored text for the form."""
    stored = text.model_dump(mode="json")
    return TypedText(variant, locale, text.subject, text.preheader, stored["blocks"])


def read_typed_text(form: Form, path: str, variant: VariantName, locale: str) -> TypedText:
    """Returns a text as it was typed."""
    subject, preheader = one_line(form, f"{path}.subject"), one_line(form, f"{path}.preheader")
    return TypedText(variant, locale, subject, preheader, _read_blocks(form, path, depth=0))


def one_line(form: Form, name: str) -> str:
    """Returns a field of one line, without blanks around it."""
    return form.get(name, [""])[0].strip()


def _read_blocks(form: Form, path: str, depth: int) -> list[TypedBlock]:
    count = form.get(f"{path}.count", ["0"])[0]
    most = min(int(count), MOST_BLOCKS + 1) if count.isascii() and count.isdecimal() and len(count) < 4 else 0
    return [_read_block(form, f"{path}.{number}", depth) for number in range(most)]


def _read_block(form: Form, path: str, depth: int) -> TypedBlock:
    kind = form.get(f"{path}.type", [""])[0]
    block: TypedBlock = {"type": kind}
    for name in _FIELDS.get(kind, ()):
        block[name] = _read_value(form, f"{path}.{name}", kind, name)
    for name in _LISTS.get(kind, ()) if depth == 0 else ():
        block[name] = _read_blocks(form, f"{path}.{name}", depth + 1)
    return block


def _read_value(form: Form, path: str, kind: str, name: str) -> object:
    if name == "is_decoration":
        return path in form
    typed = form.get(path, [""])[0]
    if name in ("markdown", "html"):
        return typed.replace("\r\n", "\n").replace("\r", "\n")
    typed = typed.strip()
    return None if not typed and (kind, name) in _MAY_BE_ABSENT else typed


def validate_typed_text(typed: TypedText, path: str) -> tuple[LocalizedDraft | None, list[FieldFault]]:
    """Returns the text as a draft has it, or the faults of its fields."""
    raw = {
        "subject": typed.subject,
        "preheader": typed.preheader,
        "blocks": [_without_kind(one) for one in typed.blocks],
    }
    try:
        return LocalizedDraft.model_validate(raw), []
    except ValidationError as error:
        faults = [FieldFault(_field_of_place(path, one["loc"]), words_of_fault(one)) for one in error.errors()]
        # pydantic also says that a list is too short if one of its items has a fault.
        return None, [one for one in faults if not any(other.field.startswith(f"{one.field}.") for other in faults)]


def _without_kind(block: TypedBlock) -> TypedBlock:
    """Returns a block as the draft has it: articles have no type."""
    changed = dict(block)
    if "articles" in changed:
        changed["articles"] = [
            {name: value for name, value in one.items() if name != "type"} for one in changed["articles"]
        ]
    return changed


def _field_of_place(path: str, place: Sequence[int | str]) -> str:
    """Returns the id of the field at a place of pydantic's, which also names the type of each block."""
    parts, is_type_next = [path], False
    for part in place:
        if is_type_next and isinstance(part, str):
            is_type_next = False
            continue
        is_type_next = isinstance(part, int) and "articles" not in parts[-1:]
        if part != "blocks":
            parts.append(str(part))
    return ".".join(parts)


def words_of_fault(fault: Mapping[str, Any]) -> str:
    """Returns a fault of a field as a sentence for the writer."""
    limits = fault.get("ctx", {})
    match fault["type"]:
        case "string_too_long":
            return f"It is too long: {limits['max_length']:,} characters are the most."
        case "string_pattern_mismatch" if limits.get("pattern", "").startswith("^[0-9a-f]"):
            return "Choose a picture."
        case "string_pattern_mismatch":
            return "It has a character that cannot be sent. Type it again."
        case "too_long":
            return f"There are too many: {limits['max_length']} are the most."
        case "too_short":
            return "At least one is needed."
        case _:
            return f"{fault['msg']}."


def change_blocks(texts: Sequence[TypedText], action: str, picture: str | None) -> tuple[list[TypedText], str]:
    """Returns the texts after a button of a block was pressed, and the path of the block that it was about.

    Args:
        texts: those that are shown, in their order.
        action: `add@PATH@KIND`, `up@PATH`, `down@PATH` or `remove@PATH`.
        picture: of a new picture block; None: the brand has no pictures.

    Raises:
        ActionRefused: there is no such block, or it needs a picture and there is none.
    """
    verb, _, rest = action.partition("@")
    path, _, kind = rest.partition("@")
    parts = path.split(".")
    number = next((n for n in range(len(texts)) if parts[0] == f"t{n}"), None)
    if number is None:
        raise ActionRefused("this text is not shown")
    blocks = _copy_of_blocks(texts[number].blocks)
    where = _add_block(blocks, parts, kind, picture) if verb == "add" else _move_block(blocks, parts, verb)
    return [replace(text, blocks=blocks) if n == number else text for n, text in enumerate(texts)], where


def _copy_of_blocks(blocks: list[TypedBlock]) -> list[TypedBlock]:
    return [
        {name: _copy_of_blocks(value) if isinstance(value, list) else value for name, value in block.items()}
        for block in blocks
    ]


def _list_at_path(blocks: list[TypedBlock], steps: Sequence[str]) -> list[TypedBlock]:
    """Returns the list at `NUMBER.NAME` below the blocks of a text; the blocks themselves for no steps."""
    try:
        for number, name in zip(steps[::2], steps[1::2], strict=True):
            found = blocks[int(number)][name]
            if not isinstance(found, list):
                raise KeyError(name)
            blocks = found
    except (ValueError, LookupError):
        raise ActionRefused("this block is no longer there") from None
    return blocks


def _add_block(blocks: list[TypedBlock], parts: Sequence[str], kind: str, picture: str | None) -> str:
    into = _list_at_path(blocks, parts[1:])
    allowed = BLOCK_KINDS if len(parts) == 1 else ("article",) if parts[-1] == "articles" else INNER_KINDS
    if kind not in allowed:
        raise ActionRefused("there is no such block")
    if kind == "picture" and picture is None:
        raise ActionRefused("the brand has no picture yet: upload one at Pictures, then add it here")
    into.append(new_block(kind, picture))
    return f"{'.'.join(parts)}.{len(into) - 1}"


def new_block(kind: str, picture: str | None = None) -> TypedBlock:
    """Returns an empty block of a kind."""
    block: TypedBlock = {
        "type": kind,
        **dict.fromkeys(_FIELDS[kind], ""),
        **{name: [] for name in _LISTS.get(kind, ())},
    }
    block |= {name: None for name in _FIELDS[kind] if (kind, name) in _MAY_BE_ABSENT}
    if kind == "heading":
        block["level"] = 2
    if kind == "picture":
        block |= {"picture": picture or "", "is_decoration": False}
    if kind == "articles":
        block["articles"] = [new_block("article")]
    return block


def _move_block(blocks: list[TypedBlock], parts: Sequence[str], verb: str) -> str:
    within = _list_at_path(blocks, parts[1:-1])
    if not parts[-1].isascii() or not parts[-1].isdecimal() or int(parts[-1]) >= len(within):
        raise ActionRefused("this block is no longer there")
    number = int(parts[-1])
    block = within.pop(number)
    if verb != "remove":
        number = max(number - 1, 0) if verb == "up" else min(number + 1, len(within))
        within.insert(number, block)
    left = len(within) - (verb == "remove" and number == len(within))
    return f"{'.'.join(parts[:-1])}.{min(number, max(left, 0))}"
