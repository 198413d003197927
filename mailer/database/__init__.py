"""Connections to PostgreSQL, the SQL statements by name, and the driver's errors."""
