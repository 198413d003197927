"""Changes each value that decides, one at a time, and expects a pure test to fail; prints the survivors.

A mutant takes one value of a switch for another, changes one trait of a category, swaps two neighbours in the order of
the rules, changes one value of a policy file or of a jurisdiction, or takes one need of a promise away or loosens it.
The tests run in a process of their own, in which the changed module is imported in place of the written one. Pages that
a command writes kill nothing. Neighbours whose order cannot matter are found, and not listed by hand: no category is
asked about both, or there is no mailing and nobody with up to three things wrong of whom both speak, and no rule before
them.
"""

import argparse
import ast
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from mailer.policy.category import CATEGORIES, Category, Lane
from mailer.policy.deciding import ASKED
from mailer.policy.promise import one_line_toml_of_value
from mailer.policy.switches import ORDER
from scripts.mutants import ROOT, Mutant, path_of, tell
from tests.lattice import facts_with, people, speaking
from tests.unit.test_needs import opposites

DECIDING = ("tests/unit/test_order.py", "tests/unit/test_decision_clauses.py", "tests/unit/test_decision.py")
WRITING = ("tests/unit/test_traits.py", "tests/unit/test_switch_values.py", "tests/unit/test_service_scope.py")
LAWFUL = ("tests/unit/test_jurisdictions.py", "tests/unit/test_consent_terms.py")
READING = ("tests/unit/test_needs.py", "tests/unit/test_traits.py", "tests/unit/test_brands.py")

SPARED: dict[str, str] = {}
"""The reason why no test can notice a mutant, by mutant. An entry without such a mutant fails the run."""


def _appended(module: str, name: str, code: str, tests: tuple[str, ...]) -> Mutant:
    """A module with code after its end."""
    return Mutant(module, name, f"{path_of(module).read_text('utf-8')}\n{code}\n", tests)


def mutants_of_switches() -> Iterator[Mutant]:
    """Each value of each switch, taken for each other one."""
    for switch, values in ORDER.items():
        for value in values:
            for other in values:
                if other != value:
                    code = f"""
_asked = Policy.strictest_switches_for_person

def _other(self, *key):
    found = _asked(self, *key)
    return found.model_copy(update={{"{switch}": "{other}"}}) if found.{switch} == "{value}" else found

Policy.strictest_switches_for_person = _other
"""
                    name = f"switch: {switch} = {value} taken for {other}"
                    yield _appended("mailer.policy.policy_file", name, code, (*WRITING, *DECIDING))


def mutants_of_traits() -> Iterator[Mutant]:
    """Each trait of each category, changed to what it is not."""
    for category in CATEGORIES.values():
        for trait in fields(Category):
            value = getattr(category, trait.name)
            if trait.name == "name":
                continue
            changed = {
                bool: f"{not value}",
                Lane: f"Lane.{'SERVICE' if value is Lane.BREACH else 'BREACH'}",
                str: repr("" if value else "Some"),
            }.get(type(value), "timedelta(hours=7)")
            code = f"""
from dataclasses import replace

CATEGORIES["{category.name}"] = replace(CATEGORIES["{category.name}"], {trait.name}={changed})
"""
            name = f"trait: {trait.name} of {category.name} as {changed}"
            yield _appended("mailer.policy.category", name, code, (*WRITING, *DECIDING))


def mutants_of_order() -> Iterator[Mutant]:
    """Each rule, asked after the next one; without pairs whose order nobody can notice."""
    names = tuple(ASKED)
    noticed = _decided_between()
    for at, (first, second) in enumerate(pairwise(names)):
        if (first, second) not in noticed:
            print(f"no order: there is nobody and no mailing of whom {first} and {second} speak, and no rule before")
            continue
        tree = ast.parse(path_of("mailer.policy.deciding").read_text("utf-8"))
        (asked,) = (
            node.value
            for node in tree.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.value, ast.Dict)
            and ast.unparse(node.target) == "ASKED"
        )
        keys, values = asked.keys, asked.values
        keys[at], keys[at + 1] = keys[at + 1], keys[at]
        values[at], values[at + 1] = values[at + 1], values[at]
        yield Mutant("mailer.policy.deciding", f"order: {second} before {first}", ast.unparse(tree), DECIDING)


def _decided_between() -> set[tuple[str, str]]:
    """Pairs of neighbouring rules that both decide about some person, with no earlier rule that decides first."""
    names = tuple(ASKED)
    concerned = {
        name: {category.name for category in CATEGORIES.values() if ASKED[name][0](category)} for name in names
    }
    pairs = {(first, second) for first, second in pairwise(names) if concerned[first] & concerned[second]}
    found: set[tuple[str, str]] = set()
    for most in (1, 2, 3):
        for category, wrongs in people(most):
            if len(wrongs) == most and (first := tuple(speaking(facts_with(category, wrongs))[:2])) in pairs:
                found.add((first[0], first[1]))
        if found == pairs:
            break
    return found


