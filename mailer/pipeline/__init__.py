"""The flow: intake stores events as mailings, the hand-over sends deliveries, the timekeeper handles waiting ones."""
