"""Mutants: modules with one change each, the tests that ought to notice it, and a run that says which survived.

Each mutant is a process of its own, in which the changed module is imported in place of the written one, and which runs
pure tests as far as the first that fails. No test of a page that a command writes is among them, nor examples drawn by
chance.
"""

import importlib.abc
import importlib.machinery
import io
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = 2
SECONDS = 20
"""Seconds of the processor, after which a mutant that never ends counts as noticed."""
EVERY = 10
"""Seconds between two lines of progress."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change.

    Attributes:
        name: the place and the change; it begins with the kind that it is counted with.
        source: the whole module.
        tests: the files of those that may notice; the likeliest first.
    """

    module: str
    name: str
    source: str
    tests: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The first word of its name."""
        return re.split(r"\W", self.name, maxsplit=1)[0]


def path_of(module: str) -> Path:
    """The file of a module."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


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
    """Leaves out what draws its examples: a mutant falls to a test of its own, and to the same one each time."""

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
    signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    quiet = ["-q", "-x", "--tb=no", "--assert=plain", "--noconftest", "-c", os.devnull, f"--rootdir={ROOT}"]
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            for test in files:
                if status := pytest.main([*quiet, "-p", "no:cacheprovider", str(ROOT / test)], plugins=[_Tables()]):
                    return int(status)
    except TimeoutError:
        return 1
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return 0


def _stop(*_: object) -> None:
    raise TimeoutError(f"the tests did not end in {SECONDS} s of a processor")


def survivors_of(mutants: Sequence[Mutant]) -> list[str]:
    """The names of the mutants with which every test passes. Says on the error output how far the run is.

    Ends the script if the tests fail without any change.
    """
    tests: dict[str, dict[str, None]] = {}
    for mutant in mutants:
        tests.setdefault(mutant.module, {}).update(dict.fromkeys(mutant.tests))
    for test in {name: None for names in tests.values() for name in names}:
        # What they import of others is there already in each process.
        import_module(test.removesuffix(".py").replace("/", "."))
    found: list[str] = []
    said = monotonic()
    with get_context("fork").Pool(PROCESSES, maxtasksperchild=1) as processes:
        for module, names in tests.items():
            unharmed = Mutant(module, module, path_of(module).read_text("utf-8"), tuple(names))
            if processes.apply(is_killed, (unharmed,)):
                sys.exit(f"the tests fail with {module} as it is, imported as a mutant, and prove nothing")
        for done, (mutant, fell) in enumerate(zip(mutants, processes.imap(is_killed, mutants), strict=True), 1):
            if not fell:
                found.append(mutant.name)
            if monotonic() - said > EVERY or done == len(mutants):
                said = monotonic()
                print(f"{done} of {len(mutants)}, {len(found)} alive: {mutant.kind}", file=sys.stderr, flush=True)
    return found


def tell(mutants: Sequence[Mutant], spared: Mapping[str, str], only: str) -> int:
    """Runs the mutants with certain words in their name, and prints the survivors and the count of each kind.

    Args:
        mutants: all that there are.
        spared: why no test can tell it apart, by the name of a mutant. One that is killed, or is none, is a fault.
        only: the words; empty, all are run.

    Returns:
        The status of the script: 1 if there is a survivor that is not spared, or one is spared for no reason.
    """
    chosen = [mutant for mutant in mutants if only in mutant.name]
    if not chosen:
        sys.exit(f"no mutant has {only!r} in its name; without --only, all are run")
    survivors = survivors_of(chosen)
    unknown = [name for name in survivors if name not in spared]
    stale = [name for name in spared if only in name and name not in survivors]
    for name in unknown:
        print(f"SURVIVED {name}")
    for name in stale:
        print(f"SPARED FOR NO REASON {name}: a test notices it, or there is no such mutant; take it off the list")
    kinds = {mutant.name: mutant.kind for mutant in chosen}
    alive, left = (Counter(kinds[name] for name in names) for names in (unknown, set(survivors) - set(unknown)))
    for kind, number in Counter(kinds.values()).items():
        print(counted(kind, number, alive[kind], left[kind]))
    return 1 if unknown or stale else 0


def counted(kind: str, number: int, survivors: int, spared: int = 0) -> str:
    """The line of a kind in the summary: how many mutants there were, and what became of them."""
    return f"{kind}: {number} mutants, {number - survivors - spared} killed, {survivors} survivors, {spared} spared"
