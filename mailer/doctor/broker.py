"""RabbitMQ, judged."""

from mailer.doctor.finding import Finding, ok, problem, warning

OLDEST = (3, 10)
"""The first RabbitMQ whose quorum queues do what the topology asks of them."""


def judge_version(version: str) -> Finding:
    """The finding about the version that the server says it has."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if len(numbers) < 2:
        return warning("RabbitMQ", f"it says that it is version {version!r}: mailer needs RabbitMQ 3.10 or newer")
    if numbers < OLDEST:
        return problem("RabbitMQ", f"version {version} is too old: mailer needs 3.10 or newer")
    return ok("RabbitMQ", f"version {version}")


def judge_topology(exchange: str, *, exists: bool) -> Finding:
    """The finding about the exchange that applications publish to."""
    if exists:
        return ok("topology", f"there is an exchange {exchange}")
    return warning("topology", f"there is no exchange {exchange} yet; a worker declares it when it starts")
