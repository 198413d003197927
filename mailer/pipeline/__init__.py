"""The flow: intake takes events in, the hand-over passes deliveries on, the timekeeper sees to what waits."""
