"""What both sides know of how the peers run."""

THREADS = 8
"""Of django-post-office."""
BATCH = 1_000
"""Messages that django-post-office takes at a time: 100 by default, but it connects anew for each batch."""
