"""`python -m tests.chaos [--minutes 5] [--seed N]`: mailer among faults, and whether it kept its promises.

Exit status 0 if it did, 1 if not, 2 where it could not be tried. Everything runs on loopback and ends with it.
"""

import argparse
import asyncio
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from mailer.embedded import PrivateServiceUnavailable
from tests.chaos.checker import check
from tests.chaos.display import Display, summarise
from tests.chaos.fleet import logs_of
from tests.chaos.journal import Journal
from tests.chaos.run import Plan, run

LEASE = 5.0
"""Seconds: short, so that what a dead worker held is taken up again while others die."""


def main() -> int:
    """Runs once."""
    parser = argparse.ArgumentParser(prog="make chaos", description="mailer among faults")
    parser.add_argument("--minutes", type=float, default=5, help="for how long things break (5)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31), help="what chance begins with")
    parser.add_argument("--lease", type=float, default=LEASE, help=f"seconds that a worker may hold a batch ({LEASE})")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.disable(logging.CRITICAL)  # that services are away is what this is about
    plan = Plan(given.minutes * 60, given.seed, given.lease)
    console, journal = Console(), Journal()
    console.print(f"seed {plan.seed}, {given.minutes:g} minutes of faults, leases of {plan.lease:g} s", highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="mailer-chaos-"))
    began = time.monotonic()
    try:
        with Display(console, journal) as display:
            evidence = asyncio.run(run(plan, folder, journal, display))
        violations = check(evidence)
        summarise(console, evidence, journal, violations)
    except PrivateServiceUnavailable as missing:
        print(f"chaos: {missing}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"chaos: broken off; seed {plan.seed}", file=sys.stderr)
        return 2
    finally:
        kept = _keep_logs(folder)
        shutil.rmtree(folder, ignore_errors=True)
    verdict = (
        f"{len(violations)} violations; the processes' logs are in {kept}" if violations else "every promise was kept"
    )
    console.print(f"seed {plan.seed}: {verdict} ({time.monotonic() - began:.0f} s)", style="bold", highlight=False)
    return 1 if violations else 0


def _keep_logs(folder: Path) -> Path:
    """Moves the last run's logs to where one looks for them."""
    kept = Path(".cache", "chaos")
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for log in (*logs_of(folder), folder / "sink.jsonl"):
        if log.exists():
            shutil.copy(log, kept)
    return kept


if __name__ == "__main__":
    sys.exit(main())
