"""The checks of a process at its start, and of `mailer doctor`. Only `dns_lookup`, `relays` and `disk_space` do I/O."""
