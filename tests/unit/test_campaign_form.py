"""The form of a draft: typed fields become blocks, buttons change them, faults are beside their fields."""

from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from mailer.policy.campaign_draft import LocalizedDraft
from mailer.web.console.campaign_form import (
    ActionRefused,
    FieldFault,
    TypedText,
    change_blocks,
    new_block,
    read_typed_text,
    typed_text_of_draft,
    validate_typed_text,
)

PICTURE = "0" * 32
BLOCKS: list[dict[str, Any]] = [
    {"type": "heading", "text": "Hello", "level": 3},
    {"type": "text", "markdown": "one\ntwo"},
    {"type": "html", "html": "<p>\nx</p>"},
    {"type": "picture", "picture": PICTURE, "alt": "A room", "is_decoration": False, "href": None},
    {"type": "picture", "picture": PICTURE, "alt": "", "is_decoration": True, "href": "https://x.example/"},
    {"type": "button", "label": "Go", "href": "https://x.example/"},
    {"type": "articles", "articles": [{"title": "A", "markdown": "b", "href": None, "picture": None, "alt": ""}]},
    {"type": "divider"},
    {"type": "columns", "first": [{"type": "text", "markdown": "left"}], "second": [{"type": "divider"}]},
]
DRAFT = LocalizedDraft.model_validate({"subject": "Hi", "preheader": "pre", "blocks": BLOCKS})


def fields_of(path: str, blocks: list[dict[str, Any]]) -> dict[str, str]:
    """The fields of a form that shows blocks, as a browser sends them."""
    fields = {f"{path}.count": str(len(blocks))}
    for number, block in enumerate(blocks):
        for name, value in block.items():
            place = f"{path}.{number}.{name}"
            if isinstance(value, list):
                fields |= fields_of(place, value)
            elif value is not False:
                fields[place] = "" if value is None else str(value).replace("\n", "\r\n")
    return fields


def posted(fields: dict[str, str]) -> dict[str, list[str]]:
    """The fields after their way through a request."""
    return parse_qs(urlencode(fields), keep_blank_values=True)


def test_each_block_survives_the_form() -> None:
    """A stored text that is shown and sent back is the same; line ends are ours."""
    typed = typed_text_of_draft("a", "en", DRAFT)
    for article in typed.blocks[6]["articles"]:
        article["type"] = "article"
    fields = {"t0.subject": " Hi ", "t0.preheader": "pre", **fields_of("t0", typed.blocks)}
    read = read_typed_text(posted(fields), "t0", "a", "en")
    assert validate_typed_text(read, "t0") == (DRAFT, [])


def test_faults_are_at_their_fields() -> None:
    """Each fault names the id of its field, also within columns and articles."""
    long = "x" * 401
    blocks: list[dict[str, Any]] = [
        {"type": "heading", "text": long, "level": 2},
        {
            "type": "columns",
            "first": [new_block("divider"), {"type": "button", "label": long, "href": ""}],
            "second": [],
        },
        {"type": "articles", "articles": [new_block("article") | {"title": long}]},
        {"type": "picture", "picture": "", "alt": "", "is_decoration": False, "href": None},
        {"type": "articles", "articles": []},
        {"type": "nonsense"},
    ]
    draft, faults = validate_typed_text(TypedText("a", "en", long, "a\x01", blocks), "t1")
    assert draft is None
    assert [one.field for one in faults] == [
        *("t1.subject", "t1.preheader", "t1.0.text", "t1.1.first.1.label", "t1.2.articles.0.title"),
        *("t1.3.picture", "t1.4.articles", "t1.5"),
    ]
    assert faults[0] == FieldFault("t1.subject", "It is too long: 400 characters are the most.")


def test_buttons_of_blocks() -> None:
    """A block is added, moved and removed, in a text and in a column; the other text stays."""
    texts = [TypedText("a", "en"), TypedText("a", "de", blocks=[new_block("text")])]
    texts, where = change_blocks(texts, "add@t0@columns", None)
    assert where == "t0.0"
    texts, where = change_blocks(texts, "add@t0.0.second@picture", PICTURE)
    assert where == "t0.0.second.0"
    texts, _ = change_blocks(texts, "add@t0@heading", None)
    texts, where = change_blocks(texts, "up@t0.1", None)
    assert (where, [one["type"] for one in texts[0].blocks]) == ("t0.0", ["heading", "columns"])
    texts, where = change_blocks(texts, "down@t0.1", None)
    assert (where, [one["type"] for one in texts[0].blocks]) == ("t0.1", ["heading", "columns"])
    before = texts[0]
    texts, where = change_blocks(texts, "remove@t0.1.second.0", None)
    assert texts[0].blocks[1]["second"] == []
    assert before.blocks[1]["second"], "the former tree is not changed"
    texts, where = change_blocks(texts, "remove@t0.1", None)
    assert (where, [one["type"] for one in texts[0].blocks]) == ("t0.0", ["heading"])
    assert [one["type"] for one in texts[1].blocks] == ["text"]
    assert validate_typed_text(texts[0], "t0")[1] == []


@pytest.mark.parametrize(
    "action",
    [
        *("add@t2@text", "add@t0@nonsense", "add@t0.0.second@columns", "add@t0@article", "add@t0.9.first@text"),
        *("add@t0.0.nonsense@text", "add@t0.0.type@text", "up@t0", "up@t0.9", "up@t0.x", "remove@t0.-1", "remove@"),
        *("add@t0@picture", "down@t0.0.first.0", "remove@t0.٣"),
    ],
)
def test_buttons_of_nothing(action: str) -> None:
    """A button that nobody was shown, or whose block is gone, changes nothing and says so."""
    with pytest.raises(ActionRefused):
        change_blocks([TypedText("a", "en", blocks=[new_block("columns")])], action, None)


def test_hostile_forms() -> None:
    """Counts and depths that no page has are cut, and a text of an unknown type is a fault and no error."""
    deep = {"t0.count": "1", "t0.0.type": "columns", "t0.0.first.count": "1", "t0.0.first.0.type": "columns"}
    read = read_typed_text(posted({**deep, "t0.0.first.0.first.count": "99"}), "t0", "a", "en")
    assert read.blocks == [{"type": "columns", "first": [{"type": "columns"}], "second": []}]
    assert validate_typed_text(read, "t0")[0] is None
    for count in ("999999999", "-1", "1e3", "٣", "x", ""):
        assert read_typed_text(posted({"t0.count": count}), "t0", "a", "en").blocks == []
    many = read_typed_text(posted({"t0.count": "999"}), "t0", "a", "en")
    assert len(many.blocks) == 101
    assert validate_typed_text(many, "t0")[0] is None
