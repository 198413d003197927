"""Brokers: one topology (`topology`), obeyed by RabbitMQ (`rabbitmq`) and within the process (`outbox_broker`)."""
