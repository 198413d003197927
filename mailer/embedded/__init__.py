"""Private services on this machine: PostgreSQL from a wheel, RabbitMQ from the system's package.

Each lives in a folder of its own, listens for this machine only, and touches no service that it finds.
"""


class Unavailable(Exception):
    """A private service cannot run here; the message is one line that says what to do."""
