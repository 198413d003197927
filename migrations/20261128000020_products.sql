-- migrate:up
-- People pay for products, not in general; `*` is every product, which the flag meant.
ALTER TABLE standings ADD COLUMN products text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN standings.products IS 'Slugs of the products that the account pays for; * is every product.';
UPDATE standings SET products = '{*}' WHERE paid;
-- Workers of the release before read the flag while this one is deployed.
ALTER TABLE standings DROP COLUMN paid;
ALTER TABLE standings ADD COLUMN paid boolean NOT NULL GENERATED ALWAYS AS (products <> '{}') STORED;

ALTER TABLE mailings ADD COLUMN product text;
COMMENT ON COLUMN mailings.product IS 'The product that service mail is about; NULL: the service as a whole.';

-- migrate:down
ALTER TABLE mailings DROP COLUMN product;
ALTER TABLE standings DROP COLUMN paid;
ALTER TABLE standings ADD COLUMN paid boolean NOT NULL DEFAULT false;
UPDATE standings SET paid = true WHERE products <> '{}';
ALTER TABLE standings DROP COLUMN products;
