"""Everything that comes back: bounces, complaints, automatic replies, requests by mail, and webhooks of processors.

Everything here arrives from strangers. A message is stored before it is accepted, is parsed by pure functions, and acts
on somebody only if it proves to answer a mail of ours.
"""
