"""Applies changes of standings again that a database has lost. Only changes that reduce mail are applied."""

from collections.abc import Mapping
from datetime import UTC, datetime

from mailer.actions.account_events import AccountEventStores
from mailer.actions.account_flags import UnknownRecipient, set_account_flag
from mailer.actions.consent import ConsentNotRecordable, withdraw_consent
from mailer.actions.opt_out import OptOutRefused, record_opt_out
from mailer.actions.own_limits import OwnLimitRefused, parse_own_limit_of_ledger_reason, record_own_limit
from mailer.actions.privacy_rights import erase_recipient, mark_under_13
from mailer.actions.suppression import OBJECTION, SuppressionRefused, object_to_marketing, suppress_recipient
from mailer.policy.consent_and_opt_out_scopes import is_opt_out_scope
from mailer.policy.limits_set_by_recipient import OWN_CAP, OWN_PAUSE
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.consents import Consent
from mailer.ports.halts import JournaledStandingChange
from mailer.ports.privacy_rights import ForbiddenByLegalHold
from mailer.ports.standings import StandingFlag
from mailer.ports.suppressions import NewSuppression

ACTOR = "journal"
"""The actor of a change that is applied again. Its source stays the original one."""
_REFUSED = (
    UnknownRecipient,
    ConsentNotRecordable,
    OptOutRefused,
    OwnLimitRefused,
    SuppressionRefused,
    ForbiddenByLegalHold,
)


async def redo_lost_change_if_it_reduces_mail(
    desk: AccountEventStores, policies: Mapping[str, Policy], change: JournaledStandingChange
) -> bool:
    """Applies a lost change again, if it reduces mail. A repeated call does no harm.

    A change that adds mail (a consent, an end of a suppression) is not applied again. Without it less is sent, and the
    person can ask for it again. A scope that the policy no longer has becomes all optional mail.

    Args:
        desk: the stores for the change.
        policies: the policies by brand.
        change: the change. Its recipient is known to be the same person.

    Returns:
        True if it was applied. False if it adds mail, if the brand is gone, or if it is refused now.
    """
    policy = policies.get(change.brand)
    if policy is None:
        return False
    try:
        return await _redo_change_by_reason(desk, policy, change)
    except _REFUSED:
        return False


async def _redo_change_by_reason(desk: AccountEventStores, policy: Policy, change: JournaledStandingChange) -> bool:
    who, source = change.recipient_id, (change.rule or "").removeprefix("action:")
    scope = change.scope if change.scope and is_opt_out_scope(policy, change.scope) else EVERYTHING_OPTIONAL
    match change.reason.split(" ")[0]:
        case "opt_out":
            await record_opt_out(desk.standings, policy, who, scope, source)
        case "complaint":
            await suppress_recipient(desk.suppressions, policy, who, NewSuppression(scope, "complaint", source, ACTOR))
        case reason if reason == OBJECTION:
            await object_to_marketing(desk.suppressions, policy, who, source, ACTOR)
        case "consent_withdrawn":
            version = change.policy or policy.version
            said = Consent(change.scope or EVERYTHING_OPTIONAL, False, source, version, None, ACTOR, change.at, None)
            await withdraw_consent(desk.consents, policy, who, said)
        case name if name in (OWN_PAUSE, OWN_CAP):
            limit = parse_own_limit_of_ledger_reason(change.reason, change.scope, change.at, datetime.now(UTC))
            if limit is None:
                return False
            await record_own_limit(desk.standings, policy, who, limit, source, ACTOR, since=change.at)
        case StandingFlag.UNDER_13:
            await mark_under_13(desk.rights, policy, who, source)
        case "erased":
            await erase_recipient(desk.rights, policy, who, source)
        case flag if flag in list(StandingFlag):
            await set_account_flag(desk.standings, policy.brand, who, StandingFlag(flag), True, source)
        case _:
            return False
    return True
