"""Settings of the peers that the benchmark and the peers' programs share."""

THREADS = 8
"""Threads of django-post-office."""
BATCH = 1_000
"""Messages that django-post-office takes at a time: 100 by default, but it connects anew for each batch."""
