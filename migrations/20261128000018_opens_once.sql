-- migrate:up
-- An hour of opens whose commit got no answer is written again only if it is not there (ADR 0042).

CREATE TABLE written_opens (
    id uuid PRIMARY KEY,
    day date NOT NULL DEFAULT current_date
);
COMMENT ON TABLE written_opens IS
    'Transactions of opens and clicks that were committed, for a week. A process that lost the answer to its commit looks here.';

-- migrate:down
DROP TABLE written_opens;
