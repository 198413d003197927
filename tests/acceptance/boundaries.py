"""Values at the borders of each field, and events and requests with one of them in each place."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mailer.account_event_types import KINDS, account_event_schema
from mailer.events import MessageEvent
from tests.acceptance.samples import event, people

REF = "#/$defs/{model}"
Path = tuple[str | int, ...]
_T = TypeVar("_T")
_RAW = "a number as it stands: "
NUMBERS = ("1e400", "-1e400", "-0", "-0.0", "1E-400", "1e308", "9" * 4_000, "9" * 5_000, "NaN", "-Infinity")
"""Faults that only the text of JSON can have."""
TIMES = (
    "2020",
    "20261224",
    "1735032600",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2199-12-31T23:59:59.999999Z",
    "2200-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "2026-12-31T23:59:60Z",
    "2026-12-24T24:00:00Z",
    "2026-12-24T09:30:00+24:00",
    "2026-12-24T09:30:00",
)
TEXTS = (
    "",
    " ",
    "a" * 200,
    "a" * 201,
    "a" * 255,
    "a" * 256,
    "\u00fc" * 127,
    "\u00fc" * 128,
    "\U0001f600" * 63,
    "\U0001f600" * 64,
    "a\0b",
    "a\nb",
    "a\r\nBcc: victim@example.net",
    "a\x1bb\x7fc\x85d",
    "a\u2028b",
    "a\u202eb",
    "a\u2066b",
    "a\ud800b",
    "a\udfff",
    "\ufeffa",
    "a\ue000b",
    "\U0010ffff",
    "e\u0301",
    "e" + "\u0301\u0316" * 5_000,
    "\u05d0\u05d1",
    "..",
    "a/b",
    "%00",
    "{{ x }}{% raw %}",
    "<b>&amp;",
    "a" * 20_000,
    "a@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
    "a@" + "\u0436" * 63 + ".com",
    "*",
    "newsletter/" + "a" * 200,
    *TIMES,
)


def _deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": [value]}
    return value


OTHERS: tuple[Any, ...] = (None, True, 0, -1, 1.5, 2**31, 2**63, 10**30, [], {}, [None], {"": ""}, _deep(9), _deep(400))
VALUES: tuple[Any, ...] = (*TEXTS, *(f"{_RAW}{number}" for number in NUMBERS), *OTHERS)


def written(value: Any) -> bytes:
    """JSON with the numbers as they stand, and half pairs as escapes."""
    text = json.dumps(value)
    for number in NUMBERS:
        text = text.replace(f'"{_RAW}{number}"', number)
    return text.encode()


def put(base: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy with a value in one place. Missing parents of the place are made."""
    made: dict[str, Any] = dict(base)
    place: Any = made
    for part, following in pairwise(path):
        below: Any = place[part] if isinstance(part, int) or part in place else None
        fits = isinstance(below, list if isinstance(following, int) else dict)
        if not fits or (part == "to" and following not in below):
            below = [None] if isinstance(following, int) else {}
        place[part] = place = below.copy()  # only what leads there: what hangs beside it may be very deep
    place[path[-1]] = value
    return made


def places(
    schema: Mapping[str, Any], parts: Mapping[str, Any], path: Path = (), within: tuple[str, ...] = ()
) -> Iterator[Path]:
    """Places of values by a JSON schema: each property, however deep, and the items of lists.

    A part that holds itself, such as a condition of conditions, is entered once.
    """
    named = schema["$ref"].rpartition("/")[2] if "$ref" in schema else None
    if named is not None and named not in within:
        yield from places(parts[named], parts, path, (*within, named))
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from places(option, parts, path, within)
    for name, below in schema.get("properties", {}).items():
        yield (*path, name)
        yield from places(below, parts, (*path, name), within)
    if "items" in schema:
        yield (*path, 0)
        yield from places(schema["items"], parts, (*path, 0), within)


def stands(value: Any, path: Path = ()) -> Iterator[Path]:
    """Places of values in an example, and of the first of each list, as `places` names them."""
    below = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for name, part in below:
        yield (*path, name)
        yield from stands(part, (*path, name))


def message(name: str) -> dict[str, Any]:
    """A good event, in which every field stands."""
    return event(
        name,
        "interpals",
        "newsletter",
        people(name, name="Ann", locale="en-GB", collected_at="2026-01-01T00:00:00Z", policy_version="2024"),
        campaign="spring",
        reason="because",
        reply_to="desk@interpals.example",
        attachments=[{"filename": "a.txt", "content_type": "text/plain", "content": "aGk="}],
        send_at="2026-01-01T00:00:00Z",
        expires_at="2199-01-01T00:00:00Z",
    )


ACCOUNT: dict[str, dict[str, Any]] = {
    "rectify": {"email": "new@example.org", "name": "Ann", "locale": "en", "country": "GB"},
    "paid": {"product": "plus"},
    "channel": {"channel": "sms"},
    "postal": {"address": ["Ann Example", "1 Example Street"]},
    "tracking": {"allowed": False},
    "consent": {
        "scope": "tracking",
        "version": "1",
        "words": "Yes, write to me.",
        "at": "2026-01-01T00:00:00Z",
        "proof": "form 1",
    },
    "opt_out": {"scope": "*"},
    "pause": {"days": 30},
    "own_cap": {"at_most": "weekly"},
    "deactivate": {},
}
"""An example of each kind of account event that has fields of its own, and of one that has none."""


