"""SMTP relays: connections, their pool, and the processor that sends windows over them."""
