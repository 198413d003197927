"""Draws identifiers for a blind reading: `python scripts/draw_names.py SEED [COUNT]` prints name, file and kind."""

import ast
import random
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def identifiers(path: Path) -> Iterator[tuple[str, str]]:
    """Yields the module, its classes, functions and methods, each with its kind."""
    yield (path.parent.name if path.stem == "__init__" else path.stem), "module"
    nodes: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text()), "function")]
    while nodes:
        node, kind = nodes.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield child.name, "class"
                nodes.append((child, f"method of {child.name}"))
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                if not child.name.startswith("__"):
                    yield child.name, kind
            else:
                nodes.append((child, kind))


def main() -> None:
    """Prints the drawn identifiers, the same ones for a seed as long as the code stays the same."""
    seed, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    found = [
        (name, str(path.relative_to(ROOT)), kind)
        for path in sorted((ROOT / "mailer").rglob("*.py"))
        for name, kind in identifiers(path)
    ]
    for name, file, kind in random.Random(seed).sample(found, count):  # noqa: S311
        print(f"{name:40} {file:50} {kind}")


if __name__ == "__main__":
    main()
