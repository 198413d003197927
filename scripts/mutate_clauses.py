"""Takes each clause out of the conditions of `decide`, and expects one of its tests to fail; prints the survivors.

A clause is an operand of `and` or `or`, a `not`, a guard, a branch, a comparison or its boundary, and of which
categories a rule is asked at all. Each mutant is a process of its own, in which the changed module is imported in place
of the written one, and which runs pure tests only.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = 2
MODULES = ("mailer.policy.deciding", "mailer.policy.rules", "mailer.policy.standing", "mailer.policy.hours")
"""`decide`, the rules that it asks, and what they ask."""
TESTS = (
    "tests/unit/test_decision_clauses.py",
    "tests/unit/test_decision.py",
    "tests/unit/test_order.py",
    "tests/unit/test_hours.py",
)
SECONDS = 60
"""After which a mutant that never ends counts as noticed."""
OTHER = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
"""By comparison: the one with the other boundary, or its contrary."""

_NOBODY_LEFT = "asks what follows once more, at no cost where nobody has left anything"
SPARED: dict[str, str] = {
    "rules.opted_out: `left and facts.category.optional and facts.standing.left(facts.category.name, "
    "facts.mailing.topic)` without left": _NOBODY_LEFT,
    "rules.refused_purpose: `left and facts.category.optional and (purpose_scope(facts.mailing.purpose) in left)` "
    "without left": _NOBODY_LEFT,
    "rules.topic_consent: `facts.category.mandatory or facts.category.partners or (not facts.standing.consents) or "
    "_consented(facts)` without not facts.standing.consents": "no consents hold none to another topic",
    "deciding.explain: `ask(facts) if concerns(facts.category) else None` always its first branch": "a rule says "
    "nothing of what it is not asked about, as `test_a_rule_stops_only_its_categories` shows",
    "standing.Standing: `bool(self.opted_out) and (not self.opted_out.isdisjoint((EVERYTHING_OPTIONAL, category, "
    "scope(category, topic))))` without bool(self.opted_out)": _NOBODY_LEFT,
    "hours.first_within: `moment - now < _SEARCHED` as moment - now <= _SEARCHED": "a bound of days, met to the "
    "microsecond",
    "hours._opening: `opening > moment` as opening >= moment": "a moment that opens the hours is within them",
    "hours.zones_of: `country or ''` without ''": "no country is in the table, under no name",
}
"""By mutant: why no test can tell it apart. One that is killed, or is none, may not stand here."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module without one of its clauses.

    Attributes:
        name: the module, the function and the change.
        source: the whole module.
        tests: the files of those that may notice.
    """

    module: str
    name: str
    source: str
    tests: tuple[str, ...] = TESTS


def changes_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yields each change of one node, with its words."""
    match node:
        case ast.BoolOp(op=op, values=values):
            for number, value in enumerate(values):
                rest = values[:number] + values[number + 1 :]
                yield f"without {ast.unparse(value)}", rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "without not", operand
        case ast.Compare(left=left, ops=[op], comparators=comparators):
            changed = ast.Compare(left, [OTHER[type(op)]()], comparators)
            yield f"as {ast.unparse(changed)}", changed
        case ast.If(test=test, body=body, orelse=orelse):
            yield f"without if {ast.unparse(test)}", ast.If(ast.Constant(False), body, orelse)
        case ast.IfExp(body=body, orelse=orelse):
            yield "always its first branch", body
            yield "always its second branch", orelse
        case ast.Tuple(elts=[ast.Lambda() | ast.Name(id="_optional" | "_ends_with_account"), ast.Attribute() as rule]):
            yield "asked of all", ast.Tuple([ast.Name("_all"), rule], ast.Load())
        case ast.Tuple(elts=[ast.Name(id="_optional"), ast.Name() as rule]):
            yield "asked of all", ast.Tuple([ast.Name("_all"), rule], ast.Load())
        case _:
            pass


def path_of(module: str) -> Path:
    """The file of a module."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """Puts the new node in the old one's place."""
        return self._new if node is self._old else self.generic_visit(node)


