"""The reasons for which a mailing waits, in plain words, with what to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.policy.moment_wording import moment_in_words
from mailer.policy.policy_file import Policy
from mailer.policy.processor_rules import REFUSALS
from mailer.ports.deliveries import IN_DOUBT, NO_WAY_OUT, SET_UP
from mailer.ports.halts import HaltInForce, HaltLister, HaltScope
from mailer.ports.mailings import MailingStatus, MailingStore
from mailer.ports.processor_states import STATE_WORDS, ProcessorStateStore, ReportedProcessorState

_HALTS_READ = 1000


@dataclass(frozen=True, slots=True)
class WaitReason:
    """A reason for which deliveries wait.

    Attributes:
        text: what keeps them.
        remedy: what a person can do, with the command; empty if it ends by itself.
    """

    text: str
    remedy: str = ""

    def __str__(self) -> str:
        """Returns both on one line."""
        return f"{self.text}: {self.remedy}" if self.remedy else self.text


_HELD_FOR_A_PERSON: Mapping[str, tuple[str, str]] = {
    IN_DOUBT: (
        "may have arrived, and no further copy is sent by itself",
        "`mailer mailing resume {id}` sends one more, `mailer mailing end {id}` none",
    ),
    **dict.fromkeys(
        REFUSALS,
        (
            "are held since no processor of MAILER_PROCESSORS may have them by the policy's registry ({reason})",
            "mend one or the other; they are tried again every 15 minutes",
        ),
    ),
    SET_UP: (
        "are held since their domains find our set-up broken",
        "`mailer processors list` says what to check, then `mailer mailing resume {id}`",
    ),
    NO_WAY_OUT: (
        "are held since their readers would not see how to leave, or our address",
        "the ledger says which part lacks what; `mailer mailing cancel {id}`, mend the template, and publish it anew",
    ),
}
"""The texts for each reason for which deliveries are held until a person does something."""


class MailingWaitExplainer:
    """Explains why mailings wait. Console, API and commands use it.

    Args:
        mailings: the store of mailings.
        states: the states of processors as the workers report them.
        halts: the halts that hold now.
        policies: the policies in force, by brand.
        has_template: tells whether a brand has a template here.
    """

    def __init__(
        self,
        mailings: MailingStore,
        states: ProcessorStateStore,
        halts: HaltLister,
        policies: Mapping[str, Policy],
        has_template: Callable[[str, str], bool],
    ) -> None:
        self._mailings = mailings
        self._states = states
        self._halts = halts
        self._policies = policies
        self._has_template = has_template

    async def explain_waits(self, status: MailingStatus, now: datetime) -> list[WaitReason]:
        """Returns the reasons for which deliveries of a mailing wait now; none for one that is over.

        Args:
            status: the mailing.
            now: an aware datetime.
        """
        if status.finished_at is not None:
            return []
        halts = await self._halts.list_halts_in_force(_HALTS_READ, [status.brand], status.id) if status.halted else []
        states = await self._states.list_processor_states_over_all_workers()
        return [
            *list_wait_reasons_ordered_by_people(status, halts, now),
            *list_wait_reasons_of_processor_troubles(status, states),
            *list_wait_reasons_of_held_deliveries(status),
            *await self._missing_policy_or_template(status),
        ]

    async def _missing_policy_or_template(self, status: MailingStatus) -> list[WaitReason]:
        """Returns why workers with the settings of this process do not take a mailing."""
        if not status.count_in_state("queued"):
            return []
        policy = self._policies.get(status.brand)
        facts = (await self._mailings.read_facts_of_mailings([status.id])).get(status.id)
        if policy is None or status.category not in policy.categories:
            missing = f"no policy here lets {status.brand} send {status.category} mail"
        elif (
            facts is not None
            and not self._has_template(status.brand, facts.template)
            and await self._mailings.read_template_source_by_version(facts.template_version) is None
        ):
            missing = f"the template {status.brand}/{facts.template} is not here"
        else:
            return []
        return [WaitReason(missing, f"deploy it to the workers, or `mailer mailing cancel {status.id}`")]


def list_wait_reasons_ordered_by_people(
    status: MailingStatus, halts: Sequence[HaltInForce], now: datetime
) -> list[WaitReason]:
    """Returns the waits that a person has ordered: for a release, for a time, or by a halt."""
    if status.state == "awaiting_release":
        return [WaitReason("a second person has to release it", f"`mailer mailing approve {status.id} --by PERSON`")]
    waits = [
        WaitReason(_halt_in_words(one), _command_that_lifts_halt(one))
        for one in halts
        if one.halt.scope is HaltScope.EVERYTHING
        or (one.halt.scope is HaltScope.BRAND and one.brand == status.brand)
        or (one.halt.scope is HaltScope.PROMOTIONAL and HaltScope.PROMOTIONAL in status.halted)
        or (one.halt.scope is HaltScope.MAILING and one.halt.key == str(status.id))
    ]
    if status.state == "scheduled" and status.began_at is not None and status.began_at > now:
        waits.append(WaitReason(f"it is to begin at {moment_in_words(status.began_at)}"))
    return waits


def list_wait_reasons_of_processor_troubles(
    status: MailingStatus, states: Sequence[ReportedProcessorState]
) -> list[WaitReason]:
    """Returns the troubles of processors, if something of the mailing is queued."""
    if status.finished_at is not None or not status.count_in_state("queued"):
        return []
    return [
        WaitReason(
            f"{one.relay} {STATE_WORDS.get(one.state, one.state)} since {moment_in_words(one.since)}: {one.error}"
        )
        for one in states
        if one.has_trouble
    ]


def list_wait_reasons_of_held_deliveries(status: MailingStatus) -> list[WaitReason]:
    """Returns what is held until a person decides, with the numbers of deliveries."""
    return [
        WaitReason(f"{status.counts['held', reason]:,} {text.format(reason=reason)}", remedy.format(id=status.id))
        for reason, (text, remedy) in _HELD_FOR_A_PERSON.items()
        if status.counts.get(("held", reason))
    ]


def _halt_in_words(one: HaltInForce) -> str:
    what = {
        HaltScope.EVERYTHING: "everything stands still",
        HaltScope.BRAND: f"the brand {one.brand} is paused",
        HaltScope.PROMOTIONAL: f"the promotions of {one.brand} are paused",
        HaltScope.MAILING: "it is paused",
        HaltScope.PROCESSOR: f"the processor {one.halt.key} is paused",
    }[one.halt.scope]
    since = f" since {moment_in_words(one.halt.at)}" if one.halt.at else ""
    why = f" ({one.halt.reason})" if one.halt.reason else ""
    return f"{what}{since}, by {one.halt.by}{why}"


def _command_that_lifts_halt(one: HaltInForce) -> str:
    return {
        HaltScope.EVERYTHING: "`mailer start`",
        HaltScope.BRAND: f"`mailer brand resume {one.brand}`",
        HaltScope.PROMOTIONAL: f"`mailer brand resume {one.brand} --promotional`",
        HaltScope.MAILING: f"`mailer mailing resume {one.halt.key}`",
        HaltScope.PROCESSOR: f"`mailer processors resume {one.halt.key}`",
    }[one.halt.scope]
