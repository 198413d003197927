"""Common parts of every process: readiness, the operators' port, logs."""
