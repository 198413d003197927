"""Works the queue of notices. A person takes a notice, posts it or calls, and records that; or it comes back."""

from collections.abc import Collection, Sequence
from datetime import date

from mailer.policy.rule_registry import rule
from mailer.ports.offline_notices import (
    NoticeChange,
    NoticeChangeRefused,
    OfflineNotice,
    OfflineNoticeState,
    OfflineNoticeStore,
)


@rule("worked-notices", "interpals-18, paltalk06-08", idle=())
async def mark_notices_taken(notices: OfflineNoticeStore, ids: Sequence[int], by: str) -> Sequence[OfflineNotice]:
    """One person at a time, who is on record, works what was diverted from mail.

    Raises:
        NoticeChangeRefused: one of the notices is not open.
    """

    def reason_not_to_take(notice: OfflineNotice) -> str | None:
        if notice.state is OfflineNoticeState.TAKEN:
            return f"is taken by {notice.changed_by} already"
        return _notice_state_refusal(notice, (OfflineNoticeState.OPEN,))

    return await notices.change_notices(ids, NoticeChange(OfflineNoticeState.TAKEN, by), reason_not_to_take)


async def finish_notices(
    notices: OfflineNoticeStore, ids: Sequence[int], by: str, reference: str, day: date, today: date
) -> Sequence[OfflineNotice]:
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
    change = NoticeChange(OfflineNoticeState.DONE, by, reference=reference, day=day)
    return await notices.change_notices(
        ids, change, lambda notice: _notice_state_refusal(notice, (OfflineNoticeState.OPEN, OfflineNoticeState.TAKEN))
    )


async def reopen_or_give_up_notices(
    notices: OfflineNoticeStore, ids: Sequence[int], by: str, reason: str, *, is_final: bool
) -> Sequence[OfflineNotice]:
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
    change = NoticeChange(OfflineNoticeState.RETURNED if is_final else OfflineNoticeState.OPEN, by, note=reason)
    taken = (OfflineNoticeState.TAKEN, OfflineNoticeState.DONE, *((OfflineNoticeState.OPEN,) if is_final else ()))
    return await notices.change_notices(ids, change, lambda notice: _notice_state_refusal(notice, taken))


def _notice_state_refusal(notice: OfflineNotice, states: Collection[OfflineNoticeState]) -> str | None:
    """Returns the reason why a notice cannot be changed, or None if it is in one of these states."""
    if notice.state in states:
        return None
    why = f" ({notice.note})" if notice.note else ""
    by = f" by {notice.changed_by}" if notice.changed_by else ""
    return f"is {notice.state}{by}{why}; it takes one that is {' or '.join(states)}"
