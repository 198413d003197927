"""The stores behind the pages of operations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mailer.actions.breach_checking import BreachChecker
from mailer.actions.campaign_checking import CampaignChecker
from mailer.actions.campaign_rendering import CampaignRenderer
from mailer.actions.evidence.pack_making import PackParts
from mailer.actions.mailing_wait_reasons import MailingWaitExplainer
from mailer.actions.policy_comparison import PolicyComparer
from mailer.actions.typesetting.letter_typesetting import LetterTypesetter
from mailer.policy.policy_file import Policy
from mailer.policy.promise_report import RecordedProofs
from mailer.ports.campaign_people import CampaignReportStores
from mailer.ports.flow_metrics import Values
from mailer.ports.halts import HaltLister
from mailer.ports.ledger_inspection import LedgerInspector
from mailer.ports.mailing_release_previews import ReleasePreviewer
from mailer.ports.mailings import MailingDirectory
from mailer.ports.operator_stores import OperatorStoresOpener
from mailer.ports.processor_states import ProcessorStateStore
from mailer.ports.rates import RateLimitStore
from mailer.ports.received_mail import LetterText
from mailer.ports.running_process_query import RunningProcessLister
from mailer.ports.staff import RightInSession
from mailer.web.console.briefly_cached_value import BrieflyCachedValue


@dataclass(frozen=True, slots=True)
class ConsoleOperationStores:
    """The stores behind the pages of operations.

    Attributes:
        open_stores: opens the stores that a person changes.
        mailings: lists and finds mailings.
        waits: explains why mailings wait.
        previews: foresees whom a mailing reaches that waits for its release.
        halts: lists the halts that hold now.
        states: lists the states of processors.
        limits: lists rate limits and paces.
        processes: lists the processes that run.
        processor_names: the processors that this process knows from its settings.
        policies: the policies in force, by brand, each with its other versions.
        ledger: shows seals, and verifies the newest entries.
        figures: the figures of `/metrics` that come from the database.
        comparer: compares policies over the people there are.
        read_letter: reads the text of a letter from its octets.
        campaign_renderer: renders drafts of campaigns for previews.
        campaign_checker: checks drafts of campaigns.
        breach_checker: checks phases of breach cases.
        open_packs: opens the parts of evidence packs for an actor (an identity, as text), a masked network, and the
            right that is used in a session.
        proofs: the tests that prove promises, as a recorded run of all tests has them; None: there is no record.
        campaign_reports: the reports of campaigns, and their people.
        typesetter: sets letters for previews.
    """

    open_stores: OperatorStoresOpener
    mailings: MailingDirectory
    waits: MailingWaitExplainer
    previews: ReleasePreviewer
    halts: HaltLister
    states: ProcessorStateStore
    limits: RateLimitStore
    processes: RunningProcessLister
    processor_names: Sequence[str]
    policies: Mapping[str, Policy]
    ledger: LedgerInspector
    figures: BrieflyCachedValue[Values]
    comparer: PolicyComparer
    read_letter: Callable[[bytes], LetterText]
    proofs: BrieflyCachedValue[RecordedProofs | None]
    campaign_reports: CampaignReportStores
    campaign_renderer: CampaignRenderer
    campaign_checker: CampaignChecker
    typesetter: LetterTypesetter
    breach_checker: BreachChecker
    open_packs: Callable[[str, str, RightInSession | None], PackParts]
