"""Webhooks of e-mail services: a folder per provider, which checks a request and reads it into one vocabulary.

Nothing here acts, stores or connects. An event acts on somebody only if our own signed token in it verifies.
"""
