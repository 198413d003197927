"""What every process has, whatever its work: readiness, the operators' port, logs."""
