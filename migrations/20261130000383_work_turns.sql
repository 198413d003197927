-- migrate:up
-- Advisory locks are everybody's. Work on campaigns that one transaction does at a time locks a row here instead.
CREATE TABLE work_turns (name text PRIMARY KEY CHECK (octet_length(name) <= 300));
COMMENT ON TABLE work_turns IS 'Rows to lock: what is built, counted or named by one transaction at a time. Only who may write here can hold one.';
REVOKE ALL ON work_turns FROM PUBLIC;

-- migrate:down
DROP TABLE work_turns;
