"""Fuzzing of all that strangers send: `python -m tests.fuzzing`."""
