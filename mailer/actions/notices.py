"""Working the queue of notices: somebody takes one, posts it or calls, and says so; or it comes back."""

from collections.abc import Collection, Sequence
from datetime import date

from mailer.policy.rule_registry import rule
from mailer.ports.notices import Notice, NoticeChange, NoticeRefused, NoticeState, NoticeStore


@rule("worked-notices", "interpals-18, paltalk06-08", idle=())
async def take_notices(notices: NoticeStore, ids: Sequence[int], by: str) -> Sequence[Notice]:
    """One person at a time, who is on record, works what was diverted from mail.

    Raises:
        NoticeRefused: one of them is not open.
    """

    def refuses(notice: Notice) -> str | None:
        if notice.state is NoticeState.TAKEN:
            return f"is taken by {notice.changed_by} already"
        return _state_refusal(notice, (NoticeState.OPEN,))

    return await notices.change_notices(ids, NoticeChange(NoticeState.TAKEN, by), refuses)


async def finish_notices(
    notices: NoticeStore, ids: Sequence[int], by: str, reference: str, day: date, today: date
) -> Sequence[Notice]:
    """Records that some were posted, or their people reached.

    Args:
        notices: the queue.
        ids: which.
        by: who says so.
        reference: of the posting or the call.
        day: when it was.
        today: a day after it is none.

    Raises:
        NoticeRefused: one of them does not wait, or the day is not over, or nothing is referred to.
    """
    if not reference.strip():
        raise NoticeRefused("a notice that was posted needs its --reference: what shows it, such as a tracking number")
    if day > today:
        raise NoticeRefused(f"--day: {day} is yet to come")
    change = NoticeChange(NoticeState.DONE, by, reference=reference, day=day)
    return await notices.change_notices(
        ids, change, lambda notice: _state_refusal(notice, (NoticeState.OPEN, NoticeState.TAKEN))
    )


async def return_notices(
    notices: NoticeStore, ids: Sequence[int], by: str, reason: str, *, is_final: bool
) -> Sequence[Notice]:
    """Records that some came back: they are open again, or given up.

    Args:
        notices: the queue.
        ids: which.
        by: who says so.
        reason: why, such as the code of a letter that came back.
        is_final: whether they are given up.

    Raises:
        NoticeRefused: one of them is over otherwise, or no reason is given.
    """
    if not reason.strip():
        raise NoticeRefused("a notice that comes back needs its --reason")
    change = NoticeChange(NoticeState.RETURNED if is_final else NoticeState.OPEN, by, note=reason)
    taken = (NoticeState.TAKEN, NoticeState.DONE, *((NoticeState.OPEN,) if is_final else ()))
    return await notices.change_notices(ids, change, lambda notice: _state_refusal(notice, taken))


def _state_refusal(notice: Notice, states: Collection[NoticeState]) -> str | None:
    """Says why a notice cannot be changed from where it is, unless it is in one of some states."""
    if notice.state in states:
        return None
    why = f" ({notice.note})" if notice.note else ""
    by = f" by {notice.changed_by}" if notice.changed_by else ""
    return f"is {notice.state}{by}{why}; it takes one that is {' or '.join(states)}"
