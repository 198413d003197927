"""Private services on this machine: PostgreSQL from a wheel, RabbitMQ from the system's package.

Each has its own folder, listens on this machine only, and does not touch other services.
"""


class PrivateServiceUnavailable(Exception):
    """Raised if a private service cannot run here; the message is one line that says what to do."""
