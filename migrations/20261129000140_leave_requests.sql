-- migrate:up
-- Who has neither a link nor a login types an address on /leave/{brand}. No row holds an address, of a mailbox or of a client.

CREATE TABLE leave_requests (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    brand          text NOT NULL,
    controller     text NOT NULL,
    address_key    text NOT NULL,
    address_hashes bytea[] NOT NULL,
    asked_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE leave_requests IS 'Requests for a link to leave. The timekeeper deletes each with the events of its mails.';
COMMENT ON COLUMN leave_requests.address_hashes IS 'Of the typed mailbox, and of those that look like it in capitals. Anybody may have typed it.';

CREATE TABLE leave_request_counts (
    brand   text NOT NULL,
    counted text NOT NULL CHECK (counted IN ('address', 'brand', 'network')),
    key     bytea NOT NULL,
    since   timestamptz NOT NULL,
    n       integer NOT NULL,
    PRIMARY KEY (brand, counted, key, since)
);
COMMENT ON TABLE leave_request_counts IS 'How many requests were stored, for the limits. The timekeeper deletes the rows of earlier days.';
COMMENT ON COLUMN leave_request_counts.key IS 'The keyed hash of a mailbox or, with the day in it, of a network; empty for a brand.';
COMMENT ON COLUMN leave_request_counts.since IS 'The beginning of the day in UTC, or of the hour for a brand.';
CREATE INDEX leave_request_counts_by_age ON leave_request_counts (since);

-- migrate:down
DROP TABLE leave_request_counts;
DROP TABLE leave_requests;
