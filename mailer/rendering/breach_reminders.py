"""Mails that remind staff of the clocks of a breach: plain words, one link to the case, nothing about people."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from mailer.policy.breach.clock_wording import deadline_in_words, reminder_in_words, time_left_in_words
from mailer.policy.breach.reminders import ReminderMoment
from mailer.policy.campaign_schedule import known_zone_or_none
from mailer.policy.category import Category
from mailer.policy.policy_file import Policy
from mailer.ports.breach_desk import ClaimedReminder, KeptClock
from mailer.ports.processor import OutgoingMessage
from mailer.rendering.headers import check_and_encode_addr_spec
from mailer.rendering.link_tokens import TEST_RECIPIENT
from mailer.rendering.mail_merge import MergeForm
from mailer.rendering.mailing_renderer import RenderedMessage
from mailer.rendering.message import MailingHeaders, StaticMessageParts
from mailer.rendering.signed_links import SignedLinks

_FIELDS = ("email", "name")
"""The kinds of personal data in it: of the reader alone."""


def render_breach_reminder(
    policy: Policy, category: Category, links: SignedLinks, reminder: ClaimedReminder, case_url: str, now: datetime
) -> RenderedMessage:
    """Renders the mail of one reader, unsigned.

    Args:
        policy: of the brand, whose sender it has.
        category: of breaches.
        links: makes ids and the return path, which stand for no recipient.
        reminder: with at least one clock.
        case_url: of the case's page.
        now: an aware time.

    Raises:
        HeaderRefused: the address or the name of the case cannot stand in a header.
    """
    zone = known_zone_or_none(reminder.zone) or ZoneInfo("UTC")
    clocks = sorted(reminder.clocks, key=lambda one: one[0].due_at or datetime.max.replace(tzinfo=UTC))
    subject = subject_of_reminder(reminder.case_name, clocks, now)
    lines = [_lines_of_clock(clock, moment, zone, now) for clock, moment in clocks]
    text = _text_part(policy, reminder, lines, case_url)
    html = _html_part(policy, reminder, lines, case_url)
    head = MailingHeaders(
        policy.sender_of(category), policy.brand, policy.domain, category, None, None, (), policy.name
    )
    form = MergeForm((subject,), (html,), (text,))
    message = StaticMessageParts(head).compile_merge_form(form, _FIELDS)
    recipient = check_and_encode_addr_spec(reminder.address, "To")
    message_id = links.stable_message_id(reminder.id, TEST_RECIPIENT, policy.domain)
    content = message.fill_message(
        to=recipient, name=reminder.name, message_id=message_id, date=int(now.timestamp()), unsubscribe_url=None
    )
    plain_id = message_id[1:-1]
    sender = links.bounce_address(reminder.id, TEST_RECIPIENT, policy.domain)
    outgoing = OutgoingMessage(sender, recipient, content, plain_id.partition("@")[0], is_canonical=True)
    return RenderedMessage(outgoing, plain_id, message.fields)


def subject_of_reminder(name: str, clocks: Sequence[tuple[KeptClock, ReminderMoment]], now: datetime) -> str:
    """Returns the subject: the case, and the clock with the next deadline. `clocks` are sorted by deadline."""
    first, moment = clocks[0]
    left = f" ({time_left_in_words(first.due_at, now)})" if first.due_at else ""
    more = f", and {len(clocks) - 1} more" if len(clocks) > 1 else ""
    return f"[Breach] {name}: {reminder_in_words(moment).lower()}: {first.what} {first.whom}{left}{more}"[:300]


def _lines_of_clock(clock: KeptClock, moment: ReminderMoment, zone: ZoneInfo, now: datetime) -> list[str]:
    left = f" {time_left_in_words(clock.due_at, now).capitalize()}." if clock.due_at else ""
    return [
        f"{reminder_in_words(moment)}: {clock.what} {clock.whom}",
        f"Deadline: {deadline_in_words(clock.due_at, zone)}.{left}",
        f"Rule: {clock.because} ({clock.rule})",
    ]


def _intro(policy: Policy, reminder: ClaimedReminder) -> str:
    return f'This is about the breach case "{reminder.case_name}" of {policy.name}.'


_END = (
    "Mark a duty as done on that page. Then its reminders stop. "
    "You get this mail because your role at the console includes breach cases."
)


def _text_part(policy: Policy, reminder: ClaimedReminder, lines: Sequence[Sequence[str]], url: str) -> str:
    blocks = [_intro(policy, reminder), *("\n".join(one) for one in lines), f"Open the case:\n{url}", _END]
    return "\n\n".join(blocks) + "\n"


def _html_part(policy: Policy, reminder: ClaimedReminder, lines: Sequence[Sequence[str]], url: str) -> str:
    title = escape(reminder.case_name)
    blocks = [
        f"<h2 dir=auto>{escape(first)}</h2><p dir=auto>{'<br>'.join(map(escape, others))}</p>\n"
        for first, *others in lines
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><p dir=auto>{escape(_intro(policy, reminder))}</p>\n{''.join(blocks)}"
        f'<p><a href="{escape(url)}">Open the case</a></p>\n<p>{_END}</p></body></html>\n'
    )