def mutants_of_policies(folder: Path) -> Iterator[Mutant]:
    """Each value of each policy file, changed; and each need of a promise, taken away or loosened."""
    texts = {file.name: file.read_text("utf-8") for file in (ROOT / "policies").glob("*.toml")}
    for name, text in sorted(texts.items()):
        document = tomllib.loads(text)
        if document["brand"] == "default":
            continue
        if tomllib.loads(_text(document)) != document:
            sys.exit(f"{name} cannot be written anew, and its mutants would fall for that")
        for words, changed in opposites(document):
            yield _with_files(
                folder, f"value: {document['brand']}, {words}", "policies", texts | {name: _text(changed)}
            )
        for number, promise in enumerate(document["promises"]):
            for words, needs in weaker(promise.get("needs", {})):
                promises = list(document["promises"])
                promises[number] = {**promise, "needs": needs}
                changed = {**document, "promises": promises}
                yield _with_files(folder, f"need: {promise['id']}, {words}", "policies", texts | {name: _text(changed)})


def mutants_of_jurisdictions(folder: Path) -> Iterator[Mutant]:
    """Each demand of each jurisdiction, changed or left out; and each jurisdiction without one of its countries."""
    texts = {file.name: file.read_text("utf-8") for file in (ROOT / "jurisdictions").glob("*.toml")}
    for name, text in sorted(texts.items()):
        document = tomllib.loads(text)
        if tomllib.loads(_text(document)) != document:
            sys.exit(f"{name} cannot be written anew, and its mutants would fall for that")
        for words, changed in _others(document):
            yield _with_files(folder, f"law: {name}, {words}", "jurisdictions", texts | {name: _text(changed)})


def _others(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for country in document["countries"]:
        if len(document["countries"]) > 1:
            rest = [other for other in document["countries"] if other != country]
            yield f"without {country}", {**document, "countries": rest}
    for key, demand in document.items():
        if not isinstance(demand, dict):
            continue
        if key not in ORDER:
            yield f"without {key}", {name: said for name, said in document.items() if name != key}
        for words, changed in changes_of_demand(key, demand):
            yield f"{key} {words}", {**document, key: changed}


def changes_of_demand(key: str, demand: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields a demand of a law with another value, and sure where it is not, or the other way round."""
    value = demand["value"]
    if isinstance(value, dict):
        for name, text in value.items():
            rest = {other: said for other, said in value.items() if other != name}
            yield f"without {name}", {**demand, "value": rest}
            yield f"with another text in {name}", {**demand, "value": {**rest, name: f"{text}?"}}
    else:
        yield from (
            (f"= {one_line_toml_of_value(other)}", {**demand, "value": other}) for other in _instead(key, value)
        )
    sure = "secondary" if demand["sure"] == "unsure" else "unsure"
    yield f"is {sure}", {**demand, "sure": sure}


def _instead(key: str, value: Any) -> list[Any]:
    """The other values of a demand: those of its switch, the contrary, a step to each side, or another text."""
    if key in ORDER:
        return [other for other in ORDER[key] if other != value]
    if isinstance(value, bool):
        return [not value]
    return [value - 1, value + 1] if isinstance(value, int) else [f"{value}?"]


def _with_files(folder: Path, name: str, which: str, texts: Mapping[str, str]) -> Mutant:
    """Other files of policies or jurisdictions, in a folder of their own."""
    own = Path(tempfile.mkdtemp(dir=folder))
    for file, text in texts.items():
        own.joinpath(file).write_text(text, "utf-8")
    code = f"""
_asked = folder

def folder(name: str) -> Path:
    return Path({str(own)!r}) if name == {which!r} else _asked(name)
"""
    return _appended("mailer.bundled_files", name, code, READING if which == "policies" else LAWFUL)


def weaker(needs: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields needs without one of them, or with less of it."""
    for key, value in needs.items():
        rest = {name: inner for name, inner in needs.items() if name != key}
        yield f"without {key}", rest
        if isinstance(value, dict):
            yield from ((f"{key}: {words}", {**rest, key: inner}) for words, inner in weaker(value))
        elif isinstance(value, list):
            yield f"{key} with another", {**rest, key: [*value, "FR" if key == "processor_countries" else "curiosity"]}
        elif key in ORDER and value != ORDER[key][-1]:
            laxer = ORDER[key][ORDER[key].index(value) + 1]
            yield f"{key} = {laxer}", {**rest, key: laxer}
        elif type(value) is int:
            step = -1 if key in ("minimum_cell", "days") else 1
            yield f"{key} = {value + step}", {**rest, key: value + step}


def _text(document: Mapping[str, Any]) -> str:
    """A policy file that says what a document has."""
    arrays = ("promises", "processors", "partners")
    lines = [f"{key} = {one_line_toml_of_value(value)}" for key, value in document.items() if key not in arrays]
    for key in arrays:
        for entry in document.get(key, ()):
            lines += [f"[[{key}]]", *(f"{name} = {one_line_toml_of_value(value)}" for name, value in entry.items())]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints the survivors; the status is 1 if there are some, or one is spared for no reason."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="make only mutants with these words in their name")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        every = (
            *mutants_of_switches(),
            *mutants_of_traits(),
            *mutants_of_order(),
            *mutants_of_policies(Path(folder)),
            *mutants_of_jurisdictions(Path(folder)),
        )
        return tell(every, SPARED, only)


if __name__ == "__main__":
    sys.exit(main())
