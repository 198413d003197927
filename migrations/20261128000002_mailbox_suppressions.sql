-- migrate:up

ALTER TABLE suppressions ADD COLUMN exact boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN suppressions.exact IS
    'Said of the one mailbox that has this hash now. Otherwise it may have been said under the rule before, of any mailbox whose address folds to the same.';

-- migrate:down
ALTER TABLE suppressions DROP COLUMN exact;
