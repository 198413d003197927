-- migrate:up
-- As whom the workers talk to RabbitMQ: only of this user they believe for which person a command publishes.
CREATE TABLE broker_user (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    name    text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
);

-- migrate:down
DROP TABLE broker_user;
