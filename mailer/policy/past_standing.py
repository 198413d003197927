"""A standing at a past moment, as far as the records show it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.policy.soft_bounces import SOFT_BOUNCES
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing


@dataclass(frozen=True, slots=True)
class StandingChange:
    """A change of a standing, as the ledger has it: `opt_out`, `lifted opt_out`, `channel post`, …."""

    at: datetime
    reason: str
    scope: str | None


@dataclass(frozen=True, slots=True)
class SuppressionOrConsentSpan:
    """The time for which a suppression, or a consent that counts, held. The reason of a consent is `consent`.

    Attributes:
        since: when it began. until: when it ended; None: it holds.
    """

    reason: str
    scope: str
    since: datetime
    until: datetime | None = None

    def is_in_force_at(self, moment: datetime) -> bool:
        """Tells whether it held at a moment."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class PastStanding:
    """A standing at a past moment.

    Attributes:
        untold: the facts that the records do not have for that moment, in words.
    """

    standing: Standing
    untold: tuple[str, ...]


UNTOLD = (
    "where they lived, how and under which policy version the address was collected, and what they paid for: as today",
    "how many mails they had had in the days before, so that no cap is counted",
    "what stood still, and what our relays said",
)
"""Facts of which only the present is kept."""
_FLAGS = (
    *("deactivated", "restricted", "under_13"),
    *("electronic_refused", "personalisation_refused", "tracking_refused"),
)
"""Fields of a standing that are true or false. The reason of the change that sets one is its name."""
_LEFT = ("opt_out", "complaint")


def standing_at(
    now: Standing, acts: Sequence[StandingChange], spans: Sequence[SuppressionOrConsentSpan], moment: datetime
) -> PastStanding:
    """Returns the standing at a past moment, from the standing today and its changes.

    Args:
        now: the standing today.
        acts: all changes of the person's standing, oldest first.
        spans: all suppressions of their address, and the consents that count.
        moment: an aware time in the past.
    """
    done = [act for act in acts if act.at <= moment]
    held = [span for span in spans if span.is_in_force_at(moment)]
    untold = [*UNTOLD, *_undated_flag_notes(now, acts)]
    values: dict[str, object] = {
        "opted_out": frozenset(span.scope for span in held if span.reason in _LEFT)
        | _scopes_still_opted_out(done, _LEFT),
        "objected": any(span.reason == "objection" for span in held)
        or bool(_scopes_still_opted_out(done, ("objection",))),
        "consents": frozenset(span.scope for span in held if span.reason == "consent"),
        "erased_before": any(span.reason == "erased" for span in held),
        "address_dead": any(span.reason == "address_dead" and span.scope == EVERYTHING_OPTIONAL for span in held),
        "dead_in": sorted({span.scope for span in held if _is_dead_for_some_mail(span)}) or None,
        "paused_until": max((span.until for span in held if span.reason == "own_pause" and span.until), default=None),
        # Of both, the stricter one, `monthly`, which comes first.
        "own_cap": min((span.scope for span in held if span.reason == "own_cap"), default=None),
        "erased": any(act.reason.startswith("erased") for act in done),
        "channel": next(
            (act.reason.removeprefix("channel ") for act in reversed(done) if _is_channel_change(act)), "email"
        ),
        "sent": (),
        "copy_of": None,
        "invited_by": None,
        **{flag: _flag_at(flag, done, acts, getattr(now, flag)) for flag in _FLAGS},
    }
    if now.erased and not values["erased"]:
        untold.append("the address, the consents' words and the opt-outs of who was erased since: they are gone")
    return PastStanding(replace(now, **values), tuple(untold))  # type: ignore[arg-type]


def _is_dead_for_some_mail(span: SuppressionOrConsentSpan) -> bool:
    """Tells whether a suppression stops some optional mail to an address that takes none."""
    return span.reason == SOFT_BOUNCES or (span.reason == "address_dead" and span.scope != EVERYTHING_OPTIONAL)


def _scopes_still_opted_out(done: Iterable[StandingChange], reasons: Sequence[str]) -> frozenset[str]:
    """Returns the scopes that the person opted out of and that were not lifted since."""
    left: set[str] = set()
    for act in done:
        if act.reason in reasons:
            left.add(act.scope or EVERYTHING_OPTIONAL)
        elif act.reason.removeprefix("lifted ") in reasons:
            left.discard(act.scope or EVERYTHING_OPTIONAL)
    return frozenset(left)


def _flag_at(flag: str, done: Sequence[StandingChange], acts: Sequence[StandingChange], now: bool) -> bool:
    """Returns a flag by its last change. Before its first change it is False; without any change it is as today."""
    said = [act.reason for act in done if act.reason in (flag, f"not_{flag}")]
    if said:
        return said[-1] == flag
    return now and not any(act.reason == flag for act in acts)


def _undated_flag_notes(now: Standing, acts: Sequence[StandingChange]) -> list[str]:
    """Returns a sentence for each flag that is set today without a change on record."""
    said = {act.reason for act in acts}
    return [
        f"since when it is so that they are {flag.replace('_', ' ')}: as today"
        for flag in _FLAGS
        if getattr(now, flag, False) and flag not in said
    ]


def _is_channel_change(act: StandingChange) -> bool:
    return act.reason.startswith("channel ")