def mutants_of(module: str, text: str) -> list[Mutant]:
    """Every mutant of a module, each of another name.

    Args:
        module: its name.
        text: its source.
    """
    made: dict[str, Mutant] = {}
    for place, node in enumerate(ast.walk(ast.parse(text))):
        for number, (words, _) in enumerate(changes_of(node)):
            tree = ast.parse(text)
            old = list(ast.walk(tree))[place]
            new = list(changes_of(old))[number][1]
            home = _home(tree, old)
            name = f"{module.rpartition('.')[2]}.{home}: `{ast.unparse(old).splitlines()[0]}` {words}"
            while name in made:
                name += " (again)"
            source = ast.unparse(ast.fix_missing_locations(_Swap(old, new).visit(tree)))
            made[name] = Mutant(module, name, source)
    return list(made.values())


def _home(tree: ast.Module, node: ast.AST) -> str:
    for part in tree.body:
        if any(inner is node for inner in ast.walk(part)):
            return part.name if isinstance(part, ast.FunctionDef | ast.ClassDef) else "ASKED"
    raise LookupError("the node is not in the tree")


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports a mutant in its module's place."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """The mutant's, for its module only."""
        return importlib.machinery.ModuleSpec(name, self) if name == self._mutant.module else None

    def get_source(self, name: str) -> str:
        """The changed source."""
        return self._mutant.source

    def exec_module(self, module: ModuleType) -> None:
        """Runs the changed source."""
        module.__file__ = str(path_of(self._mutant.module))
        exec(compile(self._mutant.source, self._mutant.name, "exec"), module.__dict__)  # noqa: S102


class _Tables:
    """Leaves out what draws its examples: a clause falls to a test of its own, and to the same one each time."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keeps the other tests."""
        items[:] = [item for item in items if not hasattr(getattr(item, "obj", None), "hypothesis")]


def is_killed(mutant: Mutant) -> bool:
    """Tells whether a test fails with this mutant; also an import that fails counts. To be called in a new process."""
    sys.meta_path.insert(0, _Changed(mutant))
    return status_of(mutant.tests) != 0


def status_of(files: Sequence[str]) -> int:
    """Runs pure tests against modules that are imported anew, as far as the first that fails; pytest's status."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("mailer", "tests")]:
        del sys.modules[name]
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SECONDS)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    quiet = ["-q", "-x", "--tb=no", "--assert=plain", "--noconftest", "-c", os.devnull, f"--rootdir={ROOT}"]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for test in files:
            if status := pytest.main([*quiet, "-p", "no:cacheprovider", str(ROOT / test)], plugins=[_Tables()]):
                return int(status)
    return 0


def _stop(*_: object) -> None:
    raise TimeoutError(f"the tests did not end in {SECONDS} s")


def survivors_of(mutants: Sequence[Mutant]) -> list[str]:
    """The names of the mutants with which every test passes. Ends the script if the tests fail without any."""
    files = sorted({test for mutant in mutants for test in mutant.tests})
    for test in files:
        # What they import of others is there already in each process.
        import_module(test.removesuffix(".py").replace("/", "."))
    with get_context("fork").Pool(PROCESSES, maxtasksperchild=1) as processes:
        if status := processes.apply(status_of, (files,)):
            sys.exit(f"the tests fail with everything in place (status {status}), and prove nothing")
        for module in sorted({mutant.module for mutant in mutants}):
            if processes.apply(is_killed, (Mutant(module, module, path_of(module).read_text("utf-8"), tuple(files)),)):
                sys.exit(f"the tests fail with {module} as it is, imported as a mutant, and prove nothing")
        killed = processes.map(is_killed, mutants, chunksize=1)
    return [mutant.name for mutant, fell in zip(mutants, killed, strict=True) if not fell]


def main() -> int:
    """Prints the survivors; the status is 1 if there are some, or one is spared for no reason."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="take out only clauses with these words in their name")
    only = parser.parse_args().only
    every = [mutant for module in MODULES for mutant in mutants_of(module, path_of(module).read_text("utf-8"))]
    mutants = [mutant for mutant in every if only in mutant.name]
    if not mutants:
        sys.exit(f"no clause has {only!r} in its name; without --only, all are taken out")
    survivors = survivors_of(mutants)
    unknown = [name for name in survivors if name not in SPARED]
    stale = [name for name in SPARED if only in name and name not in survivors]
    for name in unknown:
        print(f"SURVIVED {name}")
    for name in stale:
        print(f"SPARED FOR NO REASON {name}: a test notices it, or there is no such clause; take it off the list")
    print(f"{len(mutants)} clauses, {len(unknown)} survivors, {len(survivors) - len(unknown)} spared")
    return 1 if unknown or stale else 0


if __name__ == "__main__":
    sys.exit(main())
