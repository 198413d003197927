"""Fails where a module is longer than 400 lines or a function longer than 60, docstrings and comments included."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 400
FUNCTION_LINES = 60
FOLDERS = ("mailer", "tests", "bench", "scripts", "examples")


def too_long(path: Path) -> Iterator[str]:
    """Yields a line for the module and for each function in it that is too long."""
    source = path.read_text()
    length = len(source.splitlines())
    if length > MODULE_LINES:
        yield f"{path}: {length} lines (at most {MODULE_LINES})"
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines (at most {FUNCTION_LINES})"


def main() -> int:
    """Prints what is too long; the exit status says whether anything is."""
    root = Path(__file__).resolve().parent.parent
    modules = [path.relative_to(root) for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
    findings = [finding for path in modules for finding in too_long(path)]
    print("\n".join(findings) or f"sizes: {len(modules)} modules are short enough")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
