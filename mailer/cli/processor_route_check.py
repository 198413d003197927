"""Checks, before anything is sent, whether a configured processor may have a mail."""

from datetime import UTC, datetime

from mailer.app import App
from mailer.pipeline.no_route import NoRoute
from mailer.pipeline.routing import ProcessorRoutes
from mailer.policy.category import Lane
from mailer.policy.policy_file import Policy


async def reason_for_no_processor(app: App, policy: Policy, purpose: str, lane: Lane) -> NoRoute | None:
    """Returns the reason for which no configured processor may have a mail, or None if one may."""
    if app.settings.is_mail_captured:
        return None
    routes = ProcessorRoutes(await app.open_processors(), lambda name: None)
    route = routes.choose_processor(policy, purpose, datetime.now(UTC), lane=lane)
    return route if isinstance(route, NoRoute) else None
