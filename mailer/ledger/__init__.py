"""PostgreSQL: the truth. SQL stands in `sql/`, a file a noun; the chain of the ledger is in `chain`."""
