"""Findings about the free space on this machine's disks."""

import shutil
from pathlib import Path

from mailer.doctor.finding import Finding, ok_finding, problem_finding, warning_finding

LITTLE = 0.10
"""The part of a disk that should be free; less is a warning, and less than `SCARCE` a problem."""
SCARCE = 0.02


def examine_disk(check: str, folder: Path) -> Finding:
    """Returns the finding about the disk of a folder, or of its nearest parent that exists."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(existing)
    return judge_disk(check, str(folder), usage.free, usage.total)


def judge_disk(check: str, folder: str, free: int, total: int) -> Finding:
    """Returns the finding about a disk. `free` and `total` are in octets."""
    part = free / total if total else 0.0
    text = f"{free / 2**30:,.1f} GiB ({part:.0%}) free at {folder}"
    if part < SCARCE:
        return problem_finding(check, f"{text}: make room")
    return warning_finding(check, f"{text}: make room soon") if part < LITTLE else ok_finding(check, text)
