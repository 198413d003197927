"""This machine: the room that is left on its disks."""

import shutil
from pathlib import Path

from mailer.doctor.finding import Finding, ok_finding, problem_finding, warning_finding

LITTLE = 0.10
"""The part of a disk that is to stay free."""
SCARCE = 0.02


def examine_disk(check: str, folder: Path) -> Finding:
    """The finding about the disk of a folder, or of the nearest one above it that exists."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(existing)
    return judge_disk(check, str(folder), usage.free, usage.total)


def judge_disk(check: str, folder: str, free: int, total: int) -> Finding:
    """The finding about a disk with so many free octets of so many."""
    part = free / total if total else 0.0
    text = f"{free / 2**30:,.1f} GiB ({part:.0%}) free at {folder}"
    if part < SCARCE:
        return problem_finding(check, f"{text}: make room")
    return warning_finding(check, f"{text}: make room soon") if part < LITTLE else ok_finding(check, text)
