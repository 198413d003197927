-- migrate:up

CREATE TABLE handed (
    brand     text NOT NULL,
    processor text NOT NULL,
    country   text,
    contract  text,
    n         bigint NOT NULL,
    first_at  timestamptz NOT NULL DEFAULT now(),
    last_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE handed IS 'Append-only deltas of the messages that processors have, or may have; folded by the minute.';

-- Until now, an entry hand_over was written with each intent, whether or not anything was offered then.
INSERT INTO handed
SELECT h.brand, h.processor, h.country, h.contract, count(*), min(h.at), max(h.at)
FROM ledger h
WHERE h.kind = 'hand_over' AND h.processor IS NOT NULL AND (h.mailing_id, h.recipient_id, h.attempt) IN (
    SELECT o.mailing_id, o.recipient_id, o.attempt FROM ledger o
    WHERE o.kind = 'outcome' AND o.processor = h.processor AND (o.reason LIKE 'accepted%' OR o.reason LIKE 'in_doubt%'))
GROUP BY h.brand, h.processor, h.country, h.contract;

CREATE INDEX mailings_by_event ON mailings (event_id);

-- migrate:down
DROP INDEX mailings_by_event;
DROP TABLE handed;
