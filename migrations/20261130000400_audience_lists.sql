-- migrate:up
-- Facts of lists that pages show without counting (ADR 86). A list without a row here came by an import, and is not counted yet.
CREATE TABLE audience_lists (
    brand      text NOT NULL,
    name       text NOT NULL,
    people     bigint,
    counted_at timestamptz,
    origin     text NOT NULL DEFAULT '',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand, name)
);
COMMENT ON TABLE audience_lists IS 'Lists of people that were frozen or counted. Their people are in audience_members.';
COMMENT ON COLUMN audience_lists.origin IS 'The segment from which the list was frozen; empty: an import.';

-- migrate:down
DROP TABLE audience_lists;
