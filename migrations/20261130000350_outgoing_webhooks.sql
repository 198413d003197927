-- migrate:up
-- Endpoints of applications to which outcomes are posted, and the posts that are still to be made. A post is stored together
-- with what it tells, and names people by their row only, so that it forgets who is erased.

CREATE TABLE outgoing_webhooks (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    brand            text NOT NULL,
    url              text NOT NULL CHECK (octet_length(url) <= 2000),
    kinds            text[] NOT NULL CHECK (cardinality(kinds) BETWEEN 1 AND 50),
    secret           bytea NOT NULL,
    old_secret       bytea,
    old_secret_until timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    not_before       timestamptz,
    failing_since    timestamptz,
    last_error       text CHECK (octet_length(last_error) <= 200),
    disabled_at      timestamptz,
    disabled_reason  text CHECK (disabled_reason IN ('person', 'gone', 'failing')),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    UNIQUE (brand, url)
);
COMMENT ON TABLE outgoing_webhooks IS 'Endpoints of applications to which outcomes are posted.';
COMMENT ON COLUMN outgoing_webhooks.kinds IS 'The states and reports that are posted.';
COMMENT ON COLUMN outgoing_webhooks.secret IS 'The key of the signature, encrypted under MAILER_SECRET_KEYS.';
COMMENT ON COLUMN outgoing_webhooks.old_secret IS 'The key before it. Both sign until old_secret_until.';
COMMENT ON COLUMN outgoing_webhooks.not_before IS 'Nothing is posted before: the endpoint asked for it, or failed just now.';
COMMENT ON COLUMN outgoing_webhooks.failing_since IS 'The first failure since the last success.';

CREATE TABLE outgoing_webhook_messages (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    webhook_id    bigint NOT NULL REFERENCES outgoing_webhooks ON DELETE CASCADE,
    at            timestamptz NOT NULL DEFAULT now(),
    category      text,
    state         text NOT NULL,
    mailing_ids   uuid[] NOT NULL,
    recipient_ids bigint[] NOT NULL,
    reasons       text[] NOT NULL,
    attempts      int[] NOT NULL,
    tries         int NOT NULL DEFAULT 0,
    due_at        timestamptz DEFAULT now(),
    delivered_at  timestamptz,
    CHECK (due_at IS NULL OR delivered_at IS NULL)
);
COMMENT ON TABLE outgoing_webhook_messages IS 'Outcomes for an endpoint: one row a post. Kept for some weeks, to be replayed.';
COMMENT ON COLUMN outgoing_webhook_messages.due_at IS 'The next try; null once it was accepted, or given up.';
CREATE INDEX outgoing_webhook_messages_due ON outgoing_webhook_messages (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outgoing_webhook_messages_waiting ON outgoing_webhook_messages (webhook_id, at) WHERE due_at IS NOT NULL;
CREATE INDEX outgoing_webhook_messages_by_time ON outgoing_webhook_messages (webhook_id, at);
CREATE INDEX outgoing_webhook_messages_by_age ON outgoing_webhook_messages (at);

-- migrate:down
DROP TABLE outgoing_webhook_messages, outgoing_webhooks;
