"""What a brand has promised and what follows from it. Pure: no I/O, no clock, no driver."""
