"""The hand-over of batches: they are claimed here; `HandOverOfClaim` shows the way of their rows."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from uuid import UUID

from mailer.actions.names_of_mentioned_people import load_names_of_mentioned_people
from mailer.actions.refusal_judgement import RefusalJudge
from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.metrics_and_logger import LEFT_TO_OTHERS, log
from mailer.pipeline.delivery_state_moves import hold_rows_for_bug
from mailer.pipeline.hand_over_of_claim import HandOverOfClaim, HandOverSetupOfProcess
from mailer.pipeline.lease_renewal import ClaimLease
from mailer.pipeline.outcome_recorder import OutcomeRecorder
from mailer.pipeline.preparation import SendChecks, WindowPreparation
from mailer.pipeline.small_mailing_open_counting_check import record_who_may_get_small_mailings
from mailer.ports.deliveries import Claim, DeliveryStore
from mailer.ports.mailings import MailingFacts, MailingStore
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache, UnknownTemplate
from mailer.runtime.error_kinds import ErrorKind, classify_error


class HandOver:
    """Hands batches over to processors.

    Args:
        deliveries: the store of deliveries.
        mailings: the store of mailings.
        renderers: the renderers of mailings.
        checks: can stop a message, and choose its processor.
        bounces: judges hard refusals.
        owner: this process's name in claims.
        stop: set when the worker has to end.
    """

    def __init__(
        self,
        deliveries: DeliveryStore,
        mailings: MailingStore,
        renderers: MailingRendererCache,
        checks: SendChecks,
        bounces: RefusalJudge,
        owner: str,
        stop: asyncio.Event,
    ) -> None:
        self._deliveries = deliveries
        self._mailings = mailings
        self._renderers = renderers
        self._bounces = bounces
        self._owner = owner
        self._stop = stop
        preparation = WindowPreparation(checks, renderers.sign, deliveries.find_last_delivery_of_text_to_shared_address)
        self._setup = HandOverSetupOfProcess(deliveries, preparation, checks, stop)
        self.checks = checks
        self.sign = renderers.sign
        self.precedence = checks.precedence
        self.routes = checks.routes

    async def hand_over_batches(
        self,
        batches: Sequence[int],
        facts: Mapping[UUID, MailingFacts | None] = MappingProxyType({}),
        is_late: Callable[[], object] = lambda: None,
    ) -> None:
        """Hands over the open deliveries of batches. Returns at once if another process has claimed them.

        Args:
            batches: ids of the batches.
            facts: all mailings of the batches, by id; None for facts that are not known. Empty: the mailings are not
                known, and are read with their facts.
            is_late: called when a processor is slow while others could take mail.

        After an outage or a bug the claim is given back, so that it comes again soon. Messages that may have been
        offered stay until the lease ends; then the timekeeper resolves them.
        """
        begun = time.monotonic()
        claim = await self._deliveries.claim_queued_deliveries_of_batches(batches, self._owner, facts.keys())
        if claim is None:
            return
        crash_if_armed(CrashPoint.AFTER_CLAIM)
        lease = ClaimLease(partial(self._deliveries.renew_claim_lease, claim.token), begun, claim.deadline, self._stop)
        recorder = OutcomeRecorder(self._deliveries, self._bounces, claim, lease, self._stop)
        async with recorder.releasing_claim_on_error():
            renderers = await self._load_mailing_renderers_of_claim(claim, facts)
            record_who_may_get_small_mailings(claim, renderers, datetime.now(UTC))
            left = await HandOverOfClaim(self._setup, claim, lease, recorder, renderers, is_late).hand_over_rows()
        await recorder.end_claim_and_requeue_rest(min(left.values(), default=None))

    async def _load_mailing_renderers_of_claim(
        self, claim: Claim, facts: Mapping[UUID, MailingFacts | None]
    ) -> Mapping[UUID, MailingRenderer]:
        """Returns the renderers of the claim's mailings that this worker knows. They stay the same for the claim."""
        known = {row.mailing_id: self._renderers.find_renderer_of_mailing(row.mailing_id) for row in claim.rows}
        renderers = {mailing_id: renderer for mailing_id, renderer in known.items() if renderer is not None}
        if new := known.keys() - renderers.keys():
            told = {one.id: one for one in facts.values() if one is not None and one.id in new}
            if unknown := new - told.keys():
                told |= await self._mailings.read_facts_of_mailings(list(unknown))
            for one in told.values():
                if (renderer := await self._make_renderer_or_leave_to_others(claim, one)) is not None:
                    renderers[one.id] = renderer
        await load_names_of_mentioned_people(self._mailings, claim.rows, renderers.values())
        return renderers

    async def _make_renderer_or_leave_to_others(self, claim: Claim, facts: MailingFacts) -> MailingRenderer | None:
        """Returns a mailing's new renderer; None: its rows are left to other workers, or are held by a bug."""
        is_here = self._renderers.is_template_version_deployed(facts)
        source = None if is_here else await self._mailings.read_template_source_by_version(facts.template_version)
        try:
            return self._renderers.make_and_cache_renderer(facts, source)
        except UnknownTemplate as error:
            LEFT_TO_OTHERS.labels(facts.brand, facts.template).set_to_current_time()
            log.warning("left to workers that know it", reason=str(error))
        except Exception as error:
            if classify_error(error) is not ErrorKind.BUG:
                raise
            await hold_rows_for_bug(self._deliveries, claim, claim.rows_of_mailing(facts.id), facts, error)
        return None
