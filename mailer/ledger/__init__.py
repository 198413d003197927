"""The ledger: its entries (`ports.ledger_entry`), chained by writer, signed by seals, verified and exported."""
