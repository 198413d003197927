"""Fuzzes each target in turn with atheris, in a process of its own: `python -m tests.fuzzing --minutes 5`.

Ends with status 1 if one raised, took over five seconds or over 1 GB; libFuzzer prints the input and keeps it in the
current folder.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

LONGEST = 20_000
"""Octets of an input. Bombs of 10 MB have tests of their own."""


def fuzz(target: str, seconds: int, corpus: Path) -> None:
    """Fuzzes one target. It does not return: libFuzzer ends the process."""
    import atheris  # type: ignore[import-untyped]  # only in `.cache/fuzz`, without types

    with atheris.instrument_imports(include=["mailer.inbound", "mailer.smtp_text_reading"]):
        from tests.fuzzing.targets import TARGETS, seeds_of
    for number, seed in enumerate(seeds_of(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1000", f"-max_len={LONGEST}"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, "-print_final_stats=1", "-verbosity=0"], TARGETS[target])
    atheris.Fuzz()


def main() -> int:
    """Fuzzes all targets, or the named ones."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of all targets together")
    parser.add_argument("targets", nargs="*", help="reports, words and so on; all if none is named")
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.corpus is not None:  # before anything of mailer is imported, which atheris has to instrument
        fuzz(asked.targets[0], round(asked.minutes * 60), asked.corpus)
    from tests.fuzzing.targets import TARGETS

    targets = asked.targets or [*TARGETS]
    seconds = max(1, round(asked.minutes * 60 / len(targets)))
    failed = [target for target in targets if not _is_fuzzed_without_fault(target, seconds)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _is_fuzzed_without_fault(target: str, seconds: int) -> bool:
    print(f"fuzzing {target} for {seconds} s", flush=True)
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, "-m", "tests.fuzzing", target, "--minutes", str(seconds / 60), "--corpus", corpus]
        return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