def account(name: str, kind: str) -> dict[str, Any]:
    """A good account event."""
    return {"v": 1, "id": name, "brand": "interpals", "ref": name, "account": kind, **ACCOUNT[kind]}


def messages() -> Iterator[Callable[[str], dict[str, Any]]]:
    """Events with each value in each place, by a name of their own."""
    schema = MessageEvent.model_json_schema(ref_template=REF)
    for path in dict.fromkeys(places(schema, schema["$defs"])):
        for value in VALUES:
            yield lambda name, path=path, value=value: put(message(name), path, value)  # type: ignore[misc]


def accounts() -> Iterator[Callable[[str], dict[str, Any]]]:
    """The same of account events: each kind's own fields, and all fields of one kind."""
    parts = account_event_schema(REF)["$defs"]
    fields = {place for part in parts.values() for place in places(part, parts)}
    own = {place for values in ACCOUNT.values() for place in stands(values)}
    assert fields <= own | {("v",), ("id",), ("brand",), ("ref",), ("account",)}, "a field that no example has"
    assert set(ACCOUNT) <= set(KINDS)
    for kind, values in ACCOUNT.items():
        common = ("v", "id", "brand", "ref", "account") if kind == "deactivate" else ()
        for path in (*stands(values), *((field,) for field in common)):
            for value in VALUES:
                yield lambda name, kind=kind, path=path, value=value: put(account(name, kind), path, value)  # type: ignore[misc]


def drawn(strategy: st.SearchStrategy[_T], number: int) -> list[_T]:
    """Draws this many values of a strategy, the same ones each time."""
    found: list[_T] = []

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: _T) -> None:
        found.append(value)

    draw()
    return found


def mixed() -> st.SearchStrategy[list[tuple[Path, Any]]]:
    """Events with several changed values at once, including values that no list above has."""
    schema = MessageEvent.model_json_schema(ref_template=REF)
    paths = list(dict.fromkeys(places(schema, schema["$defs"])))
    any_json = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=300),
        lambda leaves: st.lists(leaves, max_size=4) | st.dictionaries(st.text(max_size=9), leaves, max_size=4),
        max_leaves=8,
    )
    moments = st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat())
    value = st.sampled_from(VALUES) | any_json | moments | st.text(max_size=300)
    return st.lists(st.tuples(st.sampled_from(paths), value), min_size=1, max_size=4)


def requests(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, bytes]]:
    """Method, path and body: each parameter and each field of each route's body with each value."""
    parts = openapi["components"]["schemas"]
    for path, methods in openapi["paths"].items():
        if path.endswith("/replay"):
            continue  # a dead letter that is replayed may become another one
        for method, described in methods.items():
            names = [parameter["name"] for parameter in described.get("parameters", ()) if parameter["in"] == "path"]
            body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            for name in names:
                for text in TEXTS:
                    yield method, filled(path, names, {name: text}), b"{}" if body else b""
            if body:
                yield from _bodies(method, filled(path, names, {}), body, parts)


def _bodies(
    method: str, path: str, schema: Mapping[str, Any], parts: Mapping[str, Any]
) -> Iterator[tuple[str, str, bytes]]:
    good = {
        "v": 1,
        "id": "x",
        "scope": "newsletter",
        "version": "1",
        "words": "Yes, write to me.",
        "at": "2026-01-01T00:00:00Z",
    }
    known = {place[0]: good[str(place[0])] for place in places(schema, parts) if place[0] in good}
    for place in dict.fromkeys(places(schema, parts)):
        for value in VALUES:
            yield method, path, written(put({str(name): value for name, value in known.items()}, place, value))
    for value in VALUES:
        yield method, path, written(value)
    for encoding in ("utf-16", "utf-16-be", "utf-32"):
        yield method, path, json.dumps(known).encode(encoding)
    yield method, path, b"[" * 100_000
    yield method, path, b'{"scope": "newsletter", "scope": "updates"}'


def filled(path: str, names: list[str], values: Mapping[str, str]) -> str:
    """A path with its parameters: the values given, and good ones for the others."""
    good = {"brand": "interpals", "ref": "ann", "event_id": "one", "campaign": "spring", "account": "rectify"}
    for name in names:
        text = values.get(name, good.get(name, "x"))
        path = path.replace(f"{{{name}}}", quote(text.encode("utf-8", "surrogatepass"), safe=""))
    return path


def pages(routes: Any) -> Iterator[tuple[str, str, bytes]]:
    """The same of each route that OpenAPI does not describe; these take any body."""
    for route in routes:
        if isinstance(route, APIRoute) and not route.include_in_schema:
            for text in TEXTS:
                for method in sorted(route.methods or ()):
                    yield (
                        method,
                        filled(route.path, ["token", "brand"], {"token": text}),
                        text.encode("utf-8", "replace"),
                    )
