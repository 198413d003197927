"""Breach cases for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mailer.policy.breach.facts import BreachFacts, DataKind
from mailer.ports.breach_cases import BreachCase
from mailer.postgres.breach_stores import BreachStores, build_breach_stores
from tests.factories import BRAND, World

ANN = "person:Ann Author"


def breach_stores_over(world: World, by: str = ANN) -> BreachStores:
    """The stores of one person."""
    return build_breach_stores(world.pool, world.writers.writers_with_actor(by, ""))


def facts_found(ago: timedelta = timedelta(), **values: Any) -> BreachFacts:
    """Facts of a breach in Germany that was found some time ago."""
    known: dict[str, Any] = {
        "summary": "A laptop was stolen",
        "found_at": datetime.now(UTC).replace(microsecond=0) - ago,
        "data": frozenset({DataKind.EMAIL_ADDRESS, DataKind.NAME}),
        "people_by_place": {"DE": 1200},
        "risk": "high",
    }
    return BreachFacts.model_validate({**known, **values})


async def new_breach(world: World, facts: BreachFacts | None = None, brand: str = BRAND) -> BreachCase:
    """An open case of Ann's."""
    return await breach_stores_over(world).cases.create_case(brand, "Laptop", facts or facts_found(), ANN)
