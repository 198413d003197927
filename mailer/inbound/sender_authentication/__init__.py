"""Proof that a received message is from the domain of its From: SPF, DKIM and DMARC.

The parsers are pure. Only `DnsLookup` asks the network. Nothing here raises for a hostile message, record or name, and
each step has a limit of time, of size or of queries.
"""
