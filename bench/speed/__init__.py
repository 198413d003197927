"""Measures how fast messages are handed over: this pipeline beside its peers, on one machine and against one sink."""
