-- migrate:up
-- An invitation goes to a mailbox once, however the address is written: bob+x@ is delivered to bob@ by most hosts.

CREATE TABLE mailboxes (
    address_key  text NOT NULL,
    address_hash bytea NOT NULL,
    mailbox_hash bytea NOT NULL,
    PRIMARY KEY (address_key, address_hash, mailbox_hash)
);
COMMENT ON TABLE mailboxes IS
    'The other forms under which the owner of an address may be known: without its tag, and its kin. Addresses without any have no row.';

-- migrate:down
DROP TABLE mailboxes;
