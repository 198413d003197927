"""Findings about RabbitMQ."""

from mailer.doctor.finding import Finding, ok_finding, problem_finding, warning_finding

OLDEST = (3, 10)
"""The first version of RabbitMQ whose quorum queues have all features that the topology needs."""


def judge_rabbitmq_version(version: str) -> Finding:
    """Returns the finding about the version that the server reports."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if len(numbers) < 2:
        return warning_finding(
            "RabbitMQ", f"it says that it is version {version!r}: mailer needs RabbitMQ 3.10 or newer"
        )
    if numbers < OLDEST:
        return problem_finding("RabbitMQ", f"version {version} is too old: mailer needs 3.10 or newer")
    return ok_finding("RabbitMQ", f"version {version}")


def judge_exchange_existence(exchange: str, *, exists: bool) -> Finding:
    """Returns the finding about the exchange to which applications publish."""
    if exists:
        return ok_finding("topology", f"there is an exchange {exchange}")
    return warning_finding("topology", f"there is no exchange {exchange} yet; a worker declares it when it starts")
