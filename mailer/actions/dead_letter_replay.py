"""Replays dead letters, for console and commands."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.ports.dead_letters import DeadLetterDesk, DeadLetterFilter


@dataclass(frozen=True, slots=True)
class ReplayedLetters:
    """The result of a replay.

    Attributes:
        done: the ids that were published again. skipped: those that could not be, as the body is no text in UTF-8.
    """

    done: Sequence[int]
    skipped: Sequence[int] = ()


async def replay_dead_letters(
    letters: DeadLetterDesk, chosen: DeadLetterFilter, limit: int | None = None, *, dry_run: bool = False
) -> ReplayedLetters:
    """Publishes the dead letters that fit a filter again, the oldest first. Each is its own transaction.

    Args:
        letters: the desk of the person who acts.
        chosen: the filter; without `replayed`, what somebody else replays meanwhile is not published twice.
        limit: the most; None: all.
        dry_run: only finds them.
    """
    found = await letters.find_replayable_ids(chosen, limit)
    if dry_run:
        return ReplayedLetters(found)
    done = [id_ for id_ in found if await letters.replay_dead_letter(id_, again=chosen.replayed)]
    return ReplayedLetters(done, sorted({*found} - {*done}))
