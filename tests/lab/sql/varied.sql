-- Copyright (c) 2026, The lifeboat.dr authors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- A small database with one of nearly everything that PostgreSQL can hold, filled the same way each time. Needs no role but its owner.

SET timezone = 'UTC';
CREATE EXTENSION pg_trgm;
CREATE EXTENSION citext;
CREATE SCHEMA audit;
CREATE SCHEMA "Odd Schema; it's";
COMMENT ON SCHEMA audit IS 'What happened';

CREATE TYPE order_state AS ENUM ('new', 'paid', 'shipped', 'cancelled');
CREATE TYPE address AS (street text, city text, country char(2));
CREATE DOMAIN positive_amount AS numeric(12, 2) CHECK (VALUE >= 0);

CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email citext NOT NULL UNIQUE,
    name text NOT NULL,
    home address,
    balance positive_amount NOT NULL DEFAULT 0,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE customers IS 'Who buys: "quotes", it''s a \ backslash, and ümläuts';
COMMENT ON COLUMN customers.balance IS 'What we owe them';
INSERT INTO customers (email, name, home, balance, settings, created_at)
SELECT 'customer' || i || '@example.org', CASE i % 4 WHEN 0 THEN E'Zoë\tO''Brien\\' || i WHEN 1 THEN 'José ' || i ELSE '客户 ' || i END,
       ROW('Street ' || i, 'City', 'DE')::address, i * 0.37, jsonb_build_object('newsletter', i % 2 = 0, 'tags', jsonb_build_array(i, 'a"b')),
       timestamptz '2026-01-01' + i * interval '1 hour'
FROM generate_series(1, 500) AS i;
CREATE INDEX customers_name ON customers USING gin (name gin_trgm_ops);

CREATE SEQUENCE order_number START 1000 INCREMENT 5;
CREATE TABLE orders (
    id bigint PRIMARY KEY DEFAULT nextval('order_number'),
    customer_id bigint NOT NULL REFERENCES customers,
    state order_state NOT NULL DEFAULT 'new',
    net positive_amount NOT NULL,
    gross numeric(12, 2) GENERATED ALWAYS AS (net * 1.19) STORED,
    created_at timestamptz NOT NULL
);
ALTER SEQUENCE order_number OWNED BY orders.id;
INSERT INTO orders (customer_id, state, net, created_at)
SELECT 1 + i % 500, (enum_range(NULL::order_state))[1 + i % 4], i % 97, timestamptz '2026-01-01' + i * interval '7 minutes'
FROM generate_series(1, 2000) AS i;
CREATE INDEX orders_open ON orders (customer_id) WHERE state IN ('new', 'paid');

CREATE TABLE order_lines (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    line smallint NOT NULL,
    article text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, line)
);
INSERT INTO order_lines SELECT id, line, 'article ' || (id * line) % 300, 1 + (id + line) % 9 FROM orders, generate_series(1, 3) AS line;

CREATE TABLE events (
    id bigint NOT NULL,
    happened_at timestamptz NOT NULL,
    order_id bigint REFERENCES orders ON DELETE SET NULL,
    payload jsonb,
    PRIMARY KEY (id, happened_at)
) PARTITION BY RANGE (happened_at);
CREATE TABLE events_2026_01 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_2026_02 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE events_other PARTITION OF events DEFAULT;
INSERT INTO events
SELECT i, timestamptz '2026-01-01' + i * interval '1 hour', 1000 + 5 * (i % 2000), jsonb_build_object('n', i, 'text', repeat('é', i % 20))
FROM generate_series(1, 2000) AS i;

CREATE TABLE all_types (
    id integer PRIMARY KEY,
    small smallint, fraction double precision, exact numeric, flag boolean, raw bytea, bits bit varying(16), moment timestamp, day date,
    clock time with time zone, span interval, network inet, identifier uuid, numbers integer[], words text[], range_of int4range,
    document xml, place point, searchable tsvector
);
INSERT INTO all_types VALUES
    (1, 1, 'NaN', 'NaN', true, '\x00ff0a5c09', B'1010', 'infinity', '-infinity', '12:34:56.789+05:30', '1 mon -3 days 00:00:01.5', '10.0.0.0/8',
     '00000000-0000-0000-0000-000000000001', '{1,NULL,3}', '{"a,b",NULL,"c\"d"}', '[1,10)', '<a>&lt;</a>', '(1.5,-2)', 'fat:1A cat:2'),
    (2, -32768, '-0', 1e-20, false, '', B'', '0044-03-15 12:00:00 BC', '9999-12-31', '00:00:00+00', '0', '::1', NULL, '{}', '{""}', 'empty', NULL,
     NULL, ''),
    (3, NULL, 0.1, 12345678901234567890.123456789, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE no_primary_key (a integer, b text);
INSERT INTO no_primary_key SELECT i % 10, E'same\nrow' FROM generate_series(1, 100) AS i;
CREATE TABLE empty_table (id integer PRIMARY KEY);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE UNLOGGED TABLE not_logged AS SELECT i AS id FROM generate_series(1, 10) AS i;
CREATE TABLE parents (id integer PRIMARY KEY, name text);
CREATE TABLE children (toys integer) INHERITS (parents);
INSERT INTO parents VALUES (1, 'parent');
INSERT INTO children VALUES (2, 'child', 3);

CREATE TABLE "Odd Schema; it's"."-leading dash ""quoted"" täble" ("select" integer PRIMARY KEY, "a b'c" text);
INSERT INTO "Odd Schema; it's"."-leading dash ""quoted"" täble" VALUES (1, '\.'), (2, '\N'), (3, NULL), (4, '');

CREATE TABLE audit.changes (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, order_id bigint, was order_state, became order_state);
CREATE FUNCTION audit.remember_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit.changes (order_id, was, became) VALUES (NEW.id, OLD.state, NEW.state);
    RETURN NEW;
END $$;
CREATE TRIGGER remember_state AFTER UPDATE OF state ON orders
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION audit.remember_state();
UPDATE orders SET state = 'shipped' WHERE state = 'paid' AND id % 50 = 0;

CREATE VIEW open_orders AS
SELECT o.id, c.email, o.gross FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.state IN ('new', 'paid');
CREATE MATERIALIZED VIEW order_totals AS SELECT state, count(*) AS orders, sum(gross) AS gross FROM orders GROUP BY state;
CREATE UNIQUE INDEX order_totals_state ON order_totals (state);

SELECT lo_from_bytea(0, decode(repeat('4c617267656f626a65637400ff', 5000), 'hex'));
