"""The adapter for PostgreSQL: a module and a file in `sql/` for each noun."""
