"""Captured mail: a real SMTP server on loopback that stores each message in a folder, for tests and demos."""
