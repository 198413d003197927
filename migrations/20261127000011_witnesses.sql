-- migrate:up

CREATE TABLE witnesses (
    id       uuid PRIMARY KEY,
    label    text NOT NULL,
    timeline text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE witnesses IS 'The processes that remember, outside the database, what they committed. After a failover each has to say that nothing of it is missing.';
COMMENT ON COLUMN witnesses.label IS 'Host, process id and a random part, as the operator knows the process from its log.';
COMMENT ON COLUMN witnesses.timeline IS 'The server and its timeline (which changes with each promotion) on which the process last said so.';
COMMENT ON COLUMN witnesses.at IS 'When it last said so. A row goes when its process ends, or a minute after its last word on the timeline that is current.';

-- migrate:down
DROP TABLE witnesses;
