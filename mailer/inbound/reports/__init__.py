"""Pure parsers of received messages: bytes in, values out. No clock, no network, no driver."""
