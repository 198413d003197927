"""Outside delivery systems: SMTP relays, and a capture server for tests and demos."""
