"""Replays dead letters, for console and commands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailer.ports.dead_letters import DeadLetterDesk, DeadLetterFilter


@dataclass(frozen=True, slots=True)
class DeadLetterReplayResult:
    """The result of a replay.

    Attributes:
        done: the ids that were published again. skipped: those that were not, as the body is no text in UTF-8, or they
            also concern brands other than those of the filter.
        next_id: the id from which to look further; None if nothing is left, or all were looked at.
    """

    done: Sequence[int]
    skipped: Sequence[int] = ()
    next_id: int | None = None


async def replay_dead_letters(
    letters: DeadLetterDesk, chosen: DeadLetterFilter, *, dry_run: bool = False
) -> DeadLetterReplayResult:
    """Publishes all dead letters that fit a filter again, the oldest first. It looks at each, as for a command.

    Args:
        letters: the desk of the person who acts.
        chosen: the filter; without `replayed`, what somebody else replays meanwhile is not published twice.
        dry_run: only finds them.
    """
    found = await letters.find_replayable_ids(chosen)
    return DeadLetterReplayResult(found) if dry_run else await _replay_found_letters(letters, chosen, found)


async def replay_page_of_dead_letters(
    letters: DeadLetterDesk, chosen: DeadLetterFilter, limit: int
) -> DeadLetterReplayResult:
    """Publishes the oldest dead letters that fit a filter again, as far as one page looks (`find_replayable_page`)."""
    page = await letters.find_replayable_page(chosen, limit)
    return replace(await _replay_found_letters(letters, chosen, page.ids), next_id=page.next_id)


async def _replay_found_letters(
    letters: DeadLetterDesk, chosen: DeadLetterFilter, found: Sequence[int]
) -> DeadLetterReplayResult:
    """Publishes dead letters again."""
    done = await letters.replay_dead_letters(found, again=chosen.replayed, brands=chosen.brands)
    return DeadLetterReplayResult(done, sorted({*found} - {*done}))
