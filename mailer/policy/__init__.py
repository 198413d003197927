"""The promises of a brand, and the decisions that follow from them. Pure: no I/O, no clock, no driver."""
