"""`python -m bench NAME … [OPTION …]` runs some benchmarks, without names all of them; each gets the options."""

import runpy
import sys
from itertools import takewhile

ALL = ("table", "latency", "scale", "decisions", "composed", "expansion", "memory", "pages", "inbound", "segments")

if __name__ == "__main__":
    names = list(takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
    sys.argv = [sys.argv[0], *sys.argv[1 + len(names) :]]
    for name in names or ALL:
        runpy.run_module(f"bench.{name}", run_name="__main__")
