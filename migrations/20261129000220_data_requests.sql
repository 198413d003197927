-- migrate:up
-- People ask for a copy of their data, or for a correction, erasure or restriction (GDPR Art. 15 to 18), on /data/{brand}.

ALTER TABLE leave_requests ADD COLUMN wanted text NOT NULL DEFAULT 'leave'
    CHECK (wanted IN ('leave', 'copy', 'correction', 'erasure', 'restriction'));
COMMENT ON TABLE leave_requests IS 'Requests by an address. The timekeeper deletes each with the events of its mails.';
COMMENT ON COLUMN leave_requests.wanted IS 'A link to leave, or a link to a request for the data of the person.';

CREATE TABLE data_requests (
    id           uuid PRIMARY KEY,
    brand        text NOT NULL,
    recipient_id bigint NOT NULL,
    wanted       text NOT NULL CHECK (wanted IN ('copy', 'correction', 'erasure', 'restriction')),
    generation   integer NOT NULL,
    asked_at     timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    confirmed_at timestamptz,
    note         text CHECK (octet_length(note) BETWEEN 1 AND 8000),
    answer       text CHECK (answer IN ('done', 'refused')),
    answered_at  timestamptz,
    answered_by  text,
    reason       text CHECK (octet_length(reason) BETWEEN 1 AND 16000),
    copies       smallint NOT NULL DEFAULT 0,
    CHECK (confirmed_at IS NOT NULL OR answer IS NULL),
    CHECK ((answer IS NULL) = (answered_at IS NULL))
);
COMMENT ON TABLE data_requests IS 'A request of a person for their data. Nothing is done before the address on record has confirmed it.';
COMMENT ON COLUMN data_requests.generation IS 'Of the address that the mail with the link went to.';
COMMENT ON COLUMN data_requests.due_at IS 'The day of the answer at the latest (GDPR Art. 12(3)).';
COMMENT ON COLUMN data_requests.note IS 'The words of the person, for whoever works on it.';
COMMENT ON COLUMN data_requests.answered_by IS 'The person of staff; null: mailer did it at once.';
COMMENT ON COLUMN data_requests.copies IS 'How often the copy was saved.';
COMMENT ON COLUMN data_requests.reason IS 'The words of the answer to the person.';
CREATE INDEX data_requests_by_person ON data_requests (recipient_id);
CREATE INDEX data_requests_open ON data_requests (due_at) WHERE confirmed_at IS NOT NULL AND answer IS NULL;
CREATE INDEX data_requests_by_age ON data_requests (asked_at);

-- migrate:down
DROP TABLE data_requests;
ALTER TABLE leave_requests DROP COLUMN wanted;
