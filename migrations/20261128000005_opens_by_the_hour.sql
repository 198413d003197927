-- migrate:up

-- Until now each fetch had a row of its own. Its place and its transaction told when it came, beside rows that have a time.
-- All rows are written anew, in the order of their keys, into files of their own.
LOCK TABLE opens, clicks, unique_opens, unique_clicks, individual_opens, individual_clicks;

-- Mailings that few were handed are not counted any more. 20 is the cell where a policy names no other.
CREATE TEMP TABLE counted ON COMMIT DROP AS
SELECT mailing_id FROM counters WHERE state = 'handed_over' GROUP BY mailing_id HAVING sum(n) >= 20;

-- A link with few clicks may have been shown to few: they are counted together.
CREATE TEMP TABLE links ON COMMIT DROP AS
SELECT mailing_id, link FROM clicks WHERE NOT machine GROUP BY mailing_id, link HAVING sum(n) >= 20;

CREATE TEMP TABLE kept_opens ON COMMIT DROP AS
SELECT mailing_id, day, machine, sum(n) AS n FROM opens JOIN counted USING (mailing_id) GROUP BY mailing_id, day, machine;

CREATE TEMP TABLE kept_clicks ON COMMIT DROP AS
SELECT c.mailing_id, coalesce(l.link, '') AS link, c.day, c.machine, sum(c.n) AS n
FROM clicks c JOIN counted USING (mailing_id) LEFT JOIN links l ON (l.mailing_id, l.link) = (c.mailing_id, c.link)
GROUP BY 1, 2, 3, 4;

CREATE TEMP TABLE kept_unique_opens ON COMMIT DROP AS
SELECT u.* FROM unique_opens u JOIN counted USING (mailing_id);

CREATE TEMP TABLE kept_unique_clicks ON COMMIT DROP AS
SELECT u.mailing_id, u.nonce, coalesce(l.link, '') AS link, min(u.day) AS day
FROM unique_clicks u JOIN counted USING (mailing_id) LEFT JOIN links l ON (l.mailing_id, l.link) = (u.mailing_id, u.link)
GROUP BY 1, 2, 3;

CREATE TEMP TABLE kept_individual_opens ON COMMIT DROP AS SELECT * FROM individual_opens;
CREATE TEMP TABLE kept_individual_clicks ON COMMIT DROP AS SELECT * FROM individual_clicks;

TRUNCATE opens, clicks, unique_opens, unique_clicks, individual_opens, individual_clicks;
DROP INDEX opens_by_mailing, opens_by_day, clicks_by_mailing;
ALTER TABLE opens ADD PRIMARY KEY (mailing_id, day, machine);
ALTER TABLE clicks ADD PRIMARY KEY (mailing_id, link, day, machine);
INSERT INTO opens (mailing_id, day, machine, n) SELECT mailing_id, day, machine, n FROM kept_opens ORDER BY 1, 2, 3;
INSERT INTO clicks (mailing_id, link, day, machine, n)
SELECT mailing_id, link, day, machine, n FROM kept_clicks ORDER BY 1, 2, 3, 4;
INSERT INTO unique_opens (mailing_id, nonce, day) SELECT mailing_id, nonce, day FROM kept_unique_opens ORDER BY 1, 2;
INSERT INTO unique_clicks (mailing_id, nonce, link, day)
SELECT mailing_id, nonce, link, day FROM kept_unique_clicks ORDER BY 1, 2, 3;
INSERT INTO individual_opens SELECT * FROM kept_individual_opens ORDER BY mailing_id, recipient_id;
INSERT INTO individual_clicks SELECT * FROM kept_individual_clicks ORDER BY mailing_id, recipient_id, link;
COMMENT ON COLUMN clicks.link IS 'Empty: all links of the mailing that have too few clicks to be counted by themselves.';

CREATE TABLE parked_opens (
    body bytea NOT NULL
);
COMMENT ON TABLE parked_opens IS
    'Counts that a process left when it ended within an hour, sealed; the next one takes them up when the hour is over.';

-- migrate:down
DROP TABLE parked_opens;
COMMENT ON COLUMN clicks.link IS NULL;
ALTER TABLE opens DROP CONSTRAINT opens_pkey;
ALTER TABLE clicks DROP CONSTRAINT clicks_pkey;
CREATE INDEX opens_by_mailing ON opens (mailing_id);
CREATE INDEX opens_by_day ON opens (day);
CREATE INDEX clicks_by_mailing ON clicks (mailing_id);
