-- migrate:up
ALTER TABLE former_addresses ADD COLUMN at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN former_addresses.at IS 'The time at which the person left the address. A report about earlier mail says nothing of the present one.';
COMMENT ON COLUMN received_mail.named IS 'Keyed hashes of the addresses in it, so that an erasure finds it.';

-- migrate:down
COMMENT ON COLUMN received_mail.named IS 'Keyed hashes of the addresses in it, so that an erasure finds it; null until it is handled.';
ALTER TABLE former_addresses DROP COLUMN at;
