-- migrate:up
-- What was diverted from mail waits for somebody who works it: by post, by telephone.
CREATE TABLE notices (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mailing_id   uuid NOT NULL,
    recipient_id bigint NOT NULL REFERENCES recipients,
    brand        text NOT NULL,
    category     text NOT NULL,
    channel      text NOT NULL,
    reason       text NOT NULL,
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'taken', 'done', 'returned', 'closed')),
    since        timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   text,
    note         text,
    reference    text,
    day          date,
    UNIQUE (mailing_id, recipient_id)
);
COMMENT ON TABLE notices IS 'A row for each delivery that was diverted, written in the transaction that ends the delivery.';
COMMENT ON COLUMN notices.reason IS 'Why it was diverted, as the ledger has it.';
COMMENT ON COLUMN notices.note IS 'Why it came back, or why it was closed.';
COMMENT ON COLUMN notices.reference IS 'Of the posting or the call, such as a tracking number.';
CREATE INDEX notices_waiting ON notices (channel, since) WHERE state IN ('open', 'taken');
CREATE INDEX notices_by_recipient ON notices (recipient_id);

CREATE TABLE postal_addresses (
    recipient_id bigint PRIMARY KEY REFERENCES recipients,
    lines        text[] NOT NULL,
    source       text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE postal_addresses IS 'For written notices alone. Shown to who works one, and nobody else.';

-- Of mailings from before, by their counters: most have diverted nobody.
INSERT INTO notices (mailing_id, recipient_id, brand, category, channel, reason, state, since, note)
SELECT m.id, d.recipient_id, m.brand, coalesce(d.sent_as, m.category), d.reason, coalesce(l.reason, 'unknown'),
       CASE WHEN s.erased_at IS NULL AND m.state <> 'cancelled' THEN 'open' ELSE 'closed' END,
       coalesce(l.at, m.created_at),
       CASE WHEN s.erased_at IS NOT NULL THEN 'erased' WHEN m.state = 'cancelled' THEN 'mailing_cancelled' END
FROM mailings m
JOIN deliveries d ON d.mailing_id = m.id AND d.state = 'diverted'
JOIN standings s ON s.recipient_id = d.recipient_id
LEFT JOIN LATERAL (
    SELECT l.reason, l.at FROM ledger l
    WHERE l.mailing_id = m.id AND l.recipient_id = d.recipient_id AND l.kind IN ('decision', 'outcome')
    ORDER BY l.at DESC, l.writer DESC, l.n DESC LIMIT 1) l ON true
WHERE EXISTS (SELECT FROM counters c WHERE c.mailing_id = m.id AND c.state = 'diverted')
ORDER BY m.id, d.recipient_id;

-- migrate:down
DROP TABLE postal_addresses, notices;
