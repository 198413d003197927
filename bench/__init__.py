"""Benchmarks: each prints its figures. Run one as `python -m bench.<name>`."""
