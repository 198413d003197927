"""`python -m bench NAME …` runs some benchmarks, without names all of them."""

import runpy
import sys

ALL = ("decisions", "expansion", "memory")

if __name__ == "__main__":
    names, sys.argv = sys.argv[1:] or ALL, sys.argv[:1]
    for name in names:
        runpy.run_module(f"bench.{name}", run_name="__main__")
