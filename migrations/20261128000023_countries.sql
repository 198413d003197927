-- migrate:up
-- A country is one of ISO 3166-1; what people write for one becomes its code (ADR 0046). A code that is none stays as it
-- is: nobody knows which country it means, and the strictest floor holds for it.

CREATE TEMPORARY TABLE aliases (alias text, code text) ON COMMIT DROP;
INSERT INTO aliases VALUES ('UK', 'GB'), ('EL', 'GR'), ('XI', 'GB'), ('AC', 'SH'), ('CP', 'FR'), ('DG', 'IO'),
    ('EA', 'ES'), ('FX', 'FR'), ('IC', 'ES'), ('TA', 'SH');
UPDATE recipients r SET country = a.code FROM aliases a WHERE r.country = a.alias;
UPDATE standings s SET country = a.code, version = s.version + 1 FROM aliases a WHERE s.country = a.alias;

-- migrate:down
-- The codes are right for the version before as well.
SELECT 1;
