"""Releases of breach phases, and whom they have told, as commands and the API return them."""

from typing import Any
from uuid import UUID

from mailer.ports.breach_release import BreachRelease, BreachStopStore


def release_as_json(release: BreachRelease) -> dict[str, Any]:
    """Returns a check or a release without texts and people."""
    return {
        "manifest": str(release.id),
        "case": str(release.case_id),
        "phase": release.phase,
        "state": release.state,
        "phase_state": release.phase_state,
        "is_current": release.is_current,
        "people": release.people,
        "sums": [one._asdict() for one in release.sums],
        "hash": release.hash.hex() if release.hash else None,
        "asked_by": release.asked_by,
        "released_by": release.released_by,
        "released_at": release.released_at.isoformat() if release.released_at else None,
        "break_glass": release.break_glass,
        "second_look_by": release.second_look_by,
        "second_look": release.second_look,
    }


async def told_as_json(stops: BreachStopStore, case_id: UUID, phase: int) -> dict[str, Any]:
    """Returns to how many people of a phase what happened, and its last stop."""
    found = await stops.find_stop(case_id, phase)
    stop = found and {
        "reason": found.reason,
        "by": found.stopped_by,
        "at": found.stopped_at.isoformat(),
        "ended": found.ended,
        "ended_by": found.ended_by,
    }
    return {"stop": stop, "figures": [one._asdict() for one in await stops.count_told(case_id, phase)]}
