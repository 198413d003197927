"""Sets letters as a PDF. It runs as a process of its own with limits, knows no setting, and takes JSON on stdin.

On stdout come a line of JSON (`{"first_pages": […]}`) and the file. It reads the template beside it and the fonts.
"""

import json
import resource
import sys
from pathlib import Path

MEMORY = 3 * 1024**3
"""Octets that a run of 1,000 letters does not reach."""
CPU_SECONDS = 120


def main() -> None:
    """Reads the order, sets the letters and writes them."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    order = json.loads(sys.stdin.buffer.read())
    import typst

    folder = Path(__file__).parent
    nowhere = str(folder / "no-packages")
    compiler = typst.Compiler(
        input=str(folder / "letter.typ"),
        root=str(folder),
        font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[order["fonts"]]),
        sys_inputs={"run": json.dumps(order["run"])},
        package_path=nowhere,
        package_cache_path=nowhere,
    )
    made = compiler.compile(format=order["format"], timestamp=0, ppi=110, pdf_tags=order["is_tagged"])
    file = made[0] if isinstance(made, list) else made
    if file is None:
        raise SystemExit("nothing was set")
    first_pages = json.loads(compiler.query("<first-page>", field="value"))
    last_pages = json.loads(compiler.query("<last-page>", field="value"))
    sys.stdout.buffer.write(json.dumps({"first_pages": first_pages, "pages": last_pages[-1]}).encode() + b"\n" + file)


if __name__ == "__main__":
    main()
