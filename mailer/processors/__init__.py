"""Outside delivery systems: SMTP relays, and a capturing server that stands in for one."""
