"""The database adapter: a module and a file in `sql/` for each noun."""
