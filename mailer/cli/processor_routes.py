"""The processors that are configured here, asked before anything is sent."""

from datetime import UTC, datetime

from mailer.app import App
from mailer.pipeline.routing import NoRoute, ProcessorRoutes
from mailer.policy.category import Lane
from mailer.policy.policy_file import Policy


async def no_route(app: App, policy: Policy, purpose: str, lane: Lane) -> NoRoute | None:
    """Returns why none of the processors that are configured here may have such mail; None: one may."""
    if app.settings.captures:
        return None
    routes = ProcessorRoutes(await app.senders(), lambda name: None)
    route = routes.choose_processor(policy, purpose, datetime.now(UTC), lane=lane)
    return route if isinstance(route, NoRoute) else None
