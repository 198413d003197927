"""Works the queue of notices. A person takes a notice, posts it or calls, and records that; or it comes back."""

from collections.abc import Collection, Sequence
from datetime import date

from mailer.policy.rule_registry import rule
from mailer.ports.non_email_notices import (
    NonEmailNotice,
    NonEmailNoticeState,
    NonEmailNoticeStore,
    NoticeChange,
    NoticeChangeRefused,
)


@rule("worked-notices", "interpals-18, paltalk06-08", idle=())
async def mark_notices_taken(notices: NonEmailNoticeStore, ids: Sequence[int], by: str) -> Sequence[NonEmailNotice]:
    """One person at a time works on a diverted notice, and the ledger names that person.

    Raises:
        NoticeChangeRefused: one of the notices is not open.
    """

    def reason_not_to_take(notice: NonEmailNotice) -> str | None:
        if notice.state is NonEmailNoticeState.TAKEN:
            return f"is taken by {notice.changed_by} already"
        return _notice_state_refusal(notice, (NonEmailNoticeState.OPEN,))

    return await notices.change_all_notices_or_none(
        ids, NoticeChange(NonEmailNoticeState.TAKEN, by), reason_not_to_take
    )


async def finish_notices(
    notices: NonEmailNoticeStore, ids: Sequence[int], by: str, reference: str, day: date, today: date
) -> Sequence[NonEmailNotice]:
    """Records that notices were posted, or that the recipients were reached another way.

    Args:
        notices: the queue of notices.
        ids: the ids of the notices.
        by: the person who records it.
        reference: the reference of the letter or the call.
        day: the day on which it was posted or told.
        today: the current day; `day` must not be later.

    Raises:
        NoticeChangeRefused: a notice is neither open nor taken, the day is in the future, or the reference is missing.
    """
    if not reference.strip():
        raise NoticeChangeRefused(
            "a notice that was posted needs its --reference: what shows it, such as a tracking number"
        )
    if day > today:
        raise NoticeChangeRefused(f"--day: {day} is yet to come")
    change = NoticeChange(NonEmailNoticeState.DONE, by, reference=reference, day=day)
    return await notices.change_all_notices_or_none(
        ids, change, lambda notice: _notice_state_refusal(notice, (NonEmailNoticeState.OPEN, NonEmailNoticeState.TAKEN))
    )


async def reopen_or_give_up_returned_notices(
    notices: NonEmailNoticeStore, ids: Sequence[int], by: str, reason: str, *, is_final: bool
) -> Sequence[NonEmailNotice]:
    """Records that notices came back. They are open again, or given up.

    Args:
        notices: the queue of notices.
        ids: the ids of the notices.
        by: the person who records it.
        reason: the reason, such as the code of a letter that came back.
        is_final: tells whether the notices are given up.

    Raises:
        NoticeChangeRefused: a notice has a state that does not allow it, or the reason is missing.
    """
    if not reason.strip():
        raise NoticeChangeRefused("a notice that comes back needs its --reason")
    change = NoticeChange(NonEmailNoticeState.RETURNED if is_final else NonEmailNoticeState.OPEN, by, note=reason)
    taken = (NonEmailNoticeState.TAKEN, NonEmailNoticeState.DONE, *((NonEmailNoticeState.OPEN,) if is_final else ()))
    return await notices.change_all_notices_or_none(ids, change, lambda notice: _notice_state_refusal(notice, taken))


def _notice_state_refusal(notice: NonEmailNotice, states: Collection[NonEmailNoticeState]) -> str | None:
    """Returns the reason why a notice cannot be changed, or None if it is in one of these states."""
    if notice.state in states:
        return None
    why = f" ({notice.note})" if notice.note else ""
    by = f" by {notice.changed_by}" if notice.changed_by else ""
    return f"is {notice.state}{by}{why}; it takes one that is {' or '.join(states)}"
