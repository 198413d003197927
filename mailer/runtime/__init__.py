"""Common parts of every process, whatever its work: readiness, the operators' port, logs."""
