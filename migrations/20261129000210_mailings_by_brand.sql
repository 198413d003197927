-- migrate:up
-- For lists of one brand's mailings, the newest first (ADR 62).
CREATE INDEX mailings_by_brand ON mailings (brand, id);

-- migrate:down
DROP INDEX mailings_by_brand;
